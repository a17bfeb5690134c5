"""The margin between two distances: how far apart two images should be scored."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from relation_gan.gan.losses.distances import image_distance

Kind = Literal["constant", "l1", "l2", "mse"]


@dataclass(frozen=True)
class Margin:
    """Delta(a, b) = base + scale * distance(a, b), one number a pair, without gradient.

    The distances are means over pixels (`l1`, `mse`) or the root of the mean square (`l2`), so
    that a scale keeps its meaning at every image size. `constant` is `base` alone.
    """

    kind: Kind = "mse"
    base: float = 1.0
    scale: float = 0.01

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"margin kind '{self.kind}' is unknown; choose one of: {', '.join(get_args(Kind))}")

    @torch.no_grad()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Margins (B,) of images or points a, b (B, ...)."""
        if self.kind == "constant":
            return a.new_full((len(a),), self.base)
        return self.base + self.scale * image_distance(self.kind, a, b)
