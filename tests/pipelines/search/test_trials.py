"""A trial is trained within its budget and scored at its rungs."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from relation_gan.analysis.search import Trial
from relation_gan.gan.state import TrainState
from relation_gan.pipelines.search import trials
from relation_gan.pipelines.search.trials import Watch, job_of, one_thread, run_trial, steps_within
from tests.pipelines.search.helpers import SOURCE, a_scorer, method_search

SETTING = {"training.lr_critic": 0.02, "regularisers.r1.weight": 0.3}


def tried(folder: Path, prune: Any = lambda *_: False, number: int = 0, setting: Any = None, **search: Any) -> Trial:
    of = method_search(**{"steps": 40, "rungs": [0.25, 0.5], **search})
    return run_trial(number, setting or SETTING, of, SOURCE.points, a_scorer(), "kl", folder / "trial", prune)


def test_a_trial_says_what_it_was_made_of_and_what_it_scored(tmp_path: Path) -> None:
    found = tried(tmp_path, number=2)
    assert (found.number, found.seed, found.state, found.steps) == (2, 102, "finished", 40)
    assert found.setting == SETTING
    assert list(found.rungs) == [25, 50, 100]
    assert found.score == found.scores["kl"] == found.rungs[100]
    assert {"modes", "high_quality", "sliced_wasserstein"} <= found.scores.keys()
    assert found.seconds > 0 and found.scoring_seconds > 0
    assert found.overrides["training"] == {"lr_critic": 0.02}
    assert found.overrides["regularisers"][0]["weight"] == 0.3
    assert list(tmp_path.iterdir()) == []  # nothing of the training stays


def test_the_same_trial_scores_the_same_and_another_seed_or_setting_does_not(tmp_path: Path) -> None:
    one, again = tried(tmp_path), tried(tmp_path)
    others = tried(tmp_path, number=1), tried(tmp_path, setting={**SETTING, "training.lr_critic": 0.05})
    assert one.rungs == again.rungs
    assert all(other.rungs != one.rungs for other in others)


def test_scoring_at_rungs_does_not_change_the_training(tmp_path: Path) -> None:
    assert tried(tmp_path).score == tried(tmp_path, rungs=[]).score


def test_a_pruned_trial_stops_at_its_rung(tmp_path: Path) -> None:
    seen: list[int] = []

    def prune(percent: int, score: float) -> bool:
        seen.append(percent)
        return percent == 50

    found = tried(tmp_path, prune)
    assert seen == [25, 50]
    assert (found.state, found.steps, found.score, list(found.rungs)) == ("pruned", 20, None, [25, 50])
    assert found.scores["kl"] == found.rungs[50]


def test_a_trial_whose_loss_is_not_finite_diverged_and_the_search_goes_on(tmp_path: Path) -> None:
    found = tried(tmp_path, setting={"training.lr_critic": 1e30})
    assert (found.state, found.score) == ("diverged", None)
    assert "not finite" in found.error


def test_a_trial_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, state: TrainState) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(trials.TrialScorer, "__call__", fail)
    found = tried(tmp_path)
    assert (found.state, found.error) == ("failed", "RuntimeError: out of memory")


def test_a_budget_of_seconds_is_spent_and_not_exceeded(tmp_path: Path) -> None:
    with one_thread():
        found = tried(tmp_path, steps=None, seconds=0.5)
    assert found.state == "finished" and found.steps > 10
    # A step takes some milliseconds; what is planned is not all that is possible.
    assert 0.2 < found.seconds < 0.7


def test_the_steps_that_fit_grow_with_the_budget(tmp_path: Path) -> None:
    of = method_search()
    with one_thread():
        short, long = (steps_within(job_of(of.run, SOURCE.points, tmp_path), seconds) for seconds in (0.5, 5.0))
    assert 3 < long / short < 30  # ten times, but for the clock
    assert not list(tmp_path.iterdir())


def test_the_watch_counts_computing_and_neither_waiting_nor_pauses() -> None:
    watch = Watch(torch.device("cpu"), 0.05)
    time.sleep(0.1)
    assert not watch.is_set()
    with watch.paused():
        _work(0.1)
    assert not watch.is_set() and watch.apart >= 0.1
    _work(0.06)
    assert watch.is_set()
    assert not Watch(torch.device("cpu"), None).is_set()


def _work(seconds: float) -> None:
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
