"""Images that are a file each, in a folder or a zip file: one's own, and CelebA-HQ."""

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from relation_gan.gan.data.sources.base import PerProcess, Source, SourceError, register

UNREADABLE = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
"""Formats that Pillow names, and reads only with another program, or not at all."""


@cache
def extensions() -> frozenset[str]:
    """The endings of the files that Pillow reads, in lower case."""
    # Pillow tries its formats in the order in which they were loaded: the common ones first halve the time to open one.
    Image.preinit()
    Image.init()
    return frozenset(
        ending
        for ending, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in UNREADABLE
    )


class ImageArchive:
    """The images in a folder or a zip file and all folders in it, but hidden ones.

    Raises:
        OSError: it cannot be read.
        zipfile.BadZipFile: it is a file, and no zip file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip = None if path.is_dir() else PerProcess(zipfile.ZipFile, path)
        self.others = 0
        """Files that are no images."""
        self.names: list[str] = []
        """Paths of the images from the top of the folder or zip file, sorted."""
        for name in self._walk() if self.zip is None else self._members(self.zip()):
            if os.path.splitext(name)[1].lower() in extensions():
                self.names.append(name)
            else:
                self.others += 1
        self.names.sort()

    def _walk(self) -> Iterator[str]:
        def fail(error: OSError) -> NoReturn:
            raise error

        top = os.fspath(self.path)
        seen = set()  # A link may lead back to a folder that it lies in.
        for folder, folders, files in os.walk(top, onerror=fail, followlinks=True):
            about = os.stat(folder)
            if (about.st_dev, about.st_ino) in seen:
                folders.clear()
                continue
            seen.add((about.st_dev, about.st_ino))
            folders[:] = sorted(name for name in folders if not _hidden(name))
            prefix = os.path.relpath(folder, top).replace(os.sep, "/") + "/"
            prefix = "" if prefix == "./" else prefix
            yield from (prefix + name for name in files if not _hidden(name))

    @staticmethod
    def _members(archive: zipfile.ZipFile) -> Iterator[str]:
        for name in archive.namelist():
            if not name.endswith("/") and not any(map(_hidden, name.split("/"))):
                yield name

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: it cannot be read.
        """
        if self.zip is None:
            with open(os.path.join(self.path, name), "rb") as file:
                return file.read()
        try:
            return self.zip().read(name)
        # The last three: damaged content, a password, and a compression that Python lacks.
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise OSError(str(error)) from error

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of the images."""
        if self.zip is None:
            yield from ((name, os.path.getsize(os.path.join(self.path, name))) for name in self.names)
        else:
            yield from ((name, self.zip().getinfo(name).file_size) for name in self.names)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


@register("image_folder")
class ImageFolder(Source):
    """Images of any size and mode, in a folder or a zip file, or a folder with nothing but that zip file.

    If all lie in subfolders, two or more, those are the classes; a folder that all share is none.
    """

    title = "Folder of images"
    home = "your own"
    licence = "that of the images"
    splits = ("all",)
    fixed = False

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        try:
            self.archive = ImageArchive(folder)
            packed = list(folder.glob("*.zip"))
            if not self.archive.names and len(packed) == 1:
                self.archive = ImageArchive(packed[0])
        except FileNotFoundError:
            raise self.refusal("there is no such folder or zip file") from None
        except (OSError, zipfile.BadZipFile) as error:
            raise self.refusal(f"it is neither a folder nor a zip file that can be read ({error})") from error
        names = self.archive.names
        if not names:
            raise self.refusal(f"no image there, among {self.archive.others} files")
        self.files = {self.archive.path.name: len(names)}
        folders = [os.path.dirname(name) for name in names]
        shared = len(os.path.commonpath(folders))  # such as the folder that a zip file was made of
        tops = [folder[shared:].strip("/").partition("/")[0] for folder in folders]
        found = sorted(set(tops))
        if len(found) > 1 and "" not in found:
            self.classes = tuple(found)
            numbers = {top: number for number, top in enumerate(found)}
            self.labels = np.array([numbers[top] for top in tops])
        else:
            self.labels = np.full(len(tops), -1)

    def refusal(self, why: str) -> SourceError:
        return SourceError(f"{self.folder}: {why}")

    def _sizes(self) -> Iterator[tuple[str, int]]:
        return self.archive.sizes()

    def name(self, index: int) -> str:
        return self.archive.names[index]

    def image(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self.archive.read(self.name(index))))


@register("celeba_hq")
class CelebaHq(ImageFolder):
    """The 30,000 images, in any of the sizes and forms in which they are passed on."""

    title = "CelebA-HQ"
    home = "https://github.com/tkarras/progressive_growing_of_gans"
    licence = "CC BY-NC 4.0; CelebA's images: non-commercial research only"

    def refusal(self, why: str) -> SourceError:
        return self.missing(["its images, unpacked or as a zip file,"], why)
