"""Kedro's settings: https://docs.kedro.org lists them."""

import atexit
import gc
import logging
import os

# Before it exits, Python looks for cycles among all objects of torch and MLflow, which takes two to three seconds.
atexit.register(gc.freeze)
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
logging.getLogger("alembic").setLevel(logging.WARNING)

from relation_gan.config import ProjectConfigLoader  # noqa: E402
from relation_gan.execution.context import ProjectContext  # noqa: E402
from relation_gan.execution.hooks.checks import CheckHooks  # noqa: E402
from relation_gan.execution.hooks.mlflow import MlflowHooks, TrackingHooks  # noqa: E402
from relation_gan.execution.hooks.search import SearchHooks  # noqa: E402
from relation_gan.execution.session import Session  # noqa: E402

# The last is called first: MLflow's run starts before anything is tracked into it.
HOOKS = (CheckHooks(), SearchHooks(), TrackingHooks(), MlflowHooks())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)  # MlflowHooks extends that plugin's hook.

SESSION_CLASS = Session
CONTEXT_CLASS = ProjectContext
CONFIG_LOADER_CLASS = ProjectConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": {"env_or": lambda name, default: os.environ.get(name, default)},
}
