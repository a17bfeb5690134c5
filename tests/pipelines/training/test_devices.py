"""The training node on two devices: real processes, points, and few steps."""

import math
import os
import signal
from pathlib import Path
from typing import Any

import click
import pytest
import torch

from relation_gan.gan import checkpoint, parallel
from relation_gan.gan.data import Points
from relation_gan.gan.history import History
from relation_gan.gan.networks import Network
from relation_gan.gan.run import RunConfig
from relation_gan.gan.state import CheckpointStore
from relation_gan.pipelines.training import nodes

RELATION = {"name": "relation", "form": "eq7", "margin": {"kind": "constant", "base": 1.0}, "second": "prev_detached"}


@pytest.fixture
def points() -> Points:
    return Points("ring", {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.1})


def run(**training: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "dataset": "ring",
            "method": "m",
            "title": "M",
            "seed": 0,
            "loss": RELATION,
            "regularisers": [],
            "networks": {
                "generator": {"name": "mlp_generator", "dimensions": 2, "latent": 2, "widths": [8]},
                "critic": {"name": "mlp_critic", "dimensions": 2, "widths": [8]},
            },
            "training": {
                **{"steps": 8, "batch_size": 8, "lr_generator": 0.01, "lr_critic": 0.01, "log_every": 1},
                **{"accelerator": "cpu", "devices": 2, **training},
            },
        }
    )


def train(points: Points, config: RunConfig, folder: Path, *listeners: Any) -> tuple[dict[str, Network], History]:
    networks, history, _ = nodes.train(points, config, CheckpointStore(folder, listeners=list(listeners)))
    return networks, history


def test_two_devices_train_a_run_and_heed_ctrl_c(points: Points, tmp_path: Path) -> None:
    networks, history = train(points, run(), tmp_path / "whole")
    assert networks.keys() == {"generator", "generator_raw", "critic"}
    assert (history.status, history.step, history.device) == ("finished", 8, "cpu x 2")
    assert [row["step"] for row in history.rows] == list(range(1, 9))
    assert all(math.isfinite(value) for row in history.rows for value in row.values())
    assert networks["generator"](torch.zeros(3, 2)).shape == (3, 2)
    assert networks["generator"].notes["step"] == 8

    pressed: list[int] = []

    def press(step: int, row: dict[str, float]) -> None:
        if not pressed:
            os.kill(os.getpid(), signal.SIGINT)
        pressed.append(step)

    with pytest.raises(click.ClickException, match=r"stopped at step \d+ of 4000.*resumes from there"):
        train(points, run(steps=4000), tmp_path / "stopped", press)
    stopped = CheckpointStore(tmp_path / "stopped")
    assert 0 < checkpoint.describe(stopped.path)["step"] < 4000


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"batch_size": 7}, "batch_size 7 cannot be shared by devices 2: it must be a multiple"),
        ({"batch_size": 2}, "with 2 images or more for each"),
    ],
)
def test_a_batch_that_cannot_be_shared_is_refused_when_it_is_configured(training: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(**training)


def test_a_batch_that_all_devices_cannot_share_is_refused_before_any_work(
    points: Points, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "device_count", lambda *_: 3)
    with pytest.raises(click.ClickException, match="^method 'm': batch_size 8 cannot be shared by devices 3"):
        train(points, run(devices="auto"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "second", "message"), [(1, 2, "devices: 1 -> 2"), ("auto", 2, "devices: 'auto' -> 2")]
)
def test_another_number_of_devices_than_the_checkpoints_is_refused(
    points: Points, tmp_path: Path, first: int | str, second: int, message: str
) -> None:
    train(points, run(devices=first), tmp_path)
    before = CheckpointStore(tmp_path).path.read_bytes()
    with pytest.raises(click.ClickException, match=message):
        train(points, run(devices=second), tmp_path)
    assert CheckpointStore(tmp_path).path.read_bytes() == before


def test_all_devices_are_as_many_as_the_checkpoints(
    points: Points, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(points, run(devices="auto"), tmp_path)
    monkeypatch.setattr(parallel, "device_count", lambda *_: 2)
    with pytest.raises(click.ClickException, match="on 1 devices, which 2 cannot resume bit for bit"):
        train(points, run(devices="auto"), tmp_path)
