"""Hyper-parameters of a run by dotted paths: `training.lr_generator`, `loss.margin.base`, `regularisers.r1.weight`."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from relation_gan.gan import losses, networks, regularisers
from relation_gan.gan.run import RunConfig
from relation_gan.gan.schedule import TrainingConfig

NETWORKS = ("generator", "critic")
"""What a method's entry may override of the networks."""
OF_THE_BUDGET = frozenset(
    {"steps", "log_every", "save_every", "snapshots", "accelerator", "devices", "precision"},
)
"""Of `training`: what a run costs, or what changes no result."""
PENALTIES = {
    "r1": {"where": "real", "centre": 0.0},
    "r2": {"where": "fake", "centre": 0.0},
    "wgan_gp": {"where": "interpolates"},
    "dragan": {"where": "dragan"},
}
"""Gradient penalties by the names of their papers."""
DEFAULTS = {"where": "real", "centre": 0.0}
"""What a gradient penalty is that does not say so."""


def has(run: RunConfig, path: str) -> bool:
    """Whether a run has a hyper-parameter at a path, set or not."""
    return _place(run.model_dump(mode="json"), path) is not None


def value(run: RunConfig, path: str) -> Any:
    """What a run has at a path; None where it leaves that to a default."""
    place = _place(run.model_dump(mode="json"), path)
    if place is None:
        return None
    holder, key = place
    return holder[key] if isinstance(holder, list) else holder.get(key)


def with_setting(run: RunConfig, setting: Mapping[str, Any]) -> RunConfig:
    """A run with other values at dotted paths.

    Raises:
        ValueError: the run has no such place, or refuses the value; pydantic's error is one.
    """
    changed = run.model_dump(mode="json")
    for path, new in setting.items():
        place = _place(changed, path)
        if place is None:
            raise ValueError(f"method '{run.method}' has no '{path}'")
        holder, key = place
        holder[key] = new
    return RunConfig.model_validate(changed)


def overrides(run: RunConfig, paths: Iterable[str]) -> dict[str, Any]:
    """What an entry of methods.yml says to have the values that a run has at some paths.

    Regularisers are a list, of which an entry overrides all or nothing.
    """
    values = run.model_dump(mode="json")
    found: dict[str, Any] = {}
    for path in paths:
        section, key, *_ = path.split(".")
        if section == "regularisers":
            found[section] = values[section]
        else:
            found.setdefault(section, {})[key] = _section(values, section)[key]
    return found


def _section(run: Mapping[str, Any], name: str) -> dict[str, Any]:
    return run["networks"].get(name, {}) if name in NETWORKS else run[name]


def _place(run: Mapping[str, Any], path: str) -> tuple[Any, Any] | None:
    """The dictionary or list that a path ends in, and its key there; None where a run has no such place."""
    section, *parts = path.split(".")
    if section == "regularisers" and len(parts) > 1:
        name = parts.pop(0)
        holder: Any = next((of for of in run["regularisers"] if _is_called(of, name)), None)
        known = _options(regularisers.options, holder)
    elif section == "training":
        holder, known = run["training"], TrainingConfig.model_fields.keys() - OF_THE_BUDGET
    elif section == "loss" or section in NETWORKS:
        holder = _section(run, section)
        known = _options(losses.options if section == "loss" else networks.options, holder)
    else:
        return None
    for i, part in enumerate(parts):
        key: Any = int(part) if isinstance(holder, list) and part.isdigit() else part
        known = range(len(holder)) if isinstance(holder, list) else known if i == 0 else holder or ()
        if key == "name" or key not in known:
            return None
        if i + 1 == len(parts):
            return holder, key
        holder = holder[key] if isinstance(holder, list) else holder.get(key)
        if not isinstance(holder, dict | list):
            return None
    return None


def _options(of: Callable[[str], Collection[str]], entry: Mapping[str, Any] | None) -> Collection[str]:
    """What an entry of a registry may say; nothing of one that is not there, or is refused when it is built."""
    try:
        return of(entry["name"]) if entry else ()
    except (KeyError, ValueError):
        return ()


def _is_called(regulariser: Mapping[str, Any], name: str) -> bool:
    """Whether a regulariser goes by its own name, or by that of its paper."""
    if regulariser.get("name") == name:
        return True
    of_paper = PENALTIES.get(name)
    if of_paper is None or regulariser.get("name") != "gradient_penalty":
        return False
    return of_paper.items() <= {**DEFAULTS, **regulariser}.items()
