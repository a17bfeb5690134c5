"""Folders whose content is made from one configuration, and what becomes of it when that changes."""

import itertools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from relation_gan.gan.checkpoint import fingerprint, write_text

LABEL = "made_from.json"
ASIDE = ".earlier"
"""Suffix of the folder that keeps what was moved aside."""


class Label(NamedTuple):
    """What the content of a folder is made from."""

    sha256: str
    made_from: dict[str, Any]


class ArtifactFolder:
    """A folder with a label. Content of another label is moved aside, and moved back when it is wanted again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def label(self) -> Label | None:
        """What the content is made from: `unknown` for content without a label, None for no content."""
        try:
            return Label(**json.loads((self.folder / LABEL).read_text()))
        except FileNotFoundError:
            return Label("unknown", {}) if self.folder.is_dir() and any(self.folder.iterdir()) else None

    def holds(self, made_from: dict[str, Any]) -> bool:
        """Whether the content is made from this."""
        label = self.label()
        return label is not None and label.sha256 == fingerprint(made_from)

    def activate(self, made_from: dict[str, Any]) -> None:
        """Make this what the folder holds, or is to hold. Other content is moved aside; nothing is ever deleted."""
        wanted = Label(fingerprint(made_from), made_from)
        current = self.label()
        if current and current.sha256 == wanted.sha256:
            return
        if current:
            aside = self.earlier(current.sha256)
            aside.parent.mkdir(exist_ok=True)
            # Content without a label can have been moved aside before.
            numbered = (aside.with_name(f"{aside.name}-{n}") for n in itertools.count(2))
            free = aside if not aside.exists() else next(path for path in numbered if not path.exists())
            os.rename(self.folder, free)
        if self.earlier(wanted.sha256).exists():
            if self.folder.exists():
                self.folder.rmdir()  # It is empty.
            os.rename(self.earlier(wanted.sha256), self.folder)
            return
        write_text(self.folder / LABEL, json.dumps(wanted._asdict(), indent=1))

    def earlier(self, sha256: str) -> Path:
        """Where content of another label is kept."""
        return self.folder.with_name(f"{self.folder.name}{ASIDE}") / sha256[:12]
