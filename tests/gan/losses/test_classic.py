"""The classic losses of score critics: values by hand."""

import math

import pytest
import torch

from relation_gan.gan import losses
from relation_gan.gan.losses import Batch

# C is the identity: C(x) = (2, 0), C(y) = (1, -1). With sp(t) = log(1 + e^t):
BATCH = Batch(real=torch.tensor([2.0, 0.0]), fake=torch.tensor([1.0, -1.0]))


def sp(t: float) -> float:
    return math.log1p(math.exp(t))


@pytest.mark.parametrize(
    ("name", "options", "critic_loss", "generator_loss"),
    [
        ("minimax", {}, (sp(-2) + sp(0)) / 2 + (sp(1) + sp(-1)) / 2, -(sp(1) + sp(-1)) / 2),
        ("non_saturating", {}, (sp(-2) + sp(0)) / 2 + (sp(1) + sp(-1)) / 2, (sp(-1) + sp(1)) / 2),
        # (C(x) - 1)^2 = (1, 1), C(y)^2 = (1, 1); (C(y) - 1)^2 = (0, 4).
        ("lsgan", {}, 1 + 1, (0 + 4) / 2),
        # (C(y) + 1)^2 = (4, 0).
        ("lsgan", {"fake_label": -1.0}, 1 + (4 + 0) / 2, (0 + 4) / 2),
        # [1 - C(x)]+ = (0, 1), [1 + C(y)]+ = (2, 0).
        ("hinge", {}, 0.5 + 1, -0.0),
        # Energies are -C: E(x) = (-2, 0); [3 - E(y)]+ = [3 + C(y)]+ = (4, 2); E(y) = (-1, 1).
        ("ebgan", {"margin": 3.0}, -1 + 3, 0.0),
    ],
)
def test_values(name, options, critic_loss, generator_loss):
    loss = losses.create(name, **options)
    assert loss.critic_loss(lambda x: x, BATCH) == pytest.approx(critic_loss)
    assert loss.generator_loss(lambda x: x, BATCH) == pytest.approx(generator_loss)


def test_what_is_logged_are_the_mean_scores():
    loss = losses.create("hinge")
    observed = loss.observations(loss.scores(lambda x: x, BATCH), BATCH)
    assert {name: value.item() for name, value in observed.items()} == {"score_real": 1.0, "score_fake": 0.0}
