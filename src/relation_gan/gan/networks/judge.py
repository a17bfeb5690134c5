"""A small classifier of grey pictures, applied to each channel of a stacked one."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from relation_gan.gan.networks.base import Network, register


class Judgement(NamedTuple):
    """What a judge says of images, channel by channel."""

    labels: Tensor
    """(N, C) class of each channel."""
    confidence: Tensor
    """(N, C) probability that the judge gives it."""
    features: Tensor
    """(N, C * F) activations before the last layer."""


class Judge(Network):
    """Class logits (B, n_classes) of single-channel images (B, 1, size, size) in [-1, 1]."""

    def __init__(self, size: int, n_classes: int, width: int, features: int) -> None:
        super().__init__()
        self.n_classes = n_classes

        def block(w_in: int, w_out: int) -> list[nn.Module]:
            return [nn.Conv2d(w_in, w_out, 3, 1, 1, bias=False), nn.BatchNorm2d(w_out), nn.ReLU(), nn.MaxPool2d(2)]

        self.trunk = nn.Sequential(
            *block(1, width),
            *block(width, 2 * width),
            *block(2 * width, 4 * width),
            nn.Flatten(),
            nn.Linear(4 * width * (size // 8) ** 2, features),
            nn.ReLU(),
        )
        self.head = nn.Linear(features, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.trunk(images))

    @torch.no_grad()
    def judge(self, images: Tensor) -> Judgement:
        """Judge each channel of images (N, C, size, size) in [-1, 1]."""
        n, channels = images.shape[:2]
        features = self.trunk(images.reshape(n * channels, 1, *images.shape[2:]))
        confidence, labels = self.head(features).softmax(1).max(1)
        return Judgement(labels.view(n, channels), confidence.view(n, channels), features.view(n, -1))


@register("judge")
def judge(size: int, n_classes: int = 10, width: int = 16, features: int = 32) -> Judge:
    """A classifier of `n_classes` with `features` activations before its last layer."""
    return Judge(size, n_classes, width, features)
