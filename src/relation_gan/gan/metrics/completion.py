"""Image completion (GoGAN, arXiv 1704.04865, section 5): what a generator puts into a hole, and how near it comes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from relation_gan.gan.metrics.realness import realness
from relation_gan.gan.networks import Critic, Generator

SHARES = (0.09, 0.25, 0.49, 0.64, 0.81)
"""Parts of the image that GoGAN's masks hide."""


def percent(share: float) -> int:
    """By which a share is named."""
    return round(100 * share)


def centred_mask(size: int, share: float) -> Tensor:
    """(size, size): 0 in a centred square that hides about `share` of the image, 1 where it is known.

    Its side is size * sqrt(share), rounded: 19, 32, 45, 51 and 58 of 64 pixels for GoGAN's five shares.

    Raises:
        ValueError: the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share {share} must be above 0 and below 1: the part of the image that is hidden")
    side = round(size * share**0.5)
    start = (size - side) // 2
    mask = torch.ones(size, size)
    mask[start : start + side, start : start + side] = 0
    return mask


def occluded(images: Tensor, mask: Tensor) -> Tensor:
    """Images (B, C, H, W) in [-1, 1] with mid-grey, which is 0, where the mask hides them.

    GoGAN does not say what fills the hole; its "Occluded" rows fit the distance of images to grey, not to black.
    """
    return images * mask


class Completion(NamedTuple):
    """Images with their holes filled, and what was minimised for each."""

    images: Tensor
    """(B, C, H, W) in [-1, 1]: known pixels as they are, the hole from the generator."""
    contextual: Tensor
    """(B,): sum over the known pixels of |G(z) - y|."""
    perceptual: Tensor
    """(B,): -C(G(z)), whose scale is the critic's own."""


def complete(
    generator: Generator,
    critic: Critic,
    images: Tensor,
    mask: Tensor,
    start: Tensor,
    real: Tensor,
    fake: Tensor,
    steps: int = 1000,
    weight: float = 0.1,
    lr: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
) -> Completion:
    """The z of every image that minimises |M (G(z) - y)|_1 - weight C(G(z)) (eq. 30 to 33), and what it gives.

    C is `realness`: the critic's score, or what stands for it with critics of pairs and of features. The images are
    independent of one another: completing many at once gives each what it would get alone. There is no blending.

    Args:
        images: (B, C, H, W) in [-1, 1], whole.
        mask: (H, W): 1 where a pixel is known.
        start: (B, latent), where z begins: draws from the prior. It is not held to the prior after that.
        real, fake: the witnesses of `realness`.
        lr, betas: of Adam, on z.
    """
    generator.eval()
    critic.eval()
    holds_real = realness(critic, real, fake)
    z = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([z], lr, betas)

    def parts() -> tuple[Tensor, Tensor, Tensor]:
        made = generator(z)
        return made, (mask * (made - images)).abs().sum((1, 2, 3)), -holds_real(made)

    for _ in range(steps):
        _, contextual, perceptual = parts()
        (z.grad,) = torch.autograd.grad((contextual + weight * perceptual).sum(), z)
        optimiser.step()
    with torch.no_grad():
        made, contextual, perceptual = parts()
    return Completion(torch.where(mask == 1, images, made), contextual, perceptual)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """(B,): peak signal-to-noise ratio in dB of images (B, C, H, W) in [0, 1], by scikit-image."""
    from skimage.metrics import peak_signal_noise_ratio

    return _each(a, b, lambda x, y: peak_signal_noise_ratio(x, y, data_range=1.0))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """(B,): structural similarity of images (B, C, H, W) in [0, 1], by scikit-image.

    As in the paper that defines it: a Gaussian window of 11x11 with a standard deviation of 1.5, on each channel.
    """
    from skimage.metrics import structural_similarity

    return _each(
        a,
        b,
        lambda x, y: structural_similarity(
            x, y, data_range=1.0, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        ),
    )


def _each(a: Tensor, b: Tensor, measure: Callable[[np.ndarray, np.ndarray], Any]) -> Tensor:
    if a.shape != b.shape or a.dim() != 4:
        raise ValueError(f"images must be (B, C, H, W) of the same shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    pairs = zip(a.double().cpu().numpy(), b.double().cpu().numpy(), strict=True)
    return torch.tensor([float(measure(x, y)) for x, y in pairs])
