"""Relativistic losses: values by hand, and one construction for every base."""

import math

import pytest
import torch
from torch.nn.functional import relu

from relation_gan.gan import losses
from relation_gan.gan.losses import Batch
from relation_gan.gan.losses.base import SeparableLoss

# C is the identity: C(x) = (2, 0), C(y) = (1, -1): means 1 and 0.
# Pairs: a = C(x) - C(y) = (1, 1), b = -a. Averages: a = C(x) - 0 = (2, 0), b = C(y) - 1 = (0, -2).
BATCH = Batch(real=torch.tensor([2.0, 0.0]), fake=torch.tensor([1.0, -1.0]))
SEPARABLE = sorted(
    name
    for name in losses.names()
    if "margin" not in losses.options(name)
    and all(p.default is not p.empty for p in losses.options(name).values())
    and isinstance(losses.create(name), SeparableLoss)
)


def sp(t: float) -> float:
    return math.log1p(math.exp(t))


@pytest.mark.parametrize(
    ("name", "critic_loss", "generator_loss"),
    [
        ("rsgan", sp(-1), sp(1)),  # E sp(-a), E sp(a)
        # (E sp(-a) + E sp(b)) / 2 and (E sp(a) + E sp(-b)) / 2
        ("rasgan", ((sp(-2) + sp(0)) / 2 + (sp(0) + sp(-2)) / 2) / 2, ((sp(2) + sp(0)) / 2 + (sp(0) + sp(2)) / 2) / 2),
        # ((a - 1)^2 = (1, 1), (b + 1)^2 = (1, 1)) and ((a + 1)^2 = (9, 1), (b - 1)^2 = (1, 9))
        ("ralsgan", (1 + 1) / 2, (5 + 5) / 2),
        # L_D = ((0 + 1)/2 + (1 + 0)/2) / 2; L_G = ((3 + 1)/2 + (1 + 3)/2) / 2.
        ("rahinge", 0.5, 2.0),
    ],
)
def test_values(name, critic_loss, generator_loss):
    loss = losses.create(name)
    assert loss.critic_loss(lambda x: x, BATCH) == pytest.approx(critic_loss)
    assert loss.generator_loss(lambda x: x, BATCH) == pytest.approx(generator_loss)


def test_the_named_ones_are_forms_of_the_construction():
    x, y = torch.randn(2, 7)
    for name, base, against in (("rsgan", "minimax", "pair"), ("rahinge", "hinge", "average")):
        form = losses.create("relativistic", base={"name": base}, against=against)
        batch = Batch(x, y)
        assert form.critic_loss(lambda t: t, batch) == losses.create(name).critic_loss(lambda t: t, batch)


@pytest.mark.parametrize("base", SEPARABLE)
def test_every_separable_base_has_both_forms_and_they_see_gaps_alone(base):
    x, y = torch.randn(2, 7)
    for against in ("pair", "average"):
        loss = losses.create("relativistic", base={"name": base}, against=against)
        for value in (loss.critic_loss, loss.generator_loss):
            assert value(lambda t: t, Batch(x, y)) == pytest.approx(
                value(lambda t: t, Batch(x + 3, y + 3)).item(), abs=1e-5
            )


def test_the_average_is_that_of_the_other_side():
    # With the hinge and its base's own terms, against averages taken apart by hand.
    x, y = torch.randn(2, 9)
    loss = losses.create("relativistic", base={"name": "hinge"}, against="average")
    expected = (relu(1 - (x - y.mean())).mean() + relu(1 + (y - x.mean())).mean()) / 2
    assert loss.critic_loss(lambda t: t, Batch(x, y)) == pytest.approx(expected.item())


def test_the_generators_gradient_reaches_the_average_of_the_fakes():
    # L_G = (E sp(x - m) + E sp(mx - y)) / 2 with m = mean y: dL/dy_j = (-E sigmoid(x - m) - sigmoid(mx - y_j)) / 2N.
    x, y = torch.randn(4), torch.randn(4, requires_grad=True)
    (gradient,) = torch.autograd.grad(losses.create("rasgan").generator_loss(lambda t: t, Batch(x, y)), y)
    m, mx = y.detach().mean(), x.mean()
    expected = -((x - m).sigmoid().mean() + (mx - y.detach()).sigmoid()) / (2 * 4)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": {"name": "gan_qp", "weight": 1.0}, "against": "pair"}, "base 'gan_qp' is no sum of a term"),
        ({"base": {"name": "hinge"}, "against": "median"}, "against 'median' is unknown; choose one of: pair, average"),
        ({"base": {"name": "hinges"}, "against": "pair"}, "unknown loss 'hinges'"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        losses.create("relativistic", **options)
