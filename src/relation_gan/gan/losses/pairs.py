"""Losses that compare two reals, two fakes, and a real with a fake: where the second samples come from."""

from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from relation_gan.gan.losses.base import Batch, Critic, Loss
from relation_gan.gan.losses.distances import euclidean

Second = Literal["both", "prev_detached", "fresh_detached", "fresh_grad"]


class Pairs(NamedTuple):
    """What the critic gave the images of each triplet, (pairings * B, ...)."""

    x: Tensor
    x2: Tensor
    y: Tensor
    y2: Tensor


class PairLoss(Loss):
    """A loss of a pair or feature critic on x with x2, y with y2, and x with y.

    Options:
        second: where the second samples x2, y2 come from.
            both: other images of the same batch, gradient through both fakes of a pair.
            prev_detached: the previous step's images, as Relation GAN says and its image code does.
            fresh_detached, fresh_grad: new draws, without or with the gradient through y2.
        pairings: how many triplets each image anchors when second="both". What the critic gave an
            image is shared, so more triplets cost their comparison only.
    """

    local_buffers = ("previous_real", "previous_fake")
    previous_real: Tensor
    previous_fake: Tensor

    def __init__(self, second: Second, pairings: int) -> None:
        super().__init__()
        if second not in get_args(Second):
            raise ValueError(f"second '{second}' is unknown; choose one of: {', '.join(get_args(Second))}")
        if pairings < 1 or (pairings > 1 and second != "both"):
            raise ValueError(f"pairings {pairings} must be at least 1, and more than 1 needs second: both")
        self.second = second
        self.pairings = pairings
        self.fresh_second = second.startswith("fresh")
        self.recalls_images = second == "prev_detached"
        self.register_buffer("previous_real", torch.empty(0))
        self.register_buffer("previous_fake", torch.empty(0))

    def represent(self, critic: Critic, images: Tensor) -> Tensor:
        """What of the images is compared: their embeddings, or their features."""
        return critic(images) if self.critic_kind == "feature" else critic.embed(images)

    def pairs(self, critic: Critic, batch: Batch) -> Pairs:
        """All triplets of a batch. Each distinct image passes the critic once."""
        x, y = self.represent(critic, batch.real), self.represent(critic, batch.fake)
        if batch.real2 is not None and batch.fake2 is not None:
            return Pairs(x, self.represent(critic, batch.real2), y, self.represent(critic, batch.fake2))
        return self.paired(x, y, batch.period)

    def paired(self, x: Tensor, y: Tensor, period: int = 1) -> Pairs:
        """The pairings of a batch: x_i, x_{i-k}, y_{i-k+1}, y_{i+1} for k = 1..pairings, counted in periods.

        So x2 and y are neighbours in every triplet, and so are x and y2: two images x_i and y_{i+1}.
        """
        shifts = range(1, self.pairings + 1)
        return Pairs(
            torch.cat([x for _ in shifts]),
            torch.cat([x.roll(k * period, 0) for k in shifts]),
            torch.cat([y.roll((k - 1) * period, 0) for k in shifts]),
            torch.cat([y.roll(-period, 0) for _ in shifts]),
        )

    def images(self, batch: Batch) -> Pairs:
        """The images of all triplets."""
        if batch.real2 is not None and batch.fake2 is not None:
            return Pairs(batch.real, batch.real2, batch.fake, batch.fake2)
        return self.paired(batch.real, batch.fake, batch.period)

    def recall(self, batch: Batch) -> Batch:
        if self.second == "prev_detached" and len(self.previous_fake):
            return replace(batch, real2=self.previous_real, fake2=self.previous_fake)
        if self.second == "fresh_detached" and batch.fake2 is not None:
            return replace(batch, fake2=batch.fake2.detach())
        return batch

    @torch.no_grad()
    def update(self, scores: object, batch: Batch) -> None:
        if self.second == "prev_detached":
            self.previous_real, self.previous_fake = batch.real.detach(), batch.fake.detach()


class FeaturePairLoss(PairLoss):
    """A pair loss that is a function of the features of each triplet."""

    critic_kind = "feature"

    def scores(self, critic: Critic, batch: Batch) -> Pairs:
        return self.pairs(critic, batch)

    def observations(self, scores: Pairs, batch: Batch) -> dict[str, Tensor]:
        """The mean distances within the reals, between reals and fakes, and within the fakes."""
        x, x2, y, y2 = scores
        pairs = {"real_real": (x, x2), "real_fake": (x, y), "fake_fake": (y, y2)}
        return {f"distance_{name}": euclidean(a, b).mean() for name, (a, b) in pairs.items()}
