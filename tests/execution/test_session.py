"""One run context for each session, whoever makes the session."""

from pathlib import Path
from typing import Any

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from relation_gan.execution.resume import RunName
from relation_gan.execution.run_context import STUDY_RUN, RunContext
from relation_gan.execution.session import ResumeRunner, Session
from tests.test_run import make_project

SMALL = {
    "training": {"steps": 4, "batch_size": 16, "log_every": 2},
    "evaluation": {"samples": 500},
    "studies": {"study_points": None},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project)
    return project


def session_on(project: Path, kind: Any, method: str) -> Any:
    bootstrap_project(project)
    study = {"methods": method, "seeds": "0"}
    return kind.create(project, env="ring8", runtime_params={**SMALL, "study": study})


def test_two_sessions_in_one_process_share_nothing(project: Path) -> None:
    first, second = (session_on(project, Session, method) for method in ("vanilla", "lsgan"))
    steps: list[tuple[str, int]] = []
    first.run_context.listeners.append(lambda run, step: steps.append((run, step)))
    for session in (first, second):
        session.run(pipeline_names=["study"])
    for session, method in ((first, "vanilla"), (second, "lsgan")):
        context: RunContext = session.run_context
        assert context.requested["runtime_params"]["study"]["methods"] == method
        assert context.status.to_do == [RunName("ring8", method, "0")]
        assert "commit" in context.origin
    assert steps == [("ring8.vanilla.seed0", 2), ("ring8.vanilla.seed0", 4)]


def test_kedros_own_session_has_a_run_context_too(project: Path) -> None:
    with session_on(project, KedroSession, "vanilla") as session:
        context = session.load_context()
        session.run(pipeline_names=["study"], runner=ResumeRunner())
    assert context.run_context is RunContext.of(session._hook_manager)
    assert context.run_context.status.to_do == [RunName("ring8", "vanilla", "0")]


def test_a_runner_without_a_session_runs_what_it_is_given() -> None:
    catalog = DataCatalog({})
    catalog["x"] = 1
    ResumeRunner().run(Pipeline([node(lambda x: x + 1, "x", "y", name="add")]), catalog)
    assert catalog.load("y") == 2


def test_a_worker_belongs_to_the_run_of_its_study(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RunContext().study_run is None
    monkeypatch.setenv(STUDY_RUN, "7")
    assert RunContext().study_run == "7"
