"""How a critic sees the class that was asked for."""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


class Labels(nn.Module):
    """What the classes of images do to a critic: each kind of it overrides one place.

    Classes are given as weights (B, classes): one-hot, or even ones where no class is asked for.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def weights(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Args: x: the images (B, ...). labels: int64 (B,), or None."""
        if labels is None:
            return x.new_full((len(x), self.classes), 1 / self.classes)
        return one_hot(labels, self.classes).to(x.dtype)

    def images(self, x: Tensor, weights: Tensor) -> Tensor:
        """What is embedded in place of images (B, C, H, W), or of points (B, 2)."""
        return x

    def embedded(self, e: Tensor, weights: Tensor) -> Tensor:
        """What stands for embeddings (B, F, ...)."""
        return e

    def scored(self, output: Tensor, weights: Tensor) -> Tensor:
        """What stands for the outputs (B, F) of the last layer."""
        return output


class Maps(Labels):
    """A constant map for each class behind the channels of the image: 1 of its own class, else 0 (arXiv 1411.1784)."""

    def images(self, x: Tensor, weights: Tensor) -> Tensor:
        maps = weights.view(*weights.shape, *[1] * (x.dim() - 2))
        return torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], 1)


class Scale(Labels):
    """Embeddings are scaled and shifted by learnt vectors of the class, e (1 + s) + t, which start from N(0, 0.5)."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(classes)
        self.scales, self.shifts = (nn.Parameter(0.5 * torch.randn(classes, width)) for _ in range(2))

    def embedded(self, e: Tensor, weights: Tensor) -> Tensor:
        s, t = ((weights @ table).view(len(e), -1, *[1] * (e.dim() - 2)) for table in (self.scales, self.shifts))
        return e * (1 + s) + t


class Projection(Labels):
    """The score is the inner product of the last layer's outputs with a learnt vector of the class, over the root of
    their number: the projection discriminator (arXiv 1802.05637) as StyleGAN2-ADA and R3GAN have it."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(classes)
        self.vectors = nn.Parameter(torch.randn(classes, width))

    def scored(self, output: Tensor, weights: Tensor) -> Tensor:
        return (output * (weights @ self.vectors)).sum(1, keepdim=True) / output.shape[1] ** 0.5
