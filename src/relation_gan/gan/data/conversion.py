"""From a recipe to the arrays of a store: chunk by chunk, on all cores, resuming after a kill.

Workers write their chunks straight into the files, so that no image passes between processes, and memory does not
grow with their number. A journal beside the files names the chunks that are written.
"""

import json
import logging
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

logger = logging.getLogger(__name__)

CHUNK_IMAGES, CHUNK_BYTES = 1024, 1 << 25
"""The largest number of images in a chunk, and its largest size."""

SHOWN = 5
"""Skipped images that a message names."""


class StoreError(ValueError):
    """A store that cannot be made or used, with the remedy."""


@dataclass(frozen=True)
class Chunk:
    """The images first <= i < last of a store."""

    images: np.ndarray
    """uint8 (last - first, C, H, W); what was skipped is left out."""
    labels: np.ndarray
    """int64 (last - first, ...)."""
    skipped: dict[str, str] = field(default_factory=dict)
    """The images that could not be read, and why."""


@dataclass(frozen=True)
class Recipe:
    """How to make a store: what it is, and its chunks, made only when they are needed.

    Args:
        description: JSON-able: name, source, licence, preparation, seed ... Two recipes with the same
            description make the same store.
        shape: (N, C, H, W), N before anything is skipped.
        label_shape: (N,) or (N, k).
        make: the chunk of images first <= i < last, whatever was made before. It travels to other processes.
        skip_limit: the share of the images that may be skipped; more are an error.
        workers: processes that make chunks; 0 for none but this one.
        held_out: the recipe of the images that no training sees.
    """

    description: dict[str, Any]
    shape: tuple[int, int, int, int]
    label_shape: tuple[int, ...]
    make: Callable[[int, int], Chunk]
    skip_limit: float = 0.0
    workers: int = 0
    held_out: "Recipe | None" = None

    @property
    def chunk(self) -> int:
        """Images in a chunk."""
        return max(1, min(CHUNK_IMAGES, CHUNK_BYTES // prod(self.shape[1:])))

    @property
    def nbytes(self) -> int:
        own = prod(self.shape) + 8 * prod(self.label_shape)
        return own + (self.held_out.nbytes if self.held_out else 0)


def convert(folder: Path, recipe: Recipe) -> dict[str, str]:
    """Write `images.npy` and `labels.npy` into a folder, resuming where an earlier call with this recipe stopped.

    Returns the images that were skipped, and why: the last images take their places.

    Raises:
        StoreError: more images than allowed cannot be read, or the recipe gives something else than it says.
    """
    entries = _begin(folder, recipe)
    chunks = _Chunks(folder, recipe)
    missing = [number for number in range(len(chunks)) if number not in entries]
    done = sum(chunks.size(number) for number in entries)
    if entries:
        logger.info("%s: resuming after %d of %d images", recipe.description["name"], done, recipe.shape[0])
    workers = min(recipe.workers, len(missing))
    loader = DataLoader(chunks, None, sampler=missing, num_workers=workers, worker_init_fn=_deaf, in_order=False)
    bar = tqdm(
        total=recipe.shape[0],
        initial=done,
        desc=recipe.description["name"],
        unit="image",
        dynamic_ncols=True,
        # On a terminal only, and not for what takes no time.
        disable=None if recipe.workers else True,
    )
    with bar, (folder / "journal.jsonl").open("a") as journal:
        for entry in loader:
            entries[entry["chunk"]] = entry
            journal.write(json.dumps(entry) + "\n")
            journal.flush()
            bar.update(chunks.size(entry["chunk"]))
            _skipped(entries, recipe)
    written = [row for number in range(len(chunks)) for row in chunks.rows(number, entries[number]["written"])]
    skipped = _skipped(entries, recipe)
    if skipped:
        for path in (folder / "images.npy", folder / "labels.npy"):
            _close_gaps(path, np.array(written))
    return skipped


def _begin(folder: Path, recipe: Recipe) -> dict[int, dict[str, Any]]:
    """What the journal says of the chunks that are written; empty files and an empty journal if there is none."""
    journal = folder / "journal.jsonl"
    header = json.dumps([recipe.description, recipe.shape, recipe.label_shape, recipe.chunk])
    lines = journal.read_text().splitlines() if journal.exists() else []
    entries = {}
    if lines and lines[0] == header:
        for line in lines[1:]:
            try:
                entry = json.loads(line)
            except ValueError:  # The last line of a process that was killed while it wrote.
                break
            entries[entry["chunk"]] = entry
    else:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, recipe.shape)
        np.lib.format.open_memmap(folder / "labels.npy", "w+", np.int64, recipe.label_shape)
    fresh = journal.with_suffix(".new")
    fresh.write_text("\n".join([header, *map(json.dumps, entries.values())]) + "\n")
    os.replace(fresh, journal)
    return entries


def _deaf(worker: int) -> None:
    """Ctrl-C is for the process that started the workers, which ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Chunks(Dataset[dict[str, Any]]):
    """Taking a chunk writes it to the files, and gives the journal's entry."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.recipe = recipe
        self.paths = [folder / "images.npy", folder / "labels.npy"]

    def __len__(self) -> int:
        return -(-self.recipe.shape[0] // self.recipe.chunk)

    def rows(self, number: int, count: int | None = None) -> range:
        """The rows that belong to a chunk, or the first of them."""
        first = number * self.recipe.chunk
        last = min(first + self.recipe.chunk, self.recipe.shape[0])
        return range(first, last if count is None else first + count)

    def size(self, number: int) -> int:
        return len(self.rows(number))

    def __getitem__(self, number: int) -> dict[str, Any]:
        rows = self.rows(number)
        made = self.recipe.make(rows.start, rows.stop)
        count = len(rows) - len(made.skipped)
        shapes = ((count, *self.recipe.shape[1:]), (count, *self.recipe.label_shape[1:]))
        for path, array, shape, dtype in zip(
            self.paths, (made.images, made.labels), shapes, (np.uint8, np.int64), strict=True
        ):
            if array.shape != shape or array.dtype != dtype:
                raise StoreError(
                    f"{self.recipe.description['name']}: expected {path.stem} {shape} of {np.dtype(dtype)} from "
                    f"{rows.start} on, the recipe gave {array.shape} of {array.dtype}"
                )
            _write(path, array, rows.start)
        return {"chunk": number, "written": count, "skipped": made.skipped}


def _write(path: Path, array: np.ndarray, row: int) -> None:
    """Write rows of an array file, past Python's buffers and on to the disk, so that the journal tells the truth."""
    with path.open("r+b", buffering=0) as file:
        _, start = read_header(file)
        file.seek(start + row * array.itemsize * prod(array.shape[1:]))
        content = np.ascontiguousarray(array).data.cast("B") if array.size else b""
        while content:
            content = content[file.write(content) :]
        os.fsync(file.fileno())


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], int]:
    """The shape of an array file and where its content starts."""
    np.lib.format.read_magic(file)
    shape, _, _ = np.lib.format.read_array_header_1_0(file)
    return shape, file.tell()


def _skipped(entries: dict[int, dict[str, Any]], recipe: Recipe) -> dict[str, str]:
    """What was skipped, in the order of the source, if it is not too much."""
    skipped = {name: reason for number in sorted(entries) for name, reason in entries[number]["skipped"].items()}
    allowed = min(int(recipe.skip_limit * recipe.shape[0]), recipe.shape[0] - 1)
    if len(skipped) > allowed:
        shown = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:SHOWN])
        more = f" and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
        raise StoreError(
            f"{recipe.description['name']}: {len(skipped)} images cannot be used, {allowed} of {recipe.shape[0]} may "
            f"be skipped (data.skip_limit {recipe.skip_limit:g}): {shown}{more}; mend or remove them, or raise "
            "data.skip_limit"
        )
    return skipped


def _close_gaps(path: Path, written: np.ndarray) -> None:
    """Move the last rows of an array file into its gaps and cut it. Doing it again does no harm."""
    with path.open("rb") as file:
        shape, start = read_header(file)
    if shape[0] != len(written):
        array = np.load(path, mmap_mode="r+")
        gaps = np.setdiff1d(np.arange(len(written)), written)
        for gap, last in zip(gaps, written[written >= len(written)], strict=True):
            array[gap] = array[last]
        array.flush()
    dtype = np.load(path, mmap_mode="r").dtype
    left = (len(written), *shape[1:])
    with path.open("r+b") as file:
        # The header has the same length for any number of rows: numpy leaves room for the first axis to grow.
        np.lib.format.write_array_header_1_0(file, {"descr": dtype.str, "fortran_order": False, "shape": left})
        assert file.tell() == start
        file.truncate(start + prod(left) * dtype.itemsize)
