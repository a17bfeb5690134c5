"""DCGAN-like networks (arXiv 1511.06434) for square images of 16 pixels and more."""

import itertools

from torch import Tensor, nn

from relation_gan.gan.networks.base import KINDS, Critic, Generator, check_choice, merged_channels, register

INITS = ("dcgan", "lecun")
UPS = ("transposed", "nearest")


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


def initialise(module: nn.Module, init: str) -> None:
    """Draw the weights of every layer; biases are 0.

    `dcgan`: N(0, .02), batch-norm scales N(1, .02) (DCGAN, section 4). `lecun`: N(0, 1/fan_in), which
    keeps the scale of a signal through narrow layers, where N(0, .02) all but silences it.
    """
    check_choice("init", init, INITS)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            # A transposed convolution of stride 2 feeds each output from a quarter of its taps.
            fan_in = (
                layer.weight[:, 0].numel() / 4 if isinstance(layer, nn.ConvTranspose2d) else layer.weight[0].numel()
            )
            nn.init.normal_(layer.weight, 0.0, 0.02 if init == "dcgan" else fan_in**-0.5)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def doubling(up: str, w_in: int, w_out: int) -> list[nn.Module]:
    """Layers that double the size of a map."""
    check_choice("up", up, UPS)
    if up == "transposed":
        return [nn.ConvTranspose2d(w_in, w_out, 4, 2, 1)]
    return [nn.Upsample(scale_factor=2), nn.Conv2d(w_in, w_out, 3, 1, 1)]


class DCGANGenerator(Generator):
    def __init__(self, size: int, channels: int, latent: int, width: int, up: str, init: str) -> None:
        super().__init__()
        n, base = levels(size)
        self.latent = latent
        widths = [*(width * 2**i for i in reversed(range(n))), channels]
        layers: list[nn.Module] = [
            nn.Linear(latent, widths[0] * base**2, bias=False),
            nn.Unflatten(1, (widths[0], base, base)),
        ]
        for w_in, w_out in itertools.pairwise(widths):
            layers += [nn.BatchNorm2d(w_in), nn.ReLU(), *doubling(up, w_in, w_out)]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        initialise(self, init)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


@register("dcgan_generator")
def dcgan_generator(
    size: int, channels: int, latent: int, width: int = 64, up: str = "transposed", init: str = "dcgan"
) -> DCGANGenerator:
    """A linear layer and doublings of its map, each after batch norm and ReLU.

    Args:
        width: channels at half the image size; doubled at each halving.
        up: `transposed`, DCGAN's 4x4 convolutions of stride 2, or `nearest`, upsampling and a 3x3 convolution,
            which draws no checkerboards (Odena et al. 2016).
        init: `dcgan` or `lecun`, see `initialise`.
    """
    return DCGANGenerator(size, channels, latent, width, up, init)


@register("dcgan_critic")
def dcgan_critic(
    kind: str,
    size: int,
    channels: int,
    width: int = 64,
    embed_blocks: int | None = None,
    relation_blocks: int = 0,
    hidden: int = 0,
    embedding: int = 0,
    merge: str = "absdiff",
    head: int = 256,
    features: int = 128,
    init: str = "dcgan",
) -> Critic:
    """Halving convolutions split into `embed_blocks` + `relation_blocks`, and a two-layer head.

    Without `embed_blocks` all blocks embed. There is no batch norm, so that a score depends on its
    own images alone and images may be embedded together.

    Args:
        width: channels at half the image size; doubled at each halving.
        hidden: width of a layer between the maps and the vector; 0 leaves it out.
        embedding: length of the vector that the embedding module ends in; 0 merges its maps.
        head: width of the hidden layer after the merge; 0 makes the head linear.
        features: length of f(x) for kind="feature".
        init: `dcgan` or `lecun`, see `initialise`.

    Raises:
        ValueError: the blocks do not add up to the number of halvings, relation blocks are to follow
            a vector, a hidden layer leads to none, or an additive merge meets a linear head (then
            D(a, b) = s(a) + s(b), which learns nothing).
    """
    check_choice("kind", kind, KINDS)
    n, base = levels(size)
    embed_blocks = n - relation_blocks if embed_blocks is None else embed_blocks
    if embed_blocks < 0 or relation_blocks < 0 or embed_blocks + relation_blocks != n:
        raise ValueError(
            f"embed_blocks {embed_blocks} + relation_blocks {relation_blocks} must be {n}, "
            f"the number of halvings of a {size}-pixel image"
        )
    if embedding and relation_blocks:
        raise ValueError(
            f"embedding {embedding} makes a vector, which {relation_blocks} relation_blocks cannot convolve; "
            "set one of the two to 0"
        )
    if hidden and not embedding:
        raise ValueError(f"hidden {hidden} leads to an embedding vector; set embedding to its length")
    if kind == "pair" and merge == "add" and head == 0 and relation_blocks == 0:
        raise ValueError(
            "merge 'add' with a linear head scores D(a, b) = s(a) + s(b), which learns nothing from the "
            "triplet loss; set head to a width above 0 or choose merge 'absdiff'"
        )
    widths = [channels, *(width * 2**i for i in range(n))]
    blocks = []
    for i, (w_in, w_out) in enumerate(itertools.pairwise(widths)):
        w_in = merged_channels(kind, merge, w_in) if i == embed_blocks else w_in
        blocks.append(nn.Sequential(nn.Conv2d(w_in, w_out, 4, 2, 1), nn.LeakyReLU(0.2)))
    flat = widths[-1] * base**2
    bottom, top = blocks[:embed_blocks], [*blocks[embed_blocks:], nn.Flatten()]
    if embedding:
        bottom += [nn.Flatten()]
        if hidden:
            bottom += [nn.Linear(flat, hidden), nn.LeakyReLU(0.2)]
        bottom += [nn.Linear(hidden or flat, embedding)]
        # A pair critic is not linear where it merges; the others need something in its place.
        top = [] if kind == "pair" else [nn.LeakyReLU(0.2)]
        flat = embedding
    joined = flat if relation_blocks else merged_channels(kind, merge, flat)
    outputs = features if kind == "feature" else 1
    if head:
        top += [nn.Linear(joined, head), nn.LeakyReLU(0.2), nn.Linear(head, outputs)]
    else:
        top += [nn.Linear(joined, outputs)]
    critic = Critic(kind, nn.Sequential(*bottom), nn.Sequential(*top), merge)
    initialise(critic, init)
    return critic
