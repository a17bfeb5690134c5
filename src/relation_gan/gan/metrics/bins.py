"""Bins of real images, and whether samples fall into them as often: NDB and JSD (arXiv 1805.12462)."""

import numpy as np
from sklearn.cluster import KMeans

BINS = 50
LEVEL = 1.96
"""Standard errors beyond which the shares of a bin differ, at the 5 % level."""


def fit_bins(images: np.ndarray, bins: int = BINS, seed: int = 0) -> np.ndarray:
    """The centres (K, D) of clusters of vectors (N, D), by k-means."""
    return KMeans(min(bins, len(images)), random_state=seed).fit(images).cluster_centers_


def bin_counts(images: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """How many of the vectors (N, D) have each centre (K, D) as their nearest."""
    distances = (centres**2).sum(1) - 2 * images @ centres.T  # but for what is the same for all centres
    return np.bincount(distances.argmin(1), minlength=len(centres))


def different_bins(real: np.ndarray, made: np.ndarray) -> int:
    """NDB: the number of bins whose shares of two samples differ by a two-proportion z test.

    Args:
        real, made: counts (K,).
    """
    n, m = real.sum(), made.sum()
    pooled = (real + made) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return int((np.abs(real / n - made / m) > LEVEL * error).sum())


def jensen_shannon(real: np.ndarray, made: np.ndarray) -> float:
    """Divergence of the shares of two samples, in nats: 0 to log 2.

    Args:
        real, made: counts (K,).
    """
    p, q = real / real.sum(), made / made.sum()
    m = (p + q) / 2
    return float(sum((of[of > 0] * np.log(of[of > 0] / m[of > 0])).sum() / 2 for of in (p, q)))
