"""What a session has to do: which runs are there already, which are missing, and which were made otherwise.

A run is there if its folders are labelled with what it is to be made from, and all of its files exist: the networks
from its configuration and the digest of its data, the scores from that and how the data set is evaluated.
"""

import json
import re
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from relation_gan import tracking
from relation_gan.config import Data
from relation_gan.gan.checkpoint import CheckpointError, describe, differences, fingerprint, write_text
from relation_gan.pipelines.training.nodes import depends_on
from relation_gan.shelf import Shelf

RUN = re.compile(r"(?P<dataset>[^.]+)\.(?P<method>[^.]+)\.seed(?P<seed>\d+)")
OF_A_RUN = {"training", "evaluation"}
"""Tags of the nodes that make what is kept of a run."""
SECONDS = "seconds.json"
"""A file beside the scores: what each node took."""


class RunName(NamedTuple):
    """The namespace of a run, taken apart."""

    dataset: str
    method: str
    seed: str

    @property
    def full(self) -> str:
        return f"{self.dataset}.{self.method}.seed{self.seed}"


def run_of(namespace: str | None) -> RunName | None:
    match = RUN.fullmatch(namespace or "")
    return RunName(**match.groupdict()) if match else None


def runs_of(pipeline: Pipeline, *tags: str) -> list[RunName]:
    """The runs that nodes with any of these tags belong to, in their order."""
    found = (run_of(node.namespace) for node in pipeline.nodes if node.tags & set(tags))
    return list(dict.fromkeys(run for run in found if run))


def source_of(catalog: Any, dataset: str) -> str:
    """What the catalog calls the handle of a data set."""
    return f"{dataset}.{Data.of(catalog.load(f'params:datasets.{dataset}')).source}"


def scores_depend_on(dataset: dict[str, Any]) -> dict[str, Any]:
    """What scores depend on: not where raw files lie, and not how many pictures are completed at once."""
    data = {key: value for key, value in dataset["data"].items() if key not in ("folder", "download")}
    evaluation = dict(dataset["evaluation"])
    evaluation["completion"] = {key: of for key, of in evaluation["completion"].items() if key != "batch_size"}
    return {**dataset, "data": data, "evaluation": evaluation}


class Shelves(NamedTuple):
    """Where a run's networks and its scores are kept, and what they are to be made from."""

    networks: Shelf
    scores: Shelf
    trained_from: dict[str, Any]
    scored_from: dict[str, Any]

    @classmethod
    def of(cls, catalog: Any, run: RunName, digest: str) -> "Shelves":
        trained_from = depends_on(catalog.load(f"params:runs.{run.full}"), digest)
        scored_from = {
            "run": fingerprint(trained_from),
            "dataset": scores_depend_on(catalog.load(f"params:datasets.{run.dataset}")),
        }
        networks = Shelf(catalog.load(f"{run.full}.checkpoints").folder)
        return cls(networks, Shelf(scores_folder(catalog, run)), trained_from, scored_from)

    def claim(self) -> None:
        """Set aside what is made from anything else, and take back what was set aside."""
        self.networks.claim(self.trained_from)
        self.scores.claim(self.scored_from)

    def changes(self) -> list[str]:
        """What is there is made from something else: how that differs, a line a key."""
        found = []
        for shelf, wanted in ((self.networks, self.trained_from), (self.scores, self.scored_from)):
            if (label := shelf.label()) and not shelf.holds(wanted):
                changed = differences(label.made_from, wanted) if label.made_from else ["an earlier version made it"]
                found += [line for line in changed if not line.startswith("run: '")]  # a digest, told by the networks
        return found


def missing(pipeline: Pipeline, catalog: Any) -> set[Node]:
    """The nodes of runs that something is missing of, or that what is missing passes through."""
    found: set[Node] = set()
    made: set[str] = set()
    sent = {
        run: tracking.is_sent(catalog.load(f"{run.full}.checkpoints").folder) for run in runs_of(pipeline, *OF_A_RUN)
    }
    for node in pipeline.nodes:  # sorted: a node comes after those that it depends on
        if not node.tags & OF_A_RUN:
            continue
        run = run_of(node.namespace)
        there = all(catalog.exists(name) for name in node.outputs) and not made.intersection(node.inputs)
        if not there or (run and not sent[run]) or failed(catalog, node):
            found.add(node)
            made.update(node.outputs)
    return found


def failed(catalog: Any, node: Node) -> bool:
    """Whether a training ended with an error, so that it is worth another try."""
    history = next((name for name in node.outputs if name.endswith(".history")), None)
    return history is not None and catalog.load(history)["status"] == "failed"


def unfinished(pipeline: Pipeline, catalog: Any) -> Pipeline:
    """The pipeline without what is there already. Data and reports, which look for themselves, stay."""
    stay = [node for node in pipeline.nodes if not node.tags & OF_A_RUN]
    return Pipeline([*stay, *missing(pipeline, catalog)])


class Plan(NamedTuple):
    """The runs of a session by what is to be done."""

    done: list[RunName]
    begun: list[RunName]
    changed: dict[RunName, list[str]]
    """Runs that were made otherwise, with what changed."""
    to_do: list[RunName]
    seconds: float | None
    """How long the rest will take, one after the other; unknown if no such run was ever finished."""

    def __str__(self) -> str:
        """What is printed before a session starts."""
        counts = {
            "done": len(self.done),
            "to do": len(self.to_do),
            "begun": len(self.begun),
            "out of date": len(self.changed),
        }
        n_runs = sum(counts.values())
        told = f"{n_runs} run{'s' if n_runs > 1 else ''}: " + ", ".join(
            f"{count} {what}" for what, count in counts.items() if count
        )
        if len(self.done) < n_runs:
            told += "; " + (
                f"about {duration(self.seconds)} on one core or device, by the runs that are done"
                if self.seconds is not None
                else "how long they take is not known before the first is done"
            )
        lines = [told]
        by_change: dict[str, list[str]] = {}
        for run, changes in self.changed.items():
            by_change.setdefault("; ".join(changes), []).append(run.full)
        for change, names in list(by_change.items())[:MANY]:
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            lines.append(f"  out of date, kept apart: {names[0]}{others} ({shortened(change)})")
        if len(by_change) > MANY:
            lines.append(f"  and {len(by_change) - MANY} more kinds of change")
        return "\n".join(lines)


MANY, LONG = 5, 200
"""Kinds of change that are told, and letters for each."""


def shortened(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}…"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def make_plan(pipeline: Pipeline, catalog: Any, digests: dict[str, str]) -> Plan:
    """Look at the runs of a pipeline, and set aside what was made otherwise.

    Args:
        digests: of the data sets that are there already. Of the others, nothing is known of their runs yet.
    """
    plan = Plan([], [], {}, [], None)
    known: dict[RunName, Cost] = {}
    for run in runs_of(pipeline, *OF_A_RUN):
        if run.dataset in digests:
            if cost := cost_of(catalog, run):
                known[run] = cost  # of what may be set aside now, too
            shelves = Shelves.of(catalog, run, digests[run.dataset])
            if changes := shelves.changes():
                plan.changed[run] = changes
            shelves.claim()
    unmade = {run_of(node.namespace) for node in missing(pipeline, catalog)}
    for run in runs_of(pipeline, *OF_A_RUN):
        if run not in unmade:
            plan.changed.pop(run, None)  # It was taken back whole.
            plan.done.append(run)
        elif run not in plan.changed:
            (plan.begun if step_of(catalog, run) else plan.to_do).append(run)
    rest = [*plan.begun, *plan.changed, *plan.to_do]
    return plan._replace(seconds=estimate(catalog, known, rest))


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


def estimate(catalog: Any, known: Mapping[RunName, Cost], rest: Iterable[RunName]) -> float | None:
    """Seconds that runs will take, if they cost as much as those of their method and data, or of their data, or any."""
    if not known:
        return None
    total = 0.0
    for run in rest:
        alike = [
            [cost for of, cost in known.items() if of[: len(key)] == key] for key in (run[:2], run[:1], ())
        ]  # the nearest first
        costs = next(filter(None, alike))
        steps = catalog.load(f"params:runs.{run.full}")["training"]["steps"] - step_of(catalog, run)
        total += statistics.mean(cost.step for cost in costs) * max(0, steps)
        total += statistics.mean(cost.scoring for cost in costs)
    return total


def cost_of(catalog: Any, run: RunName) -> Cost | None:
    """What a run that was scored took."""
    path = scores_folder(catalog, run) / SECONDS
    if not path.exists() or not catalog.exists(f"{run.full}.history"):
        return None
    history = catalog.load(f"{run.full}.history")
    return Cost(history["seconds"] / max(1, history["step"]), sum(json.loads(path.read_text()).values()))


def note_seconds(catalog: Any, run: RunName, node: str, seconds: float) -> None:
    """Write down what a node of the evaluation took."""
    path = scores_folder(catalog, run) / SECONDS
    known = json.loads(path.read_text()) if path.exists() else {}
    write_text(path, json.dumps({**known, node: round(seconds, 2)}, indent=1))


def scores_folder(catalog: Any, run: RunName) -> Path:
    return Path(str(catalog.get(f"{run.full}.scores")._filepath)).parent
