"""STL-10, whose 2.7 GB stay on the disk."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from relation_gan.gan.data.sources.base import PerProcess, Source, register
from relation_gan.gan.data.sources.download import fetch

PICTURE = 3 * 96 * 96
"""Bytes of an image: three planes of 96 columns."""

PARTS = {
    "train": ("train",),
    "test": ("test",),
    "unlabelled": ("unlabeled",),
    "train_unlabelled": ("train", "unlabeled"),
}
COUNTS = {"train": 5_000, "test": 8_000, "unlabeled": 100_000}


def _open_map(path: Path) -> np.ndarray:
    """Images (N, 96, 96, 3)."""
    return np.memmap(path, np.uint8, "r").reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)


@register("stl10")
class Stl10(Source):
    """Binary files in `stl10_binary`, or the archive of them, which is unpacked."""

    title = "STL-10"
    home = "https://cs.stanford.edu/~acoates/stl10"
    licence = "none stated; images from ImageNet"
    splits = tuple(PARTS)
    classes = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        from torchvision.datasets import STL10
        from torchvision.datasets.utils import check_integrity, extract_archive

        binary, archive = folder / STL10.base_folder, folder / STL10.filename
        sizes = {}
        for part in PARTS[split]:
            sizes[f"{part}_X.bin"] = COUNTS[part] * PICTURE
            if part != "unlabeled":
                sizes[f"{part}_y.bin"] = COUNTS[part]

        def lacking() -> list[str]:
            return [
                f"{STL10.base_folder}/{name}"
                for name, size in sizes.items()
                if not (binary / name).is_file() or os.path.getsize(binary / name) != size
            ]

        if lacking() and check_integrity(archive, STL10.tgz_md5):
            extract_archive(archive, folder)
        if files := lacking():
            raise self.missing(files, f"they are unpacked from {STL10.filename}")
        self.files = {f"{STL10.base_folder}/{name}": size for name, size in sizes.items()}
        self.parts = {part: PerProcess(_open_map, binary / f"{part}_X.bin") for part in PARTS[split]}
        self.labels = np.concatenate(
            [
                np.full(COUNTS[part], -1)
                if part == "unlabeled"
                else np.fromfile(binary / f"{part}_y.bin", np.uint8).astype(np.int64) - 1
                for part in self.parts
            ]
        )

    def _locate(self, index: int) -> tuple[str, int]:
        """The part that an image lies in, and its place there."""
        first, *more = self.parts
        return (more[0], index - COUNTS[first]) if more and index >= COUNTS[first] else (first, index)

    def name(self, index: int) -> str:
        part, place = self._locate(index)
        return f"{part}_X.bin[{place}]"

    def image(self, index: int) -> Image.Image:
        part, place = self._locate(index)
        return Image.fromarray(self.parts[part]()[place])

    @classmethod
    def download(cls, folder: Path, split: str) -> None:
        from torchvision.datasets import STL10

        fetch(STL10.url, folder / STL10.filename, STL10.tgz_md5)
