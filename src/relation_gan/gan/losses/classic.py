"""The losses of score critics that every newer one is compared with."""

from torch import Tensor
from torch.nn.functional import relu, softplus

from relation_gan.gan.losses.base import Batch, Scores, SeparableLoss, register


@register("minimax")
class Minimax(SeparableLoss):
    """Goodfellow et al. 2014, eq. (1), on logits: D = sigmoid(C), so -log D = softplus(-C)."""

    def real_term(self, t: Tensor) -> Tensor:
        return softplus(-t)

    def fake_term(self, t: Tensor) -> Tensor:
        return softplus(t)

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return -softplus(scores.fake).mean()


@register("non_saturating")
class NonSaturating(Minimax):
    """Goodfellow et al. 2014, section 3: the generator maximises log D(y) instead."""

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return softplus(-scores.fake).mean()


@register("lsgan")
class LeastSquares(SeparableLoss):
    """LSGAN (Mao et al., arXiv 1611.04076, eq. 9), without the factors of one half, as Relation GAN's code.

    Options:
        fake_label: what the critic is to give fakes. 0 in the paper and the code; -1 in RaLSGAN.
    """

    def __init__(self, fake_label: float = 0.0) -> None:
        super().__init__()
        self.fake_label = fake_label

    def real_term(self, t: Tensor) -> Tensor:
        return (t - 1).square()

    def fake_term(self, t: Tensor) -> Tensor:
        return (t - self.fake_label).square()


@register("hinge")
class Hinge(SeparableLoss):
    """The hinge loss of geometric GAN (Lim and Ye, arXiv 1705.02894) and SN-GAN (eq. 16 and 17)."""

    def real_term(self, t: Tensor) -> Tensor:
        return relu(1 - t)

    def fake_term(self, t: Tensor) -> Tensor:
        return relu(1 + t)

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return -scores.fake.mean()


@register("ebgan")
class EnergyBased(SeparableLoss):
    """EBGAN (Zhao et al., arXiv 1609.03126, eq. 1 and 2), of the energy -C of an autoencoder critic."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def real_term(self, t: Tensor) -> Tensor:
        return -t

    def fake_term(self, t: Tensor) -> Tensor:
        return relu(self.margin + t)
