"""A search goes on where it was interrupted, and tells of every trial."""

from pathlib import Path
from typing import Any

import click
import pytest
from filelock import FileLock

from relation_gan.analysis.search import SearchResult, TrialStore
from relation_gan.gan.data import StoreError
from relation_gan.pipelines.search import create_pipeline, nodes
from tests.gan.scoring.helpers import RING, create, evaluation
from tests.pipelines.helpers import data_of
from tests.pipelines.search.helpers import SOURCE, method_search

OVER_TRAINING = {"points": "points"}


def searched(folder: Path, reported: list[SearchResult] | None = None, latents: int = 0, **search: Any) -> SearchResult:
    store = TrialStore(folder, [reported.append] if reported is not None else [])
    how = evaluation(seed=latents)
    reference = create("points", how).describe(SOURCE)
    of = method_search(**search)
    return nodes.search(OVER_TRAINING, False, SOURCE.points, of, store, RING.model_dump(mode="json"), how, reference)


def test_a_search_makes_as_many_trials_as_asked_for_and_tells_of_each(tmp_path: Path) -> None:
    reported: list[SearchResult] = []
    found = searched(tmp_path, reported)
    assert [trial.number for trial in found.trials] == [0, 1, 2]
    assert [trial.seed for trial in found.trials] == [100, 101, 102]
    assert [len(each.trials) for each in reported] == [0, 1, 2, 3]
    assert (found.objective, found.method, found.dataset) == ("kl", "first", "ring")
    assert found.data_sha256 == SOURCE.points.digest
    assert found.own == {"training.lr_critic": 0.1, "regularisers.r1.weight": 0.5}
    assert found.trials[0].setting == found.own  # the method's own setting comes first


def test_finished_trials_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    run_trial = nodes.run_trial

    def counted(number: int, *rest: Any) -> Any:
        made.append(number)
        if len(made) == 3:
            raise KeyboardInterrupt
        return run_trial(number, *rest)

    monkeypatch.setattr(nodes, "run_trial", counted)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, trials=4)
    found = searched(tmp_path, trials=4)
    assert made == [0, 1, 2, 2, 3]
    assert searched(tmp_path, trials=4) == found and len(made) == 5
    assert searched(tmp_path, trials=2).trials == found.trials[:2]
    # Uninterrupted, it is the same search.
    monkeypatch.undo()
    uninterrupted = searched(tmp_path / "other", trials=4)
    assert [each.rungs for each in uninterrupted.trials] == [each.rungs for each in found.trials]
    assert [each.setting for each in uninterrupted.trials] == [each.setting for each in found.trials]


def test_another_configuration_is_another_search(tmp_path: Path) -> None:
    names = {searched(tmp_path, **of).made_from for of in ({}, {"steps": 6}, {"seed": 500}, {"pruner": "none"})}
    assert len(names) == 4
    assert searched(tmp_path).made_from in names


def test_the_search_draws_other_latents_than_the_study(tmp_path: Path) -> None:
    # The seed of the study's evaluation is of no matter.
    one, other = searched(tmp_path / "a"), searched(tmp_path / "b", latents=7)
    assert one.trials[0].rungs == other.trials[0].rungs


def test_two_sessions_do_not_search_at_once(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(click.ClickException, match="another session is searching in"):
        searched(tmp_path)


def test_damaged_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(self: Any) -> None:
        raise StoreError("the file is damaged")

    monkeypatch.setattr(type(SOURCE.points), "verify", damaged)
    with pytest.raises(click.ClickException, match="the file is damaged"):
        searched(tmp_path)


def test_the_pipeline_searches_each_method_and_ends_in_one_report() -> None:
    made = create_pipeline("search_ring", data_of(RING, evaluation()), ["first", "second"])
    assert {str(node.namespace) for node in made.nodes} == {"search_ring.first", "search_ring.second", "search_ring"}
    assert made.outputs() == {f"search_ring.{part}" for part in ("report", "table", "summary", "tuned")}
    assert {name for name in made.inputs() if not name.startswith("params:")} == {
        *("ring.points", "ring.reference_points"),
        *("search_ring.first.trial_store", "search_ring.second.trial_store"),
    }
