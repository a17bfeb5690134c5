"""Small trainings that need no data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from relation_gan.gan import tasks
from relation_gan.gan.checkpoint import save_network
from relation_gan.gan.loop import fit
from relation_gan.gan.networks import Network
from relation_gan.gan.schedule import TrainingConfig
from relation_gan.gan.state import CheckpointStore, TrainState
from relation_gan.gan.tasks import Draws, Parts
from relation_gan.gan.tasks.generation import Generation

RELATION: dict[str, Any] = {"name": "relation", "form": "eq6", "margin": {"kind": "mse", "base": 1.0, "scale": 0.01}}
PREVIOUS = {**RELATION, "second": "prev_detached"}
RAHINGE = {"name": "rahinge"}
DMGAN = {"name": "dmgan", "weight": 1.2, "gamma": 0.5}
R1 = {"name": "gradient_penalty", "where": "real", "weight": 0.5}
GENERATOR = {"name": "dcgan_generator", "size": 16, "channels": 1, "latent": 4, "width": 4}
CRITIC = {"name": "dcgan_critic", "size": 16, "channels": 1, "width": 4, "head": 8}
CONFIG = {"any": "configuration"}
ORDERS = ("generator_first", "critic_first")


class Noise:
    """Real batches that are a function of the places of their images, so that parts of a batch add up to it."""

    def __init__(self, *shape: int, classes: int = 3, device: str = "cpu") -> None:
        self.shape, self.classes, self.device = shape or (1, 16, 16), classes, torch.device(device)

    def batch(self, index: int, size: int) -> torch.Tensor:
        places = range(index * size, (index + 1) * size)
        draws = [torch.rand(self.shape, generator=torch.Generator().manual_seed(place)) for place in places]
        return torch.stack(draws).to(self.device) * 2 - 1

    def labels(self, index: int, size: int) -> torch.Tensor:
        return torch.arange(index * size, (index + 1) * size, device=self.device) % self.classes


FEEDS = {"data": Noise()}


def training(**options: Any) -> TrainingConfig:
    """Twelve steps of batches of six."""
    return TrainingConfig(
        **{"steps": 12, "batch_size": 6, "lr_generator": 1e-2, "lr_critic": 1e-2, "log_every": 1, **options}
    )


def state(
    loss: dict[str, Any] = RELATION,
    *regularisers: dict[str, Any],
    seed: int = 0,
    task: str = "generation",
    generator: dict[str, Any] = GENERATOR,
    critic: dict[str, Any] = CRITIC,
    accelerator: str = "cpu",
    **options: Any,
) -> TrainState:
    """The untrained state of a small task."""
    torch.manual_seed(seed)
    parts = Parts({"generator": generator, "critic": critic}, loss, regularisers)
    fabric = Fabric(accelerator=accelerator, devices=1)
    return TrainState(tasks.create(task, parts=parts), training(**options), seed, fabric)


def generation(of: TrainState) -> Generation:
    assert isinstance(of.task, Generation)
    return of.task


def draws(of: TrainState, update: int = 0) -> Draws:
    """Those of an update of the state's next step."""
    index = of.config.draws_before(of.step) + update
    return Draws(of.seed, of.step, update, index, of.batch_size, torch.device("cpu"))


def trained(
    of: TrainState,
    folder: Path,
    log: Callable[[int, dict[str, float]], None] = lambda *_: None,
    config: dict[str, Any] = CONFIG,
    feeds: dict[str, Noise] = FEEDS,
    **options: Any,
) -> TrainState:
    """The state after `fit`, with its checkpoints in a folder."""
    return fit(of, feeds, CheckpointStore(folder), config, torch.randn(4, 4), log, **options)


def weights(of: TrainState) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in of.tensors().items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def keep(store: CheckpointStore, networks: dict[str, Network], step: int) -> None:
    """Keep networks in a store as a training does."""
    for name, network in networks.items():
        save_network(store.folder / "snapshots" / f"{step:07}.{name}.safetensors", network)
