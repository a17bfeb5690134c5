"""DCGAN-like networks (arXiv 1511.06434) for square images of 16 pixels and more."""

import itertools

from torch import Tensor, nn

from relation_gan.gan.networks.base import Critic, Generator, check_choice, merged_channels, register


def levels(size: int) -> tuple[int, int]:
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


def initialise(module: nn.Module) -> None:
    """Weights N(0, .02), batch-norm scales N(1, .02), biases 0 (DCGAN, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


class DCGANGenerator(Generator):
    """z (B, latent) -> images (B, channels, size, size) in [-1, 1]."""

    def __init__(self, size: int, channels: int, latent: int, width: int, batch_norm: bool) -> None:
        super().__init__()
        n, base = levels(size)
        self.latent = latent
        widths = [width * 2**i for i in reversed(range(n))]
        layers: list[nn.Module] = [
            nn.Linear(latent, widths[0] * base**2, bias=not batch_norm),
            nn.Unflatten(1, (widths[0], base, base)),
        ]
        for w_in, w_out in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(w_in)] if batch_norm else []
            layers += [nn.ReLU(), nn.ConvTranspose2d(w_in, w_out, 4, 2, 1)]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(initialise)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


@register("dcgan_generator")
def dcgan_generator(size: int, channels: int, latent: int, width: int = 64, batch_norm: bool = True) -> DCGANGenerator:
    """`width` is the number of channels at half the image size; it doubles at each halving."""
    return DCGANGenerator(size, channels, latent, width, batch_norm)


@register("dcgan_critic")
def dcgan_critic(
    kind: str,
    size: int,
    channels: int,
    width: int = 64,
    embed_blocks: int | None = None,
    relation_blocks: int = 0,
    merge: str = "absdiff",
    head: int = 256,
    features: int = 128,
) -> Critic:
    """Halving convolutions split into `embed_blocks` + `relation_blocks`, and a two-layer head.

    Without `embed_blocks` all blocks embed. There is no batch norm, so that a score depends on its
    own images alone and images may be embedded together.

    Args:
        head: width of the hidden layer after the merge; 0 makes the head linear.
        features: length of f(x) for kind="feature".

    Raises:
        ValueError: the blocks do not add up to the number of halvings, or an additive merge
            meets a linear head (then D(a, b) = s(a) + s(b), whose gradient vanishes).
    """
    check_choice("kind", kind, ("score", "pair", "feature"))
    n, base = levels(size)
    embed_blocks = n - relation_blocks if embed_blocks is None else embed_blocks
    if embed_blocks < 0 or relation_blocks < 0 or embed_blocks + relation_blocks != n:
        raise ValueError(
            f"embed_blocks {embed_blocks} + relation_blocks {relation_blocks} must be {n}, "
            f"the number of halvings of a {size}-pixel image"
        )
    if kind == "pair" and merge == "add" and head == 0 and relation_blocks == 0:
        raise ValueError(
            "merge 'add' with a linear head scores D(a, b) = s(a) + s(b), which learns nothing from the "
            "triplet loss; set head to a width above 0 or choose merge 'absdiff'"
        )
    widths = [channels, *(width * 2**i for i in range(n))]
    at_merge = widths[embed_blocks]
    blocks = []
    for i, (w_in, w_out) in enumerate(itertools.pairwise(widths)):
        w_in = merged_channels(kind, merge, w_in) if i == embed_blocks else w_in
        blocks.append(nn.Sequential(nn.Conv2d(w_in, w_out, 4, 2, 1), nn.LeakyReLU(0.2)))
    last = merged_channels(kind, merge, at_merge) if relation_blocks == 0 else widths[-1]
    outputs = features if kind == "feature" else 1
    top: list[nn.Module] = [nn.Flatten()]
    if head:
        top += [nn.Linear(last * base**2, head), nn.LeakyReLU(0.2), nn.Linear(head, outputs)]
    else:
        top += [nn.Linear(last * base**2, outputs)]
    critic = Critic(kind, nn.Sequential(*blocks[:embed_blocks]), nn.Sequential(*blocks[embed_blocks:], *top), merge)
    critic.apply(initialise)
    return critic
