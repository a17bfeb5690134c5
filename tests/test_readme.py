"""What the README says can be done."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from relation_gan.config import merge, resolve
from relation_gan.gan.losses import Batch
from relation_gan.gan.losses.base import registry
from relation_gan.gan.scoring import paired
from relation_gan.gan.tasks import Draws, Parts, generation
from tests.gan.helpers import CRITIC, FEEDS, GENERATOR, RAHINGE
from tests.gan.scoring.helpers import CPU, IMAGES, RING, a_generator, evaluation, images_of, nowhere, subject

README, ARCHITECTURE = (
    (Path(__file__).parents[1] / name).read_text() for name in ("README.md", "docs/architecture.md")
)


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_example_of_a_new_loss_works(monkeypatch):
    (code,) = [block for block in blocks("python") if "@register" in block]
    monkeypatch.setattr(registry, "_entries", {})
    exec(code, {})
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


@pytest.mark.parametrize(("name", "module"), [("generation", generation), ("brightness", paired)])
def test_the_examples_of_the_architecture_work(monkeypatch, name, module):
    monkeypatch.setattr(module.register.__self__, "_entries", {})
    (code,) = [block for block in blocks("python", ARCHITECTURE) if f'@register("{name}")' in block]
    exec(code, {**vars(module)})
    made = module.register.__self__.entry(name)
    if name == "generation":
        parts = Parts({"generator": GENERATOR, "critic": CRITIC}, RAHINGE)
        rest = {name: vars(generation.Generation)[name] for name in ("preview", "sampler")}  # which the page tells of
        whole, draws = type("Whole", (made,), rest), Draws(0, 0, 0, 0, 6, torch.device("cpu"))
        terms = whole(parts).terms(FEEDS, draws, ("generator", "critic"))
        assert {side: of.keys() for side, of in terms.items()} == {
            "generator": {"generator_loss"},
            "critic": {"critic_loss"},
        }
    else:
        assert made.applies(IMAGES, evaluation()) and not made.applies(RING, evaluation())
        scores, _ = made(evaluation(), CPU).score(subject(a_generator(0), a_generator(1)), nowhere(), None)
        assert scores.keys() == {"brightness", "raw_brightness"}
        assert scores["brightness"] == pytest.approx(float(images_of(a_generator(0), 50).float().mean()))


def test_every_method_is_listed():
    methods = yaml.safe_load((Path(__file__).parents[1] / "conf/base/parameters/methods.yml").read_text())["methods"]
    assert set(methods) == set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
