from pathlib import Path
from typing import Any, cast

import click
import pytest
import torch

from relation_gan.config import resolve
from relation_gan.execution.hooks.checks import interrupt
from relation_gan.gan.data import ImageStore, save_store
from relation_gan.gan.networks import Generator
from relation_gan.gan.run import RunConfig
from relation_gan.gan.state import CheckpointStore
from relation_gan.pipelines.training import nodes
from tests.conftest import images_recipe

VANILLA = {"name": "non_saturating"}
DMGAN = {"name": "dmgan", "weight": 1.2, "gamma": 1.0}


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """A hundred images of ten classes."""
    return save_store(tmp_path / "store", images_recipe(100, classes=[f"class {number}" for number in range(10)]))


def config(loss: dict[str, Any], classes: int = 0, **training: Any) -> RunConfig:
    """Two steps of small networks on images of 16 pixels."""
    parameters = resolve(
        {
            "data": {"kind": "images", "name": "set", "source": "cifar10", "split": "train", "size": 16},
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
    return RunConfig.model_validate(parameters["runs"]["set"]["m"]["seed0"])


def trained(store: ImageStore, run: RunConfig, folder: Path) -> Generator:
    networks, history, _ = nodes.train(store, run, CheckpointStore(folder))
    assert networks.keys() == {"generator", "generator_raw", "critic"}
    assert (history.status, history.step) == ("finished", 2)
    return cast(Generator, networks["generator_raw"])


def test_a_second_ctrl_c_ends_the_study_and_is_no_failure_of_the_run(store, tmp_path, monkeypatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        interrupt()  # what a second Ctrl-C calls

    monkeypatch.setattr(nodes, "fit", interrupted)
    with pytest.raises(click.ClickException, match="Interrupted"):
        nodes.train(store, config(VANILLA), CheckpointStore(tmp_path))


def test_images_are_mirrored_if_the_training_says_so(store: ImageStore, tmp_path: Path) -> None:
    weights = [
        torch.cat(
            [value.flatten() for value in trained(store, config(VANILLA, flip=flip), tmp_path / name).parameters()]
        )
        for name, flip in (("a", False), ("b", False), ("c", True))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_conditional_run_is_trained_with_the_labels_of_its_images(store: ImageStore, tmp_path: Path) -> None:
    generator = trained(store, config({**DMGAN, "classes": 10}, classes=10), tmp_path / "run")
    assert generator.classes == 10


def test_other_classes_than_those_of_the_images_are_refused_without_a_traceback(
    store: ImageStore, tmp_path: Path
) -> None:
    run = config({**DMGAN, "classes": 3}, classes=3)
    with pytest.raises(click.ClickException, match="^method 'm': its loss distinguishes 3 classes"):
        nodes.train(store, run, CheckpointStore(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
