"""Relation GAN's residual networks for CIFAR-10, after Mescheder et al. (arXiv 1801.04406)."""

from torch import Tensor, nn

from relation_gan.gan.networks.base import Critic, LayeredGenerator, register
from relation_gan.gan.networks.layers import halvings
from relation_gan.gan.networks.wiring import Block, Wiring, register_critic


class ResidualBlock(nn.Module):
    """shortcut(x) + .1 * conv(act(conv(act(x)))): maps of `w_in` to maps of `w_out` channels of the same size."""

    def __init__(self, w_in: int, w_out: int, batch: bool = False) -> None:
        super().__init__()

        def convolution(w_in: int, w_out: int, kernel: int = 3) -> list[nn.Module]:
            layer = nn.Conv2d(w_in, w_out, kernel, padding=kernel // 2, bias=kernel > 1)
            return [layer, *[nn.BatchNorm2d(w_out)] * batch]

        hidden = min(w_in, w_out)
        self.residual = nn.Sequential(
            nn.LeakyReLU(0.2), *convolution(w_in, hidden), nn.LeakyReLU(0.2), *convolution(hidden, w_out)
        )
        self.shortcut = nn.Identity() if w_in == w_out else nn.Sequential(*convolution(w_in, w_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + 0.1 * self.residual(x)


@register("resnet_generator")
def resnet_generator(
    size: int, channels: int, latent: int, width: int = 64, init: str = "dcgan", classes: int = 0
) -> LayeredGenerator:
    """A linear layer, then residual blocks with batch norm, each before a doubling of its map, and one without.

    Args:
        width: channels at the image size; doubled at each halving.
        init: see `initialise`.
        classes: see `Generator`.
    """
    n, base = halvings(size)
    layers: list[nn.Module] = [
        nn.Linear(latent + classes, width * 2**n * base**2),
        nn.Unflatten(1, (width * 2**n, base, base)),
    ]
    for i in reversed(range(n)):
        layers += [ResidualBlock(width * 2 ** (i + 1), width * 2**i, batch=True), nn.Upsample(scale_factor=2)]
    layers += [ResidualBlock(width, width), nn.LeakyReLU(0.2), nn.Conv2d(width, channels, 3, padding=1), nn.Tanh()]
    return LayeredGenerator(layers, latent, init, classes)


@register_critic("resnet_critic")
def resnet_critic(wiring: Wiring, size: int, channels: int, width: int = 64, init: str = "dcgan") -> Critic:
    """A convolution, then residual blocks that each halve the map and double the channels.

    A pair critic adds two convolutions, so that every split (Relation GAN, table 8: embed_blocks +
    relation_blocks) is non-linear behind its merge. With no block that embeds the merge follows the first convolution.

    Args:
        width: channels of the first convolution.
        init: see `initialise`.
    """
    n, base = halvings(size)

    def block(i: int) -> Block:
        # The residual block that does not halve belongs to the first.
        def layers(w_in: int) -> list[nn.Module]:
            first = [ResidualBlock(w_in, width)] if i == 0 else []
            return [*first, nn.AvgPool2d(3, 2, 1), ResidualBlock(width if first else w_in, width * 2 ** (i + 1))]

        return Block(width * 2 ** (i + 1), layers)

    last = width * 2**n
    stem = Block(width, lambda w: [nn.Conv2d(w, width, 3, padding=1)])
    tail = Block(
        last // 2,
        lambda w: [
            nn.Conv2d(w, last, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(last, last // 2, 3, padding=1, bias=False),
        ],
    )
    rest = [tail] if wiring.kind == "pair" else [Block(last, lambda w: [nn.LeakyReLU(0.2)])]
    return wiring.critic(channels, [block(i) for i in range(n)], [*rest, wiring.head(base**2, 0)], init, [stem])
