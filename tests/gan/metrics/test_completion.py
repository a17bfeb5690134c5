"""Masks of known area, and the published scores of occluded images."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch.nn.functional import interpolate

from relation_gan.gan.metrics.completion import SHARES, centred_mask, occluded

# PSNR of the "Occluded" rows of GoGAN's tables 2 to 4 (CelebA, LSUN, CIFAR-10), for each of the five shares.
PUBLISHED = {
    0.09: (23.80, 22.89, 23.19),
    0.25: (19.18, 18.15, 18.38),
    0.49: (15.96, 15.15, 15.05),
    0.64: (14.63, 14.07, 13.81),
    0.81: (13.41, 13.08, 12.70),
}


@pytest.mark.parametrize(("share", "side"), zip(SHARES, (19, 32, 45, 51, 58), strict=True))
def test_masks_hide_the_nominal_share(share: float, side: int) -> None:
    mask = centred_mask(64, share)
    hidden = mask == 0
    assert hidden.sum() == side**2
    assert abs(hidden.float().mean() - share) < 0.015
    rows = hidden.any(1).nonzero()[:, 0]
    assert (int(rows[0]), 63 - int(rows[-1])) == ((64 - side) // 2, (65 - side) // 2)
    assert torch.equal(mask, mask.T)


def test_what_is_known_stays_and_what_is_hidden_is_grey() -> None:
    images, mask = torch.rand(2, 3, 16, 16) * 2 - 1, centred_mask(16, 0.25)
    result = occluded(images, mask)
    assert torch.equal(result[..., mask == 1], images[..., mask == 1])
    assert not result[..., mask == 0].any()


@pytest.mark.parametrize("share", SHARES)
def test_grey_reproduces_the_published_scores_of_occluded_images(share: float) -> None:
    # Squares of the two photographs that scikit-learn ships, at 64 pixels. They are not the papers' images, and have
    # more contrast: grey is to come within 2.5 dB of the published band, where black stays more than 5 dB below it.
    rng = np.random.default_rng(0)
    squares = []
    for photograph in load_sample_images().images:
        for _ in range(20):
            side = int(rng.integers(200, 420))
            top, left = (int(rng.integers(0, limit - side)) for limit in photograph.shape[:2])
            square = torch.from_numpy(photograph[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None]
            squares.append(interpolate(square.float() / 127.5 - 1, size=64, mode="area"))
    images = torch.cat(squares)
    mask = centred_mask(64, share)

    def psnr(filled: torch.Tensor) -> float:
        error = ((filled - images) / 2).square().mean((1, 2, 3))  # on [0, 1]
        return (-10 * error.log10()).mean().item()

    low, high = min(PUBLISHED[share]), max(PUBLISHED[share])
    assert low - 2.5 < psnr(occluded(images, mask)) < high + 2.5
    assert psnr(torch.where(mask == 1, images, -1.0)) < low - 5


@pytest.mark.parametrize("share", [0.0, 1.0, 9.0])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=f"share {share} must be above 0 and below 1"):
        centred_mask(64, share)
