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
            both: other images of the same batch, gradient through both fakes of a pair.
            prev_detached: the previous step's images, as the paper says and its image code does.
            fresh_detached, fresh_grad: new draws, without or with the gradient through y2.
        pairings: how many triplets each image anchors when second="both". Embeddings are shared, so
            more triplets cost the relation module only.
    """

    critic_kind = "pair"
    previous_real: Tensor
    previous_fake: Tensor

    def __init__(self, form: Form, margin: dict[str, Any], second: Second = "both", pairings: int = 1) -> None:
        super().__init__()
        for option, value, allowed in (("form", form, get_args(Form)), ("second", second, get_args(Second))):
            if value not in allowed:
                raise ValueError(f"loss 'relation': {option} '{value}' is unknown; choose one of: {', '.join(allowed)}")
        if pairings < 1 or (pairings > 1 and second != "both"):
            raise ValueError(
                f"loss 'relation': pairings {pairings} must be at least 1, and more than 1 needs second: both"
            )
        self.form = form
        self.second = second
        self.pairings = pairings
        self.fresh_second = second.startswith("fresh")
        self.margin = Margin(**margin)
        self.register_buffer("previous_real", torch.empty(0))
        self.register_buffer("previous_fake", torch.empty(0))

    def scores(self, critic: Critic, batch: Batch) -> PairScores:
        """D(x, x2), D(x, y), D(y, y2), each (pairings * B,). Each distinct image is embedded once."""
        x, y = critic.embed(batch.real), critic.embed(batch.fake)
        if batch.real2 is not None and batch.fake2 is not None:
            x2, y2 = critic.embed(batch.real2), critic.embed(batch.fake2)
        else:
            x, x2, y, y2 = self.paired(x, y)
        scores = critic.relate(torch.cat([x, x, y]), torch.cat([x2, y, y2]))
        return PairScores(*scores.chunk(3))

    def paired(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x, x2, y, y2 of all pairings of a batch: x_i, x_{i-k}, y_{i-k+1}, y_{i+1} for k = 1..pairings."""
        shifts = range(1, self.pairings + 1)
        return (
            torch.cat([x for _ in shifts]),
            torch.cat([x.roll(k, 0) for k in shifts]),
            torch.cat([y.roll(k - 1, 0) for k in shifts]),
            torch.cat([y.roll(-1, 0) for _ in shifts]),
        )

    def margins(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Delta_1(x2, y) and Delta_2(y2, x), each (pairings * B,)."""
        if batch.real2 is not None and batch.fake2 is not None:
            return self.margin(batch.real2, batch.fake), self.margin(batch.fake2, batch.real)
        # In every pairing x2 and y are neighbours in the batch, and so are x and y2: x_i and y_{i+1}.
        neighbours = self.margin(batch.real, batch.fake.roll(-1, 0))
        shifts = range(1, self.pairings + 1)
        return torch.cat([neighbours.roll(k, 0) for k in shifts]), torch.cat([neighbours for _ in shifts])

    def critic_objective(self, scores: PairScores, batch: Batch) -> Tensor:
        D_xx, D_xy, D_yy = scores
        margin_1, margin_2 = self.margins(batch)
        if self.form == "eq6":
            return relu(D_xx - D_xy + margin_1).mean() + relu(D_yy - D_xy + margin_2).mean()
        return relu((D_xx - D_xy + margin_1).mean()) + relu((D_yy - D_xy + margin_2).mean())

    def generator_objective(self, scores: PairScores, batch: Batch) -> Tensor:
        # D(x, x2) is constant for the generator and left out.
        return (2 * scores.real_fake - scores.fake_fake).mean()

    def recall(self, batch: Batch) -> Batch:
        if self.second == "prev_detached" and len(self.previous_fake):
            return replace(batch, real2=self.previous_real, fake2=self.previous_fake)
        if self.second == "fresh_detached" and batch.fake2 is not None:
            return replace(batch, fake2=batch.fake2.detach())
        return batch

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        if self.second == "prev_detached":
            self.previous_real, self.previous_fake = batch.real.detach(), batch.fake.detach()
