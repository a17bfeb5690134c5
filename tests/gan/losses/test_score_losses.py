"""Score losses: values by hand."""

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
    ("name", "critic_loss", "generator_loss"),
    [
        ("minimax", (sp(-2) + sp(0)) / 2 + (sp(1) + sp(-1)) / 2, -(sp(1) + sp(-1)) / 2),
        ("non_saturating", (sp(-2) + sp(0)) / 2 + (sp(1) + sp(-1)) / 2, (sp(-1) + sp(1)) / 2),
        # Means: C(x) 1, C(y) 0. a = C(x) - 0 = (2, 0), b = C(y) - 1 = (0, -2).
        # L_D = ((0 + 1)/2 + (1 + 0)/2) / 2; L_G = ((3 + 1)/2 + (1 + 3)/2) / 2.
        ("rahinge", 0.5, 2.0),
    ],
)
def test_values(name, critic_loss, generator_loss):
    loss = losses.create(name)
    assert loss.critic_loss(lambda x: x, BATCH) == pytest.approx(critic_loss)
    assert loss.generator_loss(lambda x: x, BATCH) == pytest.approx(generator_loss)
