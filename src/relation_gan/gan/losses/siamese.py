"""The pair losses of metric learning, on features: what Relation GAN's critic of pairs is compared with."""

from torch import Tensor
from torch.nn.functional import mse_loss, relu

from relation_gan.gan.losses.base import Batch, register
from relation_gan.gan.losses.distances import euclidean
from relation_gan.gan.losses.pairs import FeaturePairLoss, Pairs, Second


@register("siamese")
class Siamese(FeaturePairLoss):
    """The contrastive loss (Hadsell et al. 2006, eq. 4) in place of the triplet loss: Relation GAN, Table 7.

    The paper gives no equation; the terms are those of the unused contrastive class in its code, one
    for each kind of pair: a reconstruction.

    Options:
        margin: the distance up to which a real and a fake repel each other; 2 in the code.
        second, pairings: see `PairLoss`.
    """

    def __init__(self, margin: float, second: Second = "both", pairings: int = 1) -> None:
        super().__init__(second, pairings)
        self.margin = margin

    def critic_objective(self, scores: Pairs, batch: Batch) -> Tensor:
        x, x2, y, y2 = scores
        together = euclidean(x, x2).square().mean() + euclidean(y, y2).square().mean()
        return together + 2 * relu(self.margin - euclidean(x, y)).square().mean()

    def generator_objective(self, scores: Pairs, batch: Batch) -> Tensor:
        return euclidean(scores.x, scores.y).square().mean()


@register("feature_triplet")
class FeatureTriplet(FeaturePairLoss):
    """The triplet loss on distances of features: the variant `triplet` of Relation GAN's code.

    That code feeds y for y2 by mistake; here it is y2.

    Options:
        margin: 100 in the code.
        second, pairings: see `PairLoss`.
    """

    def __init__(self, margin: float, second: Second = "both", pairings: int = 1) -> None:
        super().__init__(second, pairings)
        self.margin = margin

    def critic_objective(self, scores: Pairs, batch: Batch) -> Tensor:
        x, x2, y, y2 = scores
        d_xy = euclidean(x, y)
        return relu(euclidean(x, x2) - d_xy + self.margin).mean() + relu(euclidean(y, y2) - d_xy + self.margin).mean()

    def generator_objective(self, scores: Pairs, batch: Batch) -> Tensor:
        x, _, y, y2 = scores
        return mse_loss(y, x) - mse_loss(y2, y)
