"""Data: the one on-disk form of every data set, and batches from it."""

from relation_gan.gan.data.feed import Feed, ImageFeed, to_float, to_uint8
from relation_gan.gan.data.store import ImageStore, Recipe, StoreError, open_store, save_store

open = open_store

__all__ = ["Feed", "ImageFeed", "ImageStore", "Recipe", "StoreError", "open", "save_store", "to_float", "to_uint8"]
