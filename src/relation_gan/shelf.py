"""Folders whose content is made from one thing, and what becomes of it when that changes."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from relation_gan.gan.checkpoint import fingerprint

LABEL = "made_from.json"
ASIDE = ".earlier"
"""What is added to a folder's name for the place of its earlier contents."""


class Label(NamedTuple):
    """What the content of a folder is made from."""

    sha256: str
    made_from: dict[str, Any]


class Shelf:
    """A folder with a label. Content of another label is set aside, and taken back when its label is wanted again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def label(self) -> Label | None:
        """What the content is made from; of content without a label, nothing is known. None if there is none."""
        try:
            return Label(**json.loads((self.folder / LABEL).read_text()))
        except FileNotFoundError:
            return Label("unknown", {}) if self.folder.is_dir() and any(self.folder.iterdir()) else None

    def holds(self, made_from: dict[str, Any]) -> bool:
        """Whether the content is made from this."""
        label = self.label()
        return label is not None and label.sha256 == fingerprint(made_from)

    def claim(self, made_from: dict[str, Any]) -> None:
        """Let the folder hold what is made from this, and nothing else, and lose nothing that it held."""
        wanted = Label(fingerprint(made_from), made_from)
        there = self.label()
        if there and there.sha256 == wanted.sha256:
            return
        if there:
            shutil.rmtree(self.earlier(there.sha256), ignore_errors=True)  # of an interrupted claim
            self.earlier(there.sha256).parent.mkdir(exist_ok=True)
            os.rename(self.folder, self.earlier(there.sha256))
        if self.earlier(wanted.sha256).exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            os.rename(self.earlier(wanted.sha256), self.folder)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{LABEL}.{os.getpid()}.partial"
        partial.write_text(json.dumps(wanted._asdict(), indent=1))
        os.replace(partial, self.folder / LABEL)

    def earlier(self, sha256: str) -> Path:
        """Where content of another label is kept."""
        return self.folder.with_name(f"{self.folder.name}{ASIDE}") / sha256[:12]
