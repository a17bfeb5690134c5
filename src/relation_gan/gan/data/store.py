"""The one on-disk form of a data set: a memory map of uint8 images, labels and a manifest.

<folder>/images.npy      uint8 (N, C, H, W)
<folder>/labels.npy      int64 (N,) or (N, k)
<folder>/manifest.json   name, source, preparation, count, shape and the SHA-256 of the content
<folder>/held_out/       a store of the images that no training sees, if there are any
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from relation_gan.gan.data.conversion import Recipe, StoreError, convert, read_header

logger = logging.getLogger(__name__)

CHUNK = 1 << 24

NAMED = 100
"""Skipped images that the manifest names."""


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

    @property
    def n_classes(self) -> int:
        """How many classes the labels number: 0 if not every image has one."""
        return len(self.manifest.get("classes", []))

    @property
    def held_out(self) -> "ImageStore | None":
        """The images that no training sees, if there are any."""
        folder = self.folder / "held_out"
        return ImageStore(folder) if folder.exists() else None

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

    def spread(self, count: int) -> np.ndarray:
        """Indices of `count` images, or of all if there are fewer, spread evenly: a store may be sorted by class."""
        return np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_images": None}

    def verify(self) -> None:
        """Read the whole content and compare its digest with the manifest's.

        Raises:
            StoreError: they differ, or a file is truncated.
        """
        _ = self.images, self.labels  # whole, and of the shapes that the manifest says
        found = _digest(self.folder)
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
    """Make a store, unless the folder already holds the one of this recipe. It appears whole or not at all.

    What an interrupted call has converted is kept next to the folder, and the next call resumes there. A second
    process that wants the same store waits for the first.

    Raises:
        StoreError: the disk has not enough room, or the recipe gives too few images.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not is_made(folder, recipe.description):
            partial = folder.with_name(f".{folder.name}.partial")
            _check_space(partial, recipe)
            _make(partial, recipe)
            for journal in partial.rglob("journal.jsonl"):
                journal.unlink()
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(partial, folder)
    return ImageStore(folder)


def is_made(folder: Path, description: dict[str, Any]) -> bool:
    """Whether the folder holds a store of this description."""
    if not (folder / "manifest.json").exists():
        return False
    manifest = read_manifest(folder)
    return {key: manifest.get(key) for key in description} == json.loads(json.dumps(description))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process makes the same store meanwhile."""
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning("Another process is making %s; waiting for it", folder)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _check_space(partial: Path, recipe: Recipe) -> None:
    there = sum(512 * path.stat().st_blocks for path in partial.rglob("*.npy")) if partial.exists() else 0
    free = shutil.disk_usage(partial.parent).free
    if recipe.nbytes - there > free:
        raise StoreError(
            f"the store of {recipe.description['name']} needs {(recipe.nbytes - there) / 1e9:,.1f} GB in "
            f"{partial.parent}, where {free / 1e9:,.1f} GB are free; make room, or lower data.subset or data.size"
        )


def _make(folder: Path, recipe: Recipe) -> None:
    skipped = convert(folder, recipe)
    if recipe.held_out:
        _make(folder / "held_out", recipe.held_out)
    arrays = {name: _open_map(folder / f"{name}.npy") for name in ("images", "labels")}
    manifest = {
        **recipe.description,
        "shape": list(arrays["images"].shape),
        "label_shape": list(arrays["labels"].shape),
        "skipped": {"count": len(skipped), "first": dict(list(skipped.items())[:NAMED])},
        "sha256": _digest(folder),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


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


def _open_map(path: Path, shape: list[int] | None = None) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(
            f"{path} is missing or truncated ({error}); delete {path.parent}, and the next run makes it again"
        ) from error
    if shape is not None and list(array.shape) != shape:
        raise StoreError(
            f"{path} holds an array of shape {array.shape}, its manifest says {tuple(shape)}; "
            f"delete {path.parent}, and the next run makes it again"
        )
    return array


def _digest(folder: Path) -> str:
    """SHA-256 of images and labels, read past the maps so that a large store does not fill this process."""
    sha = hashlib.sha256()
    for name in ("images.npy", "labels.npy"):
        with (folder / name).open("rb") as file:
            read_header(file)
            while block := file.read(CHUNK):
                sha.update(block)
    return sha.hexdigest()
