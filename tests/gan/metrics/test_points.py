import re
from math import log, pi, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Identity

from relation_gan.gan import metrics
from relation_gan.gan.metrics.points import box, landscape, nearest_modes, score_points
from relation_gan.gan.networks import Critic

CENTRES = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def around(*distances: tuple[int, float]) -> Tensor:
    """Points at a distance above a centre."""
    return torch.stack([CENTRES[mode] + torch.tensor([0.0, distance]) for mode, distance in distances])


@pytest.mark.parametrize(
    ("points", "modes", "high_quality", "shares"),
    [
        # With sigma 1, the distance 3 still counts, and what is farther away counts for the nearest mode's share.
        (around((0, 0), (1, 2.9), (2, 3.0), (3, 2.5)), 4, 1.0, [1, 1, 1, 1]),
        (around((0, 0), (0, 3.1), (1, -4), (1, 4)), 1, 0.25, [2, 2]),
        (around((2, 0), (2, 1), (2, 2)), 1, 1.0, [3]),
        (around((0, -50), (3, 50)), 0, 0.0, [1, 1]),
        (around((0, 0), (0, 1), (0, 1), (3, 9)), 1, 0.75, [3, 1]),
    ],
)
def test_quality_by_hand(points: Tensor, modes: int, high_quality: float, shares: list[int]) -> None:
    # KL of shares p to one of 4 even modes: sum of p log(4 p), and 0 log 0 = 0.
    n = len(points)
    kl = sum(share / n * log(4 * share / n) for share in shares)
    scores = metrics.point_quality(points, CENTRES, sigma=1.0)
    assert scores == pytest.approx({"modes": modes, "high_quality": high_quality, "kl": kl}, abs=1e-12)
    assert {type(value) for value in scores.values()} == {float}


def test_the_share_of_high_quality_of_real_points_is_that_of_a_normal_distribution() -> None:
    random = torch.Generator().manual_seed(0)
    n = 100_000
    points = CENTRES[torch.randint(4, (n,), generator=random)] + 0.1 * torch.randn((n, 2), generator=random)
    # Distances from a centre follow Rayleigh's distribution: P(r <= 3 sigma) = 1 - exp(-9/2) = .9889.
    expected = 0.98889
    error = sqrt(expected * (1 - expected) / n)
    assert metrics.point_quality(points, CENTRES, 0.1)["high_quality"] == pytest.approx(expected, abs=5 * error)


def test_narrow_modes_far_away_are_told_apart() -> None:
    # Through |a|^2 + |b|^2 - 2ab in single precision, distances this small against 1000 would be noise.
    centres = torch.tensor([[1000.0, 1000.0]]).repeat(30, 1) + torch.arange(30)[:, None] * 0.01
    modes, distances = nearest_modes(centres, centres)
    assert modes.tolist() == list(range(30))
    assert distances.max() == 0


def test_a_shift_moves_the_sliced_distance_by_its_mean_projection() -> None:
    # Shifted by v, each projection moves by |v| |cos|, whose mean over directions in the plane is 2/pi |v|.
    a = torch.randn((500, 2), generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([3.0, 4.0])
    projections = 20_000
    # The standard deviation of |cos| is sqrt(1/2 - 4/pi^2) = .308.
    error = 5 * 0.308 / sqrt(projections) * 5
    assert metrics.sliced_wasserstein(a, a + shift, projections, 0) == pytest.approx(5 * 2 / pi, abs=error)


def test_on_a_line_the_sliced_distance_is_that_of_sorted_values() -> None:
    # Sorted: 0 2 5 and 1 2 9, so (1 + 0 + 4) / 3.
    a, b = torch.tensor([[5.0], [0.0], [2.0]]), torch.tensor([[9.0], [2.0], [1.0]])
    assert metrics.sliced_wasserstein(a, b, 3, 0) == pytest.approx(5 / 3, abs=1e-6)


def test_the_order_of_samples_does_not_matter_and_the_seed_does() -> None:
    random = torch.Generator().manual_seed(0)
    a, b = torch.randn((2, 50, 2), generator=random)
    before = a.clone()
    distance = metrics.sliced_wasserstein(a, b, 4, 0)
    assert metrics.sliced_wasserstein(a.flip(0), b, 4, 0) == pytest.approx(distance, rel=1e-6)
    assert metrics.sliced_wasserstein(a, b, 4, 1) != distance
    assert metrics.sliced_wasserstein(a, a.flip(0), 4, 0) == pytest.approx(0, abs=1e-7)
    assert torch.equal(a, before)


NAN = torch.full((2, 2), float("nan"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.point_quality(torch.zeros(0, 2), CENTRES, 1), "points must be (N, 2) with N of at least 1"),
        (lambda: metrics.point_quality(torch.zeros(3), CENTRES, 1), "at least 1, got shape (3,)"),
        (lambda: metrics.point_quality(torch.zeros(3, 3), CENTRES, 1), "at least 1, got shape (3, 3)"),
        (lambda: metrics.point_quality(NAN, CENTRES, 1), "points must be finite"),
        (lambda: metrics.point_quality(CENTRES, CENTRES[:0], 1), "centres must be (N, 2) with N of at least 1"),
        (lambda: metrics.point_quality(CENTRES, CENTRES, 0), "sigma must be above 0, got 0"),
        (lambda: metrics.sliced_wasserstein(CENTRES, CENTRES[:3], 4, 0), "of one shape, got (4, 2) and (3, 2)"),
        (lambda: metrics.sliced_wasserstein(CENTRES, CENTRES, 0, 0), "projections must be at least 1, got 0"),
        (lambda: metrics.sliced_wasserstein(CENTRES[:2], NAN, 4, 0), "b must be finite"),
        (lambda: metrics.sliced_wasserstein(CENTRES[:, 0], CENTRES[:, 0], 4, 0), "a must be (N, d) with N"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_what_it_is(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_points_without_modes_have_a_distance_alone() -> None:
    real = torch.randn((60, 2), generator=torch.Generator().manual_seed(0))
    scores = score_points(real[:40] + 1, real, None, None)
    # The first 40 real points, each projection moved by |cos + sin|: at most sqrt 2, and on average 2/pi of that.
    assert scores.keys() == {"sliced_wasserstein"}
    assert scores["sliced_wasserstein"] == pytest.approx(2 / pi * sqrt(2), abs=5 * 0.308 * sqrt(2) / 8)
    assert score_points(CENTRES, CENTRES, CENTRES, 1.0).keys() == {"modes", "high_quality", "kl", "sliced_wasserstein"}


def test_the_box_is_a_square_with_a_margin() -> None:
    # 10 wide and 4 high, around (5, 2), with a tenth of 10 on each side.
    assert box(torch.tensor([[0.0, 0.0], [10.0, 4.0], [3.0, 3.0]])) == pytest.approx([-1, 11, -4, 8])


class Linear(torch.nn.Module):
    """x + 10 y, so that a score tells the place."""

    def forward(self, points: Tensor) -> Tensor:
        return points @ torch.tensor([[1.0], [10.0]])


def test_the_landscape_of_a_score_critic_is_its_score_from_the_bottom_up() -> None:
    critic = Critic("score", Identity(), Linear())
    values = landscape(critic, [0, 2, 0, 4], 3, CENTRES, CENTRES)
    assert values.tolist() == [[0, 1, 2], [20, 21, 22], [40, 41, 42]]


class Norm(torch.nn.Module):
    def forward(self, merged: Tensor) -> Tensor:
        return merged.norm(dim=1, keepdim=True)


def test_the_landscape_of_a_pair_critic_is_high_where_real_points_are() -> None:
    # D(a, b) = |a - b| says that far points are unrelated. Real points lie at (0, 0), generated ones at (4, 0) and
    # (8, 0): at (0, 0) the mean distance to generated ones is 6, to real ones 0; at (4, 0) it is 2 and 4, at (8, 0)
    # 2 and 8.
    critic = Critic("pair", Identity(), Norm(), merge="absdiff")
    values = landscape(critic, [0, 8, -4, 4], 3, torch.zeros(5, 2), torch.tensor([[4.0, 0.0], [8.0, 0.0]]))
    assert values[1].tolist() == pytest.approx([6, -2, -6])


def test_the_landscape_of_a_feature_critic_compares_the_distances_to_both_means() -> None:
    # f(p) = p, the mean real feature (1, 0), the mean generated one (3, 0): 3 - 1 at (0, 0), 0 at (2, 0), 1 - 3 at
    # (4, 0).
    critic = Critic("feature", Identity(), Identity())
    real, fake = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[3.0, 1.0], [3.0, -1.0]])
    values = landscape(critic, [0, 4, -2, 2], 3, real, fake)
    assert values[1].tolist() == pytest.approx([2, 0, -2])
