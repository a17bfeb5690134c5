"""How well samples in the plane match the real ones: quality of modes, a distance, and the critic's view."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from relation_gan.gan.metrics.coverage import mode_coverage
from relation_gan.gan.metrics.realness import realness
from relation_gan.gan.networks import Critic

HIGH_QUALITY = 3.0
"""A sample is of high quality within so many standard deviations of a centre (PacGAN, arXiv 1712.04086)."""

PROJECTIONS = 64
"""Directions of the sliced Wasserstein distance: the same ones for all that is compared."""


def nearest_modes(points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest centre (N,) of each point (N, 2), and the distance (N,) to it.

    Raises:
        ValueError: there are no points, or they are not (N, 2), or not finite.
    """
    # Through matrix products, cdist would be faster, and too coarse for narrow modes far from the origin.
    exact = "donot_use_mm_for_euclid_dist"
    nearest = torch.cdist(_checked("points", points), _checked("centres", centres), compute_mode=exact).min(1)
    return nearest.indices, nearest.values


def point_quality(points: Tensor, centres: Tensor, sigma: float) -> dict[str, float]:
    """PacGAN's measures of a mixture of Gaussians (arXiv 1712.04086, section 4.1).

    modes: centres with at least one sample of high quality, that is, within 3 sigma.
    high_quality: the share of such samples among all, in 0..1.
    kl: KL(share of samples nearest to each centre || uniform) in nats, 0 log 0 = 0. Over all samples, as a reverse
        KL, so that it exists where none is of high quality; PacGAN's code counts those of high quality only.

    Args:
        points: (N, 2).
        centres: (K, 2).

    Raises:
        ValueError: points or centres are none, not (N, 2) or not finite, or sigma is not above 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be above 0, got {sigma}")
    modes, distances = nearest_modes(points, centres)
    high = distances <= HIGH_QUALITY * sigma
    return {
        "modes": float(modes[high].unique().numel()),
        "high_quality": float(high.double().mean()),
        "kl": mode_coverage(modes.numpy(), len(centres))["reverse_kl"],
    }


def sliced_wasserstein(a: Tensor, b: Tensor, projections: int, seed: int) -> float:
    """The mean over random directions of the distance W_1 between two projected samples of equal size.

    W_1 of two samples on a line is the mean distance between their sorted values. Two samples of one distribution
    are a positive distance apart, which falls with the square root of their size: compare with that floor.

    Args:
        a, b: (N, d).

    Raises:
        ValueError: the two have different shapes, or are none, not (N, d) or not finite.
    """
    a, b = _checked("a", a, dimensions=None), _checked("b", b, dimensions=None)
    if a.shape != b.shape:
        raise ValueError(
            f"sliced_wasserstein needs two samples of one shape, got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if projections < 1:
        raise ValueError(f"projections must be at least 1, got {projections}")
    random = torch.Generator().manual_seed(seed)
    directions = normalize(torch.randn((projections, a.shape[1]), generator=random, dtype=a.dtype))
    # numpy sorts rows several times faster than torch.
    on_a, on_b = ((directions @ sample.T).numpy() for sample in (a, b))
    on_a.sort(1)
    on_b.sort(1)
    return float(abs(on_a - on_b).mean())


def box(points: Tensor) -> list[float]:
    """The square around points (N, 2) with a margin of a tenth on each side: left, right, bottom, top."""
    low, high = points.min(0).values, points.max(0).values
    centre, half = (low + high) / 2, 0.6 * float((high - low).max())
    x, y = centre.tolist()
    return [x - half, x + half, y - half, y + half]


def score_points(points: Tensor, real: Tensor, centres: Tensor | None, sigma: float | None) -> dict[str, float]:
    """All measures of points (n, 2): `point_quality` where there are modes, and the distance to the first n real ones.

    Raises:
        ValueError: there are fewer real points than points.
    """
    quality = {} if centres is None or sigma is None else point_quality(points, centres, sigma)
    return {**quality, "sliced_wasserstein": sliced_wasserstein(points, real[: len(points)], PROJECTIONS, seed=0)}


@torch.no_grad()
def landscape(critic: Critic, box: list[float], side: int, real: Tensor, fake: Tensor) -> Tensor:
    """How real a critic holds each place of a box (`realness`): (side, side), rows from the bottom up.

    Args:
        box: left, right, bottom, top.
        real, fake: (n, 2) and (m, 2), over which the means are taken.
    """
    left, right, bottom, top = box
    y, x = torch.meshgrid(torch.linspace(bottom, top, side), torch.linspace(left, right, side), indexing="ij")
    places = torch.stack([x, y], 2).view(-1, 2).to(real)
    return realness(critic, real, fake)(places).view(side, side).cpu()


def _checked(name: str, points: Tensor, dimensions: int | None = 2) -> Tensor:
    points = torch.as_tensor(points, dtype=torch.float32)
    if points.dim() != 2 or len(points) == 0 or points.shape[1] != (dimensions or points.shape[1]):
        raise ValueError(
            f"{name} must be (N, {dimensions or 'd'}) with N of at least 1, got shape {tuple(points.shape)}"
        )
    if not points.isfinite().all():
        raise ValueError(f"{name} must be finite")
    return points
