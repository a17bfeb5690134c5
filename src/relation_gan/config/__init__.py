"""The parameters in force: typed, checked before any node runs, and resolved to one configuration a run."""

from relation_gan.config.dataset import Data, DatasetConfig
from relation_gan.config.loader import ProjectConfigLoader
from relation_gan.config.merge import merge
from relation_gan.config.messages import ConfigError
from relation_gan.config.resolve import resolve
from relation_gan.config.schema import EvaluateConfig, ParallelConfig

__all__ = [
    "ConfigError",
    "Data",
    "DatasetConfig",
    "EvaluateConfig",
    "ParallelConfig",
    "ProjectConfigLoader",
    "merge",
    "resolve",
]
