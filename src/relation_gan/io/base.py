"""What the project's datasets share: one path, and a name for it in messages."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset


class PathDataset(AbstractDataset):
    """A dataset at one local path; `load` and `save` are its subclasses'."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
