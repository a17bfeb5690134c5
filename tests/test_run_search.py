"""A search as a person starts it: killed, resumed, and its result taken up."""

import json
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml

from tests.test_run import command, in_process, make_project, run

NAME, TRIALS = "search_ring8_smoke", 5


def held(database: Path) -> dict[int, str]:
    """The records of trials that are over, by Optuna's number."""
    if not database.exists():
        return {}
    with sqlite3.connect(database) as connection:
        query = (
            "select number, value_json from trials join trial_user_attributes using (trial_id) "
            "where key = 'record' and state in ('COMPLETE', 'PRUNED')"
        )
        try:
            return dict(connection.execute(query).fetchall())
        except sqlite3.OperationalError:  # Its tables are being made.
            return {}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, str]]:
    """A project with a search that was killed after two trials and started again, and what those had left."""
    project = make_project(tmp_path_factory.mktemp("searched") / "project")
    typed = ",".join(["search.methods=rahinge", f"search.trials={TRIALS}", "search.steps=300"])
    kedro = ("run", "--env=ring8_smoke")
    process = command(project, "--pipeline=search", f"--params={typed}", kedro=kedro)
    database = project / "data/07_model_output" / NAME / "rahinge/trials.db"
    while len(held(database)) < 2:
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = held(database)
    run(project, "--pipeline=search", f"--params={typed}", kedro=kedro)
    return project, before


def trials(project: Path) -> list[dict[str, Any]]:
    return json.loads((project / "data/07_model_output" / NAME / "rahinge/trials.json").read_text())["trials"]


def test_a_killed_search_repeats_no_finished_trial(searched: tuple[Path, dict[int, str]]) -> None:
    project, before = searched
    assert 2 <= len(before) < TRIALS
    after = held(project / "data/07_model_output" / NAME / "rahinge/trials.db")
    assert before.items() <= after.items() and len(after) == TRIALS
    assert [trial["seed"] for trial in trials(project)] == [1_000_000 + number for number in range(TRIALS)]


def test_mlflow_has_every_trial_once_below_its_method(searched: tuple[Path, dict[int, str]]) -> None:
    project, _ = searched
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    (method,) = [run for run in runs if run.info.run_name == f"{NAME}.rahinge"]
    below = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == method.info.run_id]
    assert {run.info.run_name for run in below} == {f"{NAME}.rahinge.trial00{number}" for number in range(TRIALS)}
    assert len(below) == TRIALS
    assert method.info.status == "FINISHED" and method.data.metrics["best/trial"] < TRIALS


def test_the_search_leaves_a_report_and_a_setting(searched: tuple[Path, dict[int, str]]) -> None:
    project, _ = searched
    folder = project / "data/08_reporting" / NAME
    assert {"report.html", "table.csv", "summary.txt"} <= {path.name for path in folder.iterdir()}
    found = yaml.safe_load((project / f"conf/tuned/{NAME}.yml").read_text())
    best = min((trial for trial in trials(project) if trial["score"] is not None), key=lambda trial: trial["score"])
    assert found["methods"]["rahinge"]["trial"] == best["number"]
    assert found["methods"]["rahinge"]["overrides"] == best["overrides"]


def test_a_method_takes_the_setting_up_by_its_name_and_its_report_says_so(
    searched: tuple[Path, dict[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = searched
    monkeypatch.chdir(project)
    in_process(project, "rahinge", "ring8_smoke", tuned=NAME)
    history = json.loads((project / "data/06_models/ring8_smoke/rahinge/seed0/history.json").read_text())
    found = yaml.safe_load((project / f"conf/tuned/{NAME}.yml").read_text())["methods"]["rahinge"]["overrides"]
    assert found["training"].items() <= history["config"]["training"].items()
    assert history["config"]["regularisers"] == found["regularisers"]
    page = (project / "data/08_reporting/rahinge_ring8_smoke/report.html").read_text()
    assert f"searched in {TRIALS} trials of up to 300 steps each" in page
