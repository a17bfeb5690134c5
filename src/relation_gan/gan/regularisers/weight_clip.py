"""The weight clipping of WGAN."""

import torch
from torch import nn

from relation_gan.gan.regularisers.base import Regulariser, register


@register("weight_clip")
class WeightClip(Regulariser):
    """Every parameter of the critic back into [-limit, limit] after each of its steps, those of batch norm too.

    WGAN (arXiv 1701.07875, Algorithm 1) has .01, DMGAN .1.
    """

    def __init__(self, limit: float) -> None:
        if limit <= 0:
            raise ValueError(f"regulariser 'weight_clip': limit {limit} must be above 0")
        self.limit = limit

    @torch.no_grad()
    def project(self, critic: nn.Module) -> None:
        for parameter in critic.parameters():
            parameter.clamp_(-self.limit, self.limit)
