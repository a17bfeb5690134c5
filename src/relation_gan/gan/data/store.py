"""The one on-disk form of a data set: a memory map of uint8 images, labels and a manifest.

<folder>/images.npy      uint8 (N, C, H, W)
<folder>/labels.npy      int64 (N,) or (N, k)
<folder>/manifest.json   name, source, preparation, count, shape and the SHA-256 of the content
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

CHUNK = 1 << 24


class StoreError(ValueError):
    """A store that cannot be used, with the remedy."""


@dataclass(frozen=True)
class Recipe:
    """How to make a store: what it is, and its batches, made only when they are needed.

    Args:
        description: JSON-able: name, source, licence, preparation, seed ... Two recipes with the same
            description make the same store.
        shape: (N, C, H, W).
        label_shape: (N,) or (N, k).
        batches: yields (uint8 images (b, C, H, W), labels (b, ...)) in order.
    """

    description: dict[str, Any]
    shape: tuple[int, int, int, int]
    label_shape: tuple[int, ...]
    batches: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]


class ImageStore:
    """A handle on a store: opens its maps at first access, also after travelling to another process."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.manifest = read_manifest(self.folder)
        self._images: np.ndarray | None = None

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @property
    def digest(self) -> str:
        """SHA-256 of images and labels."""
        return self.manifest["sha256"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        _, channels, height, width = self.manifest["shape"]
        return channels, height, width

    def __len__(self) -> int:
        return self.manifest["shape"][0]

    @property
    def images(self) -> np.ndarray:
        if self._images is None:
            self._images = _open_map(self.folder / "images.npy", self.manifest["shape"])
        return self._images

    @property
    def labels(self) -> np.ndarray:
        return _open_map(self.folder / "labels.npy", self.manifest["label_shape"])

    def __getitem__(self, index: Any) -> Tensor:
        """uint8 image (C, H, W), or images (b, C, H, W) for a slice or an array of indices."""
        return torch.from_numpy(np.array(self.images[index]))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_images": None}

    def verify(self) -> None:
        """Read the whole content and compare its digest with the manifest's.

        Raises:
            StoreError: they differ, or a file is truncated.
        """
        found = _digest(self.images, self.labels)
        if found != self.digest:
            raise StoreError(
                f"{self.folder} was changed after it was made: its content has SHA-256 {found[:12]}…, its manifest "
                f"says {self.digest[:12]}…; delete the folder, and the next run makes it again"
            )


def open_store(folder: Path | str) -> ImageStore:
    """Open a prepared data set.

    Raises:
        StoreError: there is none, or its manifest is damaged.
    """
    return ImageStore(folder)


def save_store(folder: Path, recipe: Recipe) -> ImageStore:
    """Make a store, unless the folder already holds the one of this recipe. Written whole or not at all."""
    if (folder / "manifest.json").exists():
        manifest = read_manifest(folder)
        if {key: manifest.get(key) for key in recipe.description} == json.loads(json.dumps(recipe.description)):
            return ImageStore(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        partial = Path(temporary) / folder.name
        partial.mkdir()
        _write(partial, recipe)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    return ImageStore(folder)


def _write(partial: Path, recipe: Recipe) -> None:
    images = np.lib.format.open_memmap(partial / "images.npy", "w+", np.uint8, recipe.shape)
    labels = np.lib.format.open_memmap(partial / "labels.npy", "w+", np.int64, recipe.label_shape)
    start = 0
    for batch, batch_labels in recipe.batches():
        if start + len(batch) > len(images):
            raise StoreError(f"{recipe.description['name']}: expected {len(images)} images, the source gave more")
        images[start : start + len(batch)] = batch
        labels[start : start + len(batch)] = batch_labels
        start += len(batch)
    if start != len(images):
        raise StoreError(f"{recipe.description['name']}: expected {len(images)} images, the source gave {start}")
    images.flush()
    labels.flush()
    manifest = {
        **recipe.description,
        "shape": list(recipe.shape),
        "label_shape": list(recipe.label_shape),
        "sha256": _digest(images, labels),
    }
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        if not isinstance(manifest, dict):
            raise ValueError("no JSON object")
        missing = {"name", "shape", "label_shape", "sha256"} - manifest.keys()
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        if len(manifest["shape"]) != 4:
            raise ValueError(f"its shape is {manifest['shape']}")
        return manifest
    except FileNotFoundError:
        raise StoreError(f"{folder} holds no prepared data set (no manifest.json); run the ingestion first") from None
    except (ValueError, TypeError) as error:  # of JSON, of UTF-8, or of the above
        raise StoreError(f"{path} is damaged ({error}); delete the folder, and the next run makes it again") from error


def _open_map(path: Path, shape: list[int]) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(
            f"{path} is missing or truncated ({error}); delete {path.parent}, and the next run makes it again"
        ) from error
    if list(array.shape) != shape:
        raise StoreError(
            f"{path} holds an array of shape {array.shape}, its manifest says {tuple(shape)}; "
            f"delete {path.parent}, and the next run makes it again"
        )
    return array


def _digest(*arrays: np.ndarray) -> str:
    sha = hashlib.sha256()
    for array in arrays:
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for start in range(0, len(flat), CHUNK):
            sha.update(flat[start : start + CHUNK].data)
    return sha.hexdigest()
