"""Relativistic average losses (Jolicoeur-Martineau, arXiv 1807.00734)."""

from torch import Tensor
from torch.nn.functional import relu

from relation_gan.gan.losses.base import Batch, ScoreLoss, Scores, register


@register("rahinge")
class RaHinge(ScoreLoss):
    """Relativistic average hinge loss: how far above the average fake is a real, and the reverse.

    With the gaps a = C(x) - E C(y) and b = C(y) - E C(x). This is the loss that the Relation GAN
    paper lists as "Relativistic".
    """

    @staticmethod
    def gaps(scores: Scores) -> tuple[Tensor, Tensor]:
        return scores.real - scores.fake.mean(), scores.fake - scores.real.mean()

    def critic_objective(self, scores: Scores, batch: Batch) -> Tensor:
        a, b = self.gaps(scores)
        return (relu(1 - a).mean() + relu(1 + b).mean()) / 2

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        a, b = self.gaps(scores)
        return (relu(1 + a).mean() + relu(1 - b).mean()) / 2
