"""What reaches MLflow, also when its server is unreachable for a while."""

import json
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from relation_gan.execution import tracking


@pytest.fixture
def parent(tmp_path: Path):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment("test")
    with mlflow.start_run() as run:
        yield run.info.run_id


def steps(run_id: str, name: str = "train/generator_loss") -> list[int]:
    return [metric.step for metric in mlflow.MlflowClient().get_metric_history(run_id, name)]


def row(step: int) -> dict[str, float]:
    return {"step": step, "generator_loss": step / 2}


def test_rows_reach_the_run_that_is_trained(parent, tmp_path):
    child = tracking.child_run(tmp_path / "run", "a.b.seed0", "config", {"method": "b"})
    log = tracking.StepLog(child)
    for step in (5, 10):
        log.add(step, row(step))
    assert log.flush()
    assert steps(child) == [5, 10]
    assert mlflow.MlflowClient().get_run(child).data.metrics == {"train/generator_loss": 5.0}
    assert steps(parent) == []


def test_training_outlives_the_server_and_what_it_missed_is_sent_later(parent, tmp_path, monkeypatch, caplog):
    child = tracking.child_run(tmp_path / "run", "a.b.seed0", "config", {})
    rows = [row(step) for step in (5, 10, 15, 20)]

    def away(*_: object, **__: object) -> None:
        raise MlflowException("connection refused")

    log = tracking.StepLog(child)
    log.add(5, rows[0])
    assert log.flush()
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", away)
        log.add(10, rows[1])
        assert not log.flush()
    assert "connection refused" in caplog.text
    log.add(15, rows[2])
    assert log.flush()  # with what was buffered
    assert steps(child) == [5, 10, 15]
    # A process that was killed leaves a gap, which the complete history fills, and fills once.
    for _ in range(2):
        tracking.complete_history(child, rows)
        assert sorted(steps(child)) == [5, 10, 15, 20]


def test_a_run_keeps_its_mlflow_run_and_where_it_was_started_over_a_restart(parent, tmp_path):
    first = tracking.child_run(tmp_path / "run", "a.b.seed0", "config", {"commit": "1"})
    again = tracking.child_run(tmp_path / "run", "a.b.seed0", "config", {"commit": "2"})
    assert first == again
    run = mlflow.MlflowClient().get_run(first)
    assert run.data.tags["commit"] == "1"
    assert run.data.tags["mlflow.parentRunId"] == parent
    name = mlflow.active_run().info.run_name
    assert run.data.tags[f"study.{name}"] == "yes"
    assert run.info.run_name == "a.b.seed0"


def test_another_configuration_gets_another_run_and_the_old_one_stays(parent, tmp_path):
    old, new = (tracking.child_run(tmp_path / "run", "a.b.seed0", config, {}) for config in ("one", "two"))
    assert old != new
    assert mlflow.MlflowClient().get_run(old).info.lifecycle_stage == "active"


def test_a_run_that_this_server_does_not_know_gets_a_new_one(parent, tmp_path):
    folder = tmp_path / "run"
    first = tracking.child_run(folder, "a.b.seed0", "config", {})
    note = folder / "mlflow_run.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "run_id": "0" * 32}))
    assert tracking.child_run(folder, "a.b.seed0", "config", {}) not in (first, "0" * 32)


def test_a_finished_run_that_mlflow_has_lost_is_sent_the_next_time(parent, tmp_path, caplog):
    folder = tmp_path / "run"
    tracking.adopt(folder)  # of a run that was never tracked
    tracking.child_run(folder, "a.b.seed0", "config", {})
    assert tracking.is_sent(folder)
    note = folder / "mlflow_run.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "run_id": "0" * 32}))
    tracking.adopt(folder)
    assert not tracking.is_sent(folder)
    assert "MLflow no longer knows the run of" in caplog.text


def test_flatten():
    assert tracking.flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": {}}) == {"a.b": 1, "a.c.d": [2], "e": {}}
