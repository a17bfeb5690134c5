"""What happens around the nodes: checks before any work, lineage to MLflow, a summary at the end."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import click
import mlflow
import numpy as np
import torch
from kedro.framework.hooks import hook_impl
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Param
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import Schema, TensorSpec

from relation_gan import tracking
from relation_gan.config import ConfigError, RunConfig
from relation_gan.gan.checkpoint import CheckpointError, fingerprint
from relation_gan.gan.data import ImageStore, Points, StoreError
from relation_gan.gan.networks import Generator
from relation_gan.pipelines.evaluation.given import open_given
from relation_gan.pipelines.reporting import figures, scatter
from relation_gan.pipelines.reporting.figures import image_grid
from relation_gan.pipelines.training.nodes import build, check_labels, depends_on
from relation_gan.plan import OF_A_RUN, Plan, RunName, Shelves, make_plan, note_seconds, run_of, runs_of, source_of

logger = logging.getLogger(__name__)

ARTIFACTS = {
    *("report", "table", "samples", "trajectories", "fields", "verdicts", "statistics", "statistics_latex"),
    *("paper_beside_ours", "paper_beside_ours_latex", "best"),
}
"""What of a report is kept in MLflow, too."""

STUDY_RUN = "RELATION_GAN_STUDY_RUN"
"""The environment variable by which a process of a study is told the study's MLflow run."""


class RunsFailed(click.ClickException):
    """Some runs failed; the others and the report are there."""


class CheckHooks:
    """Refuses bad input before anything is started, and says at the end what there is."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        context.config_loader["parameters"]  # raises on a bad parameter, before MLflow is touched

    requested: ClassVar[dict[str, Any]] = {}
    """What the latest session was asked to run."""
    plan: ClassVar[Plan] = Plan([], [], {}, [], None)
    """What that has to do."""
    digests: ClassVar[dict[str, str]] = {}
    """Of the data sets that this was told by."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        CheckHooks.requested, CheckHooks.plan = run_params, Plan([], [], {}, [], None)
        for name in sorted(pipeline.all_outputs()):
            if path := getattr(catalog.get(name), "_filepath", None):
                check_writable(Path(path).parent)
        if any("evaluate" in node.tags for node in pipeline.nodes):
            # Looked at here too, before any picture of the data set is.
            self._check_given(catalog)
        runs = runs_of(pipeline, *OF_A_RUN)
        stores = self._stores(pipeline, catalog, verified=STUDY_RUN not in os.environ)
        for run in runs:
            config = catalog.load(f"params:runs.{run.full}")
            try:
                with torch.device("meta"):
                    parts = build(RunConfig(**config))
                if run.dataset in stores:
                    check_labels(parts.loss, stores[run.dataset])
            except (ValueError, TypeError, RuntimeError) as error:  # the last two are torch's own refusals
                raise ConfigError(f"method '{run.method}': {error}") from None
        self._plan(pipeline, catalog, stores)
        self._previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and self._previous is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)

    @classmethod
    def plan_again(cls, pipeline: Pipeline, catalog: Any) -> None:
        """See once more what is to be done, if data was made that is not what it was, or was not there."""
        stores = cls._stores(pipeline, catalog, verified=False)
        if cls.digests != {name: store.digest for name, store in stores.items()}:
            cls._plan(pipeline, catalog, stores)

    @classmethod
    def _plan(cls, pipeline: Pipeline, catalog: Any, stores: Mapping[str, ImageStore | Points]) -> None:
        """See what is to be done, and say so. What another configuration made is kept apart, if that was meant."""
        digests = cls.digests = {name: store.digest for name, store in stores.items()}
        studies = set(cls.requested["pipeline_names"] or ["__default__"]) <= catalog.load("params:studies").keys()
        for run in runs_of(pipeline, *OF_A_RUN):
            if run.dataset in digests:
                try:
                    shelves = Shelves.of(catalog, run, digests[run.dataset])
                    if shelves.networks.holds(shelves.trained_from):
                        catalog.load(f"{run.full}.checkpoints").check(shelves.trained_from)
                    elif shelves.networks.label() and not studies and not catalog.load("params:training")["replace"]:
                        raise CheckpointError(
                            f"{shelves.networks.folder} was made by another configuration "
                            f"({'; '.join(shelves.changes())}); go back to that, or add "
                            "training.replace=true to --params to train anew: what is there is then kept apart"
                        )
                except CheckpointError as error:
                    raise ConfigError(str(error)) from None
        before, cls.plan = cls.plan, make_plan(pipeline, catalog, digests)
        if STUDY_RUN not in os.environ and sum(map(len, cls.plan[:4])) > 0 and cls.plan != before:
            click.echo(f"{cls.plan}")

    @hook_impl(tryfirst=True)
    def before_node_run(self) -> None:
        self._started = time.perf_counter()

    @hook_impl
    def after_node_run(self, node: Node, catalog: Any) -> None:
        if (run := run_of(node.namespace)) and "evaluation" in node.tags:
            note_seconds(catalog, run, node.name.rpartition(".")[2], time.perf_counter() - self._started)

    @staticmethod
    def _check_given(catalog: Any) -> None:
        data = catalog.load("params:data")
        shape = (2,) if data["kind"] == "points" else (data["channels"], data["size"], data["size"])
        open_given(catalog.load("params:evaluate")["samples"], shape)

    @classmethod
    def _stores(cls, pipeline: Pipeline, catalog: Any, verified: bool) -> dict[str, ImageStore | Points]:
        """The stores of the runs' data sets by name, as far as they are there yet.

        Args:
            verified: whether their content is read and compared with its digest. In the processes of a study that has
                been done where it was started.
        """
        names = sorted({run.dataset for run in runs_of(pipeline, *OF_A_RUN)})
        return {name: store for name in names if (store := cls._store(catalog, name, verified))}

    @staticmethod
    def _store(catalog: Any, dataset: str, verified: bool) -> ImageStore | Points | None:
        """The store of a data set, whole and unchanged, if there is one yet."""
        name = source_of(catalog, dataset)
        if not catalog.exists(name):
            return None
        try:
            store = catalog.load(name)
            if verified:
                store.verify()
        except (StoreError, DatasetError) as error:
            reason = next((e for e in (error, error.__cause__) if isinstance(e, StoreError)), error)
            raise ConfigError(str(reason)) from None
        return store

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
                click.echo(f"\n{catalog.load(name)}\n{closing(name.removesuffix('.summary'))}")
        histories = [catalog.load(name) for name in sorted(pipeline.all_outputs()) if name.endswith(".history")]
        failed = [f"{h['method']} seed {h['seed']} ({h['error']})" for h in histories if h["status"] == "failed"]
        if failed:
            raise RunsFailed(f"{len(failed)} of {len(histories)} runs failed: {'; '.join(failed)}")


def closing(study: str) -> str:
    """Where the results of a study lie, and what to type next."""
    folder, uri = Path("data/08_reporting") / study, mlflow.get_tracking_uri()
    lines = {
        f"{folder}/report.html": "the report: open it in a browser",
        f"{folder}/table.csv": "the same table for other programs",
        uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}": "every parameter, metric, artifact",
        f"{folder}/figures": "its figures for papers; tables as CSV and LaTeX lie beside it",
        "kedro viz run": "the graph",
        "kedro run --pipeline=study --params=study.methods=relation_gan+vanilla,study.seeds=0+1": "compare losses",
    }
    return "\n".join(f"  {line}\n      {what}" for line, what in lines.items())


def interrupt(*_: object) -> None:
    raise click.ClickException("Interrupted. What is finished is kept; the same command goes on from there.")


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, or that a file stands in the way of."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir():
        raise ConfigError(f"{existing} is a file where a folder is needed; move it away")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigError(f"{existing} cannot be written to; give yourself the right to, or run the project elsewhere")


class MlflowHooks(MlflowHook):
    """kedro-mlflow's hook, which needs its server at the start only: after that a run outlives it."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
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
        if study := os.environ.get(STUDY_RUN):
            mlflow.start_run(run_id=study)
        else:
            super().before_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def before_node_run(self, node: Node, catalog: Any, inputs: dict[str, Any], is_async: bool) -> None:
        # A run's configuration is logged with the run; what papers claim is in the report.
        told = {name: value for name, value in inputs.items() if not name.startswith(("params:runs.", "params:claims"))}
        with forgiving("parameters"):
            super().before_node_run(node, catalog, told, is_async)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        with forgiving("the end of the study"):
            if os.environ.get(STUDY_RUN):
                mlflow.end_run("RUNNING")  # The session that asked for this one ends the study.
                return
            super().after_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def on_pipeline_error(self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any) -> None:
        with forgiving("the failure"):
            if os.environ.get(STUDY_RUN):
                mlflow.end_run("RUNNING")
                return
            super().on_pipeline_error(error, run_params, pipeline, catalog)


@contextmanager
def forgiving(what: str) -> Iterator[None]:
    """Work that was done is not lost because MLflow could not be told of it."""
    try:
        yield
    except tracking.AWAY as error:
        logger.warning("MLflow did not take %s; the same command sends what is missing", what)
        logger.debug("%s", error)


class TrackingHooks:
    """One MLflow run a session, and below it one a (data set, method, seed)."""

    def __init__(self) -> None:
        self._open = ExitStack()

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        self._project = Path(context.project_path)

    @hook_impl
    def before_pipeline_run(self, catalog: Any) -> None:
        self._catalog = catalog
        self._children: dict[RunName, str] = {}
        active = mlflow.active_run()
        if active and os.environ.get(STUDY_RUN):
            # What was typed, and the checkout, are where the study was started.
            wanted = (*tracking.PROVENANCE, "command")
            tracking.origin = {key: tag for key, tag in active.data.tags.items() if key in wanted}
            return
        tracking.origin = {**tracking.provenance(self._project), "command": tracking.command()}
        if active:
            with forgiving("the tags of the study"):
                mlflow.set_tags(tracking.origin)
                for run in CheckHooks.plan.done:
                    tracking.adopt(self._folder(run))

    def _child(self, run: RunName) -> str:
        """The MLflow run of a run: the same one after a restart, another one for another configuration."""
        if run not in self._children:
            config = self._catalog.load(f"params:runs.{run.full}")
            digest = self._catalog.load(source_of(self._catalog, run.dataset)).digest
            tags = {**tracking.origin, "dataset": run.dataset, "method": run.method, "seed": run.seed}
            made_from = fingerprint(depends_on(config, digest))
            self._children[run] = tracking.child_run(self._folder(run), run.full, made_from, tags)
        return self._children[run]

    def _folder(self, run: RunName) -> Path:
        return self._catalog.load(f"{run.full}.checkpoints").folder

    @contextmanager
    def _forgiving(self, what: str, run: RunName | None) -> Iterator[None]:
        """As `forgiving`; but the same command sends what is missing of a run."""
        try:
            yield
        except tracking.AWAY:
            if run and self._folder(run).is_dir():
                (self._folder(run) / tracking.UNSENT).touch()
            with forgiving(what):
                raise

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        run = run_of(node.namespace)
        if run is None or "training" not in node.tags or mlflow.active_run() is None:
            return
        config = inputs[f"params:runs.{run.full}"]
        source: ImageStore | Points = inputs[source_of(self._catalog, run.dataset)]
        with self._forgiving(f"the start of {run.full}", run):
            child = self._child(run)
            client = MlflowClient()
            client.update_run(child, status="RUNNING")
            (self._folder(run) / tracking.UNSENT).unlink(missing_ok=True)
            known = client.get_run(child).data.params
            flat = {name: str(value) for name, value in tracking.flatten(config).items()}
            client.log_batch(child, params=[Param(k, v[:500]) for k, v in flat.items() if k not in known])
            self._log_input(child, source)
            self._open.enter_context(tracking.step_log(child))

    @staticmethod
    def _log_input(child: str, source: ImageStore | Points) -> None:
        origin = CodeDatasetSource(tags={"source": source.manifest["source"]})
        dataset = MetaDataset(origin, name=source.name, digest=source.digest[:32])
        with mlflow.start_run(run_id=child, nested=True):
            mlflow.log_input(dataset, context="training")

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        self._open.close()

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        self._open.close()
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
    def _log_history(child: str, history: dict[str, Any]) -> None:
        client = MlflowClient()
        tracking.complete_history(child, history["rows"])
        client.log_dict(child, history, "history.json")
        for key in ("status", "error", "device", "data_sha256"):
            client.set_tag(child, key, history[key])

    def _log_grids(self, child: str, grids: Any) -> None:
        for step, drawn in zip(grids.description["steps"], grids.tensors["grids"].numpy(), strict=True):
            picture = image_grid(drawn, 8) if drawn.ndim == 4 else self._scatter(drawn, grids.description["dataset"])
            MlflowClient().log_image(child, picture, artifact_file=f"grids/step_{step:07}.png")

    def _scatter(self, points: np.ndarray, dataset: str) -> np.ndarray:
        """Points (n, 2) over real ones."""
        reference = self._catalog.load(f"{dataset}.reference")
        real, box = reference.tensors["points"][:1000].numpy(), reference.description["box"]
        return scatter.on_white(scatter.cloud(points, real, box, figures.PALETTE[0], 320))

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
        """Put the best generator of a study into the model registry, if it is not there as the best already."""
        client = MlflowClient()
        outputs = client.get_run(best["mlflow_run"]).outputs if best["mlflow_run"] else None
        if not outputs or not outputs.model_outputs:
            return
        uri = f"models:/{outputs.model_outputs[-1].model_id}"
        versions = client.search_model_versions(f"name='{name}'")
        there = next((version for version in versions if version.source == uri), None)
        version = str((there or mlflow.register_model(uri, name)).version)
        client.update_registered_model(name, best["card"])
        client.update_model_version(name, version, best["card"])
        client.set_registered_model_alias(name, "best", version)

    def _log_generator(self, child: str, generator: Generator) -> None:
        outputs, step = MlflowClient().get_run(child).outputs, generator.notes["step"]
        if outputs and any(model.step == step for model in outputs.model_outputs):  # of a training taken up again
            return
        latent = generator.latent + generator.classes
        shape = (-1, *generator(torch.zeros(1, latent)).shape[1:])
        path = self._catalog.load(f"{generator.notes['run']}.checkpoints").folder / "generator.safetensors"
        with mlflow.start_run(run_id=child, nested=True):
            mlflow.pyfunc.log_model(
                name="generator",
                python_model=str(Path(__file__).with_name("served.py")),
                artifacts={"generator": str(path)},
                step=step,
                signature=ModelSignature(
                    Schema([TensorSpec(np.dtype("float32"), (-1, latent))]),
                    Schema([TensorSpec(np.dtype("float32"), shape)]),
                ),
                pip_requirements=[f"torch=={torch.__version__.split('+')[0]}", "relation_gan"],
            )
