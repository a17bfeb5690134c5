"""Where numbers come from."""

import json
import sys

import pytest

from relation_gan.analysis.provenance import NOTE, command, mlflow_run, provenance


@pytest.mark.parametrize("program", ["/bin/kedro", "/lib/kedro/__main__.py", "python -m kedro"])
def test_the_command_can_be_typed_again(program, monkeypatch):
    monkeypatch.setattr(sys, "argv", [program, "run", "--params=data.folder=my images"])
    assert command() == "kedro run '--params=data.folder=my images'"


def test_provenance_outside_a_checkout_says_so(tmp_path):
    found = provenance(tmp_path)
    assert found["commit"] == "not a git checkout"
    assert found["uncommitted changes"] == "unknown"
    assert "torch " in found["versions"]


def test_the_mlflow_run_of_a_folder_is_that_of_its_configuration(tmp_path):
    assert mlflow_run(tmp_path, "config") == ""
    (tmp_path / NOTE).write_text(json.dumps({"tracking_uri": "x", "made_from": "config", "run_id": "7"}))
    assert mlflow_run(tmp_path, "config") == "7"
    assert mlflow_run(tmp_path, "other") == ""
