from pathlib import Path
from typing import Any

import click
import pytest
import torch

from relation_gan.config import resolve
from relation_gan.gan import losses
from relation_gan.gan.data import ImageStore, Points, save_store
from relation_gan.gan.networks import Generator
from relation_gan.gan.training import CheckpointStore
from relation_gan.hooks import interrupt
from relation_gan.pipelines.training import nodes
from tests.conftest import images_recipe

VANILLA = {"name": "non_saturating"}
DMGAN = {"name": "dmgan", "weight": 1.2, "gamma": 1.0}


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """A hundred images of ten classes."""
    return save_store(tmp_path / "store", images_recipe(100, classes=[f"class {number}" for number in range(10)]))


def config(loss: dict[str, Any], classes: int = 0, **training: Any) -> dict[str, Any]:
    """Two steps of small networks on images of 16 pixels."""
    parameters = resolve(
        {
            "data": {"kind": "pictures", "name": "set", "source": "cifar10", "split": "train", "size": 16},
            "networks": {
                "generator": {"name": "dcgan_generator", "width": 2, "latent": 4, "classes": classes},
                "critic": {"name": "dcgan_critic", "width": 2, "features": 3},
            },
            "methods": {"m": {"title": "M", "loss": loss}},
            "training": {"steps": 2, "batch_size": 8, "lr_generator": 0.01, "lr_critic": 0.01, **training},
            "protocols": {"standard": {}},
            "evaluation": {"samples": 1000, "curve_samples": 1000},
            "study": {"methods": ["m"], "seeds": [0]},
        }
    )
    return parameters["runs"]["set"]["m"]["seed0"]


def trained(store: ImageStore, run: dict[str, Any], folder: Path) -> Generator:
    _, generator, _, history, _ = nodes.train(store, run, CheckpointStore(folder))
    assert (history["status"], history["step"]) == ("finished", 2)
    return generator


def test_a_second_ctrl_c_ends_the_study_and_is_no_failure_of_the_run(store, tmp_path, monkeypatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        interrupt()  # what a second Ctrl-C calls

    monkeypatch.setattr(nodes, "fit", interrupted)
    with pytest.raises(click.ClickException, match="Interrupted"):
        nodes.train(store, config(VANILLA), CheckpointStore(tmp_path))


def test_a_run_depends_on_all_but_its_title_and_its_checkpoints() -> None:
    run = config(VANILLA)
    other = {**config(VANILLA, save_every=7), "title": "Another title"}
    assert nodes.depends_on(run, "0") == nodes.depends_on(other, "0")
    assert nodes.depends_on(run, "0") != nodes.depends_on(run, "1")
    assert nodes.depends_on(run, "0") != nodes.depends_on(config(VANILLA, log_every=7), "0")
    after = nodes.depends_on({**run, "after": other}, "0")
    assert after == nodes.depends_on({**run, "after": run}, "0") != nodes.depends_on(run, "0")


def test_images_are_mirrored_if_the_training_says_so(store: ImageStore, tmp_path: Path) -> None:
    weights = [
        torch.cat(
            [value.flatten() for value in trained(store, config(VANILLA, flip=flip), tmp_path / name).parameters()]
        )
        for name, flip in (("a", False), ("b", False), ("c", True))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("classes", "source", "message"),
    [
        (0, "store", None),
        (10, "store", None),
        (
            3,
            "store",
            "its loss tells 3 classes apart, random_pixels has 10; set loss.classes and generator.classes to 10",
        ),
        (3, "points", None),
        (10, "points", "its loss tells 10 classes apart, ring has 3; set loss.classes and generator.classes to 3"),
    ],
)
def test_a_loss_tells_as_many_classes_apart_as_there_are(
    store: ImageStore, classes: int, source: str, message: str | None
) -> None:
    points = Points("ring", {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.1})
    loss = losses.create(**DMGAN, classes=classes)
    real = {"store": store, "points": points}[source]
    if message is None:
        nodes.check_labels(loss, real)
        return
    with pytest.raises(ValueError) as refused:
        nodes.check_labels(loss, real)
    assert str(refused.value) == message


def test_a_conditional_run_is_trained_with_the_labels_of_its_images(store: ImageStore, tmp_path: Path) -> None:
    generator = trained(store, config({**DMGAN, "classes": 10}, classes=10), tmp_path / "run")
    assert generator.classes == 10


def test_other_classes_than_those_of_the_images_are_refused_without_a_traceback(
    store: ImageStore, tmp_path: Path
) -> None:
    run = config({**DMGAN, "classes": 3}, classes=3)
    with pytest.raises(click.ClickException, match="^method 'm': its loss tells 3 classes apart, random_pixels has 10"):
        nodes.train(store, run, CheckpointStore(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
