"""TripletGAN's convolutional networks for CelebA and STL-10 (arXiv 1711.05084): 3x3, without normalisation.

Its network for CIFAR-10, "DCGAN-like", is `dcgan_critic` and `dcgan_generator` with norm: none and width 128.
"""

from collections.abc import Sequence

from torch import nn

from relation_gan.gan.networks.base import Critic, LayeredGenerator, register
from relation_gan.gan.networks.layers import ACTIVATIONS, check_choice
from relation_gan.gan.networks.wiring import Block, Wiring, register_critic

LAYOUTS = {
    # name: (multiple of the width, stride) of each convolution
    "celeba": ((1, 1), (1, 2), (3, 2), (3, 1), (4, 2), (4, 1), (5, 2), (5, 1)),
    "stl10": ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)),
}


def check_size(size: int) -> None:
    if size < 16 or size % 16:
        raise ValueError(f"the image size {size} must be a multiple of 16 for the triplet networks, such as 64 or 96")


@register("triplet_generator")
def triplet_generator(
    size: int,
    channels: int,
    latent: int,
    width: int = 32,
    activation: str = "elu",
    init: str = "torch",
    classes: int = 0,
) -> LayeredGenerator:
    """A linear layer, four bilinear doublings each before a convolution, and a convolution.

    Args:
        width: channels at the image size; doubled at each halving.
        activation: `elu` (CelebA), `leaky_relu` (STL-10), `relu` or `tanh`.
        init: see `initialise`.
        classes: see `Generator`.
    """
    check_size(size)
    check_choice("activation", activation, ACTIVATIONS)
    base = size // 16
    layers: list[nn.Module] = [
        nn.Linear(latent + classes, 16 * width * base**2),
        ACTIVATIONS[activation](),
        nn.Unflatten(1, (16 * width, base, base)),
    ]
    for w_out in (8 * width, 4 * width, 2 * width, width):
        layers += [
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(2 * w_out, w_out, 3, 1, 1),
            ACTIVATIONS[activation](),
        ]
    return LayeredGenerator([*layers, nn.Conv2d(width, channels, 3, 1, 1), nn.Tanh()], latent, init, classes)


@register_critic("triplet_critic")
def triplet_critic(
    wiring: Wiring,
    size: int,
    channels: int,
    width: int = 64,
    layout: str = "celeba",
    activation: str = "elu",
    head: int | Sequence[int] = 256,
    init: str = "torch",
) -> Critic:
    """Eight convolutions, a block each, of which four halve the map, and a head.

    Args:
        width: channels of the first convolution.
        layout: `celeba` or `stl10`: the widths and strides of the others.
        activation: `elu` (CelebA), `leaky_relu` (STL-10), `relu` or `tanh`.
        head: widths of the hidden layers after the merge; 0, as in the paper, makes the head linear.
        init: see `initialise`.
    """
    check_size(size)
    check_choice("layout", layout, LAYOUTS)
    check_choice("activation", activation, ACTIVATIONS)

    def block(w_out: int, stride: int) -> Block:
        return Block(w_out, lambda w_in: [nn.Conv2d(w_in, w_out, 3, stride, 1), ACTIVATIONS[activation]()])

    blocks = [block(multiple * width, stride) for multiple, stride in LAYOUTS[layout]]
    return wiring.critic(channels, blocks, [wiring.head((size // 16) ** 2, head, activation)], init)
