"""Data sets of points as Kedro datasets."""

from kedro_datasets._typing import JSONPreview

from relation_gan.gan.data import Points, open_points
from relation_gan.gan.data.points import save_points
from relation_gan.io.base import PathDataset


class PointsDataset(PathDataset):
    """The folder whose manifest defines a data set of points."""

    def load(self) -> Points:
        return open_points(self._filepath)

    def save(self, data: Points) -> None:
        save_points(self._filepath, data)

    def _exists(self) -> bool:
        return (self._filepath / "manifest.json").exists()

    def preview(self) -> JSONPreview:
        """The manifest, for kedro-viz."""
        return JSONPreview((self._filepath / "manifest.json").read_text())
