"""What several seeds say: means with intervals, paired comparisons and ranks.

A run that diverged or failed has the score NaN: it is counted, and left out of every mean and difference.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

Scores = Mapping[str, Mapping[int, float]]
"""By method, and by seed."""

CONFIDENCE = 0.95


class Summary(NamedTuple):
    """Scores of one method, with a 95 % interval of the mean by Student's t; NaN where there are too few of them."""

    runs: int
    """All of them, finished or not."""
    n: int
    """Those that finished."""
    mean: float
    deviation: float
    """Standard deviation, n - 1."""
    low: float
    high: float


class Comparison(NamedTuple):
    """One method less another, over the seeds that both finished, with an uncorrected 95 % interval; NaN if too few."""

    n: int
    difference: float
    low: float
    high: float
    p: float
    """Two-sided."""
    corrected: float
    """`p` by Holm's method."""


def summarise(values: Iterable[float]) -> Summary:
    """The mean of the scores that there are, and how far it may be off."""
    every = [float(value) for value in values]
    there = np.array([value for value in every if math.isfinite(value)])
    mean = float(there.mean()) if len(there) else math.nan
    if len(there) < 2:
        return Summary(len(every), len(there), mean, math.nan, math.nan, math.nan)
    return Summary(len(every), len(there), mean, float(there.std(ddof=1)), *_interval(there))


def paired(one: Mapping[int, float], other: Mapping[int, float]) -> Comparison:
    """One method's scores less the other's, seed by seed, by a paired t test.

    With few seeds nothing else can decide: of three, an exact sign-flip or Wilcoxon test cannot give a two-sided p
    below 2/8 = 0.25, of five below 2/32 = 0.0625. The price is that differences are assumed to be normal.
    Three or more that are equal have no spread: p is its limit, 1 where they are 0, else 0. Two say nothing.
    """
    common = sorted(seed for seed in one.keys() & other.keys() if math.isfinite(one[seed] + other[seed]))
    differences = np.array([one[seed] - other[seed] for seed in common])
    n, mean = len(differences), float(differences.mean()) if common else math.nan
    if n < 2:
        return Comparison(n, mean, *[math.nan] * 4)
    # Rounding alone makes equal differences unequal in their last digits.
    if np.ptp(differences) <= 1e-12 * max(abs(of[seed]) for of in (one, other) for seed in common):
        limit = 1.0 if np.isclose(mean, 0, atol=1e-12) else 0.0
        p = limit if n > 2 else math.nan
        return Comparison(n, mean, mean, mean, p, p)
    _, p = map(float, stats.ttest_1samp(differences, 0))
    return Comparison(n, mean, *_interval(differences), p, p)


def compare(scores: Scores, main: str) -> dict[str, Comparison]:
    """All other methods less the main one, corrected together by Holm's method."""
    found = {name: paired(of, scores[main]) for name, of in scores.items() if name != main}
    corrected = holm([comparison.p for comparison in found.values()])
    return {name: found[name]._replace(corrected=p) for name, p in zip(found, corrected, strict=True)}


def holm(values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): the smallest of m values times m, the next times m - 1, and none below one before it.

    A NaN is no comparison: it stays, and is not counted.
    """
    there = sorted((p, i) for i, p in enumerate(values) if not math.isnan(p))
    corrected, least = [math.nan] * len(values), 0.0
    for rank, (p, i) in enumerate(there):
        least = corrected[i] = min(1.0, max(least, (len(there) - rank) * p))
    return corrected


def ranks(blocks: Iterable[Mapping[str, float]], better: str) -> dict[str, float]:
    """The mean rank of each method over blocks, such as each seed on each data set; 1 is the best.

    Equal scores share the mean of their ranks, and so do all that did not finish (NaN), behind the others: a method
    must not gain by diverging. Only blocks in which every method was run are counted; without any, there are no ranks.
    """
    every = [dict(block) for block in blocks]
    methods = list(dict.fromkeys(method for block in every for method in block))
    sign = {"lower": 1.0, "higher": -1.0}[better]
    rows = [
        [sign * block[method] if math.isfinite(block[method]) else math.inf for method in methods]
        for block in every
        if len(block) == len(methods)
    ]
    if not rows:
        return {}
    return dict(zip(methods, stats.rankdata(rows, axis=1).mean(axis=0).tolist(), strict=True))


def _interval(values: np.ndarray) -> tuple[float, float]:
    """The confidence interval of the mean of at least two values."""
    half = stats.sem(values) * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    return float(values.mean() - half), float(values.mean() + half)
