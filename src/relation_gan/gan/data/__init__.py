"""Data: the one on-disk form of every image set, points drawn online, and batches from both."""

from relation_gan.gan.data.conversion import Chunk, Recipe, StoreError
from relation_gan.gan.data.feed import Feed, ImageFeed, PointFeed, open_feed, to_float, to_uint8
from relation_gan.gan.data.points import Points, open_points
from relation_gan.gan.data.store import ImageStore, open_store, save_store

feed = open_feed
open = open_store

__all__ = [
    "Chunk",
    "Feed",
    "ImageFeed",
    "ImageStore",
    "PointFeed",
    "Points",
    "Recipe",
    "StoreError",
    "feed",
    "open",
    "open_points",
    "save_store",
    "to_float",
    "to_uint8",
]
