"""TripletGAN (arXiv 1711.05084): every pair of fakes against the real of the same place, on the sphere."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from relation_gan.gan.losses.base import Batch, Critic, FeatureLoss, Features, register
from relation_gan.gan.losses.distances import arc, euclidean

Distance = Literal["arc", "chord"]


@register("triplet_gan")
class TripletGAN(FeatureLoss):
    """TripletGAN, eq. (1) and Algorithm 1: the critic maximises E min(d(x_i, y_i) - d(y_i, y_j), c) over i != j.

    The generator minimises the same without the threshold. Algorithm 1 sums over all j but divides by
    N (N - 1); these are the N (N - 1) triplets with i != j.

    Options:
        threshold: c; .5 for points, 1 for MNIST, 1.6 elsewhere in the paper.
        distance: on the unit sphere: `arc`, at most pi, or `chord`, at most 2. The paper calls them
            interchangeable, which they are not: a threshold above 2 never clips chords.
    """

    def __init__(self, threshold: float, distance: Distance = "arc") -> None:
        super().__init__()
        if distance not in get_args(Distance) or threshold <= 0:
            raise ValueError(
                f"loss 'triplet_gan': threshold {threshold} must be above 0, and distance '{distance}' one of: "
                f"{', '.join(get_args(Distance))}"
            )
        self.threshold = threshold
        self.distance = arc if distance == "arc" else euclidean

    def check(self, critic: Critic, generator: nn.Module) -> None:
        super().check(critic, generator)
        if not critic.sphere:
            raise ValueError("it measures distances on the unit sphere; set sphere: true in the critic")

    def triplets(self, scores: Features) -> Tensor:
        """d(x_i, y_i) - d(y_i, y_j) of all i != j, (B (B - 1),)."""
        x, y = scores
        gaps = self.distance(x, y)[:, None] - self.distance(y[:, None], y[None, :])
        return gaps[~torch.eye(len(x), dtype=torch.bool, device=x.device)]

    def critic_objective(self, scores: Features, batch: Batch) -> Tensor:
        return -self.triplets(scores).clamp_max(self.threshold).mean()

    def generator_objective(self, scores: Features, batch: Batch) -> Tensor:
        return self.triplets(scores).mean()
