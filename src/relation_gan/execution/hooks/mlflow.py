"""What MLflow learns of a session and of its runs."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import mlflow
import numpy as np
import torch
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Param
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import Schema, TensorSpec

from relation_gan.analysis.provenance import PROVENANCE, provenance
from relation_gan.execution import tracking
from relation_gan.execution.resume import RunName, config_of, run_of, source_of
from relation_gan.execution.run_context import RunContext
from relation_gan.gan import drawing
from relation_gan.gan.checkpoint import fingerprint
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.history import History
from relation_gan.gan.networks import Generator, Network
from relation_gan.gan.state import CheckpointStore

logger = logging.getLogger(__name__)

ARTIFACTS = {
    *("report", "table", "samples", "trajectories", "fields", "verdicts", "statistics", "statistics_latex"),
    *("published_and_ours", "published_and_ours_latex", "best", "tuned"),
}
"""The datasets of a report that are kept in MLflow, too."""


@contextmanager
def forgiving(what: str) -> Iterator[None]:
    """Continue, with a warning, where MLflow is unreachable."""
    try:
        yield
    except tracking.AWAY as error:
        logger.warning("MLflow did not take %s; rerun the command to send what is missing", what)
        logger.debug("%s", error)


class MlflowHooks(MlflowHook):
    """kedro-mlflow's hook, which needs the server at the start only."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        self._run: RunContext = context.run_context
        uri = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
        try:
            super().after_context_created(context)
        except tracking.AWAY as error:
            raise click.ClickException(
                f"MLflow at {uri} cannot be reached ({tracking.first_line(error)}); start its server, or unset "
                "MLFLOW_TRACKING_URI to track into a local file"
            ) from None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        if self._run.study_run:
            mlflow.start_run(run_id=self._run.study_run)
        else:
            super().before_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def before_node_run(self, node: Node, catalog: Any, inputs: dict[str, Any], is_async: bool) -> None:
        # A run's or a search's configuration is logged with it; the claims of papers are in the report.
        elsewhere = ("params:runs.", "params:searches.", "params:claims")
        logged = {name: value for name, value in inputs.items() if not name.startswith(elsewhere)}
        with forgiving("parameters"):
            super().before_node_run(node, catalog, logged, is_async)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        with forgiving("the end of the study"):
            if self._run.study_run:
                mlflow.end_run("RUNNING")  # The session that asked for this one ends the study.
                return
            super().after_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def on_pipeline_error(self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        with forgiving("the failure"):
            if self._run.study_run:
                mlflow.end_run("RUNNING")
                return
            super().on_pipeline_error(error, run_params, pipeline, catalog)


class TrackingHooks:
    """One MLflow run a session, and a child of it for each (data set, method, seed)."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        self._run: RunContext = context.run_context
        self._project = Path(context.project_path)

    @hook_impl
    def before_pipeline_run(self, catalog: Any) -> None:
        self._catalog = catalog
        self._children: dict[RunName, str] = {}
        self._step_log: tracking.StepLog | None = None
        active = mlflow.active_run()
        if active and self._run.study_run:
            # The command and the checkout are those of the process that started the study.
            self._run.origin = {key: tag for key, tag in active.data.tags.items() if key in PROVENANCE}
            return
        self._run.origin = provenance(self._project)
        if active:
            with forgiving("the tags of the study"):
                mlflow.set_tags(self._run.origin)
                for run in self._run.status.done:
                    tracking.adopt(self._folder(run))

    def _child(self, run: RunName) -> str:
        """The MLflow run of a run: the same one after a restart, another one for another configuration."""
        if run not in self._children:
            digest = self._catalog.load(source_of(self._catalog, run.dataset)).digest
            tags = {**self._run.origin, "dataset": run.dataset, "method": run.method, "seed": run.seed}
            made_from = fingerprint(config_of(self._catalog, run).depends_on(digest))
            self._children[run] = tracking.child_run(self._folder(run), run.full, made_from, tags)
        return self._children[run]

    def _folder(self, run: RunName) -> Path:
        return self._catalog.load(f"{run.full}.checkpoints").folder

    @contextmanager
    def _forgiving(self, what: str, run: RunName | None) -> Iterator[None]:
        """As `forgiving`, and the run's folder notes that something was not sent."""
        try:
            yield
        except tracking.AWAY:
            if run and self._folder(run).is_dir():
                (self._folder(run) / tracking.UNSENT).touch()
            with forgiving(what):
                raise

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """Replaces the checkpoint store of a training by one with the session's origin and listeners."""
        run = run_of(node.namespace)
        if run is None or "training" not in node.tags:
            return None
        name = run.full

        def notify(step: int, row: dict[str, float]) -> None:
            for listen in self._run.listeners:
                listen(name, step)

        listeners: list[Callable[[int, dict[str, float]], None]] = [notify]
        if mlflow.active_run():
            with self._forgiving(f"the start of {name}", run):
                child = self._start(run, inputs[source_of(self._catalog, run.dataset)])
                self._step_log = tracking.StepLog(child)
                listeners.append(self._step_log.add)
        store: CheckpointStore = inputs[f"{name}.checkpoints"]
        return {f"{name}.checkpoints": replace(store, origin=self._run.origin, listeners=listeners)}

    def _start(self, run: RunName, source: ImageStore | Points) -> str:
        """Log what a run is made from, and return its MLflow run."""
        child, client = self._child(run), MlflowClient()
        client.update_run(child, status="RUNNING")
        (self._folder(run) / tracking.UNSENT).unlink(missing_ok=True)
        known = client.get_run(child).data.params
        config = config_of(self._catalog, run).model_dump(mode="json")
        flat = {name: str(value) for name, value in tracking.flatten(config).items()}
        client.log_batch(child, params=[Param(k, v[:500]) for k, v in flat.items() if k not in known])
        self._log_input(child, source)
        return child

    @staticmethod
    def _log_input(child: str, source: ImageStore | Points) -> None:
        origin = CodeDatasetSource(tags={"source": source.manifest["source"]})
        dataset = MetaDataset(origin, name=source.name, digest=source.digest[:32])
        with mlflow.start_run(run_id=child, nested=True):
            mlflow.log_input(dataset, context="training")

    def _flush(self) -> None:
        if self._step_log:
            self._step_log.flush()
        self._step_log = None

    @hook_impl
    def after_node_run(self) -> None:
        self._flush()

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        self._flush()
        run = run_of(node.namespace)
        if run and mlflow.active_run():
            with forgiving("the failure"):
                MlflowClient().set_terminated(self._child(run), "KILLED")

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        namespace, _, kind = dataset_name.rpartition(".")
        if mlflow.active_run() is None:
            return
        run, log = run_of(namespace), getattr(self, f"_log_{kind}", None)
        with self._forgiving(dataset_name, run):
            if run and log:
                log(self._child(run), data)
            elif kind in ARTIFACTS:
                mlflow.log_artifact(str(self._catalog[dataset_name]._filepath))
            if kind == "figures":
                mlflow.log_artifacts(str(self._catalog[dataset_name]._path), "figures")
            elif kind == "best":
                for dataset, best in data.items():
                    self._register(f"{namespace}.{dataset}", best)
            elif kind == "measures":
                mlflow.log_metrics(data)

    @staticmethod
    def _log_history(child: str, history: History) -> None:
        client = MlflowClient()
        tracking.complete_history(child, history.rows)
        client.log_dict(child, history.model_dump(mode="json"), "history.json")
        for key in ("status", "error", "device", "data_sha256"):
            client.set_tag(child, key, getattr(history, key))

    def _log_grids(self, child: str, grids: Any) -> None:
        for step, drawn in zip(grids.description["steps"], grids.tensors["grids"].numpy(), strict=True):
            dataset = grids.description["dataset"]
            image = drawing.image_grid(drawn, 8) if drawn.ndim == 4 else self._scatter(drawn, dataset)
            MlflowClient().log_image(child, image, artifact_file=f"grids/step_{step:07}.png")

    def _scatter(self, points: np.ndarray, dataset: str) -> np.ndarray:
        """Points (n, 2) over real points."""
        reference = self._catalog.load(f"{dataset}.reference_points")
        real, box = reference.tensors["points"][:1000].numpy(), reference.description["box"]
        return drawing.on_white(drawing.cloud(points, real, box, drawing.BLUE, 320))

    @staticmethod
    def _log_curve(child: str, curve: list[dict[str, float]]) -> None:
        tracking.send_rows(child, [(int(row["step"]), tracking.prefixed("curve/", row)) for row in curve])

    @staticmethod
    def _log_scores(child: str, scores: dict[str, float]) -> None:
        client = MlflowClient()
        tracking.send_rows(child, [(0, scores)])
        client.log_dict(child, scores, "scores.json")
        client.set_terminated(child, "FINISHED")

    def _register(self, name: str, best: dict[str, Any]) -> None:
        """Make the best generator of a study a version in the model registry, with the alias `best`."""
        client = MlflowClient()
        outputs = client.get_run(best["mlflow_run"]).outputs if best["mlflow_run"] else None
        if not outputs or not outputs.model_outputs:
            return
        uri = f"models:/{outputs.model_outputs[-1].model_id}"
        versions = client.search_model_versions(f"name='{name}'")
        registered = next((version for version in versions if version.source == uri), None)
        version = str((registered or mlflow.register_model(uri, name)).version)
        client.update_registered_model(name, best["card"])
        client.update_model_version(name, version, best["card"])
        client.set_registered_model_alias(name, "best", version)

    def _log_networks(self, child: str, networks: dict[str, Network]) -> None:
        generator = networks.get("generator")
        if not isinstance(generator, Generator):
            return
        outputs, step = MlflowClient().get_run(child).outputs, generator.notes["step"]
        if outputs and any(model.step == step for model in outputs.model_outputs):  # of a resumed training
            return
        latent = generator.latent + generator.classes
        shape = (-1, *generator(torch.zeros(1, latent)).shape[1:])
        path = self._catalog.load(f"{generator.notes['run']}.checkpoints").folder / "generator.safetensors"
        with mlflow.start_run(run_id=child, nested=True):
            mlflow.pyfunc.log_model(
                name="generator",
                python_model=str(Path(__file__).parents[1] / "mlflow_model.py"),
                artifacts={"generator": str(path)},
                step=step,
                signature=ModelSignature(
                    Schema([TensorSpec(np.dtype("float32"), (-1, latent))]),
                    Schema([TensorSpec(np.dtype("float32"), shape)]),
                ),
                pip_requirements=[f"torch=={torch.__version__.split('+')[0]}", "relation_gan"],
            )
