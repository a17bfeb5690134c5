import math

import numpy as np
import pytest
from scipy import stats

from relation_gan.analysis.statistics import compare, holm, paired, ranks, summarise

NAN = math.nan
T_2 = 4.302652729911275
"""Student's t of two degrees of freedom at 97.5 %, as tables have it: 4.303."""


def test_a_summary_leaves_out_and_counts_what_did_not_finish():
    # 1, 2 and 3 have mean 2 and deviation 1; the interval is t / sqrt(3) to each side.
    of = summarise([1.0, NAN, 2.0, 3.0])
    assert (of.runs, of.n, of.mean, of.deviation) == (4, 3, 2.0, 1.0)
    assert (of.low, of.high) == pytest.approx((2 - T_2 / 3**0.5, 2 + T_2 / 3**0.5))


def test_a_summary_of_one_score_has_no_spread_and_of_none_no_mean():
    one, none = summarise([5.0]), summarise([NAN])
    assert (one.n, one.mean) == (1, 5.0) and math.isnan(one.deviation) and math.isnan(one.low)
    assert (none.runs, none.n) == (1, 0) and math.isnan(none.mean)


def test_a_paired_test_looks_at_differences_seed_by_seed():
    # The seeds differ by hundreds, the methods by 1, 2 and 3: t = 2 / (1 / sqrt(3)) = 3.46 with two degrees of freedom,
    # of which the two-sided p is 1 - t / sqrt(2 + t^2).
    of = paired({0: 101.0, 1: 302.0, 2: 703.0}, {2: 700.0, 1: 300.0, 0: 100.0, 3: 9.0})
    t = 2 * 3**0.5
    assert (of.n, of.difference) == (3, 2.0)
    assert of.p == of.corrected == pytest.approx(1 - t / (2 + t**2) ** 0.5)
    assert (of.low, of.high) == pytest.approx((2 - T_2 / 3**0.5, 2 + T_2 / 3**0.5))
    assert of.p == pytest.approx(stats.ttest_rel([101, 302, 703], [100, 300, 700]).pvalue)


def test_runs_that_did_not_finish_make_no_pair():
    of = paired({0: 1.0, 1: NAN, 2: 5.0}, {0: 0.0, 1: 1.0, 2: 2.0})
    assert (of.n, of.difference) == (2, 2.0)
    assert paired({0: 1.0}, {0: 3.0})[:2] == (1, -2.0) and math.isnan(paired({0: 1.0}, {0: 3.0}).p)
    assert math.isnan(paired({0: 1.0}, {1: 3.0}).difference)


@pytest.mark.parametrize(("shift", "p"), [(0.0, 1.0), (0.1, 0.0)])
def test_differences_without_spread_have_the_limit_of_p(shift: float, p: float):
    # 0.3 + 0.1 and 0.7 + 0.1 are rounded differently.
    other = {0: 0.3, 1: 0.7, 2: 1000.1}
    of = paired({seed: value + shift for seed, value in other.items()}, other)
    assert of.difference == pytest.approx(shift) and (of.p, of.n) == (p, 3)


def test_two_differences_that_are_the_same_tell_nothing():
    assert math.isnan(paired({0: 8.0, 1: 8.0}, {0: 7.0, 1: 7.0}).p)


def test_three_seeds_can_be_decided_by_a_t_test_only():
    differences = np.array([9.0, 10.0, 11.0])
    signs = stats.permutation_test((differences,), np.mean, permutation_type="samples")
    assert signs.pvalue == 0.25 == stats.wilcoxon(differences).pvalue
    assert paired(dict(enumerate(differences)), dict.fromkeys(range(3), 0.0)).p < 0.01


def test_holm_multiplies_the_smallest_by_the_number_of_comparisons():
    # Sorted: 0.01 * 4, 0.02 * 3, 0.03 * 2 (which may not fall below 0.06), 0.5.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_does_not_count_what_could_not_be_compared():
    first, second, third = holm([0.01, NAN, 0.04])
    assert (first, third) == pytest.approx((0.02, 0.04)) and math.isnan(second)


def test_each_method_is_compared_with_the_main_one_and_corrected_together():
    main = {0: 1.0, 1: 2.0, 2: 4.0}
    near, far = {0: 1.0, 1: 2.5, 2: 3.0}, {0: 11.0, 1: 12.1, 2: 13.9}
    of = compare({"near": near, "main": main, "far": far, "once": {0: 7.0}}, "main")
    assert list(of) == ["near", "far", "once"]
    assert of["far"].corrected == pytest.approx(2 * of["far"].p)  # of two comparisons; the third has one seed
    assert of["near"].corrected == of["near"].p
    assert math.isnan(of["once"].corrected)
    assert of["far"].difference == pytest.approx(10.0)


def test_ranks_are_means_over_blocks():
    blocks = [{"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 5.0, "b": 4.0, "c": 6.0}]
    assert ranks(blocks, "lower") == {"a": 1.5, "b": 1.5, "c": 3.0}
    assert ranks(blocks, "higher") == {"a": 2.5, "b": 2.5, "c": 1.0}


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_what_did_not_finish_ranks_last_together(better: str):
    assert ranks([{"a": NAN, "b": 2.0, "c": NAN, "d": 2.0}], better) == {"a": 3.5, "b": 1.5, "c": 3.5, "d": 1.5}


def test_only_blocks_with_every_method_are_ranked():
    assert ranks([{"a": 1.0, "b": 2.0}, {"b": 1.0}], "lower") == {"a": 1.0, "b": 2.0}
    assert ranks([{"a": 1.0}, {"b": 1.0}], "lower") == {}
