"""The store that a training writes its checkpoints to, as a node's input."""

from relation_gan.gan.state import CheckpointStore
from relation_gan.io.base import PathDataset


class CheckpointStoreDataset(PathDataset):
    """Loads a handle on a run's folder. A node cannot read and write one dataset, so the handle does both."""

    def load(self) -> CheckpointStore:
        return CheckpointStore(self._filepath)

    def save(self, data: object) -> None:
        raise ValueError("a checkpoint store is written through its handle, not saved")

    def _exists(self) -> bool:
        # The handle is there before its first checkpoint, so that a node may take it as an input.
        return True
