"""What one session shares with its hooks and its runner."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from pluggy import PluginManager

from relation_gan.config import ConfigError
from relation_gan.execution.resume import OF_A_RUN, RunFolders, RunName, runs_of, source_of
from relation_gan.execution.status import RunStatus, status_of
from relation_gan.gan.checkpoint import CheckpointError
from relation_gan.gan.data import ImageStore, Points, StoreError

STUDY_RUN = "RELATION_GAN_STUDY_RUN"
"""Environment variable with the MLflow run of the study that a worker process belongs to."""

Sources = Mapping[str, ImageStore | Points]
"""Prepared data sets by name."""


@dataclass(eq=False)
class RunContext:
    """What one session was asked for and what it found. `of` gives the same one to its context, hooks and runner."""

    study_run: str | None = field(default_factory=lambda: os.environ.get(STUDY_RUN))
    """In a worker process of a study: the study's MLflow run, empty if it has none."""
    requested: dict[str, Any] = field(default_factory=dict)
    """Kedro's `run_params`."""
    digests: dict[str, str] = field(default_factory=dict)
    """Of the prepared data sets that `status` was found with."""
    status: RunStatus = field(default_factory=RunStatus)
    origin: dict[str, str] = field(default_factory=dict)
    """The commit, the versions and the command of the study."""
    listeners: list[Callable[[str, int], None]] = field(default_factory=list)
    """Called with a run's name and its step at every row of its history."""

    @classmethod
    def of(cls, hook_manager: PluginManager | None) -> "RunContext":
        """The one of the session with this hook manager; a runner without a session has its own."""
        found = hook_manager.get_plugin(cls.__name__) if hook_manager else None
        if found is None:
            found = cls()
            if hook_manager:
                hook_manager.register(found, cls.__name__)
        return found

    def start(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any, sources: Sources) -> None:
        """Note what is asked for, and find the status of its runs.

        Raises:
            ConfigError: as of `update`.
        """
        self.requested, self.status = run_params, RunStatus()
        self.update(pipeline, catalog, sources)

    def refresh(self, pipeline: Pipeline, catalog: Any) -> None:
        """Find the status again if the data is not what it was, or was not there."""
        sources = prepared(pipeline, catalog)
        if self.digests != {name: source.digest for name, source in sources.items()}:
            self.update(pipeline, catalog, sources)

    def update(self, pipeline: Pipeline, catalog: Any, sources: Sources) -> None:
        """Find the status of the runs and print it. Stale artifacts are moved aside, if that was meant.

        Raises:
            ConfigError: artifacts are stale, and neither a study nor `training.replace` allows to move them aside; or
                a checkpoint is damaged.
        """
        self.digests = {name: source.digest for name, source in sources.items()}
        studies = set(self.requested.get("pipeline_names") or ["__default__"]) <= catalog.load("params:studies").keys()
        for run in runs_of(pipeline, *OF_A_RUN):
            if run.dataset not in self.digests:
                continue
            folders = RunFolders.of(catalog, run, self.digests[run.dataset])
            if folders.networks.holds(folders.trained_from):
                try:
                    catalog.load(f"{run.full}.checkpoints").check(folders.trained_from)
                except CheckpointError as error:
                    raise ConfigError(str(error)) from None
            elif (
                folders.networks.label()
                and not studies
                and not catalog.load("params:training")["replace"]
                and not failed(catalog, run)  # There is nothing to lose.
            ):
                raise ConfigError(
                    f"{folders.networks.folder} was made by another configuration "
                    f"({'; '.join(folders.changes())}); go back to that, or add training.replace=true to --params to "
                    "train again: what is there is then moved aside"
                )
        before, self.status = self.status, status_of(pipeline, catalog, self.digests)
        if self.study_run is None and len(self.status) > 0 and self.status != before:
            click.echo(f"{self.status}")


def failed(catalog: Any, run: RunName) -> bool:
    """Whether a run's training ended with an error."""
    history = f"{run.full}.history"
    return catalog.exists(history) and catalog.load(history).status == "failed"


def prepared(pipeline: Pipeline, catalog: Any, verified: bool = False) -> dict[str, ImageStore | Points]:
    """The data sets of a pipeline's runs by name, as far as they are prepared.

    Args:
        verified: whether their content is read and compared with its digest.

    Raises:
        ConfigError: one is damaged.
    """
    found: dict[str, ImageStore | Points] = {}
    for dataset in sorted({run.dataset for run in runs_of(pipeline, *OF_A_RUN)}):
        name = source_of(catalog, dataset)
        if not catalog.exists(name):
            continue
        try:
            found[dataset] = catalog.load(name)
            if verified:
                found[dataset].verify()
        except (StoreError, DatasetError) as error:
            reason = next((e for e in (error, error.__cause__) if isinstance(e, StoreError)), error)
            raise ConfigError(str(reason)) from None
    return found
