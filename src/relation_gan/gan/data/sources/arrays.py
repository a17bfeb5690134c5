"""Published sets that fit into memory: MNIST, Fashion-MNIST, SVHN and CIFAR-10."""

import gzip
import zlib
from abc import abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from relation_gan.gan.data.sources.base import Source, register
from relation_gan.gan.data.sources.download import fetch, fetch_from


class Part(NamedTuple):
    """A part of a set as it is published."""

    images: np.ndarray
    """uint8 (N, H, W) or (N, H, W, 3)."""
    labels: np.ndarray
    paths: list[Path]


class ArraySource(Source):
    """A set that is published in the parts `train` and `test`, which are read whole."""

    splits = ("train", "test", "all")

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        parts = {part: self.read(part) for part in self.parts(split)}
        images = [part.images for part in parts.values()]
        self.images = images[0] if len(images) == 1 else np.concatenate(images)  # a copy, which SVHN's 1.6 GB spare
        self.labels = np.concatenate([part.labels for part in parts.values()]).astype(np.int64)
        self.counts = {name: len(part.labels) for name, part in parts.items()}
        self.files = {
            str(path.relative_to(folder)): path.stat().st_size for part in parts.values() for path in part.paths
        }

    @staticmethod
    def parts(split: str) -> tuple[str, ...]:
        return ("train", "test") if split == "all" else (split,)

    @abstractmethod
    def read(self, part: str) -> Part:
        """The images and labels of a part.

        Raises:
            MissingError: its files are not there, or not whole.
        """

    def name(self, index: int) -> str:
        for part, count in self.counts.items():
            if index < count:
                return f"{part}[{index}]"
            index -= count
        raise IndexError(f"{self.title}, {self.split} has {len(self)} images")

    def image(self, index: int) -> Image.Image:
        return Image.fromarray(self.images[index])


@register("mnist")
class Mnist(ArraySource):
    """IDX files, compressed or not, in `MNIST/raw`, where torchvision expects them, or in the folder itself."""

    title = "MNIST"
    home = "http://yann.lecun.com/exdb/mnist, or https://ossci-datasets.s3.amazonaws.com/mnist"
    licence = "CC BY-SA 3.0"
    classes = tuple("0123456789")

    @staticmethod
    def published() -> Any:
        """torchvision's class, which knows the addresses and checksums."""
        from torchvision.datasets import MNIST  # an import of a second, which the other sources do not need

        return MNIST

    @classmethod
    def resources(cls, part: str) -> list[tuple[str, str]]:
        """Names and MD5s of the compressed files: the images, and the labels."""
        prefix = "train" if part == "train" else "t10k"
        return sorted(resource for resource in cls.published().resources if resource[0].startswith(prefix))

    def read(self, part: str) -> Part:
        images, labels = (name for name, _ in self.resources(part))
        read = [self._idx(images, 3), self._idx(labels, 1)]
        if len(read[0][0]) != len(read[1][0]):
            raise self.missing([images, labels], "there are not as many images as labels")
        return Part(read[0][0], read[1][0], [path for _, path in read])

    def _idx(self, name: str, dimensions: int) -> tuple[np.ndarray, Path]:
        """The array of an IDX file: two zeros, the type (8 for uint8), the number of dimensions, and each of them."""
        raw = self.folder / self.published().__name__ / "raw"
        # What a download brings comes first, so that it mends a damaged copy.
        choices = [folder / file for folder in (raw, self.folder) for file in (name, name.removesuffix(".gz"))]
        for path in choices:
            if path.is_file():
                break
        else:
            raise self.missing([name])
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            if content[:4] != bytes([0, 0, 8, dimensions]):
                raise ValueError("no IDX file of uint8")
            shape = np.frombuffer(content, ">i4", dimensions, 4)
            return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape), path
        except (EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
            raise self.missing([str(path.relative_to(self.folder))], str(error)) from error

    @classmethod
    def download(cls, folder: Path, split: str) -> None:
        published = cls.published()
        for part in cls.parts(split):
            for name, md5 in cls.resources(part):
                path = folder / published.__name__ / "raw" / name
                fetch_from([mirror + name for mirror in published.mirrors], path, md5)


@register("fashion_mnist")
class FashionMnist(Mnist):
    """As MNIST, in `FashionMNIST/raw`."""

    title = "Fashion-MNIST"
    home = "https://github.com/zalandoresearch/fashion-mnist"
    licence = "MIT"
    classes = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )

    @staticmethod
    def published() -> Any:
        from torchvision.datasets import FashionMNIST

        return FashionMNIST


@register("svhn")
class Svhn(ArraySource):
    """Street View house numbers, cropped digits: MATLAB files, read and verified by torchvision."""

    title = "SVHN"
    home = "http://ufldl.stanford.edu/housenumbers"
    licence = "non-commercial use only"
    splits = ("train", "test", "all", "extra")
    classes = tuple("0123456789")

    def read(self, part: str) -> Part:
        from torchvision.datasets import SVHN

        path = self.folder / SVHN.split_list[part][1]
        try:
            read = SVHN(self.folder, part)
        except RuntimeError:
            raise self.missing([path.name]) from None
        return Part(read.data.transpose(0, 2, 3, 1), read.labels, [path])

    @classmethod
    def download(cls, folder: Path, split: str) -> None:
        from torchvision.datasets import SVHN

        for part in cls.parts(split):
            url, name, md5 = SVHN.split_list[part]
            fetch(url, folder / name, md5)


@register("cifar10")
class Cifar10(ArraySource):
    """Pickled batches, read and verified by torchvision, which also unpacks the archive if only that is there."""

    title = "CIFAR-10"
    home = "https://www.cs.toronto.edu/~kriz/cifar.html"
    licence = "none stated; cite Krizhevsky 2009"
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

    def read(self, part: str) -> Part:
        from torchvision.datasets import CIFAR10
        from torchvision.datasets.utils import check_integrity

        batches = self.folder / CIFAR10.base_folder
        names = [name for name, _ in (CIFAR10.train_list if part == "train" else CIFAR10.test_list)]
        try:
            whole = check_integrity(self.folder / CIFAR10.filename, CIFAR10.tgz_md5)
            read = CIFAR10(self.folder, part == "train", download=whole)  # finds the archive, and downloads nothing
        except RuntimeError:
            raise self.missing([CIFAR10.filename], f"or, unpacked, {CIFAR10.base_folder}") from None
        return Part(read.data, np.array(read.targets), [batches / name for name in names])

    @classmethod
    def download(cls, folder: Path, split: str) -> None:
        from torchvision.datasets import CIFAR10

        fetch(CIFAR10.url, folder / CIFAR10.filename, CIFAR10.tgz_md5)
