"""Relation GAN (arXiv 2002.10174): a critic of pairs, and a triplet loss on its scores."""

from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn.functional import relu

from relation_gan.gan.losses.base import Batch, Critic, register
from relation_gan.gan.losses.margins import Margin
from relation_gan.gan.losses.pairs import PairLoss, Second

Form = Literal["eq6", "eq7"]


class PairScores(NamedTuple):
    """Scores (pairings * B,) of the three kinds of pairs. A large score means unrelated."""

    real_real: Tensor
    real_fake: Tensor
    fake_fake: Tensor


@register("relation")
class Relation(PairLoss):
    """Relation GAN, eq. (6) and, with form="eq7", its batch variant RelationGAN*.

    Options:
        form: where the mean stands: outside the hinge (eq. 6) or inside it (eq. 7).
        margin: options of `Margin` for Delta_1(x2, y) and Delta_2(y2, x); the paper leaves the
            distance open, see docs/decisions.
        second, pairings: see `PairLoss`.
    """

    critic_kind = "pair"

    def __init__(self, form: Form, margin: dict[str, Any], second: Second = "both", pairings: int = 1) -> None:
        super().__init__(second, pairings)
        if form not in get_args(Form):
            raise ValueError(f"loss 'relation': form '{form}' is unknown; choose one of: {', '.join(get_args(Form))}")
        self.form = form
        self.margin = Margin(**margin)

    def scores(self, critic: Critic, batch: Batch) -> PairScores:
        """D(x, x2), D(x, y), D(y, y2)."""
        x, x2, y, y2 = self.pairs(critic, batch)
        scores = critic.relate(torch.cat([x, x, y]), torch.cat([x2, y, y2]))
        return PairScores(*scores.chunk(3))

    def margins(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Delta_1(x2, y) and Delta_2(y2, x), each (pairings * B,)."""
        if batch.real2 is not None and batch.fake2 is not None:
            return self.margin(batch.real2, batch.fake), self.margin(batch.fake2, batch.real)
        neighbours = self.margin(batch.real, batch.fake.roll(-batch.period, 0))
        shifts = range(1, self.pairings + 1)
        return torch.cat([neighbours.roll(k * batch.period, 0) for k in shifts]), torch.cat(
            [neighbours for _ in shifts]
        )

    def critic_objective(self, scores: PairScores, batch: Batch) -> Tensor:
        D_xx, D_xy, D_yy = scores
        margin_1, margin_2 = self.margins(batch)
        if self.form == "eq6":
            return relu(D_xx - D_xy + margin_1).mean() + relu(D_yy - D_xy + margin_2).mean()
        return relu((D_xx - D_xy + margin_1).mean()) + relu((D_yy - D_xy + margin_2).mean())

    def generator_objective(self, scores: PairScores, batch: Batch) -> Tensor:
        # D(x, x2) is constant for the generator and left out.
        return (2 * scores.real_fake - scores.fake_fake).mean()
