"""Multilayer perceptrons, for points and for flattened images."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from relation_gan.gan.networks.base import Critic, LayeredGenerator, register
from relation_gan.gan.networks.layers import ACTIVATIONS, OUTPUTS, check_choice, data_shape, perceptron
from relation_gan.gan.networks.wiring import Block, Wiring, register_critic


class MLPGenerator(LayeredGenerator):
    def __init__(
        self, layers: Sequence[nn.Module], latent: int, init: str, classes: int, shape: tuple[int, ...], scale: float
    ) -> None:
        super().__init__(layers, latent, init, classes)
        self.points = len(shape) == 1
        self.shape, self.scale = shape, scale

    def forward(self, z: Tensor) -> Tensor:
        return self.scale * super().forward(z).view(-1, *self.shape)


@register("mlp_generator")
def mlp_generator(
    latent: int,
    widths: Sequence[int],
    dimensions: int | None = None,
    size: int | None = None,
    channels: int | None = None,
    activation: str = "relu",
    output: str = "linear",
    scale: float = 1.0,
    init: str = "torch",
    classes: int = 0,
) -> MLPGenerator:
    """Linear layers of `widths`, each before an activation, and one to the points or pixels.

    Args:
        dimensions: of points; for images `size` and `channels` instead.
        activation: `relu`, `leaky_relu` (.2), `tanh` or `elu`.
        output: `linear` or `tanh`.
        scale: factor on what comes out, so that tanh reaches points beyond 1.
        init: see `initialise`.
        classes: see `Generator`.
    """
    check_choice("output", output, OUTPUTS)
    shape = data_shape(dimensions, size, channels)
    layers = [*perceptron([latent + classes, *widths, math.prod(shape)], activation), OUTPUTS[output]()]
    return MLPGenerator(layers, latent, init, classes, shape, scale)


@register_critic("mlp_critic")
def mlp_critic(
    wiring: Wiring,
    widths: Sequence[int],
    dimensions: int | None = None,
    size: int | None = None,
    channels: int | None = None,
    embedding: int = 0,
    head: int | Sequence[int] = 64,
    activation: str = "relu",
    init: str = "torch",
) -> Critic:
    """Linear layers of `widths`, each a block with its activation, and a head.

    Args:
        dimensions: of points; for images `size` and `channels` instead.
        embedding: length of a vector that the embedding module ends in, without activation; 0 leaves it out.
        head: widths of the hidden layers after the merge; 0 or none makes the head linear.
        activation: `relu`, `leaky_relu` (.2), `tanh` or `elu`.
        init: see `initialise`.

    Raises:
        ValueError: not exactly one of points and images is described, or no block, or a relation block, meets a vector.
    """
    check_choice("activation", activation, ACTIVATIONS)

    def block(width: int) -> Block:
        return Block(width, lambda w_in: [nn.Flatten(), nn.Linear(w_in, width), ACTIVATIONS[activation]()])

    inputs = math.prod(data_shape(dimensions, size, channels))
    blocks = [block(width) for width in widths]
    if embedding:
        blocks = wiring.into_vector(blocks, 1, [embedding], activation)
    top = wiring.head(1, head, activation, vector=bool(embedding))
    return wiring.critic(inputs, blocks, [top], init, area=(size or 1) ** 2)
