"""GoGAN (arXiv 1704.04865): a margin GAN, then stages that each must outrank the frozen stage before."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from relation_gan.gan.losses.base import Batch, Critic, ScoreLoss, Scores, register


@register("margin_gan")
class MarginGAN(ScoreLoss):
    """MGAN, the first stage of GoGAN, eq. (2): E[C(y) + epsilon - C(x)]+, of a critic with clipped weights.

    With an epsilon that no gap reaches it is WGAN, up to a constant: `active`, the fraction of hinges
    that are open, is logged.

    Options:
        epsilon: the margin, unstated in the paper.
    """

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        if epsilon <= 0:
            raise ValueError(f"epsilon {epsilon} must be above 0, since it is a margin")
        self.epsilon = epsilon

    def hinge(self, scores: Scores) -> Tensor:
        return relu(scores.fake + self.epsilon - scores.real)

    def critic_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return self.hinge(scores).mean()

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return -scores.fake.mean()

    def observations(self, scores: Scores, batch: Batch) -> dict[str, Tensor]:
        return {**super().observations(scores, batch), "active": (self.hinge(scores) > 0).float().mean()}


class RankedScores(NamedTuple):
    """Scores (B,) of reals and fakes, and what the stage before gives its own fakes of the same latents."""

    real: Tensor
    fake: Tensor
    before: Tensor


@register("gogan")
class GoGAN(MarginGAN):
    """A further stage of GoGAN, eq. (3) to (5): weight_margin * MGAN + weight_rank * E[C'(G'(z)) + 2 epsilon - C(x)]+.

    C' and G' are the frozen critic and generator of the stage before, at the same z. Their scores have no
    gradient and neither has the second term for the generator, so a stage starts from the weights of the
    one before.

    Options:
        epsilon: as in `margin_gan`.
        weight_margin, weight_rank: lambda_1 and lambda_2, unstated in the paper.
    """

    follows = True

    def __init__(self, epsilon: float, weight_margin: float = 1.0, weight_rank: float = 1.0) -> None:
        super().__init__(epsilon)
        self.weight_margin, self.weight_rank = weight_margin, weight_rank
        self.before = nn.ModuleDict()

    def follow(self, generator: nn.Module, critic: nn.Module) -> None:
        """Freeze the networks of the stage before, and keep them."""
        for name, network in (("generator", generator), ("critic", critic)):
            self.before[name] = network.eval().requires_grad_(False)

    def scores(self, critic: Critic, batch: Batch) -> RankedScores:
        if not self.before or batch.latents is None:
            raise ValueError("loss 'gogan' ranks against the stage before; name it with `after` in the method")
        with torch.no_grad():
            before = self.before["critic"](self.before["generator"](batch.latents))
        return RankedScores(critic(batch.real), critic(batch.fake), before)

    def critic_objective(self, scores: RankedScores, batch: Batch) -> Tensor:
        rank = relu(scores.before + 2 * self.epsilon - scores.real).mean()
        return self.weight_margin * self.hinge(Scores(scores.real, scores.fake)).mean() + self.weight_rank * rank

    def observations(self, scores: RankedScores, batch: Batch) -> dict[str, Tensor]:
        open_rank = scores.before + 2 * self.epsilon > scores.real
        return {
            **super().observations(Scores(scores.real, scores.fake), batch),
            "score_before": scores.before.mean(),
            "active_rank": open_rank.float().mean(),
        }
