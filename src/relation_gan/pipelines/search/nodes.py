"""One node searches one method; another reports on all."""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pandas as pd
from filelock import FileLock, Timeout

from relation_gan.analysis.measures import number
from relation_gan.analysis.provenance import provenance
from relation_gan.analysis.search import SearchResult, Trial, TrialStore
from relation_gan.config.search import MethodSearch
from relation_gan.config.setting import value
from relation_gan.gan.checkpoint import Described, fingerprint
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.data.config import read_data
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.scoring import EvaluationConfig, Source
from relation_gan.pipelines.search import report
from relation_gan.pipelines.search.optimiser import Optimiser
from relation_gan.pipelines.search.trial_scorer import TrialScorer, brief_evaluation
from relation_gan.pipelines.search.trials import job_of, one_thread, run_trial
from relation_gan.pipelines.search.tuned import tuned_file
from relation_gan.pipelines.shared import explained

logger = logging.getLogger(__name__)


def search(
    over_training: Mapping[str, str],
    classified: bool,
    store: ImageStore | Points,
    config: MethodSearch,
    trials: TrialStore,
    data: dict[str, Any],
    evaluation: EvaluationConfig,
    *rest: Any,
) -> SearchResult:
    """Try settings of one method until there are as many trials as asked for; those of an earlier session count.

    Args:
        over_training: the scorers that curves show, with the reference of each, or nothing.
        rest: the data set's classifier, if it is `classified`, then the references in their order, each once.

    Raises:
        click.ClickException: another session is searching, the data is damaged, or such data has no such objective.
    """
    of, seen = MethodSearch.model_validate(config), EvaluationConfig.model_validate(evaluation)
    classifier: Classifier | None
    classifier, references = (rest[0], rest[1:]) if classified else (None, rest)
    names = dict.fromkeys(reference for reference in over_training.values() if reference)
    described = {"": Described({}, {"scores": {}}), **dict(zip(names, references, strict=True))}
    few = brief_evaluation(seen, of.samples, of.seed)
    scorer = TrialScorer(over_training, described, Source(store, read_data(data), classifier), few)
    with explained(), _alone(trials), one_thread():
        store.verify()
        return _search(of, store, trials, scorer)


@contextmanager
def _alone(trials: TrialStore) -> Iterator[None]:
    """Of two sessions, the second would take the first one's trial for an interrupted one."""
    trials.folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(trials.folder / ".lock", timeout=0).acquire()
    except Timeout:
        raise click.ClickException(
            f"another session is searching in {trials.folder}; wait for it, or stop it"
        ) from None
    with lock:
        yield


def _search(of: MethodSearch, store: ImageStore | Points, trials: TrialStore, scorer: TrialScorer) -> SearchResult:
    """The trials that are missing, one after the other."""
    made_from = fingerprint([of.depends_on(store.digest), scorer.evaluation.model_dump(mode="json")])
    own = {path: value(of.run, path) for path in of.ranges}
    first = {path: own[path] for path, each in of.ranges.items() if of.own_first and each.holds(own[path])}
    optimiser = Optimiser(trials.folder / "trials.db", made_from, of.ranges, of.seed, of.pruner, first)
    folder, objective = trials.folder / "trial", optimiser.objective or of.objective
    if len(optimiser.trials()) < of.trials:
        objective = scorer.choose(objective, job_of(of.run, store, folder).state())
        optimiser.start(objective, of.rungs)
    about = SearchResult(
        search=of.name,
        dataset=of.run.dataset,
        method=of.run.method,
        objective=objective,
        seed=of.seed,
        asked=of.trials,
        budget_seconds=None if of.steps else of.seconds,
        budget_steps=of.steps,
        pruner=of.pruner,
        samples=scorer.evaluation.curve_samples,
        ranges={path: each.model_dump(mode="json", exclude_defaults=True) for path, each in of.ranges.items()},
        left_out=of.left_out,
        own=own,
        data_sha256=store.digest,
        made_from=made_from,
        origin=trials.origin,
        trials=[],
    )

    def tell() -> SearchResult:
        found = about.model_copy(update={"trials": optimiser.trials()[: of.trials]})
        for listen in trials.listeners:
            listen(found)
        return found

    found = tell()
    if found.trials:
        logger.info("%s: %d of %d trials are there already", of.run.method, len(found.trials), of.trials)
    for n in range(len(found.trials), of.trials):
        asked = optimiser.ask(n)

        def prune(percent: int, score: float, asked: Any = asked) -> bool:
            asked.report(score, percent)
            return bool(asked.should_prune())

        trial = run_trial(n, dict(asked.params), of, store, scorer, objective, folder, prune)
        optimiser.tell(asked, trial)
        found = tell()
        _log(found, trial)
    return found.model_copy(update={"sensitivity": optimiser.sensitivity()})


def _log(found: SearchResult, trial: Trial) -> None:
    best = found.best
    logger.info(
        "%s, trial %d (%d of %d): %s, %s %s, %.1f s; best: %s",
        found.method,
        trial.number,
        len(found.trials),
        found.asked,
        trial.state,
        found.objective,
        number(found.objective, trial.scores.get(found.objective, math.nan)),
        trial.seconds,
        f"{number(found.objective, best.score or 0.0)} of trial {best.number}" if best else "none yet",
    )


def write_report(search: str, *results: SearchResult) -> tuple[str, pd.DataFrame, str, str]:
    """The HTML page, a row a trial, the text for the terminal, and the settings for conf/tuned."""
    origin = provenance(Path.cwd())
    return (
        report.render(search, list(results), origin),
        report.table(list(results)),
        report.summary(search, list(results)),
        tuned_file(list(results), origin),
    )
