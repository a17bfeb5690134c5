"""Penalties and constraints on a critic, apart from any loss. `create(name, **options)` builds one."""

from relation_gan.gan.registry import import_modules
from relation_gan.gan.regularisers.base import Regulariser, create, registry

import_modules(__name__, __path__)

names = registry.names
options = registry.options

__all__ = ["Regulariser", "create", "names", "options"]
