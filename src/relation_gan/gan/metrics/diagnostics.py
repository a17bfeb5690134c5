"""What people look at besides the scores: paths between samples, their nearest real images, the odd and the usual."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from relation_gan.gan.data.feed import to_uint8
from relation_gan.gan.networks import Generator
from relation_gan.gan.sampling import draw_latents

NEIGHBOURS = 50
"""Real images around a sample that its nearest one is compared with."""
RARE = 0.01
"""The share of unseen real images that lie as near to a training image as a sample must, to be called a copy."""
SUSPECT = 0.1
"""With a greater share of samples so near, ten times that of honest ones, a person is warned."""
SIDE = 32
"""Larger images are compared by the means of so many pixels along a side: light and dark count, not fine lines."""


@torch.no_grad()
def interpolations(generator: Generator, rows: int, columns: int, seed: int) -> Tensor:
    """uint8 images (rows * columns, C, H, W): in each row, the way between two latents.

    It is spherical, since draws from a normal distribution lie near a sphere. A conditional generator keeps its label.
    """
    random = torch.Generator().manual_seed(seed)
    ends = draw_latents(generator, 2 * rows, random)
    a, b = ends[:rows, : generator.latent], ends[rows:, : generator.latent]
    cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    angle = cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos()[:, None, None]
    t = torch.linspace(0, 1, columns)[:, None]
    way = (torch.sin((1 - t) * angle) * a[:, None] + torch.sin(t * angle) * b[:, None]) / torch.sin(angle)
    labels = ends[:rows, None, generator.latent :].expand(-1, columns, -1)
    place = next(generator.parameters()).device
    return to_uint8(generator.eval()(torch.cat([way, labels], 2).flatten(0, 1).to(place))).cpu()


class Neighbours(NamedTuple):
    """The nearest real images of some images, the nearest first."""

    distances: Tensor
    """(n, k), Euclidean."""
    places: Tensor
    """(n, k): which they are, counted through all chunks."""

    def part(self, rows: slice, columns: slice) -> "Neighbours":
        return Neighbours(self.distances[rows, columns], self.places[rows, columns])


def nearest(queries: Tensor, chunks: Iterable[Tensor], k: int) -> Neighbours:
    """Of each of the queries (n, F), the k nearest of vectors that come in chunks (m, F), so that few are in memory."""
    distances, places, count = queries.new_empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.long), 0
    places = places.to(queries.device)
    for chunk in chunks:
        found = torch.cdist(queries, chunk.to(queries.device), compute_mode="use_mm_for_euclid_dist")
        number = torch.arange(count, count + len(chunk), device=queries.device).expand_as(found)
        distances, places = torch.cat([distances, found], 1), torch.cat([places, number], 1)
        distances, order = distances.topk(min(k, distances.shape[1]), largest=False)
        places, count = places.gather(1, order), count + len(chunk)
    return Neighbours(distances.cpu(), places.cpu())


def compare(
    samples: Tensor, unseen: Tensor, chunks: Iterable[Tensor], among: bool = False
) -> tuple[Neighbours, Neighbours]:
    """The NEIGHBOURS of samples (n, F) and of unseen real images (m, F), in one pass over the training images.

    Args:
        among: the unseen ones are training images, whose neighbours are the others.
    """
    both, n = nearest(torch.cat([samples, unseen]), chunks, NEIGHBOURS + 1), len(samples)
    # An image that is itself there is its own nearest.
    return both.part(slice(n), slice(NEIGHBOURS)), both.part(slice(n, None), slice(among, NEIGHBOURS + among))


def as_vectors(images: Tensor) -> Tensor:
    """uint8 images (b, C, H, W) as float vectors (b, F) around 0, at most SIDE pixels along a side."""
    pixels = images.float() / 255 - 0.5
    if pixels.shape[-1] > SIDE:
        pixels = adaptive_avg_pool2d(pixels, SIDE)
    return pixels.flatten(1)


def closeness(neighbours: Neighbours) -> Tensor:
    """(n,): the distance to the nearest, over the mean distance to all neighbours. Near 0 for a copy, else below 1.

    The bare distance is small for a blurred or a plain image as well, which lies nearer to everything.
    """
    return neighbours.distances[:, 0] / neighbours.distances.mean(1).clamp(min=1e-12)


def memorised(samples: Neighbours, unseen: Neighbours) -> float:
    """The share of samples that lie closer to a real image than all but RARE of unseen real ones do.

    It is RARE on average for samples that are fresh draws of the real distribution.
    """
    return float((closeness(samples) < closeness(unseen).quantile(RARE)).float().mean())
