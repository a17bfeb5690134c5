from math import sqrt

import numpy as np
import pytest
import torch

from relation_gan.gan import metrics
from relation_gan.gan.metrics.features import MomentSums


def gaussian(mean: list[float], covariance: list[list[float]]) -> dict[str, np.ndarray]:
    return {"mu": np.array(mean), "sigma": np.array(covariance)}


def draw(n: int, seed: int, features: int = 4) -> torch.Tensor:
    return torch.randn((n, features), generator=torch.Generator().manual_seed(seed))


def test_moments_by_hand() -> None:
    # Three points with mean (2, 1): deviations (-2, -1), (0, 1), (2, 0), products summed and divided by 3 - 1:
    # (4 + 0 + 4) / 2 = 4, (2 + 0 + 0) / 2 = 1, (1 + 1 + 0) / 2 = 1.
    moments = metrics.moments(torch.tensor([[0.0, 0.0], [2.0, 2.0], [4.0, 1.0]]))
    assert moments["mu"] == pytest.approx(np.array([2, 1]))
    assert moments["sigma"] == pytest.approx(np.array([[4, 1], [1, 1]]))


def test_moments_are_computed_in_double_precision() -> None:
    # Beside means of 1e4 and 0; four numbers of +-1 have the unbiased variance 4 / (4 - 1).
    points = torch.tensor([[1e4 + s, t] for s in (-1.0, 1.0) for t in (-1.0, 1.0)])
    assert metrics.moments(points)["sigma"] == pytest.approx(np.diag([4 / 3, 4 / 3]), rel=1e-9)


@pytest.mark.parametrize(
    ("real", "fake", "distance"),
    [
        # Equal covariances: the squared distance of the means, 3^2 + 4^2.
        (gaussian([0, 0], [[2, 1], [1, 2]]), gaussian([3, 4], [[2, 1], [1, 2]]), 25.0),
        # Diagonal covariances: sum of (sqrt(a) - sqrt(b))^2 = (1 - 2)^2 + (3 - 1)^2, and 1 of the means.
        (gaussian([0, 0], [[1, 0], [0, 9]]), gaussian([1, 0], [[4, 0], [0, 1]]), 1 + 5.0),
        # Covariances that do not commute. The trace of the root of a 2x2 matrix P with eigenvalues l, m is
        # sqrt(l) + sqrt(m) = sqrt(tr P + 2 sqrt(det P)). Here P = [[2, 4], [1, 8]], tr P = 10, det P = 12:
        # tr C1 + tr C2 - 2 sqrt(10 + 2 sqrt(12)) = 4 + 5 - 2 sqrt(...).
        (
            gaussian([0, 0], [[2, 1], [1, 2]]),
            gaussian([0, 0], [[1, 0], [0, 4]]),
            9 - 2 * sqrt(10 + 2 * sqrt(12)),
        ),
        # Against a point: the trace of the covariance remains, 2 + 2.
        (gaussian([0, 0], [[2, 1], [1, 2]]), gaussian([0, 0], [[0, 0], [0, 0]]), 4.0),
    ],
)
def test_frechet_distance_of_gaussians(
    real: dict[str, np.ndarray], fake: dict[str, np.ndarray], distance: float
) -> None:
    assert metrics.frechet_distance(real, fake) == pytest.approx(distance, abs=1e-4)
    assert metrics.frechet_distance(fake, real) == pytest.approx(distance, abs=1e-4)


def test_frechet_distance_of_a_set_to_itself_is_zero() -> None:
    moments = metrics.moments(draw(500, 0))
    assert metrics.frechet_distance(moments, moments) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_a_shifted_set_is_the_squared_shift() -> None:
    # The covariance does not change, so that ||(1, 2, 0, 0)||^2 = 5 remains.
    features = draw(500, 0)
    shifted = features + torch.tensor([1.0, 2.0, 0.0, 0.0])
    assert metrics.frechet_distance(metrics.moments(features), metrics.moments(shifted)) == pytest.approx(5, abs=1e-5)


def test_kernel_distance_by_hand() -> None:
    # k(x, y) = (x.y / F + 1)^3, F = 2. Within the sets: r1.r2 = 0 -> 1; f1.f2 = 0 -> 1.
    # Across: r1.f1 = 4 -> 27, r2.f1 = 4 -> 27, r1.f2 = r2.f2 = 0 -> 1; their mean is 14.
    # Unbiased MMD^2 = 1 + 1 - 2 * 14 = -26: without each sample's kernel with itself.
    real, fake = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([[2.0, 2.0], [0.0, 0.0]])
    mean, std = metrics.kernel_distance(real, fake, subsets=3, subset_size=2)
    assert mean == pytest.approx(-26)
    assert std == pytest.approx(0, abs=1e-9)  # every subset is the whole set


def test_kernel_distance_of_one_distribution_is_zero_on_average() -> None:
    # The estimator is unbiased: over independent pairs of sets its mean is within four standard errors
    # of 0, and it falls below 0 as well as above. A biased one would be positive every time.
    values = np.array([metrics.kernel_distance(draw(100, 2 * i), draw(100, 2 * i + 1), 1, 100)[0] for i in range(30)])
    assert abs(values.mean()) < 4 * values.std() / sqrt(len(values))
    assert values.min() < 0 < values.max()


def test_kernel_distance_tells_distributions_apart() -> None:
    same = metrics.kernel_distance(draw(400, 0), draw(400, 1), 20, 100)[0]
    other = metrics.kernel_distance(draw(400, 0), draw(400, 1) + 1, 20, 100)[0]
    assert other > 10 * abs(same)


def test_distances_are_the_same_at_every_call() -> None:
    first, again = (metrics.kernel_distance(draw(200, 0), draw(200, 1), 5, 50) for _ in range(2))
    assert first == again


BAD = [
    (torch.zeros(4), r"features must be \(N, F\) with N of at least 2, got shape \(4,\)"),
    (torch.zeros(1, 4), r"features must be \(N, F\) with N of at least 2, got shape \(1, 4\)"),
    (torch.zeros(2, 3, 4), r"features must be \(N, F\) with N of at least 2, got shape \(2, 3, 4\)"),
    (np.array([[0.0, np.nan], [0.0, 0.0]]), "features must be finite; the samples they come from are not"),
    (torch.tensor([[0.0, float("inf")], [0.0, 0.0]]), "features must be finite; the samples they come from are not"),
]


@pytest.mark.parametrize(("features", "message"), BAD)
def test_what_are_no_features_is_refused(features: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.moments(features)
    for pair in ((features, torch.zeros(2, 2)), (torch.zeros(2, 2), features)):
        with pytest.raises(ValueError, match=message):
            metrics.kernel_distance(*pair, subsets=1, subset_size=2)


@pytest.mark.parametrize(("real", "fake"), [(99, 200), (200, 99)])
def test_too_few_features_for_a_subset_are_refused_with_the_remedy(real: int, fake: int) -> None:
    with pytest.raises(ValueError, match="needs 100 samples a side") as refused:
        metrics.kernel_distance(draw(real, 0), draw(fake, 1), 5, 100)
    assert str(refused.value) == (
        f"kernel_distance needs 100 samples a side, got {real} and {fake}; "
        "draw more, or lower evaluation.kid_subset_size"
    )


@pytest.mark.parametrize("sizes", [[50], [1] * 50, [7, 1, 40, 2], [49, 1]])
def test_moments_of_batches_are_those_of_all_features_at_once(sizes: list[int]) -> None:
    # Correlated features beside means of 0, 1, 10 and 100.
    mixing = torch.tensor([[1.0, 0, 0, 0], [2, 1, 0, 0], [0, 3, 1, 0], [1, 1, 1, 1]])
    features = draw(50, 3) @ mixing + torch.tensor([0.0, 1, 10, 100])
    sums = MomentSums()
    for batch in features.split(sizes):
        sums.add(batch)
    assert sums.count == 50
    expected = metrics.moments(features)
    for name in ("mu", "sigma"):
        found = sums.moments()[name]
        assert (found.dtype, found.shape) == (np.float64, expected[name].shape)
        assert found == pytest.approx(expected[name], rel=1e-9, abs=1e-9)


def test_moments_can_be_taken_on_the_way() -> None:
    sums, features = MomentSums(), draw(20, 0)
    sums.add(features[:12])
    first = sums.moments()
    sums.add(features[12:])
    assert first["mu"] == pytest.approx(metrics.moments(features[:12])["mu"], rel=1e-9)
    assert sums.moments()["mu"] == pytest.approx(metrics.moments(features)["mu"], rel=1e-9)


@pytest.mark.parametrize("count", [0, 1])
def test_moments_of_fewer_than_two_features_are_refused(count: int) -> None:
    sums = MomentSums()
    if count:
        sums.add(draw(count, 0))
    with pytest.raises(ValueError) as refused:
        sums.moments()
    assert str(refused.value) == f"moments need at least two features, got {count}"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_moments_of_features_that_are_not_finite_are_refused_and_not_counted(value: float) -> None:
    sums, bad = MomentSums(), draw(4, 0)
    bad[2, 1] = value
    sums.add(draw(5, 1))
    with pytest.raises(ValueError, match="features must be finite; the samples they come from are not"):
        sums.add(bad)
    assert sums.count == 5
    assert sums.moments()["mu"] == pytest.approx(metrics.moments(draw(5, 1))["mu"])
