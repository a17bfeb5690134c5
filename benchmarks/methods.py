"""What a step of each method costs: milliseconds, and how many fit into the time of one of relation_gan's.

    python benchmarks/methods.py [preset] [steps] [--device cpu|cuda] [--methods relation_gan,hinge] [--tuned search]

`--tuned` times the settings that a search found, whose critic steps, pairs or penalties may cost more or less, and
writes each method's `share` into that file of conf/tuned: a study with it gives all of them the same processor time.

On a CPU these are milliseconds of one processor; on a GPU those of a clock, and the memory that a step takes beyond the
networks and their optimisers. Methods take turns in short rounds, so that the machine's drift meets all of them; the
median round counts.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
import yaml
from lightning_fabric import Fabric

from relation_gan.config import ProjectConfigLoader
from relation_gan.gan.data import PointFeed, Points
from relation_gan.gan.loop import train_step
from relation_gan.gan.run import RunConfig
from relation_gan.gan.state import TrainState
from relation_gan.settings import CONFIG_LOADER_ARGS

ROUNDS = 5


class Noise:
    """Batches of uniform noise in the shape of images: what they show does not change what they cost."""

    def __init__(self, size: int, channels: int, device: torch.device) -> None:
        self.shape, self.device = (channels, size, size), device

    def batch(self, index: int, size: int) -> torch.Tensor:
        return torch.rand(size, *self.shape, device=self.device) * 2 - 1

    def labels(self, index: int, size: int) -> torch.Tensor:
        return torch.zeros(size, dtype=torch.long, device=self.device)


def seconds(device: torch.device) -> float:
    """Of the processor; of a clock that waits for the GPU to be done."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", nargs="?")
    parser.add_argument("steps", nargs="?", type=int, default=20, help="steps a round")
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu or cuda")
    parser.add_argument("--methods", type=lambda typed: typed.split(","), help="relation_gan and others; none: all")
    parser.add_argument("--tuned", metavar="SEARCH", help="a file of conf/tuned, which the shares are written to")
    arguments = parser.parse_args()
    device: torch.device = arguments.device
    gpu = device.type == "cuda"
    torch.set_num_threads(1)
    conf = Path(__file__).parents[1] / "conf"
    typed = {"tuned": [arguments.tuned]} if arguments.tuned else {}
    loader = ProjectConfigLoader(str(conf), env=arguments.preset, runtime_params=typed, **CONFIG_LOADER_ARGS)
    parameters = loader["parameters"]
    data = parameters["data"]
    if data["kind"] == "points":
        feed = PointFeed(Points(data["name"], data["definition"]), 0, device)
    else:
        feed = Noise(data["size"], data["channels"], device)
    fabric = Fabric(accelerator=device.type, devices=1)
    states = {}
    for method in arguments.methods or parameters["runs"][data["name"]]:
        run = RunConfig.model_validate(next(iter(parameters["runs"][data["name"]][method].values())))
        task = run.build()
        if run.after:
            task.follow(TrainState(run.after.build(), run.training, seed=0).trained())
        states[method] = TrainState(task, run.training, 0, fabric), []
    memory = {}
    for _ in range(ROUNDS):
        for method, (state, times) in states.items():
            if gpu:
                torch.cuda.reset_peak_memory_stats(device)
                held = torch.cuda.memory_allocated(device)
            start = seconds(device)
            for _ in range(arguments.steps):
                train_step(state, {"data": feed})
            times.append((seconds(device) - start) / arguments.steps * 1000)
            if gpu:
                memory[method] = (torch.cuda.max_memory_allocated(device) - held) / 2**20
    cost = {method: statistics.median(times[1:]) for method, (_, times) in states.items()}
    if gpu:
        print(f"torch {torch.__version__}, fp32 (convolutions in TF32), {torch.cuda.get_device_name(device)}")
    print(f"{'method':24}{'ms a step':>10}{'share':>8}{'images a second':>18}" + f"{'MiB a step':>12}" * gpu)
    for method, (state, _) in states.items():
        share, images = cost["relation_gan"] / cost[method], 1000 * state.batch_size / cost[method]
        print(
            f"{method:24}{cost[method]:10.2f}{share:8.2f}{images:18,.0f}" + (f"{memory[method]:12.0f}" if gpu else "")
        )
    if arguments.tuned:
        shares = {method: cost["relation_gan"] / ms for method, ms in cost.items()}
        write_shares(conf / "tuned" / f"{arguments.tuned}.yml", shares)


def write_shares(file: Path, shares: dict[str, float]) -> None:
    """Put each method's share of the steps next to the setting that a search found for it."""
    lines = file.read_text().splitlines()
    tuned = yaml.safe_load("\n".join(lines))
    for method in shares.keys() & tuned["methods"].keys():
        tuned["methods"][method]["overrides"]["share"] = round(shares[method], 2)
    head = [line for line in lines if line.startswith("#")]
    file.write_text("\n".join([*head, yaml.safe_dump(tuned, sort_keys=False)]))


if __name__ == "__main__":
    main()
