"""DCGAN-like networks (arXiv 1511.06434) for square images of 16 pixels and more."""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from relation_gan.gan.networks.base import Critic, LayeredGenerator, register
from relation_gan.gan.networks.layers import NORMS, check_choice, halvings
from relation_gan.gan.networks.wiring import Block, Wiring, register_critic

UPS = ("transposed", "nearest")


class NearestConv2d(nn.Conv2d):
    """Nearest-neighbour upsampling by two and a 3x3 convolution, in one.

    Each tap of the 3x3 kernel meets an input pixel at two places of either axis. Summed up beforehand, they are the
    4x4 kernel of a transposed convolution of stride 2, which multiplies 4 numbers for each output instead of 9.
    """

    def __init__(self, w_in: int, w_out: int) -> None:
        super().__init__(w_in, w_out, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        taps = F.pad(self.weight.flip(2, 3), (1, 1, 1, 1))
        rows = taps[:, :, 1:] + taps[:, :, :-1]
        kernel = (rows[..., 1:] + rows[..., :-1]).transpose(0, 1)
        return F.conv_transpose2d(input, kernel, self.bias, stride=2, padding=1)


def doubling(up: str, w_in: int, w_out: int) -> list[nn.Module]:
    """Layers that double the size of a map."""
    check_choice("up", up, UPS)
    if up == "transposed":
        return [nn.ConvTranspose2d(w_in, w_out, 4, 2, 1)]
    return [NearestConv2d(w_in, w_out)]


@register("dcgan_generator")
def dcgan_generator(
    size: int,
    channels: int,
    latent: int,
    width: int = 64,
    up: str = "transposed",
    norm: str = "batch",
    init: str = "dcgan",
    classes: int = 0,
) -> LayeredGenerator:
    """A linear layer and doublings of its map, each after batch norm and ReLU.

    Args:
        width: channels at half the image size; doubled at each halving.
        up: `transposed`, DCGAN's 4x4 convolutions of stride 2, or `nearest`, upsampling and a 3x3 convolution,
            which draws no checkerboards (Odena et al. 2016).
        norm: `batch` or `none`.
        init: see `initialise`.
        classes: see `Generator`.
    """
    check_choice("norm", norm, NORMS)
    batch = norm == "batch"
    n, base = halvings(size)
    widths = [*(width * 2**i for i in reversed(range(n))), channels]
    layers: list[nn.Module] = [
        nn.Linear(latent + classes, widths[0] * base**2, bias=not batch),
        nn.Unflatten(1, (widths[0], base, base)),
    ]
    for w_in, w_out in itertools.pairwise(widths):
        layers += [*[nn.BatchNorm2d(w_in)] * batch, nn.ReLU(), *doubling(up, w_in, w_out)]
    return LayeredGenerator([*layers, nn.Tanh()], latent, init, classes)


def halving(width: int, batch: bool = False) -> Block:
    """DCGAN's 4x4 convolution of stride 2."""

    def layers(w_in: int) -> list[nn.Module]:
        convolution = nn.Conv2d(w_in, width, 4, 2, 1, bias=not batch)
        return [nn.Sequential(convolution, *[nn.BatchNorm2d(width)] * batch, nn.LeakyReLU(0.2))]

    return Block(width, layers)


@register_critic("dcgan_critic")
def dcgan_critic(
    wiring: Wiring,
    size: int,
    channels: int,
    width: int = 64,
    hidden: int = 0,
    embedding: int = 0,
    head: int | Sequence[int] = 256,
    norm: str = "none",
    init: str = "dcgan",
) -> Critic:
    """Halving convolutions, a block each, and a head with a hidden layer.

    Args:
        width: channels at half the image size; doubled at each halving.
        hidden: width of a layer between the maps and the vector; 0 leaves it out.
        embedding: length of the vector that the embedding module ends in; 0 merges its maps.
        head: widths of the hidden layers after the merge; 0 makes the head linear.
        norm: `none`, so that a score depends on its own images alone, or `batch`, DCGAN's own, which
            spares the first block.
        init: see `initialise`.

    Raises:
        ValueError: relation blocks are to follow a vector, or a hidden layer leads to none.
    """
    check_choice("norm", norm, NORMS)
    n, base = halvings(size)
    if hidden and not embedding:
        raise ValueError(f"hidden {hidden} leads to an embedding vector; set embedding to its length")
    blocks = [halving(width * 2**i, norm == "batch" and i > 0) for i in range(n)]
    if embedding:
        blocks = wiring.into_vector(blocks, base**2, [hidden, embedding] if hidden else [embedding])
    top = wiring.head(1 if embedding else base**2, head, vector=bool(embedding))
    return wiring.critic(channels, blocks, [top], init)
