"""What two runs side by side take, against one after the other: whole commands, in fresh projects.

    python benchmarks/parallel.py [steps] [rounds]

Each round times both ways, with some steps and with hardly any, in turn. What the steps add is what is bound by
training; the rest is what starting costs, of Ray too. A busy machine shows: side by side needs two free cores.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
RUNNER = "--runner=relation_gan.runner.RunsInParallel"


def seconds(steps: int, *options: str) -> float:
    """Of a study of two seeds of relation_gan on ring8, from the command to its end."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("conf", "src"):
            shutil.copytree(REPOSITORY / name, Path(folder, name))
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(REPOSITORY / name, folder)
        typed = f"--params=study.methods=relation_gan,study.seeds=0+1,training.steps={steps}"
        command = [sys.executable, "-m", "kedro", "run", "--pipeline=study", "--env=ring8", typed, *options]
        kept = {name: of for name, of in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
        environment = kept | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(folder, "src")), "DO_NOT_TRACK": "1"}
        start = time.monotonic()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return time.monotonic() - start


def main(steps: str = "4000", rounds: str = "2") -> None:
    few = 20
    ways = {"one after the other": [], "side by side": [RUNNER]}
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(int(rounds)):
        for n in (int(steps), few):
            for way, options in ways.items():
                times.setdefault((way, n), []).append(seconds(n, *options))
    median = {key: statistics.median(values) for key, values in times.items()}
    print(f"{'seconds, median':22}{f'{steps} steps':>12}{f'{few} steps':>12}{'difference':>12}")
    for way in ways:
        long, short = median[way, int(steps)], median[way, few]
        print(f"{way:22}{long:12.1f}{short:12.1f}{long - short:12.1f}")
    alone, beside = ((median[way, int(steps)], median[way, few]) for way in ways)
    print(f"{'ratio':22}{beside[0] / alone[0]:12.2f}{'':12}{(beside[0] - beside[1]) / (alone[0] - alone[1]):12.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
