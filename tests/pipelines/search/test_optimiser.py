"""What is proposed is a function of the seed and of what came before, across kills."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from relation_gan.config.search import Range
from relation_gan.pipelines.search.optimiser import Optimiser, distribution, pruner
from tests.pipelines.search.helpers import trial

RANGES = {
    "a": Range(low=0.001, high=0.1, log=True),
    "b": Range(low=1, high=8, integer=True),
    "c": Range(choices=["x", "y"]),
}


def optimiser(folder: Path, made_from: str = "1", seed: int = 0, first: dict[str, Any] | None = None) -> Optimiser:
    found = Optimiser(folder / "trials.db", made_from, RANGES, seed, "median", first or {})
    found.start("kl", [0.5])
    return found


def run(of: Optimiser, count: int) -> list[dict[str, Any]]:
    """Settings of trials whose score is the distance of `a` from 0.01, going on after those that are over."""
    for number in range(len(of.trials()), count):
        asked = of.ask(number)
        of.tell(asked, trial(number, abs(asked.params["a"] - 0.01), setting=dict(asked.params)))
    return [each.setting for each in of.trials()]


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(tmp_path: Path) -> None:
    one, again, other = (
        run(optimiser(tmp_path / name, seed=seed), 12) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert one == again != other
    assert len({tuple(setting.values()) for setting in one}) == 12
    for path, of in RANGES.items():
        assert all(of.holds(setting[path]) for setting in one)


def test_a_killed_search_repeats_no_finished_trial_and_gives_the_interrupted_one_its_setting_again(
    tmp_path: Path,
) -> None:
    whole = run(optimiser(tmp_path / "whole"), 12)
    killed = optimiser(tmp_path / "killed")
    assert run(killed, 11) == whole[:11]
    interrupted = dict(killed.ask(11).params)  # and nothing is reported of it
    resumed = optimiser(tmp_path / "killed")
    assert [each.number for each in resumed.trials()] == list(range(11))
    assert run(resumed, 12) == whole
    assert interrupted == whole[11]


def test_the_first_trial_has_the_method_s_own_values(tmp_path: Path) -> None:
    own = {"a": 0.05, "c": "y"}
    first, second = run(optimiser(tmp_path, first=own), 2)
    assert own.items() <= first.items() and not own.items() <= second.items()


def test_trials_of_another_configuration_are_left_alone(tmp_path: Path) -> None:
    kept = run(optimiser(tmp_path, "1"), 2)
    assert optimiser(tmp_path, "2").trials() == []
    assert [each.setting for each in optimiser(tmp_path, "1").trials()] == kept


def test_nothing_is_there_before_the_start(tmp_path: Path) -> None:
    of = Optimiser(tmp_path / "trials.db", "1", RANGES, 0, "median", {})
    assert of.trials() == [] and of.objective is None
    of.start("high_quality", [])
    assert of.objective == "high_quality"
    assert of.study.direction == optuna.study.StudyDirection.MAXIMIZE


def test_a_trial_worse_than_the_median_is_pruned_once_there_are_five(tmp_path: Path) -> None:
    of = optimiser(tmp_path)
    for number, score in enumerate((1.0, 2.0, 3.0, 4.0, 5.0)):
        asked = of.ask(number)
        asked.report(score, 50)
        assert not asked.should_prune()
        of.tell(asked, trial(number, score))
    for score, pruned in ((2.9, False), (3.1, True)):  # the median is 3
        asked = of.ask(5)
        asked.report(score, 50)
        assert bool(asked.should_prune()) is pruned


def test_halving_keeps_the_better_half_at_each_rung() -> None:
    study = optuna.create_study(pruner=pruner("halving", [0.25, 0.5]))
    for score, pruned in ((1.0, False), (2.0, True), (0.5, False), (1.5, True)):
        asked = study.ask()
        asked.report(score, 25)
        assert bool(asked.should_prune()) is pruned
    assert isinstance(pruner("none", [0.5]), optuna.pruners.NopPruner)
    assert isinstance(pruner("halving", []), optuna.pruners.NopPruner)


def test_sensitivity_finds_the_parameter_that_matters_once_enough_trials_finished(tmp_path: Path) -> None:
    of = optimiser(tmp_path)
    run(of, 7)
    assert of.sensitivity() == {}
    run(of, 20)
    shares = of.sensitivity()
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) == "a"  # the score depends on it alone


def test_ranges_are_optuna_s_distributions() -> None:
    assert [distribution(of) for of in RANGES.values()] == [
        optuna.distributions.FloatDistribution(0.001, 0.1, log=True),
        optuna.distributions.IntDistribution(1, 8),
        optuna.distributions.CategoricalDistribution(["x", "y"]),
    ]
