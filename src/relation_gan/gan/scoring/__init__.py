"""Scorers of samples, one file a family. `create(name, evaluation, device)` builds one."""

from relation_gan.gan.data.config import DataConfig
from relation_gan.gan.registry import import_modules
from relation_gan.gan.scoring.base import PREFIXES, Scorer, Scores, Source, Subject, registry
from relation_gan.gan.scoring.config import EvaluationConfig

import_modules(__name__, __path__)

names = registry.names
create = registry.create
entry = registry.entry


def applicable(data: DataConfig, evaluation: EvaluationConfig, gives: frozenset[str]) -> list[str]:
    """The names of the scorers of such data.

    Args:
        gives: what the task's sampler gives: see `Scorer.needs`.
    """
    return [name for name in names() if scorer(name).needs <= gives and scorer(name).applies(data, evaluation)]


def scorer(name: str) -> type[Scorer]:
    """The class of a scorer."""
    found = entry(name)
    assert isinstance(found, type) and issubclass(found, Scorer)
    return found


__all__ = [
    "PREFIXES",
    "EvaluationConfig",
    "Scorer",
    "Scores",
    "Source",
    "Subject",
    "applicable",
    "create",
    "names",
    "scorer",
]
