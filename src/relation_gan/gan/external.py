"""Samples made elsewhere, or earlier: a generator's file, a checkpoint, or a folder or zip file of images."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import cast
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image

from relation_gan.gan import checkpoint, networks
from relation_gan.gan.checkpoint import CheckpointError
from relation_gan.gan.data.conversion import StoreError
from relation_gan.gan.data.preparation import Preparation
from relation_gan.gan.data.sources.image_files import ImageArchive
from relation_gan.gan.networks import Generator
from relation_gan.gan.sampling import DivergedError, GeneratorSampler, Sample


class ExternalError(ValueError):
    """Samples that cannot be scored, with the remedy."""


class ImageFiles:
    """The images in a folder or a zip file, in the order of their names, none resized.

    Args:
        shape: (C, H, W) that all must have.

    Raises:
        StoreError: there is no image.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        try:
            self.files = ImageArchive(path)
        except (OSError, BadZipFile) as error:
            raise StoreError(f"{path} is neither a folder nor a zip file that can be read ({error})") from error
        if not self.files.names:
            raise StoreError(f"{path} holds no image, among {self.files.others} files")
        self.path, self.shape = path, shape

    def __len__(self) -> int:
        return len(self.files.names)

    def batches(self, count: int, seed: int, size: int) -> Iterator[Sample]:
        """The first `count` images, uint8 (b, C, H, W), whatever the seed.

        Raises:
            StoreError: one cannot be read, or has another size.
        """
        for start in range(0, count, size):
            names = self.files.names[start : min(start + size, count)]
            yield Sample(torch.from_numpy(np.stack([self._read(name) for name in names])))

    def digest(self, count: int) -> str:
        """SHA-256 of the first `count` files."""
        sha = hashlib.sha256()
        for name in self.files.names[:count]:
            sha.update(self.files.read(name))
        return sha.hexdigest()

    def _read(self, name: str) -> np.ndarray:
        channels, height, width = self.shape
        try:
            with Image.open(BytesIO(self.files.read(name))) as image:
                if image.size == (width, height):
                    return Preparation(size=width, channels=3 if channels == 3 else 1)(image)
                found = f"{image.width}x{image.height}"
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.path}: {name} cannot be read ({error}); repair or remove it") from error
        raise StoreError(
            f"{self.path}: {name} is {found}, the data set's images are {width}x{height}; bring all to that size, the "
            "way they were made to be seen"
        )


def open_external(path: str, shape: tuple[int, ...]) -> GeneratorSampler | ImageFiles:
    """A sampler of what is to be scored.

    Args:
        path: a generator's file, a training's checkpoint, or a folder or zip file of images.
        shape: of the data's samples: (C, H, W), or (2,) of points.

    Raises:
        ExternalError: it is none of these, or its samples are not of that shape.
    """
    if not path:
        raise ExternalError(
            "parameter 'evaluate.samples' is missing: --params=evaluate.samples=<a generator.safetensors, or a folder "
            "or zip file of images>"
        )
    place = Path(path).expanduser()
    if not place.exists():
        raise ExternalError(f"parameter 'evaluate.samples' is {path!r}: there is no such file or folder")
    try:
        if place.suffix != ".safetensors":
            if len(shape) != 3:
                raise ExternalError(f"{path}: images cannot be compared with points; choose another --env")
            return ImageFiles(place, cast(tuple[int, int, int], shape))
        sampler = GeneratorSampler(load_generator(place))
        drawn = next(sampler.batches(1, 0, 1)).output
    except (CheckpointError, StoreError) as error:
        raise ExternalError(str(error)) from None
    except DivergedError as error:
        raise ExternalError(f"{path}: {error}; there is nothing to score") from None
    if drawn.shape[1:] != shape:
        raise ExternalError(
            f"{path} makes samples of shape {tuple(drawn.shape[1:])}, the data's are {tuple(shape)}; choose the --env "
            "that it was trained with"
        )
    return sampler


def load_generator(path: Path) -> Generator:
    """A generator from its own file, or the EMA generator of a training's checkpoint.

    Raises:
        CheckpointError: the file is damaged, or holds neither.
    """
    tensors, description = checkpoint.load(path)
    if "network" in description:
        network = checkpoint.load_network(path)
        if not isinstance(network, Generator):
            raise CheckpointError(f"{path} holds a {description['network'].get('name')}, which is no generator")
        return network
    try:
        generator = networks.create(**description["config"]["run"]["networks"]["generator"])
        start = "ema/generator/"
        generator.load_state_dict({key.removeprefix(start): of for key, of in tensors.items() if key.startswith(start)})
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds no generator that this version can build ({error})") from error
    return cast(Generator, generator.eval())
