"""Critics that are autoencoders: EBGAN (arXiv 1609.03126)."""

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn

from relation_gan.gan.networks.base import Critic, register
from relation_gan.gan.networks.dcgan import halving
from relation_gan.gan.networks.layers import (
    ACTIVATIONS,
    OUTPUTS,
    check_choice,
    data_shape,
    halvings,
    initialise,
    perceptron,
)


class AutoencoderCritic(Critic):
    """C(x) = -MSE(decode(encode(x)), x): the energy of EBGAN, eq. 3, negated, so that larger is more real.

    Raises:
        ValueError: the kind is not "score".
    """

    def __init__(self, kind: str, encoder: nn.Module, decoder: nn.Module, init: str) -> None:
        if kind != "score":
            raise ValueError(
                f"an autoencoder gives an image one energy: it serves kind 'score', not '{kind}'; "
                "choose another critic or a loss of scores"
            )
        super().__init__(kind, encoder, decoder)
        initialise(self, init)

    def forward(self, a: Tensor, b: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        return -(self.relation(self.embed(a, condition)) - a).square().flatten(1).mean(1)


@register("ebgan_mlp_critic")
def ebgan_mlp_critic(
    kind: str,
    widths: Sequence[int],
    dimensions: int | None = None,
    size: int | None = None,
    channels: int | None = None,
    activation: str = "relu",
    output: str = "linear",
    init: str = "torch",
) -> AutoencoderCritic:
    """Linear layers of `widths`, the last of which is the code, and the same back.

    Args:
        dimensions: of points; for images `size` and `channels` instead.
        activation: `relu`, `leaky_relu` (.2), `tanh` or `elu`.
        output: `linear` or `tanh`.
        init: see `initialise`.
    """
    check_choice("output", output, OUTPUTS)
    shape = data_shape(dimensions, size, channels)
    values = math.prod(shape)
    encoder = nn.Sequential(nn.Flatten(), *perceptron([values, *widths], activation), ACTIVATIONS[activation]())
    decoder = nn.Sequential(
        *perceptron([*reversed(widths), values], activation), OUTPUTS[output](), nn.Unflatten(1, shape)
    )
    return AutoencoderCritic(kind, encoder, decoder, init)


@register("ebgan_dcgan_critic")
def ebgan_dcgan_critic(
    kind: str, size: int, channels: int, width: int = 64, code: int = 0, output: str = "linear", init: str = "dcgan"
) -> AutoencoderCritic:
    """The halving convolutions of `dcgan_critic`, and transposed ones that mirror them.

    Args:
        width: channels at half the image size; doubled at each halving.
        code: length of a vector between the two; 0 leaves it out.
        output: `linear` or `tanh`.
        init: see `initialise`.
    """
    check_choice("output", output, OUTPUTS)
    n, base = halvings(size)
    widths = [channels, *(width * 2**i for i in range(n))]
    encoder: list[nn.Module] = []
    decoder: list[nn.Module] = []
    for w_in, w_out in itertools.pairwise(widths):
        encoder += halving(w_out).layers(w_in)
        decoder = [nn.LeakyReLU(0.2), nn.ConvTranspose2d(w_out, w_in, 4, 2, 1), *decoder]
    if code:
        flat = widths[-1] * base**2
        encoder += [nn.Flatten(), nn.Linear(flat, code)]
        decoder = [nn.Linear(code, flat), nn.Unflatten(1, (widths[-1], base, base)), *decoder]
    else:
        decoder = decoder[1:]  # the encoder ends in an activation
    return AutoencoderCritic(kind, nn.Sequential(*encoder), nn.Sequential(*decoder, OUTPUTS[output]()), init)
