"""Adversarial losses, one file a family. `create(name, **options)` builds one."""

from relation_gan.gan.losses.base import Batch, Loss, registry
from relation_gan.gan.registry import import_modules

import_modules(__name__, __path__)

names = registry.names
create = registry.create
options = registry.options

__all__ = ["Batch", "Loss", "create", "names", "options"]
