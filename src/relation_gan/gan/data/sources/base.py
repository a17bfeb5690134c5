"""What the images of a published data set, or of a folder, look like to the conversion."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
from filelock import FileLock
from PIL import Image

from relation_gan.gan.registry import Registry

T = TypeVar("T")


class SourceError(ValueError):
    """Raw images that are missing or of another form, with where they come from and where they belong."""


class MissingError(SourceError):
    """Raw files that are not there, or not whole. A download may bring them."""


class Source(ABC):
    """The images of one split, in the order of their files.

    Opening one looks at names and sizes, reads labels, and downloads nothing. It travels to other processes,
    by fork or pickle, and opens its files there again.

    Args:
        folder: where the raw files are.
        split: one of `splits`.

    Raises:
        MissingError: the files are not there, or not whole.
        SourceError: the split is unknown.
    """

    title: ClassVar[str]
    home: ClassVar[str]
    """The address that the data set comes from."""
    licence: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]
    fixed: ClassVar[bool] = True
    """A published set, whose files do not change; not so the user's own."""
    packaged: ClassVar[bool] = False
    """The images come with a Python package: there are no raw files, and the folder means nothing."""

    labels: np.ndarray
    """int64 (N,): the class of each image, -1 for none."""
    classes: tuple[str, ...] = ()
    """The names of the classes, if there are any."""
    files: dict[str, int]
    """The raw files that the split is made of and their sizes in bytes; of a folder, how many images it holds."""

    def __init__(self, folder: Path, split: str) -> None:
        if split not in self.splits:
            raise SourceError(f"{self.title} has no split '{split}'; choose one of: {', '.join(self.splits)}")
        self.folder, self.split = folder, split

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names and sizes of all files, to notice that they have changed."""
        sha = hashlib.sha256()
        for name, size in self._sizes():
            sha.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
        return sha.hexdigest()

    def _sizes(self) -> Iterator[tuple[str, int]]:
        yield from self.files.items()

    @abstractmethod
    def name(self, index: int) -> str:
        """The name of an image in its data set, for messages."""

    @abstractmethod
    def image(self, index: int) -> Image.Image:
        """One image as stored, whatever its size and mode.

        Raises:
            OSError or ValueError: it cannot be read.
        """

    @classmethod
    def download(cls, folder: Path, split: str) -> None:
        """Bring the raw files of a split to the folder, resuming where an earlier download stopped.

        Raises:
            OSError or SourceError: it failed, or the files cannot be had without a person.
        """
        raise SourceError(f"{cls.title} cannot be downloaded by a program")

    def missing(self, files: Iterable[str], why: str = "") -> MissingError:
        """The error that says which files are missing or damaged, where they belong and where they come from."""
        return MissingError(
            f"{self.title} needs {', '.join(files)} in {self.folder}: missing or damaged{why and f' ({why})'}; "
            f"they come from {self.home} (licence: {self.licence})"
        )


class PerProcess(Generic[T]):
    """Something open that every process opens for itself: a handle from before a fork shares its position."""

    def __init__(self, opener: Callable[..., T], *args: Any, **options: Any) -> None:
        self._make = opener, args, options
        self._opened: tuple[int, T] | None = None

    def __call__(self) -> T:
        if self._opened is None or self._opened[0] != os.getpid():
            opener, args, options = self._make
            self._opened = os.getpid(), opener(*args, **options)
        return self._opened[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}


registry: Registry[Source] = Registry("source")
register = registry.register
names = registry.names


def source_class(name: str) -> type[Source]:
    """The reader of that name, to look at its splits without its files.

    Raises:
        ValueError: there is none.
    """
    return cast(type[Source], registry.entry(name))


def open_source(name: str, folder: Path, split: str, download: bool = True) -> Source:
    """Open the images of a split, after downloading them if they are missing or damaged.

    Args:
        folder: where the raw files are, or are downloaded to.

    Raises:
        SourceError: they are not there and cannot be had, or the split is unknown.
        ValueError: no source has that name.
    """
    reader, folder = source_class(name), Path(folder).expanduser()
    try:
        return reader(folder, split)
    except MissingError as error:
        if not download:
            raise
        missing = error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A second process waits for the first, and finds the files.
        with FileLock(folder / ".download.lock"):
            with suppress(MissingError):
                return reader(folder, split)
            reader.download(folder, split)
    except (OSError, SourceError) as error:
        raise SourceError(
            f"{missing}. The download failed: {error}. A rerun resumes there, or put the files there by hand"
        ) from error
    return reader(folder, split)
