"""DMGAN (distance metric GAN): features near the centre of their own kind, far from the other's; and its relatives."""

import torch
from torch import Tensor
from torch.nn.functional import relu

from relation_gan.gan.losses.base import Batch, FeatureLoss, Features, register
from relation_gan.gan.losses.distances import euclidean, image_distance
from relation_gan.gan.losses.margins import Margin
from relation_gan.gan.losses.pairs import FeaturePairLoss, Pairs, Second


@register("dmgan")
class DMGAN(FeatureLoss):
    """DMGAN, eq. (1) to (6): E||f(x) - c|| + E||f(y) - c'|| - lambda E||f(y) - f(x)||, x and y paired by place.

    The last term has no bound: the critic's weights must be clipped.

    Options:
        weight: lambda.
        gamma: how fast the centres follow the features, eq. (3) and (4); 0 leaves them at 0.
        classes: a pair of centres for each of so many classes, with a generator conditioned on them; 0
            for one pair, as the paper's networks have no label input.
        squared: squared distances; the paper prints plain ones.
    """

    centre_real: Tensor
    centre_fake: Tensor

    def __init__(self, weight: float, gamma: float, classes: int = 0, squared: bool = False) -> None:
        super().__init__()
        if weight < 0 or gamma < 0 or classes < 0:
            raise ValueError(f"weight {weight}, gamma {gamma} and classes {classes} must not be negative")
        self.weight, self.gamma, self.classes, self.squared = weight, gamma, classes, squared
        self.register_buffer("centre_real", torch.zeros(max(classes, 1), 0))
        self.register_buffer("centre_fake", torch.zeros(max(classes, 1), 0))

    def distance(self, u: Tensor, v: Tensor) -> Tensor:
        return euclidean(u, v).square() if self.squared else euclidean(u, v)

    def labels(self, batch: Batch) -> Tensor:
        """Which centres (B,) the images belong to."""
        if self.classes and batch.labels is not None:
            return batch.labels
        return torch.zeros(len(batch.real), dtype=torch.long, device=batch.real.device)

    def centres(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """c and c', each (classes, F): zero before the first update."""
        if self.centre_real.shape[1] == 0:
            start = features.new_zeros(len(self.centre_real), features.shape[1])
            return start, start
        return self.centre_real, self.centre_fake

    def pair_weights(self, batch: Batch) -> Tensor | float:
        """The weight (B,) of each pair's third term."""
        return 1.0

    def critic_objective(self, scores: Features, batch: Batch) -> Tensor:
        f_x, f_y = scores
        labels, (c, c_fake) = self.labels(batch), self.centres(f_x)
        to_centres = self.distance(f_x, c[labels]).mean() + self.distance(f_y, c_fake[labels]).mean()
        return to_centres - self.weight * (self.pair_weights(batch) * self.distance(f_y, f_x)).mean()

    def generator_objective(self, scores: Features, batch: Batch) -> Tensor:
        return self.distance(scores.fake, scores.real).mean()

    @torch.no_grad()
    def update(self, scores: Features, batch: Batch) -> None:
        labels, centres = self.labels(batch), self.centres(scores.real)
        self.centre_real, self.centre_fake = (
            self.moved(centre, features.detach().float(), labels)
            for centre, features in zip(centres, scores, strict=True)
        )

    def moved(self, centres: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """c_i - gamma * sum over the class (c_i - f) / (1 + its count), eq. (3) and (4)."""
        count = torch.bincount(labels, minlength=len(centres))[:, None]
        total = torch.zeros_like(centres).index_add_(0, labels, features)
        return centres - self.gamma * (count * centres - total) / (1 + count)


@register("wadmgan")
class WaDMGAN(DMGAN):
    """waDMGAN, eq. (7) and (8), Algorithm 2: DMGAN whose critic weighs the third term of each pair.

    w_i = exp(mean_k ||y_k - x_k||_1 / ||y_i - x_i||_1) is e for a pair at the mean distance and more for
    closer ones, which the paper's prose has the other way round.

    Options:
        normalise: weights divided by their mean; the literal ones also multiply lambda, by e or more.
    """

    def __init__(
        self, weight: float, gamma: float, classes: int = 0, squared: bool = False, normalise: bool = False
    ) -> None:
        super().__init__(weight, gamma, classes, squared)
        self.normalise = normalise

    @torch.no_grad()
    def pair_weights(self, batch: Batch) -> Tensor:
        distance = image_distance("l1", batch.fake, batch.real)
        exponent = distance.mean() / distance.clamp_min(1e-12)
        if self.normalise:
            return exponent.softmax(0) * len(exponent)
        # exp overflows above 88.7, which two equal images would exceed.
        return exponent.clamp_max(80).exp()


@register("mlgan")
class MLGAN(DMGAN):
    """MLGAN (Dou 2017), of which DMGAN's section 3.1 says only this: DMGAN with centres that stay. A reconstruction."""

    def __init__(self, weight: float) -> None:
        super().__init__(weight, gamma=0.0)


@register("mbgan")
class MBGAN(FeaturePairLoss):
    """MBGAN: E d(x, x2) + E[alpha Delta(x, y) - d(x, y)]+, d between features. A reconstruction.

    DMGAN's section 2 tells the idea alone: distances of features bounded by those of the images.

    Options:
        alpha: the factor on Delta, the mean absolute difference of two images; 200 in DMGAN's comparison.
        second, pairings: see `PairLoss`.
    """

    def __init__(self, alpha: float, second: Second = "both", pairings: int = 1) -> None:
        super().__init__(second, pairings)
        self.bound = Margin("l1", base=0.0, scale=alpha)

    def critic_objective(self, scores: Pairs, batch: Batch) -> Tensor:
        x, x2, y, _ = scores
        images = self.images(batch)
        return euclidean(x, x2).mean() + relu(self.bound(images.x, images.y) - euclidean(x, y)).mean()

    def generator_objective(self, scores: Pairs, batch: Batch) -> Tensor:
        return euclidean(scores.x, scores.y).mean()
