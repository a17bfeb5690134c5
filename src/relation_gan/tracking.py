"""What goes to MLflow, and how it gets there when the server is away for a while."""

import json
import logging
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import requests
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

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
    """Sends rows of a history to an MLflow run, several at once, and never holds the training up."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._rows: list[tuple[int, dict[str, float]]] = []
        self._next = time.monotonic() + FLUSH_SECONDS

    def add(self, step: int, row: Mapping[str, float]) -> None:
        self._rows.append((step, dict(row)))
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> bool:
        """Send what is waiting; what cannot be sent is kept for the next time."""
        rows, delay = self._rows, FLUSH_SECONDS
        try:
            send_rows(self.run_id, [(step, prefixed("train/", row)) for step, row in rows])
            self._rows = []
        except AWAY as error:
            delay = RETRY_SECONDS
            logger.warning("MLflow does not answer (%s); %d rows wait, training goes on", first_line(error), len(rows))
        self._next = time.monotonic() + delay
        return not self._rows


_current: StepLog | None = None


def log_step(step: int, row: Mapping[str, float]) -> None:
    """Log a row of the history to the run that is being trained, if it is tracked."""
    if _current is not None:
        _current.add(step, row)


origin: dict[str, str] = {}
"""Where the runs of this session come from: the commit, the versions and the command of the study."""

watchers: list[Callable[[str, int], None]] = []
"""Called with the name of a run and its step at every row of its history."""


def tell(run: str, step: int) -> None:
    """Let those who watch know how far a run is."""
    for watch in watchers:
        watch(run, step)


@contextmanager
def step_log(run_id: str) -> Iterator[None]:
    """Send what `log_step` is given to this run."""
    global _current
    _current = StepLog(run_id)
    try:
        yield
    finally:
        _current.flush()
        _current = None


def prefixed(prefix: str, row: Mapping[str, float]) -> dict[str, float]:
    """A row of the history as metrics; its step is no metric."""
    return {prefix + name: value for name, value in row.items() if name != "step"}


def send_rows(run_id: str, rows: list[tuple[int, dict[str, float]]]) -> None:
    """Send metrics of several steps in few calls."""
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, step) for step, row in rows for name, value in row.items()]
    client = MlflowClient()
    for start in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[start : start + 1000])


def complete_history(run_id: str, rows: list[dict[str, float]]) -> None:
    """Send the rows that the run misses, because the server was away or the process was killed."""
    there = {metric.step for metric in MlflowClient().get_metric_history(run_id, "train/generator_loss")}
    missing = [(int(row["step"]), prefixed("train/", row)) for row in rows if int(row["step"]) not in there]
    if missing:
        send_rows(run_id, missing)


NOTE, UNSENT = "mlflow_run.json", "unsent"
"""Files beside a checkpoint: its MLflow run, and that MLflow was away and misses something of it."""


def is_sent(folder: Path) -> bool:
    """Whether the tracking server in force has been told all of the run in a folder, as far as it was tracked."""
    note = folder / NOTE
    known = json.loads(note.read_text())["tracking_uri"] if note.exists() else mlflow.get_tracking_uri()
    return known == mlflow.get_tracking_uri() and not (folder / UNSENT).exists()


def adopt(folder: Path) -> None:
    """Put the MLflow run of a finished run below the active one; one that MLflow has lost is sent the next time."""
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
        logger.warning("MLflow no longer knows the run of %s; the same command sends it again", folder)


def below() -> dict[str, str]:
    """The tags that put a run below the active one, and by which it is found where another study has it now."""
    parent = mlflow.active_run()
    return {"mlflow.parentRunId": parent.info.run_id, f"study.{parent.info.run_name}": "yes"} if parent else {}


def child_run(folder: Path, name: str, made_from: str, tags: Mapping[str, str]) -> str:
    """The MLflow run of one (data set, method, seed) below the active one, the same after a restart.

    Its id is kept beside the checkpoint. A run of another configuration, or of another tracking
    server, is not taken up; one that is keeps its tags, which say where it was begun.
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


def run_id(folder: Path, made_from: str) -> str:
    """The MLflow run of what lies in a folder; empty where it was not tracked, or is of another configuration."""
    note = folder / NOTE
    kept = json.loads(note.read_text()) if note.exists() else {}
    return kept["run_id"] if kept.get("made_from") == made_from else ""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        flat |= flatten(value, name) if isinstance(value, Mapping) and value else {name: value}
    return flat


PROVENANCE = ("commit", "uncommitted changes", "versions")


def provenance(project: Path) -> dict[str, str]:
    """Where the numbers of this session come from."""

    def git(*arguments: str) -> str:
        try:
            result = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return result.stdout.strip() if result.returncode == 0 else ""

    packages = ("relation_gan", "torch", "torchvision", "lightning-fabric", "torch-fidelity", "kedro", "mlflow")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    commit = git("rev-parse", "HEAD")
    changed = ("yes" if git("status", "--porcelain") else "no") if commit else "unknown"
    return dict(zip(PROVENANCE, (commit or "not a git checkout", changed, versions), strict=True))


def command() -> str:
    """The command that started this session."""
    name = Path(sys.argv[0]).name
    return shlex.join([name if name != "__main__.py" else "kedro", *sys.argv[1:]])


def first_line(error: BaseException) -> str:
    """The beginning of a message, which of MLflow's can be a page."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
