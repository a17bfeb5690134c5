import pytest

from relation_gan.analysis.search import budget, how
from tests.pipelines.search.helpers import result, trial


def test_the_best_trial_is_the_first_with_the_best_score_in_the_objective_s_direction() -> None:
    trials = [trial(0, 0.5), trial(1), trial(2, 0.25), trial(3, 0.25), trial(4, state="diverged")]
    found = result(*trials)
    assert found.best is found.trials[2]  # a lower KL is better
    more = result(*trials, objective="high_quality")
    assert more.best is more.trials[0]
    assert result(trial(0), trial(1)).best is None


def test_trials_are_counted_and_their_cost_is_summed() -> None:
    found = result(trial(0, 0.5), trial(1), trial(2, 0.1), trial(3, 0.2), trial(4, state="diverged"))
    assert dict(found.count) == {"finished": 3, "pruned": 1, "diverged": 1}
    assert found.seconds == 5 * 2.0
    assert found.median_of_finished == 0.2
    assert result(trial(0)).median_of_finished is None


@pytest.mark.parametrize(
    ("seconds", "steps", "expected"),
    [(8.0, None, "8 CPU seconds"), (None, 1200, "1,200 steps"), (8.0, 1200, "1,200 steps")],
)
def test_the_cost_of_a_trial_is_in_seconds_or_in_steps(seconds: float, steps: int, expected: str) -> None:
    assert budget(seconds, steps) == expected


def test_a_line_says_how_a_method_was_searched() -> None:
    of = {"search": "search_ring", "objective": "kl", "trials": 3, "seconds": 8.0, "steps": None, "seed": 100}
    assert how(None) == "not searched"
    assert how({**of, "trial": 1, "score": 0.5, "finished": 2}) == (
        "searched in 3 trials of up to 8 CPU seconds each, 2 finished: trial 1, KL to even modes 0.5000 (search_ring; "
        "seeds 100 to 102)"
    )
    assert how({**of, "trial": None, "score": None, "finished": 0}) == (
        "searched in 3 trials of up to 8 CPU seconds each, none of which finished: its own setting (search_ring; seeds "
        "100 to 102)"
    )
