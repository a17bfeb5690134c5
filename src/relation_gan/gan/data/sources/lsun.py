"""LSUN bedrooms: 3,033,042 images in an LMDB database."""

import io
import os
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image

from relation_gan.gan.data.sources.base import Source, register

_opened: dict[Path, tuple[int, lmdb.Environment]] = {}
"""Databases and the processes that opened them."""


def _database(path: Path, reopen: bool = False) -> lmdb.Environment:
    """A database, open for reading. LMDB opens none twice in a process, and none that was open before a fork."""
    pid, database = _opened.get(path, (0, None))
    if database is not None:
        if pid == os.getpid() and not reopen:
            return database
        database.close()
    _opened[path] = os.getpid(), lmdb.open(str(path), readonly=True, lock=False, readahead=False, meminit=False)
    return _opened[path][1]


@register("lsun_bedroom")
class LsunBedroom(Source):
    """The unpacked folders `bedroom_train_lmdb` and `bedroom_val_lmdb`."""

    title = "LSUN bedroom"
    home = "http://dl.yf.io/lsun/scenes (bedroom_train_lmdb.zip: 43 GB; bedroom_val_lmdb.zip: 5 MB; unpack them)"
    licence = "none stated; the images belong to their owners"
    splits = ("train", "val")

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        self.path = folder / f"bedroom_{split}_lmdb"
        file = f"{self.path.name}/data.mdb"
        if not (self.path / "data.mdb").is_file():
            raise self.missing([file])
        self.files = {file: (self.path / "data.mdb").stat().st_size}
        try:
            database = _database(self.path, reopen=True)
            # Reading a page beyond the end of the file would kill the process.
            needed = (database.info()["last_pgno"] + 1) * database.stat()["psize"]
            if needed > self.files[file]:
                raise self.missing([file], f"it has {self.files[file]} of {needed} bytes")
            with database.begin() as transaction:
                self.keys = np.array(list(transaction.cursor().iternext(values=False)), bytes)
        except lmdb.Error as error:
            raise self.missing([file], str(error)) from error
        self.labels = np.full(len(self.keys), -1)
        if not len(self):
            raise self.missing([file], "it is empty")

    def name(self, index: int) -> str:
        return self.keys[index].decode()

    def image(self, index: int) -> Image.Image:
        try:
            with _database(self.path).begin() as transaction:
                content = transaction.get(self.keys[index])
        except lmdb.Error as error:
            raise OSError(str(error)) from error
        return Image.open(io.BytesIO(content or b""))
