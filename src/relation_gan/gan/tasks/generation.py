"""Images or points from latents, and from labels where the generator takes them: what most GANs learn."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from relation_gan.gan.data.points import Points
from relation_gan.gan.data.store import ImageStore
from relation_gan.gan.losses import Batch
from relation_gan.gan.networks import Generator, Network
from relation_gan.gan.sampling import GeneratorSampler, Sampler, draw_latents
from relation_gan.gan.tasks.base import Draws, Feeds, Parts, Task, register

GRID_IMAGES, GRID_POINTS = 64, 1024
"""How much is drawn from fixed latents over training."""


@register("generation")
class Generation(Task):
    """One generator of latents against one adversary.

    A loss that distinguishes classes, or one of pairs with fresh second samples, gets its labels or further batches.
    """

    gives = frozenset({"output", "latents"})
    conditional: ClassVar[bool] = False
    """Whether the critic sees the labels."""
    period = 1
    """Of its batches: see `Batch`."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.generator = cast(Generator, parts.network())
        self.adversary = parts.adversary(self.generator, self.conditional)

    def terms(self, feeds: Feeds, draws: Draws, sides: Sequence[str]) -> dict[str, dict[str, Tensor]]:
        loss, feed, n = self.adversary.loss, feeds["data"], draws.batch_size
        count = 1 + loss.fresh_second
        reals = draws.real(feed, count)
        labels = draws.labels(feed, count) if loss.classes or self.conditional else None
        z = self.latents(draws, count, labels)
        with torch.set_grad_enabled("generator" in sides):
            fakes = self.generator(z).float().chunk(count)
        second = {"real2": reals[1], "fake2": fakes[1]} if count > 1 else {}
        of = labels[0] if labels else None
        batch = Batch(reals[0], fakes[0], **second, labels=of, latents=z[:n], period=self.period)
        play = self.adversary.play(batch, draws, of if self.conditional else None)
        return {"generator": {"generator_loss": play.generator}, "critic": play.critic}

    def latents(self, draws: Draws, count: int, labels: list[Tensor] | None) -> Tensor:
        """Those of `count` batches: of each, this process's part of what one process alone would draw."""
        whole = draw_latents(self.generator, draws.batch_size * draws.ranks * count, draws.shared(draws.update))
        z = whole if draws.ranks == 1 else torch.cat([draws.own(part) for part in whole.chunk(count)])
        if labels:
            z[:, self.generator.latent :] = one_hot(torch.cat(labels), self.generator.classes)
        return z

    def check(self, source: ImageStore | Points) -> None:
        classes = self.adversary.loss.classes
        if classes and classes != source.n_classes:
            raise ValueError(
                f"its loss distinguishes {classes} classes, {source.name} has {source.n_classes}; set loss.classes "
                f"and generator.classes to {source.n_classes}"
            )

    def follow(self, before: Mapping[str, Network]) -> None:
        generator, critic = before["generator_raw"], before["critic"]
        self.generator.load_state_dict(generator.state_dict())
        self.adversary.critic.load_state_dict(critic.state_dict())
        self.adversary.loss.follow(generator, critic)

    def preview(self, source: ImageStore | Points, seed: int, device: torch.device) -> Tensor:
        count = GRID_POINTS if self.generator.points else GRID_IMAGES
        return draw_latents(self.generator, count, torch.Generator().manual_seed(seed)).to(device)

    @classmethod
    def sampler(cls, trained: Mapping[str, Network], source: ImageStore | Points) -> Sampler:
        return GeneratorSampler(cast(Generator, trained["generator"]))
