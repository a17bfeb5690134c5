"""DMGAN's networks (table 1): 5x5 convolutions of stride 2, from a single pixel to the image and back."""

import itertools
from collections.abc import Sequence

from torch import nn

from relation_gan.gan.networks.base import Critic, LayeredGenerator, register
from relation_gan.gan.networks.layers import NORMS, check_choice
from relation_gan.gan.networks.wiring import Block, Wiring, register_critic


def sizes(size: int) -> list[int]:
    """The sides of the maps from the image to a pixel, each half of the one before, rounded up.

    Raises:
        ValueError: the image is too small to leave a convolution to the critic.
    """
    if size < 4:
        raise ValueError(f"the image size {size} must be at least 4 for the dmgan networks")
    sides = [size]
    while sides[-1] > 1:
        sides.append((sides[-1] + 1) // 2)
    return sides


@register("dmgan_generator")
def dmgan_generator(
    size: int,
    channels: int,
    latent: int,
    width: int = 64,
    norm: str = "batch",
    init: str = "dcgan",
    classes: int = 0,
) -> LayeredGenerator:
    """Transposed convolutions from the latents as a single pixel: five for 32 and for 28 pixels.

    Args:
        width: channels at half the image size; doubled at each halving.
        norm: `batch` or `none`.
        init: see `initialise`.
        classes: see `Generator`.
    """
    check_choice("norm", norm, NORMS)
    batch = norm == "batch"
    sides = sizes(size)[::-1]
    n = len(sides) - 1
    widths = [latent + classes, *(width * 2**i for i in reversed(range(n - 1))), channels]
    layers: list[nn.Module] = [nn.Unflatten(1, (latent + classes, 1, 1))]
    for (side, doubled), (w_in, w_out) in zip(itertools.pairwise(sides), itertools.pairwise(widths), strict=True):
        # Without output padding a side becomes 2 * side - 1.
        layers += [nn.ConvTranspose2d(w_in, w_out, 5, 2, 2, output_padding=doubled - 2 * side + 1)]
        layers += [*[nn.BatchNorm2d(w_out)] * batch, nn.LeakyReLU(0.2)] if doubled < size else [nn.Tanh()]
    return LayeredGenerator(layers, latent, init, classes)


@register_critic("dmgan_critic")
def dmgan_critic(
    wiring: Wiring,
    size: int,
    channels: int,
    width: int = 64,
    head: int | Sequence[int] = 256,
    norm: str = "batch",
    init: str = "dcgan",
) -> Critic:
    """Convolutions, a block each, to a map of 2 x 2, and a head.

    Args:
        width: channels at half the image size; doubled at each halving.
        head: widths of the hidden layers after the merge; 0, as in the paper, makes the head linear.
        norm: `batch` or `none`.
        init: see `initialise`.
    """
    check_choice("norm", norm, NORMS)
    batch = norm == "batch"

    def block(w_out: int) -> Block:
        def layers(w_in: int) -> list[nn.Module]:
            return [nn.Conv2d(w_in, w_out, 5, 2, 2), *[nn.BatchNorm2d(w_out)] * batch, nn.LeakyReLU(0.2)]

        return Block(w_out, layers)

    blocks = [block(width * 2**i) for i in range(len(sizes(size)) - 2)]
    return wiring.critic(channels, blocks, [wiring.head(4, head)], init)
