"""The networks of a run, a file each."""

from pathlib import Path

from relation_gan.gan import checkpoint
from relation_gan.gan.networks import Network
from relation_gan.io.base import PathDataset


class NetworksDataset(PathDataset):
    """Networks by name, each `<folder>/<name>.safetensors`; other tensor files of the folder are none of its own."""

    def load(self) -> dict[str, Network]:
        if not self._exists():
            raise FileNotFoundError(f"{self._filepath} holds no network")
        return {path.stem: checkpoint.load_network(path) for path in self._paths()}

    def save(self, data: dict[str, Network]) -> None:
        for name, network in data.items():
            checkpoint.save_network(self._filepath / f"{name}.safetensors", network)

    def _exists(self) -> bool:
        return bool(self._paths())

    def _paths(self) -> list[Path]:
        return [path for path in sorted(self._filepath.glob("*.safetensors")) if "network" in checkpoint.describe(path)]
