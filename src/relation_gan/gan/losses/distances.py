"""Distances between images, and between features, one number a pair."""

import torch
from torch import Tensor


def image_distance(kind: str, a: Tensor, b: Tensor) -> Tensor:
    """Distances (B,) of images or points a, b (B, ...), as means over pixels, so that they mean the same at every size.

    Args:
        kind: `l1`, mean |a - b|; `mse`, mean (a - b)^2; `l2`, the root of the latter.
    """
    difference = (a - b).flatten(1)
    distance = difference.abs().mean(1) if kind == "l1" else difference.square().mean(1)
    return distance.sqrt() if kind == "l2" else distance


def euclidean(u: Tensor, v: Tensor) -> Tensor:
    """||u - v|| over the last axis. The small number inside the root keeps the gradient finite where u = v."""
    return ((u - v).square().sum(-1) + 1e-8).sqrt()


def arc(u: Tensor, v: Tensor) -> Tensor:
    """The angle in [0, pi] between unit vectors, from their chord: arccos has no gradient at either end."""
    return 2 * torch.asin((euclidean(u, v) / 2).clamp_max(1 - 1e-6))
