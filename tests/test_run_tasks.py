"""Tasks that are registered elsewhere, through the whole graph to a report."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from relation_gan.gan.checkpoint import load_network
from tests.test_run import in_process, make_project

TASKS: dict[str, dict[str, Any]] = {
    "labelled": {
        "task": {"name": "conditional_generation"},
        "networks": {
            "generator": {"name": "mlp_generator", "latent": 4, "classes": 10, "widths": [16], "output": "tanh"},
            "critic": {"classes": 10},
        },
        "methods": {"relation_gan": {"loss": {"pairings": 1}}},
        "training": {"batch_size": 20},
    },
    "enlarging": {
        "task": {"name": "tests.toys.enlarging:enlarging", "content": 2.0},
        "networks": {"generator": {"name": "tests.toys.enlarging:enlarger"}},
    },
}
SCORED = {
    "labelled": {"class_accuracy", "fid_classifier", "entropy", "memorised_pixels"},
    "enlarging": {"psnr", "ssim", "fid_classifier"},
}
SHOWN = {"labelled": "Inpainting", "enlarging": "Input, output and target"}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_of_ones_own_runs_to_a_report_and_resumes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    project = make_project(tmp_path / "project")
    study = {"methods": ["relation_gan", "rahinge"], "seeds": [0]}
    in_process(project, "study", "digits_smoke", study=study, **TASKS[name])
    for method in study["methods"]:
        run = f"digits_smoke/{method}/seed0"
        scores = json.loads((project / "data/07_model_output" / run / "scores.json").read_text())
        assert SCORED[name] | {f"raw_{score}" for score in SCORED[name] if "memorised" not in score} <= scores.keys()
        assert (
            load_network(project / "data/06_models" / run / "generator.safetensors").spec["name"]
            == (TASKS[name]["networks"]["generator"]["name"])
        )
    report = project / "data/08_reporting/study_digits_smoke"
    assert list(pd.read_csv(report / "table.csv")["status"]) == ["finished", "finished"]
    page = (report / "report.html").read_text()
    assert SHOWN[name] in page and "Real and generated" in page
    capsys.readouterr()
    in_process(project, "study", "digits_smoke", study=study, **TASKS[name])
    assert "2 runs: 2 done" in capsys.readouterr().out
