"""The losses of score critics that every newer one is compared with."""

from torch import Tensor
from torch.nn.functional import softplus

from relation_gan.gan.losses.base import Batch, ScoreLoss, Scores, register


@register("minimax")
class Minimax(ScoreLoss):
    """Goodfellow et al. 2014, eq. (1), on logits: D = sigmoid(C), so -log D = softplus(-C)."""

    def critic_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return softplus(-scores.real).mean() + softplus(scores.fake).mean()

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return -softplus(scores.fake).mean()


@register("non_saturating")
class NonSaturating(Minimax):
    """Goodfellow et al. 2014, section 3: the generator maximises log D(y) instead."""

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return softplus(-scores.fake).mean()
