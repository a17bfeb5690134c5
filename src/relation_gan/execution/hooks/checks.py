"""Checks before any work, and a summary at the end."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import click
import mlflow
import torch
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from relation_gan.config import ConfigError, EvaluateConfig
from relation_gan.execution.resume import OF_A_RUN, config_of, run_of, runs_of
from relation_gan.execution.run_context import RunContext, prepared
from relation_gan.execution.status import note_seconds
from relation_gan.gan.data.config import PointsConfig, read_data
from relation_gan.gan.external import ExternalError, open_external


class RunsFailed(click.ClickException):
    """Some runs failed; the others and the report are finished."""


class CheckHooks:
    """Refuses bad input before any work, and prints a summary at the end."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        self._run: RunContext = context.run_context
        context.config_loader["parameters"]  # raises on a bad parameter, before MLflow is touched

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        for name in sorted(pipeline.all_outputs()):
            if path := getattr(catalog.get(name), "_filepath", None):
                check_writable(Path(path).parent)
        if any("evaluate" in node.tags for node in pipeline.nodes):
            check_external(catalog)  # here too, before any image of the data set is read
        # The process that started a study has verified its data.
        sources = prepared(pipeline, catalog, verified=self._run.study_run is None)
        for run in runs_of(pipeline, *OF_A_RUN):
            try:
                with torch.device("meta"):
                    task = config_of(catalog, run).build()
                if run.dataset in sources:
                    task.check(sources[run.dataset])
            except (ValueError, TypeError, RuntimeError) as error:  # torch raises the last two
                raise ConfigError(f"method '{run.method}': {error}") from None
        self._run.start(run_params, pipeline, catalog, sources)
        self._previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and self._previous is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)

    @hook_impl(tryfirst=True)
    def before_node_run(self) -> None:
        self._started = time.perf_counter()

    @hook_impl
    def after_node_run(self, node: Node, catalog: Any) -> None:
        if (run := run_of(node.namespace)) and "evaluation" in node.tags:
            note_seconds(catalog, run, node.name.rpartition(".")[2], time.perf_counter() - self._started)

    def _restore_signal(self) -> None:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, self._previous)

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._restore_signal()

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        self._restore_signal()
        for name in sorted(pipeline.all_outputs()):
            if name.endswith(".summary"):
                click.echo(
                    f"\n{catalog.load(name)}\n{closing(name.removesuffix('.summary'), self._run.requested.get('env'))}"
                )
        histories = [catalog.load(name) for name in sorted(pipeline.all_outputs()) if name.endswith(".history")]
        failed = [f"{h.method} seed {h.seed} ({h.error})" for h in histories if h.status == "failed"]
        if failed:
            raise RunsFailed(f"{len(failed)} of {len(histories)} runs failed: {'; '.join(failed)}")


def check_external(catalog: Any) -> None:
    """Refuse samples made elsewhere that cannot be read."""
    data = read_data(catalog.load("params:data"))
    shape = (2,) if isinstance(data, PointsConfig) else (data.channels, data.size, data.size)
    try:
        open_external(EvaluateConfig.model_validate(catalog.load("params:evaluate")).samples, shape)
    except ExternalError as error:
        raise click.ClickException(str(error)) from None


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, or that a file stands in the way of."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir():
        raise ConfigError(f"{existing} is a file where a folder is needed; move it away")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigError(f"{existing} cannot be written to; change its permissions, or run the project elsewhere")


def closing(study: str, preset: str | None = None) -> str:
    """The output files of a study, and what to type next, on the same preset."""
    study_run = f"kedro run --pipeline=study{f' --env={preset}' if preset else ''}"
    folder, uri = Path("data/08_reporting") / study, mlflow.get_tracking_uri()
    lines = {
        f"{folder}/report.html": "the report: open it in a browser",
        f"{folder}/table.csv": "the same table for other programs",
        uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}": "every parameter, metric, artifact",
        f"{folder}/figures": "its figures for papers; tables as CSV and LaTeX are in the folder above",
        "kedro viz run": "the graph",
        f"{study_run} --params=study.methods=relation_gan+vanilla,study.seeds=0+1": "compare losses",
    }
    if not (folder / "figures").is_dir():
        del lines[f"{folder}/figures"]
    return "\n".join(f"  {line}\n      {what}" for line, what in lines.items())


def interrupt(*_: object) -> None:
    raise click.ClickException("Interrupted. Finished runs are kept; the same command resumes from there.")
