"""R3GAN's networks (arXiv 2501.05441): shapes, weights and resampling by hand."""

import math
import re
from typing import Any

import pytest
import torch
from torch.nn.functional import conv2d, interpolate, leaky_relu

from relation_gan.gan import networks
from relation_gan.gan.networks.r3gan import GAIN, Bias, GenerativeBasis, Resampling, ResidualBlock
from tests.gan.networks.helpers import conv, count, full, images, outline


def residual(width: int, group: int = 16) -> int:
    """Parameters of a block: 1x1 to twice the width, grouped 3x3 and 1x1 back, and a bias behind the first two."""
    inside = 2 * width
    return conv(width, inside, 1, False) + inside * group * 9 + conv(inside, width, 1, False) + 2 * inside


def test_the_generator_of_cifar10() -> None:
    generator = full("r3gan_generator", size=32, channels=3, latent=64, width=768)
    # Four stages of two blocks; a basis of 4 x 4 and a linear map of 64 latents to its channels; 1x1 to RGB.
    assert count(generator) == 8 * residual(768) + 768 * 16 + 64 * 768 + 768 * 3
    # Cardinality 96: 1,536 channels in groups of 16.
    grouped = [layer.groups for layer in generator.modules() if getattr(layer, "kernel_size", 0) == (3, 3)]
    assert grouped == [96] * 8
    sides = [4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32]
    maps = [shape for _, shape in outline(generator.layers, 64)]
    assert maps == [*[(768, side, side) for side in sides], (3, 32, 32), (3, 32, 32)]


def test_the_critic_of_cifar10() -> None:
    critic = full("r3gan_critic", kind="score", size=32, channels=3, width=768)
    # A depthwise convolution of the whole 4 x 4 map, and a linear layer without a bias.
    assert count(critic) == 3 * 768 + 8 * residual(768) + 768 * 16 + 768
    assert count(critic.embedding) == 3 * 768 + 6 * residual(768)
    layers = [name for name, _ in outline(critic.relation, 768, 4, 4)]
    assert layers == ["ResidualBlock", "ResidualBlock", "Conv2d", "Flatten", "Linear"]
    assert not critic.batch_norm


def test_widths_change_by_a_1x1_convolution_before_doubling_and_after_halving() -> None:
    # FFHQ-64: four stages of 768 channels, and one of 384 with cardinality 48.
    given: dict[str, Any] = {"size": 64, "channels": 3, "width": [768, 768, 768, 768, 384]}
    generator, critic = full("r3gan_generator", latent=64, **given), full("r3gan_critic", kind="score", **given)
    blocks = 8 * residual(768) + 2 * residual(384)
    assert count(generator) == blocks + 768 * 16 + 64 * 768 + conv(768, 384, 1, False) + 384 * 3
    assert count(critic) == blocks + 3 * 384 + conv(384, 768, 1, False) + 768 * 16 + 768
    names = [name for name, _ in outline(generator.layers, 64)]
    assert names[-6:] == ["Conv2d", "Resampling", "ResidualBlock", "ResidualBlock", "Conv2d", "Identity"]
    assert [name for name, _ in outline(critic.embedding, 3, 64, 64)][1:5] == [*names[-4:-2], "Resampling", "Conv2d"]


@pytest.mark.parametrize(("size", "sides"), [(28, [7, 14, 28]), (32, [4, 8, 16, 32])])
def test_the_basis_is_as_large_as_the_size_halves_to(size: int, sides: list[int]) -> None:
    generator = networks.create("r3gan_generator", size=size, channels=3, latent=4, width=4, blocks=1)
    shapes = dict.fromkeys(shape[1] for _, shape in outline(generator.to("meta").layers, 4))  # type: ignore[arg-type]
    assert list(shapes) == sides


@pytest.mark.parametrize("group", [2, 16])
def test_a_residual_block_by_hand(group: int) -> None:
    torch.manual_seed(0)
    block, x = ResidualBlock(4, group, blocks=2, zero=False), torch.randn(3, 4, 6, 6)
    first, first_bias, second, second_bias, third = block.parameters()
    for bias in (first_bias, second_bias):
        torch.nn.init.normal_(bias)
    y = leaky_relu(conv2d(x, first) + first_bias.view(1, 8, 1, 1), 0.2)
    # Eight channels inside: four groups of two, or, where a group would be larger, one.
    y = leaky_relu(conv2d(y, second, padding=1, groups=4 if group == 2 else 1) + second_bias.view(1, 8, 1, 1), 0.2)
    torch.testing.assert_close(block(x), x + conv2d(y, third))
    assert [type(layer).__name__ for layer in block.residual] == ["Conv2d", "Bias", "Conv2d", "Bias", "Conv2d"]


def test_blocks_start_as_identities_with_weights_scaled_by_their_number() -> None:
    torch.manual_seed(0)
    generator = networks.create("r3gan_generator", size=32, channels=3, latent=64, width=64, blocks=2)
    blocks = [layer for layer in generator.modules() if isinstance(layer, ResidualBlock)]
    assert len(blocks) == 8
    # The gain of a leaky ReLU of slope 0.2: sqrt(2 / 1.04); of 8 blocks, 8^(-1 / 4) of it.
    gain = math.sqrt(2 / 1.04) * 8**-0.25
    for block in blocks:
        first, _, second, _, third = block.parameters()
        # 64 inputs of the first; 16 channels of a group, 9 taps each, of the second.
        for weight, fan_in in ((first, 64), (second, 16 * 9)):
            n = weight.numel()
            assert weight.std().item() == pytest.approx(gain / math.sqrt(fan_in), rel=4 / math.sqrt(2 * n))
        assert not third.any()
    x = torch.randn(2, 64, 8, 8)
    assert torch.equal(blocks[0](x), x)
    assert math.sqrt(2 / 1.04) == pytest.approx(GAIN)


def test_the_basis_is_scaled_by_a_linear_map_of_the_latents() -> None:
    torch.manual_seed(0)
    basis, z = GenerativeBasis(3, 5, 4), torch.randn(2, 3)
    made, scales = basis(z), z @ basis.scales.weight.T
    for image in range(2):
        for channel in range(5):
            torch.testing.assert_close(made[image, channel], basis.basis[channel] * scales[image, channel])


def test_resampling_is_bilinear_with_zeros_beyond_the_edge() -> None:
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    up, down = Resampling(up=True)(x), Resampling(up=False)(x)
    assert (up.shape, down.shape) == ((2, 3, 12, 12), (2, 3, 3, 3))
    bilinear = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1])
    # At a corner three quarters of a pixel in both directions, and nothing of what lies beyond.
    torch.testing.assert_close(up[..., 0, 0], x[..., 0, 0] * 9 / 16)
    # [1, 2, 1] / 4 and then the mean of two: [1, 3, 3, 1] / 8.
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    expected = torch.einsum("bcij,i,j->bc", x[..., 1:5, 1:5], line, line)
    torch.testing.assert_close(down[..., 1, 1], expected)


def test_resampling_keeps_a_plain_map_and_needs_nothing_of_a_checkpoint() -> None:
    plain = torch.ones(1, 2, 8, 8)
    for up in (True, False):
        layer = Resampling(up)
        inside = layer(plain)[..., 1:-1, 1:-1]
        torch.testing.assert_close(inside, torch.ones_like(inside))
        assert layer.state_dict() == {}


def test_the_output_is_linear_as_in_the_paper_unless_asked_otherwise() -> None:
    torch.manual_seed(0)
    generator = networks.create("r3gan_generator", size=16, channels=3, latent=4, width=4)
    assert generator(100 * torch.randn(8, 4)).abs().max() > 1


def test_a_critic_of_28_pixels_scores_and_its_penalty_has_a_gradient() -> None:
    torch.manual_seed(0)
    critic = networks.create("r3gan_critic", kind="score", size=28, channels=3, width=[8, 8, 4], blocks=1, group=4)
    x = images(4, 28).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    # The biases come behind a sum, which the first derivative of a start at identity does not see.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in critic.parameters() if p.dim() > 1)


def test_a_bias_is_added_to_every_pixel_of_its_channel() -> None:
    layer = Bias(2)
    torch.nn.init.constant_(layer.bias, 1.0)
    assert torch.equal(layer(torch.zeros(1, 2, 3, 3)), torch.ones(1, 2, 3, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"width": [8, 8]},
            "width [8, 8] must have 4 entries for the image size 32, from a map of 4 pixels on, each of twice the side"
            "; or give one number",
        ),
        (
            {"width": 12},
            "width 12 must be a multiple of half of group 16, since 24 channels are cut into groups; change either",
        ),
        ({"size": 30}, "the image size 30 must be 4 to 7 times a power of two"),
        ({"output": "sigmoid"}, "output 'sigmoid' is unknown; choose one of: linear, tanh"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        networks.create("r3gan_generator", **{"size": 32, "channels": 3, "latent": 4, **options})
