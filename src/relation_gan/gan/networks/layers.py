"""What networks are made of: activations, initial weights, sizes."""

import itertools
import math
import re
from collections.abc import Callable, Collection, Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

NORMS = ("none", "batch")

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "elu": nn.ELU,
}

OUTPUTS: dict[str, Callable[[], nn.Module]] = {"linear": nn.Identity, "tanh": nn.Tanh}

LINEAR = (nn.Sequential, nn.Linear, nn.Conv2d, nn.Flatten, nn.AvgPool2d)


def check_choice(option: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{option} '{value}' is unknown; choose one of: {', '.join(allowed)}")


def perceptron(widths: Sequence[int], activation: str, bias: bool = True) -> list[nn.Module]:
    """Linear layers from each width to the next, with an activation between them."""
    check_choice("activation", activation, ACTIVATIONS)
    layers: list[nn.Module] = []
    for w_in, w_out in itertools.pairwise(widths):
        layers += [nn.Linear(w_in, w_out, bias=bias), ACTIVATIONS[activation]()]
    return layers[:-1]


def initialise(module: nn.Module, init: str) -> None:
    """Draw the weights of every layer; biases are 0, the scales of batch norm over maps N(1, .02).

    `normal:<std>`: N(0, std). `dcgan`: N(0, .02) (DCGAN, section 4). `lecun`: N(0, 1/fan_in), which keeps the
    scale of a signal through narrow layers, where N(0, .02) all but silences it. `torch`: all as torch draws it.
    """
    if init == "torch":
        return
    normal = re.fullmatch(r"normal:(\d*\.?\d+)", init)
    if not normal and init not in ("dcgan", "lecun"):
        raise ValueError(
            f"init '{init}' is unknown; choose one of: dcgan, lecun, torch, normal:<standard deviation>, as normal:.06"
        )
    std = float(normal[1]) if normal else 0.02
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            # A transposed convolution of stride 2 feeds each output from a quarter of its taps.
            fan_in = (
                layer.weight[:, 0].numel() / math.prod(layer.stride)
                if isinstance(layer, nn.ConvTranspose2d)
                else layer.weight[0].numel()
            )
            nn.init.normal_(layer.weight, 0.0, fan_in**-0.5 if init == "lecun" else std)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def normalise(module: nn.Module) -> None:
    """Divide the weight of every convolution and linear layer by its largest singular value (arXiv 1802.05957).

    Of a convolution it is that of its kernel as a matrix (out, in * taps), as in SN-GAN. One step of the power method
    follows the weights each time that they are asked for while training, and none in evaluation mode: its vectors
    are buffers. Within `torch.nn.utils.parametrize.cached`, all that is computed sees the same weights, after one step.
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            spectral_norm(layer)


def has_batch_norm(module: nn.Module) -> bool:
    return any(isinstance(layer, _BatchNorm) for layer in module.modules())


def is_linear(module: nn.Module) -> bool:
    """Whether a module is made of linear layers alone."""
    return all(isinstance(layer, LINEAR) for layer in module.modules())


def halvings(size: int) -> tuple[int, int]:
    """How often `size` halves down to a map of 4 to 7 pixels, and that map's size.

    Raises:
        ValueError: the size does not halve to such a map.
    """
    n, given = 0, size
    while size > 7 and size % 2 == 0:
        size, n = size // 2, n + 1
    if not 4 <= size <= 7 or n == 0:
        raise ValueError(f"the image size {given} must be 4 to 7 times a power of two, such as 16, 28, 32, 64 or 128")
    return n, size


def data_shape(dimensions: int | None, size: int | None, channels: int | None) -> tuple[int, ...]:
    """(dimensions,) of points, or (channels, size, size) of images.

    Raises:
        ValueError: it is said of both, of neither, or by halves.
    """
    if dimensions is not None and size is None and channels is None:
        return (dimensions,)
    if dimensions is None and size is not None and channels is not None:
        return (channels, size, size)
    raise ValueError(
        f"dimensions {dimensions}, size {size}, channels {channels}: give either dimensions, for points, "
        "or size and channels, for images"
    )
