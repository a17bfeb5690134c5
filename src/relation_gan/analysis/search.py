"""What a search of hyper-parameters leaves: its trials, and what they say."""

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from relation_gan.analysis.measures import better, label, number
from relation_gan.gan.model import Model

State = Literal["finished", "pruned", "diverged", "failed"]


class Trial(Model):
    """One setting, trained and scored."""

    number: int
    setting: dict[str, Any]
    """Values by dotted path."""
    seed: int
    """That it was trained with."""
    state: State
    error: str = ""
    """Why it diverged or failed."""
    steps: int
    """The last one that was trained."""
    seconds: float
    """Of training: CPU seconds or, on an accelerator, seconds."""
    scoring_seconds: float = 0.0
    rungs: dict[int, float] = Field(default={})
    """The objective after each per cent of the budget at which it was measured."""
    score: float | None = None
    """The objective at the end; None of a trial that did not get there."""
    scores: dict[str, float] = Field(default={})
    """The last that were measured, as they stand in tables."""
    overrides: dict[str, Any] = Field(default={})
    """Of the method's entry in methods.yml, to have this setting."""


class SearchResult(Model):
    """The search of one method."""

    search: str
    dataset: str
    method: str
    objective: str
    seed: int
    asked: int
    """Trials in total."""
    budget_seconds: float | None
    budget_steps: int | None
    pruner: str
    samples: int
    """For each scoring."""
    ranges: dict[str, dict[str, Any]]
    left_out: list[str] = Field(default=[])
    """Ranges that the method has no parameter for."""
    own: dict[str, Any] = Field(default={})
    """The method's own values at the paths of the ranges."""
    data_sha256: str
    made_from: str
    """The fingerprint of all that its trials depend on."""
    origin: dict[str, str] = Field(default={})
    trials: list[Trial]
    sensitivity: dict[str, float] = Field(default={})
    """The share of the score's variance that each parameter explains; none where too few trials finished."""

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best score, the first of several; None where none finished."""
        pick = max if better(self.objective) == "higher" else min
        scored = [trial for trial in self.trials if trial.score is not None]
        return pick(scored, key=lambda trial: trial.score or 0.0) if scored else None

    @property
    def count(self) -> Counter[str]:
        """Trials by state."""
        return Counter(trial.state for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Of training, all trials together."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def median_of_finished(self) -> float | None:
        """The score that half of the finished trials do not reach."""
        scored = [trial.score for trial in self.trials if trial.score is not None]
        return statistics.median(scored) if scored else None


@dataclass
class TrialStore:
    """The folder that keeps a method's search, and what is called as it grows."""

    folder: Path
    listeners: list[Callable[[SearchResult], None]] = field(default_factory=list)
    """Called with the search so far when it starts and after every trial."""
    origin: dict[str, str] = field(default_factory=dict)
    """Commit, versions and command of the session."""


def budget(seconds: float | None, steps: int | None) -> str:
    """`12 CPU seconds`, `400 steps`: the cost of a trial."""
    return f"{steps:,} steps" if steps else f"{seconds:,.4g} CPU seconds"


def how(of: dict[str, Any] | None) -> str:
    """How a method came by its setting, in a line.

    Args:
        of: as `config.search.searched` gives it; None: it was not searched.
    """
    if of is None:
        return "not searched"
    cost = f"{of['trials']} trials of up to {budget(of['seconds'], of['steps'])} each"
    seeds = f"seeds {of['seed']} to {of['seed'] + of['trials'] - 1}"
    if of["trial"] is None:
        return f"searched in {cost}, none of which finished: its own setting ({of['search']}; {seeds})"
    score = f"{label(of['objective'])} {number(of['objective'], of['score'])}"
    return f"searched in {cost}, {of['finished']} finished: trial {of['trial']}, {score} ({of['search']}; {seeds})"
