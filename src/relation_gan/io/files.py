"""Files of tensors, networks and images."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from kedro_datasets._typing import ImagePreview, JSONPreview
from PIL import Image

from relation_gan.gan import checkpoint
from relation_gan.gan.history import History
from relation_gan.gan.networks import Network
from relation_gan.gan.scoring.panels import Panel, pack, unpack
from relation_gan.io.base import PathDataset


class NetworkDataset(PathDataset):
    """A network made by `networks.create`, as safetensors that describe how to build it again."""

    def load(self) -> Network:
        return checkpoint.load_network(self._filepath)

    def save(self, data: Network) -> None:
        checkpoint.save_network(self._filepath, data)


class TensorsDataset(PathDataset):
    """Named tensors and facts about them, as safetensors."""

    def load(self) -> checkpoint.Described:
        return checkpoint.load(self._filepath)

    def save(self, data: checkpoint.Described) -> None:
        checkpoint.save(self._filepath, *data)


class JSONDataset(PathDataset):
    """JSON, written whole or not at all: a file that is there tells that its node is done."""

    def load(self) -> Any:
        return json.loads(self._filepath.read_text())

    def save(self, data: Any) -> None:
        checkpoint.write_text(self._filepath, json.dumps(data))

    def preview(self) -> JSONPreview:
        """The whole of it, for kedro-viz."""
        return JSONPreview(self._filepath.read_text())


class HistoryDataset(JSONDataset):
    """The history of a training, as JSON."""

    def load(self) -> History:
        return History.model_validate_json(self._filepath.read_text())

    def save(self, data: History) -> None:
        super().save(data.model_dump(mode="json"))


class HandleDataset(PathDataset):
    """The path itself, for a node that keeps what it made there and looks before it makes it again."""

    def load(self) -> Path:
        return self._filepath

    def save(self, data: object) -> None:
        raise ValueError("a handle is not saved")

    def _exists(self) -> bool:
        return True


class ImageDataset(PathDataset):
    """An RGB image, uint8 (H, W, 3), as PNG."""

    def load(self) -> np.ndarray:
        return np.array(Image.open(self._filepath).convert("RGB"))

    def save(self, data: np.ndarray) -> None:
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data).save(self._filepath)

    def preview(self) -> ImagePreview:
        """An image at most 1,000 pixels wide, for kedro-viz."""
        image = Image.open(self._filepath)
        image.thumbnail((1000, 1000))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())


class PanelsDataset(PathDataset):
    """What the report shows of a run's samples, in one file."""

    def load(self) -> list[Panel]:
        return unpack(checkpoint.load(self._filepath))

    def save(self, data: list[Panel]) -> None:
        checkpoint.save(self._filepath, *pack(data))
