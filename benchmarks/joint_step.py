"""What the joint step saves: the published step and ours, side by side in one process.

The published step sends every pair through the whole network, six embeddings for the generator's
loss and six for the critic's, and computes the critic's gradients in the generator's step only to
throw them away. Ours embeds each distinct image once for both. Their gradients are the same
(tests/gan/test_adversary.py). R1 is left out of both.

    python benchmarks/joint_step.py [--rounds 10] [--threads 2] [--device cpu|cuda]

The critics merge maps and look at one pair an image, as the published ones do. On a GPU the paper's ResNets for
CIFAR-10 take part, too.

It prints milliseconds (medians, for this machine) and the ratio of the two (median over rounds that
alternate, so that a machine whose speed drifts slows both).
"""

import argparse
import statistics
import time
from collections.abc import Sequence

import torch
from lightning_fabric import Fabric

from relation_gan.gan.loop import parameters, train_step
from relation_gan.gan.losses import Batch
from relation_gan.gan.schedule import TrainingConfig
from relation_gan.gan.state import TrainState
from relation_gan.gan.tasks import Feeds, Parts
from relation_gan.gan.tasks.generation import Generation

SIZES = {
    # name: (networks, image size, channels, latent, width, batch)
    "28x28, width 32, B 64": ("dcgan", 28, 3, 64, 32, 64),
    "DCGAN-64, width 64, B 16": ("dcgan", 64, 3, 128, 64, 16),
}
GPU_SIZES = {"ResNet-32, width 64, B 64": ("resnet", 32, 3, 128, 64, 64)}
HEADS = {"dcgan": {"head": 128}}


class Noise:
    def __init__(self, size: int, channels: int, device: torch.device) -> None:
        self.device = device
        self.images = torch.rand(256, channels, size, size, device=device) * 2 - 1

    def batch(self, index: int, size: int) -> torch.Tensor:
        start = index * size % (len(self.images) - size)
        return self.images[start : start + size]


def make(
    family: str, size: int, channels: int, latent: int, width: int, batch: int, second: str, device: torch.device
) -> TrainState:
    torch.manual_seed(0)
    images = {"size": size, "channels": channels, "width": width}
    networks = {
        "generator": {"name": f"{family}_generator", **images, "latent": latent},
        "critic": {"name": f"{family}_critic", **images, **HEADS.get(family, {})},
    }
    margin = {"kind": "mse", "base": 1.0, "scale": 0.01}
    task = Generation(Parts(networks, {"name": "relation", "form": "eq6", "margin": margin, "second": second}))
    training = TrainingConfig(steps=10**6, batch_size=batch, lr_generator=1e-4, lr_critic=1e-4)
    return TrainState(task, training, seed=0, fabric=Fabric(accelerator=device.type, devices=1))


def published_step(s: TrainState, feeds: Feeds) -> None:
    """Generator first, then the critic on the same fakes, every pair through the whole network."""
    task, B = s.task, s.config.batch_size
    G, D, loss = task.generator, task.adversary.critic, task.adversary.loss
    x, x2 = (feeds["data"].batch(2 * s.step + i, B) for i in (0, 1))
    y, y2 = G(torch.randn(2 * B, G.latent, device=x.device)).chunk(2)
    L_G = 2 * D(x, y).mean() - D(y, y2).mean() - D(x, x2).mean()
    everything = [parameter for side in s.optimisers.values() for parameter in parameters(side)]
    found = torch.autograd.grad(L_G, everything)
    descend(s.optimisers["generator"], found)
    y, y2 = y.detach(), y2.detach()
    margin_1, margin_2 = loss.margins(Batch(x, y, x2, y2))
    L_D = (D(x, x2) - D(x, y) + margin_1).relu().mean() + (D(y, y2) - D(x, y) + margin_2).relu().mean()
    descend(s.optimisers["critic"], torch.autograd.grad(L_D, parameters(s.optimisers["critic"])))
    s.average()
    s.step += 1


def descend(optimiser: torch.optim.Optimizer, gradients: Sequence[torch.Tensor]) -> None:
    """Move the parameters of an optimiser, to which the first gradients belong."""
    for parameter, gradient in zip(parameters(optimiser), gradients, strict=False):
        parameter.grad = gradient
    optimiser.step()


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def milliseconds(step, state: TrainState, feeds: Feeds, steps: int) -> float:
    wait(state.fabric.device)
    start = time.perf_counter()
    for _ in range(steps):
        step(state, feeds)
    wait(state.fabric.device)
    return 1000 * (time.perf_counter() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device: torch.device = arguments.device
    gpu = device.type == "cuda"
    on = f"fp32 (convolutions in TF32), {torch.cuda.get_device_name(device)}" if gpu else "fp32"
    print(f"torch {torch.__version__}, {on}, {arguments.threads} threads, medians of {arguments.rounds} rounds")
    print(f"{'':28}{'published':>12}{'ours':>12}{'ratio':>8}   (ratios min-max)")
    for name, sizes in {**SIZES, **(GPU_SIZES if gpu else {})}.items():
        for second, label in (("fresh_grad", "four distinct batches"), ("both", "pairs within a batch")):
            feeds = {"data": Noise(*sizes[1:3], device)}
            contenders = [
                (published_step, make(*sizes, "fresh_grad", device)),
                (train_step, make(*sizes, second, device)),
            ]
            rounds = []
            for i in range(arguments.rounds + 1):
                times = [milliseconds(step, state, feeds, arguments.steps) for step, state in contenders]
                rounds += [times] if i else []  # the first warms up
            ratios = [published / ours for published, ours in rounds]
            medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
            print(
                f"{name + ',':28}{medians[0]:9.1f} ms{medians[1]:9.1f} ms{statistics.median(ratios):8.2f}"
                f"   ({min(ratios):.2f}-{max(ratios):.2f}), {label}"
            )


if __name__ == "__main__":
    main()
