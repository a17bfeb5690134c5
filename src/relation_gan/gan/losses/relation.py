"""Relation GAN (arXiv 2002.10174): a critic of pairs, and a triplet loss on its scores."""

from dataclasses import replace
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn.functional import relu

from relation_gan.gan.losses.base import Batch, Critic, Loss, register
from relation_gan.gan.losses.margins import Margin

Form = Literal["eq6", "eq7"]
Second = Literal["both", "prev_detached", "fresh_detached", "fresh_grad"]


class PairScores(NamedTuple):
    """Scores (B,) of the three kinds of pairs. A large score means unrelated."""

    real_real: Tensor
    real_fake: Tensor
    fake_fake: Tensor


@register("relation")
class Relation(Loss):
    """Relation GAN, eq. (6) and, with form="eq7", its batch variant RelationGAN*.

    Options:
        form: where the mean stands: outside the hinge (eq. 6) or inside it (eq. 7).
        margin: options of `Margin` for Delta_1(x2, y) and Delta_2(y2, x); the paper leaves the
            distance open, see docs/decisions.
        second: where the second samples x2, y2 of a pair come from.
            both: another image of the same batch, gradient through both fakes of a pair.
            prev_detached: the previous step's images, as the paper says and its image code does.
            fresh_detached, fresh_grad: new draws, without or with the gradient through y2.
    """

    critic_kind = "pair"
    previous_real: Tensor
    previous_fake: Tensor

    def __init__(self, form: Form, margin: dict[str, Any], second: Second = "both") -> None:
        super().__init__()
        for option, value, allowed in (("form", form, get_args(Form)), ("second", second, get_args(Second))):
            if value not in allowed:
                raise ValueError(f"loss 'relation': {option} '{value}' is unknown; choose one of: {', '.join(allowed)}")
        self.form = form
        self.second = second
        self.fresh_second = second.startswith("fresh")
        self.margin = Margin(**margin)
        self.register_buffer("previous_real", torch.empty(0))
        self.register_buffer("previous_fake", torch.empty(0))

    def scores(self, critic: Critic, batch: Batch) -> PairScores:
        """D(x, x2), D(x, y), D(y, y2). Each distinct image is embedded once."""
        e_real, e_fake = critic.embed(batch.real), critic.embed(batch.fake)
        e_real2 = e_real.roll(1, 0) if batch.real2 is None else critic.embed(batch.real2)
        e_fake2 = e_fake.roll(1, 0) if batch.fake2 is None else critic.embed(batch.fake2)
        return PairScores(
            critic.relate(e_real, e_real2), critic.relate(e_real, e_fake), critic.relate(e_fake, e_fake2)
        )

    def critic_loss(self, critic: Critic, batch: Batch) -> Tensor:
        D_xx, D_xy, D_yy = self.scores(critic, batch)
        x2 = batch.real.roll(1, 0) if batch.real2 is None else batch.real2
        y2 = batch.fake.roll(1, 0) if batch.fake2 is None else batch.fake2
        triplet_real = D_xx - D_xy + self.margin(x2, batch.fake)
        triplet_fake = D_yy - D_xy + self.margin(y2, batch.real)
        if self.form == "eq6":
            return relu(triplet_real).mean() + relu(triplet_fake).mean()
        return relu(triplet_real.mean()) + relu(triplet_fake.mean())

    def generator_loss(self, critic: Critic, batch: Batch) -> Tensor:
        # D(x, x2) is constant for the generator and left out.
        _, D_xy, D_yy = self.scores(critic, batch)
        return (2 * D_xy - D_yy).mean()

    def recall(self, batch: Batch) -> Batch:
        if self.second == "prev_detached" and len(self.previous_fake):
            return replace(batch, real2=self.previous_real, fake2=self.previous_fake)
        if self.second.endswith("detached") and batch.fake2 is not None:
            return replace(batch, fake2=batch.fake2.detach())
        return batch

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        if self.second == "prev_detached":
            self.previous_real, self.previous_fake = batch.real.detach(), batch.fake.detach()
