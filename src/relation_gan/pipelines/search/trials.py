"""One trial: a setting trained within its budget, scored at rungs and at the end."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from relation_gan.analysis.search import State, Trial
from relation_gan.config.search import MethodSearch
from relation_gan.config.setting import overrides, with_setting
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.loop import Interrupted, train_step
from relation_gan.gan.run import RunConfig
from relation_gan.gan.sampling import DivergedError
from relation_gan.gan.state import CheckpointStore, TrainState
from relation_gan.pipelines.search.trial_scorer import TrialScorer
from relation_gan.pipelines.training.nodes import Job

LOGGED = 20
"""Times that a trial looks at its losses and its rungs."""
WARM_UP, TIMED, PART = 2, 8, 0.03
"""Steps before the clock starts, the fewest that are timed, and the part of the budget that timing may take."""


class Pruned(RuntimeError):
    """A trial that is stopped early, since it is worse than others were."""


class Watch:
    """Seconds of computing on a device, of a budget: on a CPU, CPU seconds. It is what asks a training to stop."""

    def __init__(self, device: torch.device, limit: float | None) -> None:
        self._now = time.process_time if device.type == "cpu" else time.perf_counter
        self._limit, self._started = limit, self._now()
        self.apart = 0.0
        """Seconds that were spent on scoring."""

    @property
    def spent(self) -> float:
        return self._now() - self._started - self.apart

    def is_set(self) -> bool:
        return self._limit is not None and self.spent >= self._limit

    @contextmanager
    def paused(self) -> Iterator[None]:
        start = self._now()
        try:
            yield
        finally:
            self.apart += self._now() - start


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one CPU thread: several wait for one another in loops, which count as CPU seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class Measured:
    """What a trial has reached so far."""

    state: State = "finished"
    error: str = ""
    rungs: dict[int, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def job_of(run: RunConfig, source: ImageStore | Points, folder: Path) -> Job:
    """The training of a trial."""
    return Job(run, source, CheckpointStore(folder), None)


def steps_within(job: Job, seconds: float) -> int:
    """How many steps of a run fit into a budget, by the time of a few of them, which are thrown away."""
    endless = job.run.training.model_copy(update={"steps": 10**9})  # so that rates do not end meanwhile
    state = job._replace(run=job.run.model_copy(update={"training": endless})).state()
    feeds = state.task.feeds(job.source, job.run.seed, state.fabric.device, job.run.training.flip)
    for _ in range(WARM_UP):
        train_step(state, feeds)
    watch, n = Watch(state.fabric.device, PART * seconds), 0
    while n < TIMED or not watch.is_set():
        train_step(state, feeds)
        n += 1
    return max(1, int(seconds * n / watch.spent))


def run_trial(
    number: int,
    setting: dict[str, Any],
    config: MethodSearch,
    source: ImageStore | Points,
    scorer: TrialScorer,
    objective: str,
    folder: Path,
    prune: Callable[[int, float], bool],
) -> Trial:
    """Train and score one setting.

    Args:
        folder: for what the training writes, which is removed again.
        prune: of the per cent of the budget and the objective there: whether the trial should stop.
    """
    shutil.rmtree(folder, ignore_errors=True)  # of a session that was killed
    seed = config.seed + number
    run = with_setting(config.run, setting).model_copy(update={"seed": seed})
    job = job_of(run, source, folder)
    steps = config.steps or steps_within(job, config.seconds or 0.0)
    changes = {"steps": steps, "log_every": max(1, steps // LOGGED), "save_every": steps, "snapshots": 1}
    job = job_of(run.model_copy(update={"training": run.training.model_copy(update=changes)}), source, folder)
    state, measured = job.state(), Measured()
    watch = Watch(state.fabric.device, None if config.steps else config.seconds)
    try:
        _train(job, state, watch, config.rungs, scorer, objective, measured, prune)
    except (RuntimeError, ValueError) as error:
        measured.state, measured.error = _ending(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Trial(
        number=number,
        setting=setting,
        seed=seed,
        state=measured.state,
        error=measured.error,
        steps=state.step,
        seconds=watch.spent,
        scoring_seconds=watch.apart,
        rungs=measured.rungs,
        score=measured.scores[objective] if measured.state == "finished" else None,
        scores=measured.scores,
        overrides=overrides(run, setting),
    )


def _ending(error: Exception) -> tuple[State, str]:
    if isinstance(error, Pruned):
        return "pruned", ""
    if isinstance(error, DivergedError):
        return "diverged", str(error)
    return "failed", f"{type(error).__name__}: {error}"


def _train(
    job: Job,
    state: TrainState,
    watch: Watch,
    rungs: list[float],
    scorer: TrialScorer,
    objective: str,
    measured: Measured,
    prune: Callable[[int, float], bool],
) -> None:
    """Train to the end of the budget.

    Raises:
        Pruned: the trial is worse than others were.
        DivergedError: a loss or the samples are not finite.
    """
    left = list(rungs)

    def score(percent: int) -> float:
        with watch.paused():
            scores = scorer(state)
        if objective not in scores:
            raise DivergedError("its samples cannot be scored")
        measured.scores = scores
        measured.rungs[percent] = scores[objective]
        return scores[objective]

    def log(step: int, row: dict[str, float]) -> None:
        if left and state.diverged_at is None and left[0] * job.run.training.steps <= step < job.run.training.steps:
            percent = round(100 * left.pop(0))
            if prune(percent, score(percent)):
                raise Pruned

    with suppress(Interrupted):  # The budget may be spent some steps before the last.
        job.fit(state, log, watch)
    if state.diverged_at is not None:
        raise DivergedError(f"a loss was not finite at step {state.diverged_at}")
    score(100)
