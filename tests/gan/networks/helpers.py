"""Small networks of every family, and full ones without memory, to be counted."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from relation_gan.gan import networks
from relation_gan.gan.networks import Critic, Network
from relation_gan.gan.networks.base import KINDS

SIZES = {"sndcgan": (32, 64, 128), "triplet": (16, 32, 64)}  # and for the other families:
ANY_SIZE = (16, 28, 32, 64)
SMALL = {"channels": 3, "latent": 4, "width": 2, "head": 6, "features": 5, "n_classes": 3}
SMALL |= {"widths": [6, 5], "output": "tanh"}
BLOCKS = {  # of the smallest critics
    "dcgan_critic": 2,
    "dmgan_critic": 3,
    "mlp_critic": 2,
    "r3gan_critic": 2,
    "resnet_critic": 2,
    "sndcgan_critic": 3,
    "triplet_critic": 8,
}
CRITICS = [name for name in networks.names() if "merge" in networks.options(name)]
GENERATORS = [name for name in networks.names() if "latent" in networks.options(name)]


def sizes(name: str) -> tuple[int, ...]:
    return SIZES.get(name.split("_")[0], ANY_SIZE)


def kinds(name: str) -> tuple[str | None, ...]:
    if name.startswith("ebgan"):
        return ("score",)
    return KINDS if "kind" in networks.options(name) else (None,)


def small(name: str, size: int | None = None, **options: Any) -> Network:
    """A network of a few channels, with those of the options that it has."""
    torch.manual_seed(0)
    given = {**SMALL, "size": size or sizes(name)[0], **options}
    return networks.create(name, **{key: given[key] for key in networks.options(name) if given.get(key) is not None})


def critic(name: str = "dcgan_critic", **options: Any) -> Critic:
    made = small(name, **options)
    assert isinstance(made, Critic)
    return made


def images(n: int = 2, size: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.rand((n, 3, size, size), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def full(name: str, **options: Any) -> Any:
    """A network of a paper's size, on torch's device of shapes without numbers."""
    with torch.device("meta"):
        return networks.create(name, **options)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def linear(w_in: int, w_out: int) -> int:
    """Parameters of a linear layer."""
    return w_in * w_out + w_out


def conv(w_in: int, w_out: int, kernel: int = 3, bias: bool = True) -> int:
    """Parameters of a convolution, transposed or not."""
    return w_in * w_out * kernel**2 + w_out * bias


def chain(*widths: int) -> int:
    """Parameters of linear layers from each width to the next."""
    return sum(map(linear, widths, widths[1:]))


def outline(layers: nn.Sequential, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(layer, shape of what it gives one input of this shape) of a sequence of layers."""
    x: Tensor = torch.zeros(2, *shape, device="meta")
    for layer in layers:
        x = layer(x)
        yield type(layer).__name__, tuple(x.shape[1:])
