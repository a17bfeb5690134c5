"""Parameters of several files merged, and what methods take over from one another."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from relation_gan.config.messages import ConfigError, refuse_unknown
from relation_gan.gan.ramp import in_words

DISCRIMINATORS = {
    "task": "name",
    "loss": "name",
    "generator": "name",
    "critic": "name",
    "definition": "name",
    "flow": "name",
    "data": "kind",
}
"""Dictionaries that belong to a class, by the entry that names it: with another class, nothing of the old one stays."""


def merge(*layers: Mapping[str, Any], key: str = "", within: str = "") -> dict[str, Any]:
    """Nested dictionaries merged, the later ones over the earlier; null takes an entry out."""
    merged: dict[str, Any] = {}
    name = "name" if within == "networks" else DISCRIMINATORS.get(key)
    for layer in layers:
        if name and name in layer and layer[name] != merged.get(name):
            merged = {}
        for entry, value in layer.items():
            old = merged.get(entry)
            if value is None:
                merged.pop(entry, None)
                continue
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                value = merge(old, value, key=entry, within=key)
            merged[entry] = value
    return deepcopy(merged)


def inherit(methods: Mapping[str, Any]) -> dict[str, Any]:
    """Methods with what they take over from the one that they are `like`."""

    def expand(name: str, later: tuple[str, ...]) -> dict[str, Any]:
        own = dict(methods[name])
        like = own.pop("like", None)
        if like is None:
            return own
        refuse_unknown(f"methods.{name}.like", [like], methods)
        if like in later:
            raise ConfigError(f"parameter 'methods.{name}.like' is '{like}': no method can be like itself")
        return merge(expand(like, (*later, like)), own)

    return {name: expand(name, (name,)) for name in methods}


def with_value(method: dict[str, Any], over: str, value: Any, name: str) -> dict[str, Any]:
    """A method with another value at a dotted place, where a number stands for an entry of a list."""
    *path, last = over.split(".")
    changed = deepcopy(method)
    at: Any = changed
    try:
        for part in path:
            at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
        at[int(last) if last.isdigit() else last] = value
    except (LookupError, ValueError, TypeError, AttributeError):
        raise ConfigError(f"sweep over '{over}': method '{name}' has no such entry") from None
    return {**changed, "title": f"{method.get('title', name)}, {last} {in_words(value)}"}
