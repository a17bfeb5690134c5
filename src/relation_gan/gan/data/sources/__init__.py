"""Raw images, one file a family of formats. `open_source(name, folder, split)` opens, and downloads, them."""

from relation_gan.gan.data.sources.base import Source, SourceError, names, open_source, source_class
from relation_gan.gan.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["Source", "SourceError", "names", "open_source", "source_class"]
