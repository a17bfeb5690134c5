"""Kedro datasets for what the project keeps on disk, besides those of kedro-datasets."""

from relation_gan.io.checkpoints import CheckpointStoreDataset
from relation_gan.io.files import HandleDataset, JSONDataset, NetworkDataset, PictureDataset, TensorsDataset
from relation_gan.io.images import ImageStoreDataset
from relation_gan.io.points import PointsDataset

__all__ = [
    "CheckpointStoreDataset",
    "HandleDataset",
    "ImageStoreDataset",
    "JSONDataset",
    "NetworkDataset",
    "PictureDataset",
    "PointsDataset",
    "TensorsDataset",
]
