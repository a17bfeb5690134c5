"""What a study costs beyond its trainings: `python benchmarks/study.py [options of kedro run]`.

Runs the study, one run after the other, in a fresh copy of the project, and compares its time with that of its bare
training loops. What the scores cost is counted apart: it belongs to a study, and to no training.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def main(arguments: list[str]) -> None:
    arguments = arguments or ["--pipeline=study_triplet_gan"]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in ("conf", "src"):
            shutil.copytree(REPOSITORY / name, project / name)
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(REPOSITORY / name, project)
        environment = {**os.environ, "PYTHONPATH": str(project / "src"), "DO_NOT_TRACK": "1"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        command = [sys.executable, "-m", "kedro", "run", *arguments]
        # The data sets and their classifiers are made first: a second study of the same data has them.
        subprocess.run([*command, "--tags=ingestion"], cwd=project, env=environment, check=True)
        started = time.perf_counter()
        subprocess.run(command, cwd=project, env=environment, check=True)
        whole = time.perf_counter() - started
        trained = [json.loads(path.read_text())["seconds"] for path in project.glob("data/06_models/**/history.json")]
        scored = [
            sum(json.loads(path.read_text()).values()) for path in project.glob("data/07_model_output/**/seconds.json")
        ]
    bare = sum(trained)
    print(f"\n{len(trained)} runs: {whole:.0f} s, of which training {bare:.0f} s and scoring {sum(scored):.0f} s")
    print(f"whole / training: {whole / bare:.3f}; without scoring: {(whole - sum(scored)) / bare:.3f} (bar 1.1)")


if __name__ == "__main__":
    main(sys.argv[1:])
