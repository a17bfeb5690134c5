"""Where numbers come from: the commit, the versions, the command and the MLflow run."""

import json
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

NOTE = "mlflow_run.json"
"""A file in a run's folder: its MLflow run, the tracking server, and what it was made from."""

PROVENANCE = ("command", "commit", "uncommitted changes", "versions")


def provenance(project: Path) -> dict[str, str]:
    """The command, the commit, whether it has uncommitted changes, and the versions of the main packages."""

    def git(*arguments: str) -> str:
        try:
            result = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return result.stdout.strip() if result.returncode == 0 else ""

    packages = ("relation_gan", "torch", "torchvision", "lightning-fabric", "torch-fidelity", "kedro", "mlflow")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    commit = git("rev-parse", "HEAD")
    changed = ("yes" if git("status", "--porcelain") else "no") if commit else "unknown"
    return dict(zip(PROVENANCE, (command(), commit or "not a git checkout", changed, versions), strict=True))


def command() -> str:
    """The command that started this process, as it can be typed again."""
    name = Path(sys.argv[0]).name
    # What Kedro calls itself when Python is asked for it by `-m`.
    return shlex.join(["kedro" if name in ("__main__.py", "python -m kedro") else name, *sys.argv[1:]])


def mlflow_run(folder: Path, made_from: str) -> str:
    """The id of the MLflow run of a run's folder; empty if it was not tracked, or was made by another configuration."""
    note = folder / NOTE
    kept = json.loads(note.read_text()) if note.exists() else {}
    return kept["run_id"] if kept.get("made_from") == made_from else ""
