"""Generators and critics. `create(name, **options)` builds one that remembers how it was built."""

from typing import Any

from relation_gan.gan.networks.base import Critic, Generator, Network, registry
from relation_gan.gan.registry import import_modules

import_modules(__name__, __path__)

names = registry.names
register = registry.register
options = registry.options


def create(name: str, **options: Any) -> Network:
    """Build a network; `network.spec` holds the name and options that build it again.

    Raises:
        ValueError: unknown name or option, or a value the network refuses.
    """
    network = registry.create(name, **options)
    network.spec = {"name": name, **options}
    return network


__all__ = ["Critic", "Generator", "Network", "create", "names", "options", "register"]
