"""Pictures made elsewhere, to be scored as they are."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from relation_gan.gan.data.conversion import StoreError
from relation_gan.gan.data.preparation import Preparation
from relation_gan.gan.data.sources.image_files import Pictures


class PictureFiles:
    """The pictures in a folder or a zip file, in the order of their names, none resized.

    Args:
        shape: (C, H, W) that all must have.

    Raises:
        StoreError: there is no picture.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        try:
            self.pictures = Pictures(path)
        except (OSError, BadZipFile) as error:
            raise StoreError(f"{path} is neither a folder nor a zip file that can be read ({error})") from error
        if not self.pictures.names:
            raise StoreError(f"{path} holds no picture, among {self.pictures.others} files")
        self.path, self.shape = path, shape

    def __len__(self) -> int:
        return len(self.pictures.names)

    def batches(self, count: int, size: int) -> Iterator[Tensor]:
        """The first `count` pictures, uint8 (b, C, H, W).

        Raises:
            StoreError: one cannot be read, or has another size.
        """
        for start in range(0, count, size):
            names = self.pictures.names[start : min(start + size, count)]
            yield torch.from_numpy(np.stack([self._read(name) for name in names]))

    def digest(self, count: int) -> str:
        """SHA-256 of the first `count` files."""
        sha = hashlib.sha256()
        for name in self.pictures.names[:count]:
            sha.update(self.pictures.read(name))
        return sha.hexdigest()

    def _read(self, name: str) -> np.ndarray:
        channels, height, width = self.shape
        try:
            with Image.open(BytesIO(self.pictures.read(name))) as picture:
                if picture.size == (width, height):
                    return Preparation(size=width, channels=3 if channels == 3 else 1)(picture)
                found = f"{picture.width}x{picture.height}"
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.path}: {name} cannot be read ({error}); mend or remove it") from error
        raise StoreError(
            f"{self.path}: {name} is {found}, the data set's pictures are {width}x{height}; bring all to that size, "
            "the way they were made to be looked at"
        )
