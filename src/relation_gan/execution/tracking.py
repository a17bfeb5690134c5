"""What is sent to MLflow, and what happens while its server is unreachable."""

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import requests
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from relation_gan.analysis.provenance import NOTE
from relation_gan.gan.checkpoint import write_text

logger = logging.getLogger(__name__)

AWAY = (MlflowException, requests.RequestException, OSError)
"""What MLflow raises when its server cannot be reached, or its database is locked."""

FLUSH_SECONDS = 5.0
RETRY_SECONDS = 60.0

# By default MLflow tries seven times for two minutes: a training would stand still for each call.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")


class StepLog:
    """Sends rows of a history to an MLflow run, several at once, and never holds up the training."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._rows: list[tuple[int, dict[str, float]]] = []
        self._next = time.monotonic() + FLUSH_SECONDS

    def add(self, step: int, row: Mapping[str, float]) -> None:
        self._rows.append((step, dict(row)))
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> bool:
        """Send the buffered rows; what cannot be sent is kept for the next time."""
        rows, delay = self._rows, FLUSH_SECONDS
        try:
            send_rows(self.run_id, [(step, prefixed("train/", row)) for step, row in rows])
            self._rows = []
        except AWAY as error:
            delay = RETRY_SECONDS
            logger.warning(
                "MLflow unreachable (%s); buffering %d rows, training continues", first_line(error), len(rows)
            )
        self._next = time.monotonic() + delay
        return not self._rows


def prefixed(prefix: str, row: Mapping[str, float]) -> dict[str, float]:
    """A row of the history as metrics, without its step."""
    return {prefix + name: value for name, value in row.items() if name != "step"}


def send_rows(run_id: str, rows: list[tuple[int, dict[str, float]]]) -> None:
    """Send metrics of several steps in few calls."""
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, step) for step, row in rows for name, value in row.items()]
    client = MlflowClient()
    for start in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[start : start + 1000])


def complete_history(run_id: str, rows: list[dict[str, float]]) -> None:
    """Send the rows that the run misses, because the server was unreachable or the process was killed."""
    sent = {metric.step for metric in MlflowClient().get_metric_history(run_id, "train/generator_loss")}
    missing = [(int(row["step"]), prefixed("train/", row)) for row in rows if int(row["step"]) not in sent]
    if missing:
        send_rows(run_id, missing)


UNSENT = "unsent"
"""A file in a run's folder: MLflow was unreachable and misses something of the run."""


def is_sent(folder: Path) -> bool:
    """Whether the current tracking server has all of the run in a folder, as far as it was tracked."""
    note = folder / NOTE
    known = json.loads(note.read_text())["tracking_uri"] if note.exists() else mlflow.get_tracking_uri()
    return known == mlflow.get_tracking_uri() and not (folder / UNSENT).exists()


def adopt(folder: Path) -> None:
    """Make the MLflow run of a finished run a child of the active one; one that MLflow lost is sent again next time."""
    note = folder / NOTE
    if not note.exists():
        return
    try:
        for key, value in below().items():
            MlflowClient().set_tag(json.loads(note.read_text())["run_id"], key, value)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        (folder / UNSENT).touch()
        logger.warning("MLflow no longer knows the run of %s; rerun the command to send it again", folder)


def below() -> dict[str, str]:
    """The tags of a child of the active run; the second finds it again when another study is its parent."""
    parent = mlflow.active_run()
    return {"mlflow.parentRunId": parent.info.run_id, f"study.{parent.info.run_name}": "yes"} if parent else {}


def child_run(folder: Path, name: str, made_from: str, tags: Mapping[str, str]) -> str:
    """The MLflow run of one (data set, method, seed), a child of the active run and the same after a restart.

    Its id is kept in the run's folder. A run of another configuration or of another tracking server is not reused; one
    that is keeps its tags, which say where it was started.
    """
    note = folder / NOTE
    parent, client = mlflow.active_run(), MlflowClient()
    identity = {"tracking_uri": mlflow.get_tracking_uri(), "made_from": made_from}
    kept = json.loads(note.read_text()) if note.exists() else {}
    if {key: kept.get(key) for key in identity} == identity:
        try:
            for key, value in below().items():
                client.set_tag(kept["run_id"], key, value)
            return kept["run_id"]
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            logger.info("MLflow no longer knows run %s of %s; a new one is made", kept["run_id"], name)
    experiment = parent.info.experiment_id if parent else "0"
    run_id = client.create_run(experiment, tags={**tags, **below()}, run_name=name).info.run_id
    write_text(note, json.dumps({**identity, "run_id": run_id}))
    return run_id


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        flat |= flatten(value, name) if isinstance(value, Mapping) and value else {name: value}
    return flat


def first_line(error: BaseException) -> str:
    """The beginning of a message, which of MLflow's can be a page."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
