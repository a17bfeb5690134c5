"""Files of tensors: safetensors with a JSON description, written whole or not at all."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from relation_gan.gan import networks
from relation_gan.gan.networks import Network


class CheckpointError(ValueError):
    """A file that cannot be used, with the remedy."""


class Described(NamedTuple):
    """Named tensors, and JSON-able facts about them."""

    tensors: dict[str, Tensor]
    description: dict[str, Any]


def fingerprint(config: Any) -> str:
    """SHA-256 of a JSON-able configuration, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def save(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a file atomically: a reader sees the old one or the new one, never a part. Views of one tensor are written
    apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    flat: dict[str, Tensor] = {}
    memory: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        place = own.untyped_storage().data_ptr()
        flat[name] = own.clone() if place in memory else own
        memory.add(place)
    try:
        save_file(flat, partial, metadata={"description": json.dumps(description)})
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path) -> Described:
    """The tensors, on the CPU, and the description.

    Raises:
        CheckpointError: the file is damaged or was not written by `save`.
    """
    with _opened(path) as file:
        return Described({name: file.get_tensor(name) for name in file.keys()}, _description(file))  # noqa: SIM118


def describe(path: Path) -> dict[str, Any]:
    """The description alone, which is quick.

    Raises:
        CheckpointError: the file is damaged or was not written by `save`.
    """
    with _opened(path) as file:
        return _description(file)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path} is damaged or is not a file of this project ({error}); "
            "move it away, and the same command starts afresh"
        ) from error


def _description(file: Any) -> dict[str, Any]:
    return json.loads((file.metadata() or {})["description"])


def save_network(path: Path, network: Network) -> None:
    """A network made by `networks.create`, with what builds it again and its `notes`."""
    save(path, network.state_dict(), {"network": network.spec, "notes": network.notes})


def load_network(path: Path) -> Network:
    """The network of `save_network`, in evaluation mode, on the CPU; `network.notes` are what was noted.

    Raises:
        CheckpointError: the file is damaged, or its network cannot be built here.
    """
    tensors, description = load(path)
    try:
        network = networks.create(**description["network"])
        network.load_state_dict(tensors)
        network.notes = description["notes"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds no network that this version can build ({error})") from error
    return network.eval()


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """What changed between two configurations, a line a key: `training.steps: 100 -> 200`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new})
        return [
            line
            for key in keys
            for line in differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
        ]
    return [] if old == new else [f"{prefix}: {old!r} -> {new!r}"]
