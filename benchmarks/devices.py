"""What it changes that pairs are formed within each of two devices: one device and two, with the same batches.

    python benchmarks/devices.py [steps] [batch size] [seeds] [methods, such as relation_gan,siamese,rahinge]

Trains methods on ring8 and prints means and standard deviations over seeds of what their EMA generators score. The
last column is Welch's t of the difference: beyond 2 or so, it exceeds what seeds differ by.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from relation_gan.config import ProjectConfigLoader
from relation_gan.gan import parallel
from relation_gan.gan.data import PointFeed, Points
from relation_gan.gan.loop import train_step
from relation_gan.gan.metrics.points import score_points
from relation_gan.gan.parallel import Ranks
from relation_gan.gan.run import RunConfig
from relation_gan.gan.sampling import samples
from relation_gan.gan.state import TrainState
from relation_gan.settings import CONFIG_LOADER_ARGS

SAMPLES = 2500
MEASURES = ("modes", "high_quality", "sliced_wasserstein")


def train_all(runs: list[RunConfig], points: Points, path: Path) -> None:
    """Train every run to its end; the first process writes the scores of all."""
    found = []
    for run in runs:
        state, feed = TrainState(run.build(), run.training, run.seed), PointFeed(points, run.seed)
        for _ in range(run.training.steps):
            train_step(state, {"data": feed})
        real, _ = points.sample(SAMPLES, torch.Generator().manual_seed(0))
        made: Any = state.ema["generator"].eval()
        fake = torch.cat(list(samples(made, SAMPLES, 0, SAMPLES)))
        found.append([run.method, score_points(fake, real, points.centres, points.sigma)])
    if Ranks.current().first:
        path.write_text(json.dumps(found))


def main(
    steps: str = "1000", batch_size: str = "128", seeds: str = "8", methods: str = "relation_gan,siamese,rahinge"
) -> None:
    torch.set_num_threads(1)
    conf = Path(__file__).parents[1] / "conf"
    parameters = ProjectConfigLoader(str(conf), env="ring8", **CONFIG_LOADER_ARGS)["parameters"]
    points = Points(parameters["data"]["name"], parameters["data"]["definition"])
    training = {"steps": int(steps), "batch_size": int(batch_size), "accelerator": "cpu"}
    runs = [
        RunConfig.model_validate({**run, "seed": seed, "training": {**run["training"], **training}})
        for method in methods.split(",")
        for run in [next(iter(parameters["runs"]["ring8"][method].values()))]
        for seed in range(int(seeds))
    ]
    scores: dict[int, list[tuple[str, dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for devices in (1, 2):
            path = Path(folder, str(devices))
            parallel.launch(train_all, devices, runs, points, path)
            scores[devices] = json.loads(path.read_text())
    print(f"{steps} steps, batch size {batch_size}, {seeds} seeds")
    print(f"{'':14}{'':20}{'1 device':>22}{'2 devices':>22}{'t':>7}")
    for method in methods.split(","):
        for measure in MEASURES:
            one, two = ([each[measure] for name, each in scores[n] if name == method] for n in (1, 2))
            (a, s), (b, r) = ((statistics.mean(of), statistics.stdev(of)) for of in (one, two))
            error = ((s**2 + r**2) / len(one)) ** 0.5
            t = (b - a) / error if error else 0.0
            print(f"{method:14}{measure:20}{a:12.4f} ± {s:7.4f}{b:12.4f} ± {r:7.4f}{t:7.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
