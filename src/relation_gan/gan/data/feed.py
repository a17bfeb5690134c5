"""Batches for training, each a function of (seed, index): nothing to save, nothing to restore."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from relation_gan.gan.data.points import Points
from relation_gan.gan.data.store import ImageStore

BLOCK = 64
"""Batches of points that are drawn at once."""


def to_float(images: Tensor) -> Tensor:
    """uint8 images to float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1] to uint8, rounding to the nearest level."""
    return images.add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)


def permute(positions: np.ndarray, n: int, *key: int) -> np.ndarray:
    """Where a random permutation of 0..n-1 sends each position, without storing the permutation.

    A four-round Feistel network permutes the next power of four; positions that land at n or above
    walk on until they land below (Black and Rogaway 2002, "cycle walking").
    """
    half = max(1, (int(n - 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << half) - 1)
    keys = np.random.default_rng(key).integers(1 << 32, size=4, dtype=np.uint64)

    def walk(x: np.ndarray) -> np.ndarray:
        left, right = x >> np.uint64(half), x & mask
        for k in keys:
            mixed = (right + k) * np.uint64(0x9E3779B97F4A7C15)
            left, right = right, left ^ ((mixed ^ (mixed >> np.uint64(29))) >> np.uint64(17)) & mask
        return left << np.uint64(half) | right

    out = walk(positions.astype(np.uint64))
    while (outside := out >= n).any():
        out[outside] = walk(out[outside])
    return out.astype(np.int64)


class Feed(Protocol):
    """A source of real batches."""

    device: torch.device

    def batch(self, index: int, size: int) -> Tensor:
        """The index-th batch on the device: float images (size, C, H, W) in [-1, 1], or points (size, 2)."""
        ...

    def labels(self, index: int, size: int) -> Tensor:
        """The labels of that batch: int64 (size,) or (size, k) on the device."""
        ...


class ImageFeed:
    """Shuffled batches of a store: every image once an epoch, in an order drawn from (seed, epoch).

    The uint8 images lie on the device whole when they fit into a quarter of its memory.

    Args:
        flip: mirror every second image, drawn at random, left to right.
    """

    def __init__(self, store: ImageStore, seed: int, device: torch.device | str = "cpu", flip: bool = False) -> None:
        self.store = store
        self.seed = seed
        self.flip = flip
        self.device = torch.device(device)
        self.resident: Tensor | None = None
        self.all_labels: Tensor | None = None
        if self.device.type == "cuda":
            free = torch.cuda.get_device_properties(self.device).total_memory // 4
            if store.images.nbytes <= free:
                self.resident = torch.from_numpy(np.array(store.images)).to(self.device)

    def indices(self, index: int, size: int) -> np.ndarray:
        """Which images (size,) the index-th batch holds."""
        return self._shuffled(np.arange(index * size, (index + 1) * size), len(self.store))

    def _shuffled(self, positions: np.ndarray, n: int, *part: int) -> np.ndarray:
        """Which of n images stand at positions of an endless sequence that shows each once an epoch."""
        epochs = positions // n
        return np.concatenate(
            [permute(positions[epochs == e] % n, n, self.seed << 32 | int(e), *part) for e in np.unique(epochs)]
        )

    def batch(self, index: int, size: int) -> Tensor:
        chosen = self.indices(index, size)
        if self.resident is not None:
            images = self.resident[torch.from_numpy(chosen).to(self.device)]
        else:
            images = torch.from_numpy(self.store.images[chosen]).to(self.device)
        if self.flip:
            mirrored = torch.from_numpy(np.random.default_rng((self.seed, index)).random(size) < 0.5)
            images[mirrored] = images[mirrored].flip(-1)
        return to_float(images)

    def labels(self, index: int, size: int) -> Tensor:
        if self.all_labels is None:
            self.all_labels = torch.from_numpy(np.array(self.store.labels)).to(self.device)
        return self.all_labels[torch.from_numpy(self.indices(index, size)).to(self.device)]


class BalancedFeed(ImageFeed):
    """Shuffled batches with as many images of each class: image i is of class i modulo the number of classes.

    Every image of a class comes once an epoch of that class.
    """

    def __init__(self, store: ImageStore, seed: int, device: torch.device | str = "cpu", flip: bool = False) -> None:
        super().__init__(store, seed, device, flip)
        labels = np.array(store.labels)
        self._of_class = [np.flatnonzero(labels == label) for label in range(store.n_classes)]

    def indices(self, index: int, size: int) -> np.ndarray:
        each = size // len(self._of_class)
        positions = np.arange(index * each, (index + 1) * each)
        chosen = [of[self._shuffled(positions, len(of), label)] for label, of in enumerate(self._of_class)]
        return np.stack(chosen, 1).ravel()


class PointFeed:
    """Batches of points that are drawn as they are needed, and so never repeat.

    A block of batches is drawn at once on the CPU, so that a batch costs a slice, and is the same on every device.
    """

    def __init__(self, points: Points, seed: int, device: torch.device | str = "cpu") -> None:
        self.points = points
        self.seed = seed
        self.device = torch.device(device)
        self._block: tuple[tuple[int, int], Tensor, Tensor] | None = None

    def _drawn(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Points (BLOCK, size, 2) and labels (BLOCK, size) of the block that the index-th batch lies in."""
        key = (index // BLOCK, size)
        if self._block is None or self._block[0] != key:
            # Hashed, since torch's generator on the CPU looks at the lower 32 bits of a seed only.
            (seed,) = np.random.SeedSequence((self.seed, *key)).generate_state(1)
            random = torch.Generator().manual_seed(int(seed))
            points, labels = (drawn.to(self.device) for drawn in self.points.sample(BLOCK * size, random))
            self._block = key, points.view(BLOCK, size, 2), labels.view(BLOCK, size)
        return self._block[1:]

    def batch(self, index: int, size: int) -> Tensor:
        return self._drawn(index, size)[0][index % BLOCK]

    def labels(self, index: int, size: int) -> Tensor:
        return self._drawn(index, size)[1][index % BLOCK]


def open_feed(source: ImageStore | Points, seed: int, device: torch.device | str = "cpu", flip: bool = False) -> Feed:
    """The batches of a data set; `flip` mirrors images at random."""
    if isinstance(source, Points):
        return PointFeed(source, seed, device)
    return ImageFeed(source, seed, device, flip)
