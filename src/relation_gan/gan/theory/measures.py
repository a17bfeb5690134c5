"""What became of a simulated generator: how near to the data it ended, at what rate, and in which manner."""

import cmath
from typing import Literal

import numpy as np

from relation_gan.gan.theory.flows import Array

Outcome = Literal["converges", "comes to rest", "grows", "shrinks", "keeps a distance", "diverges"]

CONVERGED = 0.01
"""The largest distance over the last tenth of the time, as a part of the first: below it a run has converged."""

CHANGED = 1.1
"""The factor of growth over the second half that counts as one."""


def distance(theta: Array) -> Array:
    """Distances (T,) of the generator's points (T, 2) to the data."""
    return np.hypot(theta[:, 0], theta[:, 1])


def tail(values: Array) -> Array:
    """The last tenth."""
    return values[-max(len(values) // 10, 1) :]


def rate(interval: float, distances: Array) -> float:
    """Slope of the logarithm of the distance's peaks over the second half of the time, negative if it falls.

    Where there are fewer than three peaks, of all points. NaN if a distance is 0 or not finite.
    """
    half = distances[len(distances) // 2 :]
    if not np.isfinite(half).all() or half.min() <= 0:
        return float("nan")
    inner = half[1:-1]
    peaks = np.flatnonzero((inner > half[:-2]) & (inner >= half[2:])) + 1
    at = peaks if len(peaks) >= 3 else np.arange(len(half))
    return float(np.polyfit(at * interval, np.log(half[at]), 1)[0])


def expected_rate(eigenvalue: complex, step: float | None) -> float:
    """The rate that an eigenvalue of the linearised flow gives, exactly (None) or under Euler's method.

    A step of Euler's multiplies by 1 + step * eigenvalue, which is longer than exp(step * eigenvalue): a flow that
    turns for ever grows under it.
    """
    return eigenvalue.real if step is None else cmath.log(1 + step * eigenvalue).real / step


def outcome(interval: float, theta: Array) -> Outcome:
    """In which manner the generator's points (T, 2) ended."""
    distances = distance(theta)
    if not np.isfinite(distances).all():
        return "diverges"
    if tail(distances).max() < CONVERGED * distances[0]:
        return "converges"
    if distance(tail(theta) - theta[-1]).max() < CONVERGED * distances[0]:
        return "comes to rest"
    growth = np.exp(rate(interval, distances) * interval * (len(distances) // 2))
    if growth > CHANGED:
        return "grows"
    return "shrinks" if growth < 1 / CHANGED else "keeps a distance"
