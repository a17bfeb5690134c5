"""One node a scorer, so that one can be run again alone; then the curve over training, and all scores together."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from relation_gan.analysis import measures
from relation_gan.gan import scoring, tasks
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.data.config import read_data
from relation_gan.gan.history import History
from relation_gan.gan.networks import Network
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.sampling import DivergedError, Sampler, checked
from relation_gan.gan.scoring import PREFIXES, EvaluationConfig, Scorer, Scores, Source, Subject
from relation_gan.gan.scoring.panels import Panel
from relation_gan.gan.state import CheckpointStore
from relation_gan.gan.tasks import Task
from relation_gan.pipelines.shared import device, explained

logger = logging.getLogger(__name__)

NOTHING = Described({}, {"scores": {}})


def score(
    scorer: str,
    networks: dict[str, Network],
    history: History,
    store: ImageStore | Points,
    data: dict[str, Any],
    evaluation: EvaluationConfig,
    reference: Described = NOTHING,
    classifier: Classifier | None = None,
    checkpoints: CheckpointStore | None = None,
    curve: list[Scores] | None = None,
) -> tuple[Scores, list[Panel]]:
    """What one scorer says of a run.

    Args:
        checkpoints, curve: given where the best checkpoint of the curve is scored instead of the last weights.
    """
    task = tasks.task_class(history.run.task["name"])
    best = best_of(curve or [], deciding(evaluation, data)) if curve else None
    if checkpoints and best:
        networks = {**networks, **kept_at(checkpoints, task, best[0])}
    for network in networks.values():
        network.to(device()).eval()
    made = scoring.create(scorer, evaluation=evaluation, device=device())
    with explained():
        subject = Subject(samplers(task, networks, store), networks, history)
        found = made.score(subject, Source(store, read_data(data), classifier), reference)
    if not isinstance(found, tuple):
        raise ValueError(f"scorer '{scorer}' returns {type(found).__name__}; return a pair: scores, and panels or []")
    scores, panels = found
    if unread := [name for name in measures.scale_kid(scores) if not _read(made, name)]:
        logger.warning(
            "Scorer '%s' gives %s, which its `measures` (%s) do not declare: the report prints it by name alone",
            *(scorer, ", ".join(unread), ", ".join(made.measures) or "none"),
        )
    return scores, list(panels)


def _read(scorer: Scorer, name: str) -> bool:
    """Whether a score is declared, so that reports can say what it means."""
    declared = name.removeprefix("raw_") in scorer.measures or measures.measure(name).decimals != measures.UNKNOWN
    return declared or name.startswith(scorer.unmeasured)


def samplers(task: type[Task], networks: Mapping[str, Network], store: ImageStore | Points) -> dict[str, Sampler]:
    """Of the EMA networks, and of the last weights of the same."""
    raw = {name: networks[f"{name}_raw"] for name in task.averaged if f"{name}_raw" in networks}
    found = {"ema": checked(task.sampler(networks, store), task.gives)}
    return {**found, "raw": task.sampler({**networks, **raw}, store)} if raw else found


def kept_at(checkpoints: CheckpointStore, task: type[Task], step: float) -> dict[str, Network]:
    """The networks that were kept at a step, by name."""
    names = [name + end for name in task.averaged for end in ("", "_raw")]
    return {name: network for name in names if (network := checkpoints.snapshot_at(name, step))}


def score_curve(
    over_training: Mapping[str, str],
    classified: bool,
    checkpoints: CheckpointStore,
    history: History,
    store: ImageStore | Points,
    data: dict[str, Any],
    evaluation: EvaluationConfig,
    *rest: Any,
) -> list[Scores]:
    """Scores of the networks kept over training, of fewer samples each: a row a kept step.

    Args:
        over_training: the scorers that the curve shows, with the reference of each, or nothing.
        rest: the data set's classifier, if it is `classified`, then the references in their order, each once.
    """
    classifier, given = (rest[0], rest[1:]) if classified else (None, rest)
    names = dict.fromkeys(reference for reference in over_training.values() if reference)
    references = {"": NOTHING, **dict(zip(names, given, strict=True))}
    task, source = tasks.task_class(history.run.task["name"]), Source(store, read_data(data), classifier)
    scorers = [scoring.create(name, evaluation=evaluation, device=device()) for name in over_training]
    rows: dict[int, Scores] = {}
    for step in kept_steps(checkpoints, task, history.step):
        networks = kept_at(checkpoints, task, step)
        for network in networks.values():
            network.to(device())
        for name, sampler in samplers(task, networks, store).items():
            for scorer, reference in zip(scorers, over_training.values(), strict=True):
                try:
                    found = scorer.brief(sampler, source, references[reference])
                except DivergedError:
                    continue
                prefix = PREFIXES[name]
                rows.setdefault(step, {"step": float(step)}).update({prefix + key: of for key, of in found.items()})
    return [rows[step] for step in sorted(rows)]


def kept_steps(checkpoints: CheckpointStore, task: type[Task], last: int) -> Iterator[int]:
    """The steps of kept networks; what an earlier, longer training left is no part of this run."""
    steps = {step for name in task.averaged for step in checkpoints.snapshot_steps(name)}
    return (step for step in sorted(steps) if step <= last)


def collect_scores(
    history: History, curve: list[Scores], data: dict[str, Any], evaluation: EvaluationConfig, *scores: Scores
) -> Scores:
    """All scores of a run, flat, with the least deciding score of its curve and the step of that."""
    found = {name: score for part in scores for name, score in part.items()}
    if best := best_of(curve, deciding(evaluation, data)):
        step, name, value = best
        found |= {f"best_{name}": value, "best_step": step}
    if history.status == "diverged":
        found["diverged_at"] = float(history.step)
    return found


def deciding(evaluation: EvaluationConfig, data: dict[str, Any]) -> list[str]:
    """The names of the scores whose least value in a curve marks the best checkpoint, the first that is there."""
    config = read_data(data)
    of = [scoring.scorer(name) for name in scoring.names()]
    used = [each for each in of if each.applies(config, evaluation) and each.over_training(config, evaluation)]
    return [name for each in used if (name := each(evaluation, device()).deciding())]


def best_of(curve: list[Scores], names: list[str]) -> tuple[float, str, float] | None:
    """(step, score, value) of the least."""
    for name in names:
        found = [(row[name], row["step"]) for row in curve if name in row]
        if found:
            value, step = min(found)
            return step, name, value
    return None
