"""How many modes samples cover, and how evenly: functions of integers."""

import numpy as np
from numpy.typing import ArrayLike


def mode_coverage(mode_ids: ArrayLike, n_modes: int = 1000) -> dict[str, float]:
    """Modes hit at least once and at least ten times, and KL(samples || uniform) in nats.

    The reverse KL of PacGAN (arXiv 1712.04086, section 4) for a uniform target:
    sum over modes of p log(p n_modes), with p the share of samples in a mode.

    Args:
        mode_ids: (N,) integers in 0..n_modes-1, one a sample.

    Raises:
        ValueError: there are no samples, or an id is out of range.
    """
    ids = _integers(mode_ids, n_modes, "mode_ids")
    counts = np.bincount(ids, minlength=n_modes)
    p = counts[counts > 0] / len(ids)
    return {
        "modes": float((counts >= 1).sum()),
        "modes_10": float((counts >= 10).sum()),
        "reverse_kl": float((p * np.log(p * n_modes)).sum()),
    }


def published_modes(labels: ArrayLike, confidence: ArrayLike, batch_size: int = 100) -> float:
    """Modes as the code of Relation GAN (arXiv 2002.10174) counts them, faults included.

    A batch adds at most one to a mode, however many of its samples show it, since the code writes
    `bins[i, j, k] += 1` with arrays of indices; a mode is covered if it has more than ten. And the code sets every
    probability below 0.5 to 0 before it takes the largest: a digit of which the classifier is unsure counts as 0.
    The paper has 100,000 samples.

    Args:
        labels: (N, C) digits of each sample's channels.
        confidence: (N, C) probability that the classifier gives to each.
    """
    sure = np.where(np.asarray(confidence) >= 0.5, np.asarray(labels), 0).astype(np.int64)
    ids = sure @ 10 ** np.arange(sure.shape[1])[::-1]
    batches = np.arange(len(ids)) // batch_size
    seen = np.unique(np.stack([batches, ids]), axis=1)[1]
    return float((np.bincount(seen) > 10).sum())


def class_balance(labels: ArrayLike, n_classes: int = 10) -> dict[str, float]:
    """Entropy in nats (at most log n_classes) of the label shares, and their distance to uniform.

    TripletGAN's Table 1 (arXiv 1711.05084) prints an "L2" that fits neither form throughout, so both
    are given: ||p - u|| and its square.

    Args:
        labels: (N,) integers in 0..n_classes-1.

    Raises:
        ValueError: there are no samples, or a label is out of range.
    """
    ids = _integers(labels, n_classes, "labels")
    share = np.bincount(ids, minlength=n_classes) / len(ids)
    p = share[share > 0]
    squared = float(((share - 1 / n_classes) ** 2).sum())
    return {"entropy": float(-(p * np.log(p)).sum()), "l2": squared**0.5, "l2_squared": squared}


def _integers(values: ArrayLike, n: int, name: str) -> np.ndarray:
    ids = np.asarray(values)
    if ids.ndim != 1 or len(ids) == 0:
        raise ValueError(f"{name} must be a non-empty list of integers, got shape {ids.shape}")
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"{name} must be integers, got {ids.dtype}")
    if ids.min() < 0 or ids.max() >= n:
        raise ValueError(f"{name} must lie in 0..{n - 1}, got {ids.min()}..{ids.max()}")
    return ids
