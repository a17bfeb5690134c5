"""Gradient penalties on critics whose gradient is known."""

import pytest
import torch

from relation_gan.gan import regularisers
from relation_gan.gan.losses import Batch

BATCH = Batch(real=torch.zeros(4, 2), fake=torch.ones(4, 2))


class Score:
    kind = "score"

    def __call__(self, x):
        return x @ torch.tensor([3.0, 4.0])  # gradient norm 5 everywhere


class Square:
    kind = "score"

    def __call__(self, x):
        return x.square().sum(1) / 2  # gradient x


class Pair:
    kind = "pair"

    def embed(self, x):
        return x

    def relate(self, a, b):
        return a @ torch.tensor([3.0, 0.0]) + b @ torch.tensor([0.0, 4.0])


def penalty(critic, batch=BATCH, seed=0, **options):
    regulariser = regularisers.create("gradient_penalty", **options)
    return regulariser.penalty(critic, batch, torch.Generator().manual_seed(seed)).item()


@pytest.mark.parametrize("where", ["real", "fake", "interpolates", "dragan"])
@pytest.mark.parametrize(("centre", "expected"), [(0.0, 25.0), (1.0, (5 - 1) ** 2)])
def test_value_of_a_linear_critic(where, centre, expected):
    assert penalty(Score(), where=where, centre=centre, weight=10.0) == pytest.approx(10 * expected, rel=1e-5)


@pytest.mark.parametrize(("where", "squared"), [("real", 0.0), ("fake", 2.0)])
def test_the_gradient_is_taken_where_it_is_said(where, squared):
    # The gradient is the point itself: |0|^2 = 0 at the reals, |(1, 1)|^2 = 2 at the fakes.
    assert penalty(Square(), where=where, weight=1.0) == pytest.approx(squared)


def test_interpolates_lie_between_real_and_fake():
    assert 0 < penalty(Square(), where="interpolates", weight=1.0) < 2


def test_dragan_looks_around_the_reals_at_half_their_spread():
    # 100,000 reals at +-2 have a standard deviation of 2, so the noise is uniform in [0, 0.5 * 2]. The gradient is the
    # point x + u itself: E (x + u)^2 = 4 + E u^2 = 4 + 1/3. Its standard error is that of 2 x u, 1.4 / sqrt(100,000).
    reals = torch.tensor([2.0, -2.0]).repeat(50_000)[:, None]
    found = penalty(Square(), Batch(reals, reals), where="dragan", weight=1.0)
    assert found == pytest.approx(4 + 1 / 3, abs=0.02)


def test_dragan_moves_no_real_that_all_others_equal():
    reals = torch.full((8, 2), 3.0)
    assert penalty(Square(), Batch(reals, reals), where="dragan", weight=1.0) == pytest.approx(18)


def test_a_pair_critic_is_penalised_for_both_images_of_a_pair():
    # Each image stands first in one pair and second in another: gradient (3, 0) + (0, 4), squared norm 25.
    assert penalty(Pair(), where="real", weight=1.0) == pytest.approx(25)


def test_a_lazy_penalty_keeps_its_mean_strength():
    assert penalty(Score(), weight=1.0, every=4) == pytest.approx(4 * 25)


def test_the_penalty_reaches_the_critic_and_not_the_generator():
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    fake = torch.ones(4, 2, requires_grad=True)
    critic = Score()
    critic.__class__ = type("Weighted", (), {"kind": "score", "__call__": lambda self, x: x @ weight})
    value = regularisers.create("gradient_penalty", where="fake", weight=1.0).penalty(
        critic, Batch(BATCH.real, fake), torch.Generator()
    )
    gradients = torch.autograd.grad(value, [weight, fake], allow_unused=True)
    # d |w|^2 / dw = 2 w.
    assert gradients[0].tolist() == pytest.approx([6, 8])
    assert gradients[1] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": -1.0}, "weight -1.0 .* must not be negative"),
        ({"weight": 1.0, "every": 0}, "every 0 must be at least 1"),
        ({"weight": 1.0, "where": "everywhere"}, "where 'everywhere' is unknown; choose one of: real, fake"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        regularisers.create("gradient_penalty", **options)
