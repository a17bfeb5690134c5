"""What MLflow has of a search: a run a method, a child a trial, each once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from relation_gan.analysis.search import SearchResult, TrialStore
from relation_gan.execution.hooks.search import SearchHooks
from relation_gan.execution.run_context import RunContext
from tests.pipelines.search.helpers import result, trial

FINISHED, PRUNED = trial(0, 0.5, rungs={50: 0.75, 100: 0.5}), trial(1, rungs={50: 9.0})
NODE: Any = SimpleNamespace(tags={"search"})


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all tests, since it takes seconds to make; each has an experiment of its own."""
    return f"sqlite:///{tmp_path_factory.mktemp('tracked')}/mlflow.db"


@pytest.fixture
def session(database: str, request: pytest.FixtureRequest):
    mlflow.set_tracking_uri(database)
    mlflow.set_experiment(request.node.name)
    with mlflow.start_run(run_name="search") as run:
        yield run.info.run_id


def begun(folder: Path) -> tuple[SearchHooks, TrialStore]:
    """The hooks of a session on this search, and the store that its node is given."""
    hooks = SearchHooks()
    hooks.after_context_created(SimpleNamespace(run_context=RunContext(origin={"commit": "c0ffee"})))
    inputs = hooks.before_node_run(NODE, {"s.first.trial_store": TrialStore(folder)})
    assert inputs is not None
    return hooks, inputs["s.first.trial_store"]


def tell(store: TrialStore, found: SearchResult) -> None:
    for listen in store.listeners:
        listen(found)


def runs() -> dict[str, Any]:
    found: Any = mlflow.search_runs(output_format="list")
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def test_a_trial_is_a_child_of_its_method_s_run_and_that_of_the_session(session: str, tmp_path: Path) -> None:
    hooks, store = begun(tmp_path)
    assert store.origin == {"commit": "c0ffee"}
    for found in (result(), result(FINISHED), result(FINISHED, PRUNED)):
        tell(store, found)
    hooks.after_dataset_saved("s.first.trials", result(FINISHED, PRUNED, sensitivity={"training.lr_critic": 1.0}))
    method, one, other = (runs()[f"search_ring.first{end}"] for end in ("", ".trial000", ".trial001"))
    assert method.data.tags["mlflow.parentRunId"] == session
    assert {run.data.tags["mlflow.parentRunId"] for run in (one, other)} == {method.info.run_id}
    assert one.data.params == {"training.lr_critic": "0.001", "regularisers.r1.weight": "0.5", "seed": "100"}
    assert one.data.metrics == {"kl": 0.5, "rung/kl": 0.5, "seconds": 2.0, "scoring_seconds": 0.0, "steps": 5.0}
    history = mlflow.MlflowClient().get_metric_history(one.info.run_id, "rung/kl")
    assert [(each.step, each.value) for each in history] == [(50, 0.75), (100, 0.5)]
    assert [run.info.status for run in (one, other, method)] == ["FINISHED", "KILLED", "FINISHED"]
    assert (one.data.tags["state"], other.data.tags["state"]) == ("finished", "pruned")
    assert method.data.params["ranges.training.lr_critic.high"] == "0.1"
    assert method.data.metrics == {
        **{"best/kl": 0.5, "best/trial": 0.0, "finished": 1.0, "pruned": 1.0, "seconds": 4.0},
        "sensitivity/training.lr_critic": 1.0,
    }


def test_what_is_sent_is_not_sent_again(session: str, tmp_path: Path) -> None:
    before = []
    for _ in range(2):
        _, store = begun(tmp_path)
        tell(store, result(FINISHED))
        before.append({name: run.info.run_id for name, run in runs().items()})
    assert before[0] == before[1] and len(before[0]) == 3


def test_the_search_outlives_the_server_and_what_that_missed_is_sent_later(
    session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise MlflowException("connection refused")

    _, store = begun(tmp_path)
    tell(store, result())
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", away)
        tell(store, result(FINISHED))
    assert "MLflow did not take trials of first" in caplog.text
    tell(store, result(FINISHED))
    assert runs()["search_ring.first.trial000"].data.metrics["kl"] == 0.5


def test_a_search_that_is_interrupted_is_killed(session: str, tmp_path: Path) -> None:
    hooks, store = begun(tmp_path)
    tell(store, result())
    hooks.on_node_error(NODE)
    assert runs()["search_ring.first"].info.status == "KILLED"


def test_other_nodes_are_left_alone(session: str) -> None:
    hooks = SearchHooks()
    assert hooks.before_node_run(SimpleNamespace(tags={"training"}), {}) is None  # pyright: ignore[reportArgumentType]
