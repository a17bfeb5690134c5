"""Masks of known area, and the published scores of occluded images."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch.nn.functional import interpolate

from relation_gan.gan import networks
from relation_gan.gan.metrics import complete, psnr, ssim
from relation_gan.gan.metrics.completion import SHARES, centred_mask, occluded
from relation_gan.gan.networks import Critic, Generator

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

    def score(filled: torch.Tensor) -> float:
        return float(psnr(filled / 2 + 0.5, images / 2 + 0.5).mean())

    low, high = min(PUBLISHED[share]), max(PUBLISHED[share])
    assert low - 2.5 < score(occluded(images, mask)) < high + 2.5
    assert score(torch.where(mask == 1, images, -1.0)) < low - 5


class Pixels(Generator):
    """An image of one channel that is its own latent."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.latent, self.size = size**2, size
        self.gain = torch.nn.Parameter(torch.ones(()))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.gain * z.view(-1, 1, self.size, self.size)


class Brightness(Critic):
    """The sum of an image's pixels."""

    def __init__(self) -> None:
        super().__init__("score", torch.nn.Flatten(), torch.nn.Identity())

    def forward(self, a: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
        return self.embed(a).sum(1)


def pixels_and_mask() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (3, 1, 8, 8) within [-.5, .5], a mask, and where z begins."""
    random = torch.Generator().manual_seed(0)
    images = torch.rand((3, 1, 8, 8), generator=random) - 0.5
    return images, centred_mask(8, 0.25), torch.zeros(3, 64)


def test_without_the_critic_the_known_pixels_are_found_and_the_hole_stays_where_it_began() -> None:
    images, mask, start = pixels_and_mask()
    made = complete(Pixels(8), Brightness(), images, mask, start, images, images, steps=200, weight=0.0)
    assert torch.equal(made.images[..., mask == 1], images[..., mask == 1])
    assert not made.images[..., mask == 0].any()
    # Adam steps by its rate of .01 around each of the 64 - 16 known pixels in the end.
    assert (made.contextual < 48 * 0.02).all()


def test_the_critic_fills_the_hole_with_what_it_holds_real() -> None:
    images, mask, start = pixels_and_mask()
    made = complete(Pixels(8), Brightness(), images, mask, start, images, images, steps=30, weight=0.1)
    # The only gradient in the hole is the critic's, constant: Adam moves by its rate a step, .01 x 30.
    assert torch.allclose(made.images[..., mask == 0], torch.tensor(0.3), atol=1e-4)
    assert torch.allclose(made.perceptual, -made.images.sum((1, 2, 3)), atol=2.0)


@pytest.mark.parametrize("kind", ["score", "pair", "feature"])
def test_images_completed_together_are_completed_as_each_alone(kind: str) -> None:
    torch.manual_seed(0)
    generator = networks.create("dcgan_generator", size=16, channels=1, latent=4, width=4)
    critic = networks.create("dcgan_critic", kind=kind, size=16, channels=1, width=4)
    assert isinstance(generator, Generator) and isinstance(critic, Critic)
    images, real, fake = (torch.rand(n, 1, 16, 16) * 2 - 1 for n in (3, 5, 4))
    mask, start = centred_mask(16, 0.25), torch.randn(3, 4)
    weights = [p.clone() for p in (*generator.parameters(), *critic.parameters())]
    together = complete(generator, critic, images, mask, start, real, fake, steps=20)
    for i in range(3):
        one = slice(i, i + 1)
        alone = complete(generator, critic, images[one], mask, start[one], real, fake, steps=20)
        for a, b in zip(together, alone, strict=True):
            assert torch.allclose(a[one], b, atol=1e-4)
    before = complete(generator, critic, images, mask, start, real, fake, steps=0)
    objective = together.contextual + 0.1 * together.perceptual
    assert (objective < before.contextual + 0.1 * before.perceptual).all()
    parameters = [*generator.parameters(), *critic.parameters()]
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(weights, parameters, strict=True))


def test_psnr_of_a_constant_error() -> None:
    # An error of .1 everywhere has a mean square of .01: 10 log10(1 / .01) = 20 dB.
    images = torch.rand(2, 3, 16, 16) * 0.8
    assert psnr(images, images + 0.1).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)


def test_ssim_of_equal_images_and_of_a_shift_in_brightness() -> None:
    images = torch.full((1, 3, 16, 16), 0.4)
    assert ssim(images, images).tolist() == [1.0]
    # Constant images have no variance: (2ab + c) / (a^2 + b^2 + c) with c = (.01)^2.
    a, b, c = 0.4, 0.6, 1e-4
    assert ssim(images, images + 0.2).item() == pytest.approx((2 * a * b + c) / (a * a + b * b + c), abs=1e-6)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_images_of_different_shapes_are_refused(measure) -> None:
    with pytest.raises(ValueError, match="of the same shape, got"):
        measure(torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16))


@pytest.mark.parametrize("share", [0.0, 1.0, 9.0])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=f"share {share} must be above 0 and below 1"):
        centred_mask(64, share)
