"""Losses that estimate a transport distance between real and generated images."""

from typing import Literal, get_args

from torch import Tensor

from relation_gan.gan.losses.base import Batch, ScoreLoss, Scores, SeparableLoss, register
from relation_gan.gan.losses.distances import image_distance

Distance = Literal["l1", "l2"]


@register("wgan")
class Wasserstein(SeparableLoss):
    """WGAN (Arjovsky et al., arXiv 1701.07875, eq. 3): for a critic that is clipped or penalised."""

    def real_term(self, t: Tensor) -> Tensor:
        return -t

    def fake_term(self, t: Tensor) -> Tensor:
        return t


@register("gan_qp")
class QuadraticPotential(ScoreLoss):
    """GAN-QP (Su, arXiv 1811.07296): a quadratic potential holds the gap C(x) - C(y), no Lipschitz bound.

    Options:
        weight: lambda of the potential.
        distance: d(x, y), per pair: the mean of |x - y| (`l1`) or its root mean square (`l2`).
    """

    def __init__(self, weight: float, distance: Distance = "l1") -> None:
        super().__init__()
        if weight <= 0 or distance not in get_args(Distance):
            raise ValueError(
                f"loss 'gan_qp': weight {weight} must be above 0, and distance '{distance}' one of: "
                f"{', '.join(get_args(Distance))}"
            )
        self.weight, self.distance = weight, distance

    def critic_objective(self, scores: Scores, batch: Batch) -> Tensor:
        gap = scores.real - scores.fake
        d = image_distance(self.distance, batch.real.detach(), batch.fake.detach())
        return (-gap + gap.square() / (2 * self.weight * d.clamp_min(1e-8))).mean()

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return (scores.real - scores.fake).mean()
