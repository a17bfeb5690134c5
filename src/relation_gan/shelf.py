"""Folders whose content is made from one thing, and what becomes of it when that changes."""

import itertools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from relation_gan.gan.checkpoint import fingerprint, write_text

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
        """Let the folder hold what is made from this, and nothing else. Nothing is ever deleted."""
        wanted = Label(fingerprint(made_from), made_from)
        there = self.label()
        if there and there.sha256 == wanted.sha256:
            return
        if there:
            aside = self.earlier(there.sha256)
            aside.parent.mkdir(exist_ok=True)
            # Content without a label can have been set aside before.
            taken = (aside.with_name(f"{aside.name}-{n}") for n in itertools.count(2))
            os.rename(self.folder, aside if not aside.exists() else next(of for of in taken if not of.exists()))
        if self.earlier(wanted.sha256).exists():
            if self.folder.exists():
                self.folder.rmdir()  # It is empty.
            os.rename(self.earlier(wanted.sha256), self.folder)
            return
        write_text(self.folder / LABEL, json.dumps(wanted._asdict(), indent=1))

    def earlier(self, sha256: str) -> Path:
        """Where content of another label is kept."""
        return self.folder.with_name(f"{self.folder.name}{ASIDE}") / sha256[:12]
