"""What MLflow learns of a search: a run a method, and a child of it for each trial."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node
from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from relation_gan.analysis.provenance import NOTE
from relation_gan.analysis.search import SearchResult, Trial, TrialStore
from relation_gan.execution import tracking
from relation_gan.execution.hooks.mlflow import forgiving
from relation_gan.execution.run_context import RunContext

logger = logging.getLogger(__name__)

SEARCH = "search"
"""The tag of the nodes that search, and the folder of the notes of MLflow's runs."""
STATUS = {"finished": "FINISHED", "pruned": "KILLED", "diverged": "FAILED", "failed": "FAILED"}


class SearchHooks:
    """Sends every trial when it is over. What MLflow did not take is sent when the same command is typed again."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        self._run: RunContext = context.run_context

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """Replaces the store of a search by one with the session's origin, and a listener that sends its trials."""
        if SEARCH not in node.tags:
            return None
        name = next(name for name in inputs if name.endswith(".trial_store"))
        store: TrialStore = inputs[name]
        self._method_run = ""

        def send(found: SearchResult) -> None:
            if mlflow.active_run():
                with forgiving(f"trials of {found.method}"):
                    self._send(found, store.folder)

        return {name: replace(store, origin=self._run.origin, listeners=[send])}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if isinstance(data, SearchResult) and self._method_run and mlflow.active_run():
            with forgiving(dataset_name):
                client, best = MlflowClient(), data.best
                metrics = {f"sensitivity/{path}": share for path, share in data.sensitivity.items()}
                metrics |= {state: float(n) for state, n in data.count.items()} | {"seconds": data.seconds}
                if best:
                    metrics |= {f"best/{data.objective}": best.score or 0.0, "best/trial": float(best.number)}
                tracking.send_rows(self._method_run, [(len(data.trials), metrics)])
                client.log_dict(self._method_run, data.model_dump(mode="json"), "trials.json")
                client.set_terminated(self._method_run, "FINISHED")

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        if SEARCH in node.tags and self._method_run and mlflow.active_run():
            with forgiving("the failure"):
                MlflowClient().set_terminated(self._method_run, "KILLED")

    def _send(self, found: SearchResult, folder: Path) -> None:
        """Send the trials that the tracking server does not have yet."""
        notes = folder / "mlflow" / found.made_from[:12]
        if not self._method_run:
            self._method_run = self._start(found, notes)
        for trial in found.trials:
            place = notes / f"{trial.number:03}"
            if not ((place / NOTE).exists() and tracking.is_sent(place)):
                self._send_trial(found, trial, place)

    def _start(self, found: SearchResult, place: Path) -> str:
        """The MLflow run of a method's search: the same one after a restart."""
        tags = {**self._run.origin, "dataset": found.dataset, "method": found.method, "search": found.search}
        run = tracking.child_run(place, f"{found.search}.{found.method}", found.made_from, tags)
        client = MlflowClient()
        client.update_run(run, status="RUNNING")
        kept = found.model_dump(mode="json", exclude={"trials", "asked", "origin", "sensitivity", "search"})
        _log_params(run, tracking.flatten(kept))
        return run

    def _send_trial(self, found: SearchResult, trial: Trial, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        (place / tracking.UNSENT).touch()
        name = f"{found.search}.{found.method}.trial{trial.number:03}"
        tags = {"dataset": found.dataset, "method": found.method, "state": trial.state, "error": trial.error}
        run = tracking.child_run(place, name, found.made_from, {**self._run.origin, **tags})
        client = MlflowClient()
        client.set_tag(run, "mlflow.parentRunId", self._method_run)
        _log_params(run, {**trial.setting, "seed": trial.seed})
        spent = {"seconds": trial.seconds, "scoring_seconds": trial.scoring_seconds, "steps": float(trial.steps)}
        tracking.send_rows(run, [(trial.steps, {**trial.scores, **spent})])
        rungs = [Metric(f"rung/{found.objective}", score, 0, percent) for percent, score in trial.rungs.items()]
        client.log_batch(run, metrics=rungs)
        client.set_terminated(run, STATUS[trial.state])
        (place / tracking.UNSENT).unlink()


def _log_params(run: str, params: dict[str, Any]) -> None:
    """Log what the run does not have yet: a parameter has one value."""
    client = MlflowClient()
    known = client.get_run(run).data.params
    client.log_batch(run, params=[Param(key, str(of)[:500]) for key, of in params.items() if key not in known])
