"""Which setting is tried next: Optuna, whose storage lets a search go on where it was killed."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from relation_gan.analysis.measures import better
from relation_gan.analysis.search import Trial
from relation_gan.config.search import Range
from relation_gan.gan.checkpoint import fingerprint

ENOUGH = 8
"""Finished trials from which the share of each parameter in the score is estimated."""
HELD = (TrialState.COMPLETE, TrialState.PRUNED)
"""Of trials that are over. One that a kill interrupted is FAIL, and is tried again under the same number of ours."""
OBJECTIVE, RECORD = "objective", "record"
"""What is noted with Optuna's study and with each of its trials."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Optimiser:
    """The trials of one search, kept in an SQLite file.

    What is proposed for trial n depends on the seed, n and the trials before it alone: the tree-structured Parzen
    estimator (Bergstra et al., 2011), after ten trials drawn at random.

    Args:
        made_from: the fingerprint of all that trials depend on; other trials in the file are left alone.
        pruner: `median`, `halving` (Li et al., arXiv 1810.05934) or `none`.
        first: the values that the first trial begins with.
    """

    def __init__(
        self, file: Path, made_from: str, ranges: Mapping[str, Range], seed: int, pruner: str, first: Mapping[str, Any]
    ) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
        self._name, self._seed, self._first = made_from, seed, dict(first)
        self._distributions = {path: distribution(of) for path, of in ranges.items()}
        self._pruner = pruner
        self._study: optuna.Study | None = None
        if made_from in optuna.get_all_study_names(self._storage):
            self._study = optuna.load_study(study_name=made_from, storage=self._storage)

    @property
    def objective(self) -> str | None:
        """The score that is optimised; None before the search is started."""
        return self._study.user_attrs[OBJECTIVE] if self._study else None

    def start(self, objective: str, rungs: list[float]) -> None:
        """Begin, or go on where a session was interrupted."""
        if self._study is None:
            direction = "maximize" if better(objective) == "higher" else "minimize"
            self._study = optuna.create_study(study_name=self._name, storage=self._storage, direction=direction)
            self._study.set_user_attr(OBJECTIVE, objective)
        self._study.pruner = pruner(self._pruner, rungs)
        for left in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(left.number, state=TrialState.FAIL)

    @property
    def study(self) -> optuna.Study:
        assert self._study is not None, "start the search first"
        return self._study

    def trials(self) -> list[Trial]:
        """Those that are over, in their order; none before the search is started."""
        if self._study is None:
            return []
        held = self.study.get_trials(deepcopy=False, states=HELD)
        return [Trial.model_validate(of.user_attrs[RECORD]) for of in held]

    def ask(self, number: int) -> optuna.Trial:
        """A setting to try."""
        seed = int(fingerprint([self._seed, number])[:8], 16)
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(seed=seed)
        if number == 0 and self._first:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                sampler = optuna.samplers.PartialFixedSampler(self._first, sampler)
        self.study.sampler = sampler
        return self.study.ask(self._distributions)

    def tell(self, asked: optuna.Trial, trial: Trial) -> None:
        """What came of it. A trial that diverged or failed stands behind those that were pruned as early."""
        asked.set_user_attr(RECORD, trial.model_dump(mode="json"))
        if trial.score is None:
            self.study.tell(asked, state=TrialState.PRUNED)
        else:
            self.study.tell(asked, trial.score)

    def sensitivity(self) -> dict[str, float]:
        """The share of the score's variance that each parameter explains (fANOVA, Hutter et al., 2014)."""
        finished = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(finished) < ENOUGH or len({trial.value for trial in finished}) == 1:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        return {
            name: float(of)
            for name, of in optuna.importance.get_param_importances(self.study, evaluator=evaluator).items()
        }


def distribution(of: Range) -> BaseDistribution:
    """A range as Optuna has it."""
    if of.choices:
        return CategoricalDistribution(of.choices)
    low, high = of.interval
    if of.integer:
        return IntDistribution(int(low), int(high), log=of.log)
    return FloatDistribution(low, high, log=of.log)


def pruner(name: str, rungs: list[float]) -> optuna.pruners.BasePruner:
    """Optuna's pruner, for scores that are reported by the per cent of the budget."""
    match name:
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=5)
        case "halving" if rungs:
            first = round(100 * rungs[0])
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=2)
    return optuna.pruners.NopPruner()
