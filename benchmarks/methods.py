"""What a step of each method costs: processor milliseconds, and how many fit into the time of one of relation_gan's.

    python benchmarks/methods.py [preset] [steps]

Methods take turns in short rounds, so that the machine's drift meets all of them; the median round counts.
"""

import statistics
import sys
import time
from pathlib import Path

import torch

from relation_gan.config import ProjectConfigLoader
from relation_gan.gan.data import PointFeed, Points
from relation_gan.gan.loop import train_step
from relation_gan.gan.run import RunConfig
from relation_gan.gan.state import TrainState
from relation_gan.settings import CONFIG_LOADER_ARGS

ROUNDS = 5


class Noise:
    """Batches of uniform noise in the shape of images: what they show does not change what they cost."""

    device = torch.device("cpu")

    def __init__(self, size: int, channels: int) -> None:
        self.shape = (channels, size, size)

    def batch(self, index: int, size: int) -> torch.Tensor:
        return torch.rand(size, *self.shape) * 2 - 1

    def labels(self, index: int, size: int) -> torch.Tensor:
        return torch.zeros(size, dtype=torch.long)


def main(preset: str | None = None, steps: str = "20") -> None:
    torch.set_num_threads(1)
    conf = Path(__file__).parents[1] / "conf"
    parameters = ProjectConfigLoader(str(conf), env=preset, **CONFIG_LOADER_ARGS)["parameters"]
    data = parameters["data"]
    if data["kind"] == "points":
        feed = PointFeed(Points(data["name"], data["definition"]), 0)
    else:
        feed = Noise(data["size"], data["channels"])
    states = {}
    for method, runs in parameters["runs"][data["name"]].items():
        run = RunConfig.model_validate(next(iter(runs.values())))
        task = run.build()
        if run.after:
            task.follow(TrainState(run.after.build(), run.training, seed=0).trained())
        states[method] = TrainState(task, run.training, seed=0), []
    for _ in range(ROUNDS):
        for state, times in states.values():
            start = time.process_time()
            for _ in range(int(steps)):
                train_step(state, {"data": feed})
            times.append((time.process_time() - start) / int(steps) * 1000)
    cost = {method: statistics.median(times[1:]) for method, (_, times) in states.items()}
    print(f"{'method':24}{'ms a step':>10}{'share':>8}")
    for method, milliseconds in cost.items():
        print(f"{method:24}{milliseconds:10.2f}{cost['relation_gan'] / milliseconds:8.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
