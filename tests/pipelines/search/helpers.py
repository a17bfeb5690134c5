"""Searches by hand."""

from typing import Any

from relation_gan.analysis.search import SearchResult, Trial
from relation_gan.config import merge, resolve
from relation_gan.config.search import MethodSearch
from relation_gan.gan.checkpoint import Described
from relation_gan.pipelines.search.trial_scorer import TrialScorer, brief_evaluation
from tests.config.test_search import RAW
from tests.gan.scoring.helpers import RING, create, evaluation, points_of

SOURCE = points_of(RING)
PATHS = ("training.lr_critic", "regularisers.r1.weight")


def method_search(method: str = "first", **search: Any) -> MethodSearch:
    """Three trials of five steps on points, unless they are changed."""
    return MethodSearch.model_validate(resolve(merge(RAW, {"search": search}))["searches"][method])


def a_scorer(**changes: Any) -> TrialScorer:
    """Of the ring of three."""
    how = evaluation(**changes)
    reference = create("points", how).describe(SOURCE)
    references = {"": Described({}, {"scores": {}}), "points": reference}
    return TrialScorer({"points": "points"}, references, SOURCE, brief_evaluation(how, None, 1000))


def trial(number: int, score: float | None = None, state: str = "", **more: Any) -> Trial:
    """One that finished with a score, or else was pruned."""
    setting = more.pop("setting", {"training.lr_critic": 0.001 * (number + 1), "regularisers.r1.weight": 0.5})
    values = {"number": number, "setting": setting, "seed": 100 + number, "steps": 5, "seconds": 2.0}
    values |= {"state": state or ("finished" if score is not None else "pruned"), "score": score}
    values |= {"scores": {"kl": score} if score is not None else {"kl": 9.0}}
    return Trial.model_validate({**values, **more})


def result(*trials: Trial, **changes: Any) -> SearchResult:
    """Of the method `first`."""
    of = method_search()
    names = {"search": "search_ring", "dataset": "ring", "method": "first", "objective": "kl", "seed": 100}
    budget = {"asked": len(trials), "budget_seconds": 8.0, "budget_steps": None, "pruner": "median", "samples": 20}
    ranges = {path: each.model_dump(mode="json", exclude_defaults=True) for path, each in of.ranges.items()}
    own = {"training.lr_critic": 0.1, "regularisers.r1.weight": 0.5}
    made = {"ranges": ranges, "own": own, "data_sha256": "0", "made_from": "1", "trials": list(trials)}
    return SearchResult.model_validate({**names, **budget, **made, **changes})
