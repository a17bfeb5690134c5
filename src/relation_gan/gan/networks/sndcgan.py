"""Relation GAN's networks for 64 and 128 pixels, and their analogue for 32.

They are the DCGAN-like networks of spectral normalisation (arXiv 1802.05957, table 3), without that and with other
widths, as in Relation GAN's published code.
"""

from torch import nn

from relation_gan.gan.networks.base import Critic, LayeredGenerator, register
from relation_gan.gan.networks.layers import NORMS, check_choice
from relation_gan.gan.networks.wiring import Block, Wiring, register_critic

SIZES = (32, 64, 128)


def check_size(size: int) -> None:
    if size not in SIZES:
        raise ValueError(f"the image size {size} must be 32, 64 or 128 for the sndcgan networks")


@register("sndcgan_generator")
def sndcgan_generator(
    size: int, channels: int, latent: int, width: int = 64, norm: str = "batch", init: str = "dcgan", classes: int = 0
) -> LayeredGenerator:
    """A linear layer, three transposed convolutions that double its map, and a 3x3 one.

    Args:
        width: channels at the image size; doubled at each halving.
        norm: `batch`, or `none` as in the paper's network for 128 pixels.
        init: see `initialise`.
        classes: see `Generator`.
    """
    check_size(size)
    check_choice("norm", norm, NORMS)
    batch, base = norm == "batch", size // 8
    first = 8 * width * base**2
    layers: list[nn.Module] = [
        nn.Linear(latent + classes, first),
        *[nn.BatchNorm1d(first)] * batch,
        nn.ReLU(),
        nn.Unflatten(1, (8 * width, base, base)),
    ]
    for w_out in (4 * width, 2 * width, width):
        layers += [nn.ConvTranspose2d(2 * w_out, w_out, 4, 2, 1), *[nn.BatchNorm2d(w_out)] * batch, nn.ReLU()]
    return LayeredGenerator([*layers, nn.ConvTranspose2d(width, channels, 3, 1, 1), nn.Tanh()], latent, init, classes)


@register_critic("sndcgan_critic")
def sndcgan_critic(wiring: Wiring, size: int, channels: int, width: int = 64, init: str = "dcgan") -> Critic:
    """A 3x3 convolution, then three blocks of a 4x4 convolution of stride 2 and a 3x3 one.

    A pair critic adds two 3x3 convolutions; all end in a linear layer.

    Args:
        width: channels of the first convolution.
        init: see `initialise`.
    """
    check_size(size)

    def convolution(w_in: int, w_out: int, kernel: int = 3, *, active: bool = True) -> list[nn.Module]:
        layer = nn.Conv2d(w_in, w_out, kernel, kernel - 2, 1)  # of stride 1 or 2
        return [layer, *[nn.LeakyReLU(0.1)] * active]

    def block(w_mid: int, w_out: int, active: bool) -> Block:
        return Block(w_out, lambda w: [*convolution(w, w_mid, 4), *convolution(w_mid, w_out, active=active)])

    if size == 128:
        blocks = [block(2 * width, 4 * width, True), block(4 * width, 8 * width, True)]
    else:
        blocks = [block(2 * width, 2 * width, False), block(4 * width, 4 * width, False)]
    blocks += [block(8 * width, 8 * width, True)]
    stem = Block(width, lambda w: convolution(w, width))
    tail = Block(8 * width, lambda w: [*convolution(w, 8 * width), *convolution(8 * width, 8 * width, active=False)])
    top = [*[tail] * (wiring.kind == "pair"), wiring.head((size // 8) ** 2, 0)]
    return wiring.critic(channels, blocks, top, init, [stem])
