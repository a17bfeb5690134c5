"""What a status prints. How it is found, and what is done accordingly, is tested in test_run.py."""

import pytest

from relation_gan.execution.resume import RunName, run_of
from relation_gan.execution.status import LONG, MANY, RunStatus, duration


def run(method: str, seed: int = 0) -> RunName:
    return RunName("ring8", method, str(seed))


def test_a_run_is_known_by_its_namespace() -> None:
    found = run_of("ring8.wgan_gp.seed12")
    assert found == RunName("ring8", "wgan_gp", "12")
    assert found.full == "ring8.wgan_gp.seed12"
    assert run_of("ring8") is run_of(None) is run_of("ring8.wgan_gp.seed") is None


@pytest.mark.parametrize(
    ("status", "printed"),
    [
        (RunStatus(done=[run("a")]), ["1 run: 1 done"]),
        (RunStatus(to_do=[run("a"), run("b")]), ["2 runs: 2 to do", "time unknown"]),
        (
            RunStatus(done=[run("a")], in_progress=[run("b")], to_do=[run("c"), run("d")], seconds=240.0),
            ["4 runs: 1 done, 2 to do, 1 in progress", "about 4 minutes"],
        ),
        (
            RunStatus(stale={run("a", seed): ["steps: 1 -> 2", "lr: 3 -> 4"] for seed in range(3)}, seconds=5.0),
            ["3 runs: 3 stale", "about 5 seconds", "ring8.a.seed0 and 2 more (steps: 1 -> 2; lr: 3 -> 4)"],
        ),
    ],
)
def test_a_status_counts_its_runs_and_names_what_changed(status: RunStatus, printed: list[str]) -> None:
    assert all(part in str(status) for part in printed)


def test_a_status_with_many_changes_stays_short() -> None:
    stale = {run(f"m{i}"): [f"steps: 1 -> {'9' * 300}{i}"] for i in range(8)}
    lines = str(RunStatus(stale=stale)).splitlines()
    assert len(lines) == 1 + MANY + 1 and max(map(len, lines)) < LONG + 100
    assert "3 more" in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [(5, "5 seconds"), (89, "89 seconds"), (90, "2 minutes"), (5399, "90 minutes"), (9000, "2.5 hours")],
)
def test_durations_are_printed_in_a_suitable_unit(seconds: float, printed: str) -> None:
    assert duration(seconds) == printed
