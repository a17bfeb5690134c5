"""The notebook, executed in a project in which a study was finished."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.test_run import REPOSITORY, in_process, make_project

NOTEBOOK = REPOSITORY / "notebooks/a_finished_study.ipynb"


@pytest.mark.parametrize("preset", ["digits_smoke", "ring8_smoke"])
def test_the_notebook_runs_on_a_finished_study(preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("STUDY", raising=False)
    project = make_project(tmp_path / "project")
    in_process(project, "study", preset, study={"methods": "relation_gan+vanilla"})
    monkeypatch.setenv("PYTHONPATH", str(project / "src"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(project)}}).execute()
    printed = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in printed) >= 4


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
