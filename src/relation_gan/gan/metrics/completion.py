"""Image completion (GoGAN, arXiv 1704.04865, section 5): the masks, and the occluded images."""

import torch
from torch import Tensor

SHARES = (0.09, 0.25, 0.49, 0.64, 0.81)
"""Parts of the image that GoGAN's masks hide."""


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
