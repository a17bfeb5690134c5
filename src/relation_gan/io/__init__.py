"""Kedro datasets for what the project keeps on disk, besides those of kedro-datasets."""

from relation_gan.io.checkpoints import CheckpointStoreDataset
from relation_gan.io.files import (
    HandleDataset,
    HistoryDataset,
    ImageDataset,
    JSONDataset,
    NetworkDataset,
    PanelsDataset,
    TensorsDataset,
)
from relation_gan.io.images import ImageStoreDataset
from relation_gan.io.networks import NetworksDataset
from relation_gan.io.points import PointsDataset
from relation_gan.io.searches import SearchResultDataset, TrialStoreDataset

__all__ = [
    "CheckpointStoreDataset",
    "HandleDataset",
    "HistoryDataset",
    "ImageDataset",
    "ImageStoreDataset",
    "JSONDataset",
    "NetworkDataset",
    "NetworksDataset",
    "PanelsDataset",
    "PointsDataset",
    "SearchResultDataset",
    "TensorsDataset",
    "TrialStoreDataset",
]
