import numpy as np
import pytest

from relation_gan.gan.metrics.bins import bin_counts, different_bins, fit_bins, jensen_shannon


def test_bins_are_clusters_and_images_go_to_the_nearest() -> None:
    points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    centres = fit_bins(points, 2)
    # The means of 0, 0.1, 0.2 and of 5, 5.1.
    assert sorted(centres[:, 0].tolist()) == pytest.approx([0.1, 5.05])
    assert sorted(bin_counts(points, centres).tolist()) == [2, 3]
    assert sorted(bin_counts(np.array([[4.0], [6.0], [-1.0]]), centres).tolist()) == [1, 2]


def test_there_are_no_more_bins_than_images() -> None:
    assert len(fit_bins(np.array([[0.0], [1.0]]), 50)) == 2


def test_shares_that_differ_by_more_than_chance_are_counted() -> None:
    # 50 % of 100 and 60 % of 100: pooled 0.55, standard error 0.0704, z = 1.42: no difference.
    assert different_bins(np.array([50, 50]), np.array([60, 40])) == 0
    # The same shares of 1,000: standard error 0.0222, z = 4.5: both bins differ.
    assert different_bins(np.array([500, 500]), np.array([600, 400])) == 2


@pytest.mark.parametrize(
    ("real", "made", "expected"),
    [([1, 1], [2, 2], 0.0), ([1, 0], [0, 1], np.log(2)), ([1, 1], [1, 0], 0.2157615543)],
)
def test_the_divergence_is_zero_of_equal_shares_and_log_two_of_disjoint_ones(
    real: list[int], made: list[int], expected: float
) -> None:
    # The last: m = (3/4, 1/4); (1/2 log(2/3) + 1/2 log 2 + log(4/3)) / 2 = 0.21576.
    assert jensen_shannon(np.array(real), np.array(made)) == pytest.approx(expected)
