"""A toy task: images of the class that is asked for. Labels reach the generator and the critic."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from relation_gan.gan import networks, tasks
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.losses import Batch
from relation_gan.gan.networks import Critic, Generator, Network
from relation_gan.gan.sampling import GeneratorSampler, Sampler, draw_latents
from relation_gan.gan.tasks import Draws, Feeds, Parts, Task


@networks.register("labelled_critic")
class LabelledCritic(Critic):
    """One hidden layer, whose units are scaled by the label."""

    conditional = True

    def __init__(self, kind: str, classes: int, size: int, channels: int, width: int = 32, features: int = 8) -> None:
        embedding = nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, width), nn.LeakyReLU(0.2))
        super().__init__(kind, embedding, nn.Linear(width, features if kind == "feature" else 1))
        self.scales = nn.Embedding(classes, width)

    def embed(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.embedding(x) * (1.0 if condition is None else self.scales(condition))


@tasks.register("labelled_generation")
class LabelledGeneration(Task):
    gives = frozenset({"output", "labels", "latents"})

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.generator = cast(Generator, parts.network())
        self.adversary = parts.adversary(self.generator, conditional=True)

    def terms(self, feeds: Feeds, draws: Draws, sides: Sequence[str]) -> dict[str, dict[str, Tensor]]:
        (real,), (labels,) = draws.real(feeds["data"]), draws.labels(feeds["data"])
        z = draw_latents(self.generator, draws.batch_size, draws.random(draws.update), labels)
        with torch.set_grad_enabled("generator" in sides):
            fake = self.generator(z).float()
        play = self.adversary.play(Batch(real, fake, labels=labels, latents=z), draws, condition=labels)
        return {"generator": {"generator_loss": play.generator}, "critic": play.critic}

    def check(self, source: ImageStore | Points) -> None:
        if source.n_classes != self.generator.classes:
            raise ValueError(f"set generator.classes to {source.n_classes}, the number of classes of {source.name}")

    def preview(self, source: ImageStore | Points, seed: int, device: torch.device) -> Tensor:
        return draw_latents(self.generator, 64, torch.Generator().manual_seed(seed)).to(device)

    @classmethod
    def sampler(cls, trained: Mapping[str, Network], source: ImageStore | Points) -> Sampler:
        return GeneratorSampler(cast(Generator, trained["generator"]))
