import re
from collections.abc import Callable
from math import log

import numpy as np
import pytest

from relation_gan.gan import metrics


@pytest.mark.parametrize(
    ("ids", "n_modes", "modes", "modes_10"),
    [
        ([0], 3, 1, 0),
        ([0, 0, 2], 3, 2, 0),
        ([1] * 9, 3, 1, 0),
        ([1] * 10, 3, 1, 1),
        ([0] * 10 + [1] * 11 + [2] * 9, 4, 3, 2),
        (list(range(1000)), 1000, 1000, 0),
    ],
)
def test_modes_are_counted_by_hand(ids: list[int], n_modes: int, modes: int, modes_10: int) -> None:
    scores = metrics.mode_coverage(ids, n_modes)
    assert (scores["modes"], scores["modes_10"]) == (modes, modes_10)


def test_repeated_ids_accumulate_wherever_they_stand() -> None:
    # `bins[ids] += 1` would count each mode once, and the mode 5 would miss its tenth sample.
    ids = [5, 1] * 9 + [5]
    assert metrics.mode_coverage(ids, 10)["modes_10"] == 1
    assert metrics.mode_coverage(ids, 10)["reverse_kl"] == pytest.approx(
        10 / 19 * log(10 / 19 * 10) + 9 / 19 * log(9 / 19 * 10)
    )


@pytest.mark.parametrize(
    ("ids", "n_modes", "kl"),
    [
        # As even as it can be: each share is 1/n, and log(1/n n) = 0.
        ([0, 1, 2, 3], 4, 0.0),
        # Shares 1/2, 1/2 of 4 modes: 2 * 1/2 log(1/2 * 4) = log 2.
        ([0, 3], 4, log(2)),
        # Shares 3/4, 1/4 of 2 modes: 3/4 log(3/2) + 1/4 log(1/2).
        ([0, 0, 0, 1], 2, 0.75 * log(1.5) + 0.25 * log(0.5)),
    ],
)
def test_reverse_kl_by_hand(ids: list[int], n_modes: int, kl: float) -> None:
    assert metrics.mode_coverage(ids, n_modes)["reverse_kl"] == pytest.approx(kl, abs=1e-12)


@pytest.mark.parametrize("n", [1, 7, 2000])
@pytest.mark.parametrize("n_modes", [10, 1000])
def test_samples_of_one_mode_have_the_largest_divergence(n: int, n_modes: int) -> None:
    # One share of 1: 1 log(1 n_modes).
    scores = metrics.mode_coverage(np.full(n, 3), n_modes)
    assert scores["modes"] == 1
    assert scores["reverse_kl"] == pytest.approx(log(n_modes))


@pytest.mark.parametrize(
    ("labels", "n_classes", "entropy", "squared"),
    [
        ([0, 1, 2, 3], 4, log(4), 0.0),
        # One share of 1 among four: (1 - 1/4)^2 + 3 (1/4)^2 = 12/16.
        ([2, 2], 4, 0.0, 12 / 16),
        # Shares 3/4, 1/4: 2 (1/4)^2 = 1/8.
        ([0, 0, 0, 1], 2, -(0.75 * log(0.75) + 0.25 * log(0.25)), 1 / 8),
    ],
)
def test_class_balance_by_hand(labels: list[int], n_classes: int, entropy: float, squared: float) -> None:
    assert metrics.class_balance(labels, n_classes) == pytest.approx(
        {"entropy": entropy, "l2": squared**0.5, "l2_squared": squared}, abs=1e-12
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_any_integers_are_taken(dtype: type) -> None:
    ids = np.array([0, 200, 200], dtype)
    assert metrics.mode_coverage(ids, 256)["modes"] == 2
    assert metrics.class_balance(ids, 256)["entropy"] == pytest.approx(-(1 / 3 * log(1 / 3) + 2 / 3 * log(2 / 3)))


@pytest.mark.parametrize(("metric", "name"), [(metrics.mode_coverage, "mode_ids"), (metrics.class_balance, "labels")])
@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], r"must be a non-empty list of integers, got shape (0,)"),
        (np.zeros((2, 3), int), r"must be a non-empty list of integers, got shape (2, 3)"),
        (3, "must be a non-empty list of integers, got shape ()"),
        ([0.0, 1.0], "must be integers, got float64"),
        ([0, 4], "must lie in 0..3, got 0..4"),
        ([-1, 2], "must lie in 0..3, got -1..2"),
    ],
)
def test_what_are_no_ids_is_refused_with_what_it_is(
    metric: Callable[..., dict[str, float]], name: str, ids: object, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name} {message}')}$"):
        metric(ids, 4)


def one(digits: list[int], confidence: float = 1.0) -> tuple[list[int], list[float]]:
    return digits, [confidence] * 3


@pytest.mark.parametrize(
    ("samples", "batch_size", "modes"),
    [
        # Each of 11 batches shows a mode once: more than ten.
        ([one([1, 2, 3])] * 11, 1, 1),
        ([one([1, 2, 3])] * 10, 1, 0),
        # 22 samples of it in pairs are 11 batches; in batches of 11 they count twice.
        ([one([1, 2, 3])] * 22, 2, 1),
        ([one([1, 2, 3])] * 22, 11, 0),
        # The last batch may be smaller.
        ([one([1, 2, 3])] * 21, 2, 1),
        # Two modes in each of 11 batches, and a third in ten of them.
        (([one([9, 9, 9]), one([0, 0, 1]), one([0, 1, 0])] * 11)[:-1], 3, 2),
        # Half a probability is enough.
        ([one([1, 2, 3], 0.5)] * 11 + [one([4, 5, 6], 0.49)] * 10, 1, 1),
    ],
)
def test_the_published_counter_by_hand(
    samples: list[tuple[list[int], list[float]]], batch_size: int, modes: int
) -> None:
    labels, confidence = zip(*samples, strict=True)
    assert metrics.published_modes(labels, confidence, batch_size) == modes


def test_the_faults_of_the_published_counter() -> None:
    # Of 200 samples of one mode, spread over two batches of 100, it counts two, and so finds no mode.
    assert metrics.mode_coverage([123] * 200)["modes_10"] == 1
    assert metrics.published_modes([[1, 2, 3]] * 200, [[1.0] * 3] * 200) == 0
    # And smudges of which the classifier is unsure show it the mode 103, and 23 and 120, which nobody drew.
    unsure = [[1, 0.4, 1], [0.4, 1, 1], [1, 1, 0.4]]
    assert metrics.published_modes([[1, 2, 3]] * 33, unsure * 11, batch_size=3) == 3


def test_every_score_is_a_plain_float() -> None:
    for scores in (metrics.mode_coverage([0, 1], 4), metrics.class_balance([0, 1], 4)):
        assert {type(value) for value in scores.values()} == {float}
