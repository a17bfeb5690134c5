"""The status of a session's runs: done, in progress, stale or to do, and how long the rest will take."""

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kedro.pipeline import Pipeline

from relation_gan.execution.resume import (
    OF_A_RUN,
    RunFolders,
    RunName,
    config_of,
    missing,
    run_of,
    runs_of,
    scores_folder,
)
from relation_gan.gan.checkpoint import CheckpointError, describe, write_text

SECONDS = "seconds.json"
"""A file in the folder of the scores: the seconds that each node took."""
MANY, LONG = 5, 200
"""Kinds of change that are printed, and characters for each."""


@dataclass
class RunStatus:
    """The runs of a session by what is to be done."""

    done: list[RunName] = field(default_factory=list)
    in_progress: list[RunName] = field(default_factory=list)
    """Runs with a checkpoint to resume from."""
    stale: dict[RunName, list[str]] = field(default_factory=dict)
    """Runs made by another configuration or from other data, with what changed."""
    to_do: list[RunName] = field(default_factory=list)
    seconds: float | None = None
    """How long the rest will take, one after the other; None if no run was finished yet."""

    def __len__(self) -> int:
        return len(self.done) + len(self.in_progress) + len(self.stale) + len(self.to_do)

    def __str__(self) -> str:
        """What is printed before a session starts."""
        groups = {
            "done": self.done,
            "to do": self.to_do,
            "in progress": self.in_progress,
            "stale": self.stale,
        }
        counts = ", ".join(f"{len(runs)} {name}" for name, runs in groups.items() if runs)
        line = f"{len(self)} run{'s' if len(self) > 1 else ''}: {counts}"
        if len(self.done) < len(self) and self.seconds is None:
            line += "; time unknown until the first run is done"
        elif len(self.done) < len(self):
            line += f"; about {duration(self.seconds or 0.0)} on one core or device, estimated from finished runs"
        lines = [line]
        by_change: dict[str, list[str]] = {}
        for run, changes in self.stale.items():
            by_change.setdefault("; ".join(changes), []).append(run.full)
        for change, names in list(by_change.items())[:MANY]:
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            lines.append(f"  stale, moved aside: {names[0]}{others} ({shortened(change)})")
        if len(by_change) > MANY:
            lines.append(f"  and {len(by_change) - MANY} more kinds of change")
        return "\n".join(lines)


def shortened(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}…"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def status_of(pipeline: Pipeline, catalog: Any, digests: Mapping[str, str]) -> RunStatus:
    """Find the status of a pipeline's runs, and move stale artifacts aside.

    Args:
        digests: of the data sets that are prepared. Runs on the others are to do.
    """
    status = RunStatus()
    costs: dict[RunName, Cost] = {}
    runs = runs_of(pipeline, *OF_A_RUN)
    for run in runs:
        if run.dataset in digests:
            if cost := cost_of(catalog, run):
                costs[run] = cost  # also of what is moved aside below
            folders = RunFolders.of(catalog, run, digests[run.dataset])
            if changes := folders.changes():
                status.stale[run] = changes
            folders.activate()
    unfinished = {run_of(node.namespace) for node in missing(pipeline, catalog)}
    for run in runs:
        if run not in unfinished:
            status.stale.pop(run, None)  # It was moved back whole.
            status.done.append(run)
        elif run not in status.stale:
            (status.in_progress if step_of(catalog, run) else status.to_do).append(run)
    status.seconds = estimate(catalog, costs, [*status.in_progress, *status.stale, *status.to_do])
    return status


def step_of(catalog: Any, run: RunName) -> int:
    """The step of a run's checkpoint."""
    store = catalog.load(f"{run.full}.checkpoints")
    try:
        return int(describe(store.path)["step"]) if store.path.exists() else 0
    except CheckpointError:
        return 0


class Cost(NamedTuple):
    """What a run took, in seconds."""

    step: float
    """A step of its training."""
    scoring: float


def estimate(catalog: Any, costs: Mapping[RunName, Cost], rest: Iterable[RunName]) -> float | None:
    """Seconds that runs will take, from the mean cost of runs of their method and data, or of their data, or of all."""
    if not costs:
        return None
    total = 0.0
    for run in rest:
        groups = [[cost for other, cost in costs.items() if other[:n] == run[:n]] for n in (2, 1, 0)]
        similar = next(filter(None, groups))
        steps = config_of(catalog, run).training.steps - step_of(catalog, run)
        total += statistics.mean(cost.step for cost in similar) * max(0, steps)
        total += statistics.mean(cost.scoring for cost in similar)
    return total


def cost_of(catalog: Any, run: RunName) -> Cost | None:
    """What a run that was scored took."""
    path = scores_folder(catalog, run) / SECONDS
    if not path.exists() or not catalog.exists(f"{run.full}.history"):
        return None
    history = catalog.load(f"{run.full}.history")
    return Cost(history.seconds / max(1, history.step), sum(json.loads(path.read_text()).values()))


def note_seconds(catalog: Any, run: RunName, node: str, seconds: float) -> None:
    """Write down what a node of the evaluation took."""
    path = scores_folder(catalog, run) / SECONDS
    noted = json.loads(path.read_text()) if path.exists() else {}
    write_text(path, json.dumps({**noted, node: round(seconds, 2)}, indent=1))
