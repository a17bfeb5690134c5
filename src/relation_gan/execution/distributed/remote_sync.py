"""Files of the project that are also kept in a storage which every node of a cluster reaches."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import uuid4

import click
from fsspec.core import url_to_fs

from relation_gan.execution.artifact_folder import ASIDE

logger = logging.getLogger(__name__)

CHECKPOINT, PARTIAL = "checkpoint.safetensors", ".partial"
"""The ends of names: of files that are sent after all others, and of files that are not whole yet."""
SECONDS = 1.0
"""Between two checks for files that a run has written."""
ATTEMPTS = 5
"""Tries to send the last files, at growing intervals, before the run counts as failed."""


class Kept(NamedTuple):
    """A file in the storage."""

    size: int
    modified: float


class Mirror:
    """Folders and files of a project, and their copies at a path or an fsspec URL.

    Copies appear whole or not at all, and a checkpoint never before the files that belong to it.

    Args:
        project: the folder that `paths` are relative to, here and in the storage.

    Raises:
        click.ClickException: the URL cannot be used.
    """

    def __init__(self, url: str, project: Path, paths: Sequence[str]) -> None:
        try:
            self._fs, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise click.ClickException(
                f"parameter 'parallel.storage' is '{url}': {error}; name a path, or a URL whose package is installed"
            ) from None
        self.project, self.paths = project, list(paths)
        self._same: dict[str, int] = {}
        """The time stamps of files here that are the same in the storage."""
        self._compared: set[str] = set()

    def fetch(self) -> None:
        """Make the files here what they are in the storage; a path that is not in the storage is left alone.

        To folders of what was moved aside, files are only added.
        """
        for path in self.paths:
            kept = self._there(path)
            for name in self._here(path).keys() - kept.keys() if kept and not path.endswith(ASIDE) else ():
                (self.project / name).unlink(missing_ok=True)
            for name, there in kept.items():
                file = self.project / name
                stamp = int(there.modified * 1e9)
                if not file.exists() or (file.stat().st_size, file.stat().st_mtime_ns) != (there.size, stamp):
                    partial = file.with_name(f"{file.name}.{uuid4().hex}{PARTIAL}")
                    partial.parent.mkdir(parents=True, exist_ok=True)
                    self._fs.get_file(f"{self._root}/{name}", str(partial))
                    os.utime(partial, ns=(stamp, stamp))
                    os.replace(partial, file)
                self._same[name] = file.stat().st_mtime_ns
            self._compared.add(path)

    def send(self) -> None:
        """Copy what is newer here to the storage, and remove from it what was removed here."""
        for path in self.paths:
            if path not in self._compared:
                self._compare(path)
        with ExitStack() as opened:
            # Checkpoints are opened before the others are listed, and sent after them.
            held = self._open(opened, lambda name: name.endswith(CHECKPOINT))
            others = self._open(opened, lambda name: not name.endswith(CHECKPOINT))
            here = self._all()
            for name, file in (others | held).items():
                target = f"{self._root}/{name}"
                self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
                partial = f"{target}.{uuid4().hex}{PARTIAL}"
                with self._fs.open(partial, "wb") as copy:
                    shutil.copyfileobj(file, copy, 2**20)
                self._fs.mv(partial, target)
                self._same[name] = os.fstat(file.fileno()).st_mtime_ns
        for name in self._same.keys() - here.keys():
            self._fs.rm(f"{self._root}/{name}")
            del self._same[name]

    def _open(self, stack: ExitStack, chosen: Callable[[str], bool]) -> dict[str, BinaryIO]:
        """The chosen files that changed, the oldest first; an open file keeps its content when another replaces it."""
        found = {}
        for stamp, name in sorted((stamp, name) for name, stamp in self._all().items() if chosen(name)):
            with suppress(FileNotFoundError):  # removed meanwhile
                if self._same.get(name) != stamp:
                    found[name] = stack.enter_context((self.project / name).open("rb"))
        return found

    def _all(self) -> dict[str, int]:
        return {name: stamp for path in self.paths for name, stamp in self._here(path).items()}

    def _compare(self, path: str) -> None:
        """Find which files the storage has already."""
        here = self._here(path)
        for name, kept in self._there(path).items():
            if name in here and (self.project / name).stat().st_size == kept.size and here[name] <= kept.modified * 1e9:
                self._same[name] = here[name]
        self._compared.add(path)

    def offer(self) -> None:
        """Send the paths of which the storage has nothing yet."""
        everything = self.paths
        self.paths = [path for path in everything if not self._there(path)]
        self.send()
        self.paths = everything

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Send what changes as it changes, and at the end; failures are tried again."""
        stop = threading.Event()

        def follow() -> None:
            while not stop.wait(SECONDS):
                try:
                    self.send()
                except Exception as error:  # noqa: BLE001  Storages have exceptions of their own.
                    logger.warning("%s does not take files (%s); trying again, training continues", self._root, error)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self.send()
                    break
                except Exception:
                    if attempt == ATTEMPTS:
                        raise
                    time.sleep(2**attempt)

    def _here(self, path: str) -> dict[str, int]:
        """Time stamps (ns) of the files below a path, by their paths in the project."""
        place = self.project / path
        files = place.rglob("*") if place.is_dir() else [place]
        found = {}
        for file in files:
            with suppress(FileNotFoundError):  # removed meanwhile, or never there
                if not file.name.endswith(PARTIAL) and not file.is_dir():
                    found[file.relative_to(self.project).as_posix()] = file.stat().st_mtime_ns
        return found

    def _there(self, path: str) -> dict[str, Kept]:
        self._fs.invalidate_cache()
        found = self._fs.find(f"{self._root}/{path}", detail=True)
        return {
            name.removeprefix(self._root).lstrip("/"): Kept(info["size"], self._fs.modified(name).timestamp())
            for name, info in found.items()
            if not name.endswith(PARTIAL)
        }
