"""What a search leaves, as Kedro datasets."""

from relation_gan.analysis.search import SearchResult, TrialStore
from relation_gan.io.base import PathDataset
from relation_gan.io.files import JSONDataset


class SearchResultDataset(JSONDataset):
    """The trials of one method's search, as JSON."""

    def load(self) -> SearchResult:
        return SearchResult.model_validate_json(self._filepath.read_text())

    def save(self, data: SearchResult) -> None:
        super().save(data.model_dump(mode="json"))


class TrialStoreDataset(PathDataset):
    """Loads a handle on the folder of a method's search, which a node both reads and writes."""

    def load(self) -> TrialStore:
        return TrialStore(self._filepath)

    def save(self, data: object) -> None:
        raise ValueError("a store of trials is written through its handle, not saved")

    def _exists(self) -> bool:
        return True
