"""R3GAN's networks (Huang et al., "The GAN is dead; long live the GAN!", arXiv 2501.05441): no normalisation at all.

Residual blocks x + W3 act(W2 act(W1 x)) of 1x1, grouped 3x3 and 1x1 convolutions, of which the last starts at 0, so
that every block starts as the identity. Written from the paper and from what its code (brownvc/R3GAN) does.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

from relation_gan.gan.networks.base import Critic, LayeredGenerator, register
from relation_gan.gan.networks.layers import OUTPUTS, check_choice, halvings, perceptron
from relation_gan.gan.networks.wiring import Block, Wiring, register_critic

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""What keeps the variance of a signal through a leaky ReLU (MSR, arXiv 1502.01852)."""


def msr(weight: Tensor, gain: float = 1.0) -> None:
    """Draw a weight (out, in, ...) from N(0, gain^2 / fan_in)."""
    nn.init.normal_(weight, 0.0, gain / math.sqrt(weight[0].numel()))


def convolution(w_in: int, w_out: int, kernel: int = 1, groups: int = 1, gain: float = 1.0) -> nn.Conv2d:
    """A convolution that keeps the size of a map, without a bias."""
    layer = nn.Conv2d(w_in, w_out, kernel, padding=kernel // 2, groups=groups, bias=False)
    msr(layer.weight, gain)
    return layer


class Bias(nn.Module):
    """x + b of each channel, through a leaky ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(x + self.bias[:, None, None], SLOPE)


class ResidualBlock(nn.Module):
    """x + W3 act(W2 act(W1 x) + b2) with twice the channels inside.

    Args:
        group: channels of each group of the 3x3 convolution.
        blocks: of the whole network: the weights are drawn smaller by blocks^(-1/4) (Fixup, arXiv 1901.09321).
        zero: whether W3 starts at 0.
    """

    def __init__(self, width: int, group: int, blocks: int, zero: bool = True) -> None:
        super().__init__()
        inside, gain = 2 * width, GAIN * blocks**-0.25
        self.residual = nn.Sequential(
            convolution(width, inside, gain=gain),
            Bias(inside),
            convolution(inside, inside, 3, inside // group if inside > group else 1, gain),
            Bias(inside),
            convolution(inside, width, gain=0.0 if zero else gain),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual(x)


class Resampling(nn.Module):
    """Maps of twice or half the size by the filter [1, 2, 1] * [1, 1] = [1, 3, 3, 1] in both directions.

    Inside a map it is bilinear; beyond its edge are zeros.
    """

    kernel: Tensor

    def __init__(self, up: bool) -> None:
        super().__init__()
        self.up = up
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / (4 if up else 8)
        # A constant, which no checkpoint needs to hold.
        self.register_buffer("kernel", torch.outer(line, line), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        width = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(width, 1, 4, 4)
        resample = conv_transpose2d if self.up else conv2d
        return resample(x, kernel, stride=2, padding=1, groups=width)


class GenerativeBasis(nn.Module):
    """z (B, latent) -> maps (B, width, side, side): learnt ones, each scaled by a number that is linear in z."""

    def __init__(self, latent: int, width: int, side: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(width, side, side))
        self.scales = nn.Linear(latent, width, bias=False)
        msr(self.scales.weight)

    def forward(self, z: Tensor) -> Tensor:
        return self.basis * self.scales(z)[:, :, None, None]


def stage_widths(size: int, width: int | Sequence[int], group: int) -> tuple[list[int], int]:
    """The channels of each stage, from the smallest map to the image, and the smallest map's side.

    Raises:
        ValueError: the size does not halve to a small map, or the widths do not suit it or the groups.
    """
    n, base = halvings(size)
    widths = [width] * (n + 1) if isinstance(width, int) else list(width)
    if len(widths) != n + 1:
        raise ValueError(
            f"width {widths} must have {n + 1} entries for the image size {size}, from a map of {base} pixels on, each "
            "of twice the side; or give one number"
        )
    for of in widths:
        if 2 * of > group and 2 * of % group:
            raise ValueError(
                f"width {of} must be a multiple of half of group {group}, since {2 * of} channels are cut into groups; "
                "change either"
            )
    return widths, base


@register("r3gan_generator")
def r3gan_generator(
    size: int,
    channels: int,
    latent: int,
    width: int | Sequence[int] = 64,
    blocks: int = 2,
    group: int = 16,
    output: str = "linear",
    classes: int = 0,
) -> LayeredGenerator:
    """A learnt basis scaled by z, stages of residual blocks with a doubling between them, and a 1x1 convolution.

    A change of width is a 1x1 convolution before the doubling.

    Args:
        width: channels of every stage, or a list of them from the smallest map to the image. In the paper, 768.
        blocks: residual blocks of each stage.
        group: channels of each group of the 3x3 convolutions: the paper's cardinality 96 of 2 x 768 channels is 16.
        output: `linear`, as in the paper, or `tanh`.
        classes: see `Generator`. A one-hot label under a linear layer is the embedding that R3GAN's code has.
    """
    check_choice("output", output, OUTPUTS)
    widths, base = stage_widths(size, width, group)
    layers: list[nn.Module] = []
    for i, of in enumerate(widths):
        if i == 0:
            layers.append(GenerativeBasis(latent + classes, of, base))
        else:
            layers += [*_changed(widths[i - 1], of), Resampling(up=True)]
        layers += [ResidualBlock(of, group, blocks * len(widths)) for _ in range(blocks)]
    return LayeredGenerator([*layers, convolution(widths[-1], channels), OUTPUTS[output]()], latent, "torch", classes)


def _changed(w_in: int, w_out: int) -> list[nn.Module]:
    return [convolution(w_in, w_out)] if w_in != w_out else []


@register_critic("r3gan_critic")
def r3gan_critic(
    wiring: Wiring, size: int, channels: int, width: int | Sequence[int] = 64, blocks: int = 2, group: int = 16
) -> Critic:
    """A 1x1 convolution, stages of residual blocks with a halving between them, and a basis: the generator mirrored.

    Each stage before a halving is a block; the last stage relates. The basis is a depthwise convolution of its whole
    map, and a linear layer. A pair critic has a hidden layer before that: residual blocks start as identities, so that
    without it an additive merge would start as the degenerate sum of two scores. With `spectral_norm` they do not.

    Args:
        width: channels of every stage, or a list of them from the smallest map to the image, as the generator's.
        blocks: residual blocks of each stage.
        group: channels of each group of the 3x3 convolutions.
    """
    widths, base = stage_widths(size, width, group)
    widths.reverse()

    def stage(w_in: int, of: int) -> list[nn.Module]:
        # A weight of 0 has no largest singular value to be divided by.
        made = [ResidualBlock(of, group, blocks * len(widths), zero=not wiring.spectral_norm) for _ in range(blocks)]
        return [*_changed(w_in, of), *made]

    def block(of: int, following: int) -> Block:
        return Block(following, lambda w_in: [*stage(w_in, of), Resampling(up=False), *_changed(of, following)])

    def basis(w_in: int) -> list[nn.Module]:
        depthwise = nn.Conv2d(last, last, base, groups=last, bias=False)
        head = perceptron([last, *[last] * (wiring.kind == "pair"), wiring.outputs], "leaky_relu", bias=False)
        for layer in (depthwise, *head):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                msr(layer.weight)
        return [*stage(w_in, last), depthwise, nn.Flatten(), *head]

    last = widths[-1]
    halves = [block(of, following) for of, following in itertools.pairwise(widths)]
    stem = Block(widths[0], lambda w_in: [convolution(w_in, widths[0])])
    return wiring.critic(channels, halves, [Block(wiring.outputs, basis)], "torch", [stem])
