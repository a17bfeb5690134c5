"""Image stores as Kedro datasets."""

from kedro_datasets._typing import JSONPreview

from relation_gan.gan.data import ImageStore, Recipe, save_store
from relation_gan.io.base import PathDataset


class ImageStoreDataset(PathDataset):
    """Saves a `Recipe` unless its store is there already; loads the small handle that opens it lazily."""

    def load(self) -> ImageStore:
        return ImageStore(self._filepath)

    def save(self, data: Recipe | ImageStore) -> None:
        if isinstance(data, Recipe):
            save_store(self._filepath, data)
        elif data.folder != self._filepath:
            raise ValueError(f"the store in {data.folder} is not the one of {self._filepath}")

    def _exists(self) -> bool:
        return (self._filepath / "manifest.json").exists()

    def preview(self) -> JSONPreview:
        """The manifest, for kedro-viz."""
        return JSONPreview((self._filepath / "manifest.json").read_text())
