"""What the README says can be done."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from relation_gan.config import merge, resolve
from relation_gan.gan.losses import Batch
from relation_gan.gan.losses.base import ScoreLoss
from relation_gan.gan.registry import Registry

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_example_of_a_new_loss_works():
    (code,) = [block for block in blocks("python") if "@register" in block]
    registry: Registry = Registry("loss")
    exec(code, {"register": registry.register, "ScoreLoss": ScoreLoss, "relu": torch.relu})
    (entry,) = blocks("yaml")
    method = yaml.safe_load(entry)["my_hinge"]
    loss = registry.create(**method["loss"])
    # C is the identity and the margin 1: mean([1 - 2]+, [1 - 0]+) + mean([1 + 1]+, [1 - 1]+), and -mean(1, -1).
    batch = Batch(real=torch.tensor([2.0, 0.0]), fake=torch.tensor([1.0, -1.0]))
    assert loss.critic_loss(lambda x: x, batch) == pytest.approx((0 + 1) / 2 + (2 + 0) / 2)
    assert loss.generator_loss(lambda x: x, batch) == pytest.approx(0)


def test_the_example_of_a_new_method_is_a_valid_configuration():
    base = Path(__file__).parents[1] / "conf/base/parameters"
    raw = merge(*(yaml.safe_load(path.read_text()) for path in sorted(base.glob("*.yml"))))
    raw["methods"] |= yaml.safe_load(blocks("yaml")[0])
    assert resolve(raw)["runs"]["stacked_mnist_5k"]["my_hinge"]["seed0"]["loss"] == {"name": "my_hinge", "margin": 1.0}


def test_every_method_is_listed():
    methods = yaml.safe_load((Path(__file__).parents[1] / "conf/base/parameters/methods.yml").read_text())["methods"]
    assert set(methods) == set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
