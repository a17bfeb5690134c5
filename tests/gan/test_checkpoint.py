import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from relation_gan.gan import checkpoint, networks
from relation_gan.gan.checkpoint import CheckpointError

TENSORS = {
    "weights": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "transposed": torch.arange(6, dtype=torch.float64).reshape(2, 3).T,
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "pixels": torch.tensor([0, 255], dtype=torch.uint8),
    "count": torch.tensor(7),
    "empty": torch.empty(0, 3),
}
FACTS = {"step": 3, "history": [{"loss": 0.5}], "none": None, "title": "Müller"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "folder" / "file.safetensors"


def test_load_gives_back_what_was_saved_and_makes_the_folder(path: Path) -> None:
    checkpoint.save(path, TENSORS, FACTS)
    tensors, description = checkpoint.load(path)
    assert description == FACTS
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_a_file_of_no_tensors_keeps_its_description(path: Path) -> None:
    checkpoint.save(path, {}, FACTS)
    assert checkpoint.load(path) == ({}, FACTS)


def test_a_tensor_that_needs_a_gradient_is_saved(path: Path) -> None:
    checkpoint.save(path, {"w": torch.ones(2, requires_grad=True)}, {})
    assert not checkpoint.load(path).tensors["w"].requires_grad


def write_half(tensors: object, filename: os.PathLike[str], metadata: object = None) -> None:
    Path(filename).write_bytes(b"half of it")
    raise OSError(28, "No space left on device")


def refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    ("target", "failure"), [(f"{checkpoint.__name__}.save_file", write_half), ("os.replace", refuse)]
)
def test_a_failing_write_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, target: str, failure: Callable[..., None]
) -> None:
    checkpoint.save(path, {"w": torch.ones(2)}, {"step": 1})
    monkeypatch.setattr(target, failure)
    with pytest.raises(OSError, match=r"No space left|Permission denied"):
        checkpoint.save(path, {"w": torch.zeros(2)}, {"step": 2})
    assert checkpoint.load(path).description == {"step": 1}
    assert list(path.parent.iterdir()) == [path]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def overwritten(path: Path) -> None:
    path.write_bytes(b"\x89PNG not tensors" * 10)


def without_description(path: Path) -> None:
    save_file({"w": torch.ones(2)}, path)


def with_foreign_description(path: Path) -> None:
    save_file({"w": torch.ones(2)}, path, metadata={"description": "{not JSON"})


@pytest.mark.parametrize("damage", [truncated, emptied, overwritten, without_description, with_foreign_description])
def test_a_file_that_save_did_not_write_is_refused_naming_it_and_the_remedy(
    path: Path, damage: Callable[[Path], None]
) -> None:
    checkpoint.save(path, {"w": torch.ones(2)}, {})
    damage(path)
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(path)
    assert str(refused.value).startswith(f"{path} is damaged or is not a file of this project (")
    assert str(refused.value).endswith("move it away, and the same command starts afresh")


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(path)):
        checkpoint.load(path)


@pytest.fixture
def classifier() -> networks.Network:
    return networks.create("classifier", size=16, n_classes=3, width=2, features=4)


def test_a_network_comes_back_with_its_weights_notes_and_outputs(path: Path, classifier: networks.Network) -> None:
    classifier.notes = {"accuracy": 0.5, "made_from": "abc"}
    images = torch.rand(4, 1, 16, 16)
    classifier(images)  # moves the running averages of its batch norm, which are no parameters
    checkpoint.save_network(path, classifier)
    loaded = checkpoint.load_network(path)
    assert not loaded.training
    assert loaded.notes == classifier.notes
    assert (
        loaded.spec == classifier.spec == {"name": "classifier", "size": 16, "n_classes": 3, "width": 2, "features": 4}
    )
    assert torch.equal(loaded(images), classifier.eval()(images))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"name": "perceptron"}, "unknown network 'perceptron'"),
        ({"name": "classifier", "size": 16, "depth": 3}, "network 'classifier' has no option 'depth'"),
        ({"name": "classifier", "size": 32, "n_classes": 3, "width": 2, "features": 4}, "size mismatch"),
        ({"name": "classifier", "size": 16, "n_classes": 4, "width": 2, "features": 4}, "size mismatch"),
    ],
)
def test_a_network_that_cannot_be_built_here_is_refused_with_the_reason(
    path: Path, classifier: networks.Network, spec: dict[str, Any], reason: str
) -> None:
    checkpoint.save(path, classifier.state_dict(), {"network": spec, "notes": {}})
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load_network(path)
    assert str(refused.value).startswith(f"{path} holds no network that this version can build (")
    assert reason in str(refused.value)


def test_tensors_that_are_no_network_are_refused(path: Path) -> None:
    checkpoint.save(path, {"w": torch.ones(2)}, {"step": 1})
    with pytest.raises(CheckpointError, match=f"{path} holds no network"):
        checkpoint.load_network(path)


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    one = {"a": 1, "b": {"c": [1, 2], "d": None}}
    other = {"b": {"d": None, "c": [1, 2]}, "a": 1}
    assert checkpoint.fingerprint(one) == checkpoint.fingerprint(other)


@pytest.mark.parametrize("other", [{"a": 2}, {"a": "1"}, {"b": 1}, {"a": 1, "b": 1}, [{"a": 1}], {"a": [1]}])
def test_a_fingerprint_differs_when_a_value_or_a_key_does(other: object) -> None:
    assert checkpoint.fingerprint({"a": 1}) != checkpoint.fingerprint(other)


def test_the_order_of_a_list_belongs_to_the_fingerprint() -> None:
    assert checkpoint.fingerprint([1, 2]) != checkpoint.fingerprint([2, 1])


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"steps": 100}, {"steps": 200}, ["steps: 100 -> 200"]),
        (
            {"run": {"training": {"steps": 1, "lr": 0.1}}, "data": "x"},
            {"run": {"training": {"steps": 2, "lr": 0.1}}, "data": "y"},
            ["data: 'x' -> 'y'", "run.training.steps: 1 -> 2"],
        ),
        ({"a": 1}, {}, ["a: 1 -> None"]),
        ({}, {"a": {"b": 1}}, ["a: None -> {'b': 1}"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a: [1, 2] -> [1, 3]"]),
        ({"a": {"b": 1}}, {"a": 5}, ["a: {'b': 1} -> 5"]),
    ],
)
def test_differences_are_a_line_a_changed_key(old: object, new: object, lines: list[str]) -> None:
    assert checkpoint.differences(old, new) == lines


def test_views_of_one_tensor_are_written_apart(tmp_path: Path) -> None:
    whole = torch.arange(12).view(4, 3)
    checkpoint.save(tmp_path / "views", {"whole": whole, "first": whole[:2], "again": whole}, {})
    found = checkpoint.load(tmp_path / "views").tensors
    assert torch.equal(found["whole"], whole)
    assert torch.equal(found["again"], whole)
    assert torch.equal(found["first"], whole[:2])
