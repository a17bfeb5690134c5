"""Every method of methods.yml plays every task that a shipped preset of seconds has, or is refused with the reason."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning_fabric import Fabric

from relation_gan.config import ProjectConfigLoader
from relation_gan.gan.loop import train_step
from relation_gan.gan.run import RunConfig
from relation_gan.gan.state import TrainState
from relation_gan.settings import CONFIG_LOADER_ARGS
from tests.config.test_config import refused_by
from tests.gan.helpers import Noise

CONF = Path(__file__).parents[1] / "conf"
METHODS = yaml.safe_load((CONF / "base/parameters/methods.yml").read_text())["methods"]
PRESETS = ["digits_smoke", "conditional_smoke"]


@cache
def runs(preset: str) -> dict[str, RunConfig]:
    parameters = ProjectConfigLoader(str(CONF), env=preset, **CONFIG_LOADER_ARGS)["parameters"]
    of: dict[str, Any] = parameters["runs"][parameters["data"]["name"]]
    return {method: RunConfig.model_validate(of[method]["seed0"]) for method in METHODS}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_method_plays_a_task_for_ten_steps(preset: str, method: str) -> None:
    run = runs(preset)[method]
    with refused_by(run):
        task = run.build()
        if run.after is not None:
            task.follow(TrainState(run.after.build(), run.training, 0).trained())
        state = TrainState(task, run.training, 0, Fabric(accelerator="cpu", devices=1))
        start = [parameter.clone() for parameter in task.networks()["generator"].parameters()]
        for _ in range(10):
            terms = train_step(state, {"data": Noise(1, 28, 28, classes=10)}, observe=True)
            assert all(value.isfinite() for value in terms.values())
        moved = [not torch.equal(*pair) for pair in zip(start, task.networks()["generator"].parameters(), strict=True)]
        assert all(moved)
