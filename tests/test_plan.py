"""What a plan says. What it finds, and what is done accordingly, is tested in test_run.py."""

import pytest

from relation_gan.plan import Plan, RunName, duration, run_of


def run(method: str, seed: int = 0) -> RunName:
    return RunName("ring8", method, str(seed))


def test_a_run_is_known_by_its_namespace() -> None:
    found = run_of("ring8.wgan_gp.seed12")
    assert found == RunName("ring8", "wgan_gp", "12") and found.full == "ring8.wgan_gp.seed12"
    assert run_of("ring8") is run_of(None) is run_of("ring8.wgan_gp.seed") is None


@pytest.mark.parametrize(
    ("plan", "printed"),
    [
        (Plan([run("a")], [], {}, [], None), "1 run: 1 done"),
        (
            Plan([], [], {}, [run("a"), run("b")], None),
            "2 runs: 2 to do; how long they take is not known before the first is done",
        ),
        (
            Plan([run("a")], [run("b")], {}, [run("c"), run("d")], 240.0),
            "4 runs: 1 done, 2 to do, 1 begun; about 4 minutes on one core or device, by the runs that are done",
        ),
        (
            Plan([], [], {run("a", seed): ["steps: 1 -> 2", "lr: 3 -> 4"] for seed in range(3)}, [], 5.0),
            "3 runs: 3 out of date; about 5 seconds on one core or device, by the runs that are done\n"
            "  out of date, kept apart: ring8.a.seed0 and 2 more (steps: 1 -> 2; lr: 3 -> 4)",
        ),
    ],
)
def test_a_plan_tells_what_is_there_and_what_is_not(plan: Plan, printed: str) -> None:
    assert str(plan) == printed


def test_a_plan_of_many_changes_stays_short() -> None:
    changed = {run(f"m{i}"): [f"steps: 1 -> {'9' * 300}{i}"] for i in range(8)}
    lines = str(Plan([], [], changed, [], None)).splitlines()
    assert len(lines) == 1 + 5 + 1 and max(map(len, lines)) < 300
    assert lines[-1] == "  and 3 more kinds of change"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(5, "5 seconds"), (89, "89 seconds"), (90, "2 minutes"), (5399, "90 minutes"), (9000, "2.5 hours")],
)
def test_durations_are_told_in_the_unit_that_suits_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told
