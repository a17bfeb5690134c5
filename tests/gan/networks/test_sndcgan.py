"""Relation GAN's networks for 64 and 128 pixels, layer by layer."""

import pytest

from tests.gan.networks.helpers import conv, count, full, linear, outline


@pytest.mark.parametrize(("size", "base"), [(32, 4), (64, 8), (128, 16)])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_the_generator(size: int, base: int, norm: str) -> None:
    generator = full("sndcgan_generator", size=size, channels=3, latent=128, norm=norm)
    layers = linear(128, 512 * base**2) + conv(512, 256, 4) + conv(256, 128, 4) + conv(128, 64, 4) + conv(64, 3)
    norms = 2 * (512 * base**2 + 256 + 128 + 64)
    assert count(generator) == layers + norms * (norm == "batch")
    maps = [shape for name, shape in outline(generator.eval().layers, 128) if name == "ConvTranspose2d"]
    expected = [(256, 2 * base), (128, 4 * base), (64, 8 * base), (3, size)]
    assert maps == [(width, side, side) for width, side in expected]


LADDER = {
    # (channels, side, leaky) of each convolution
    32: [(64, 32, 1), (128, 16, 1), (128, 16, 0), (256, 8, 1), (256, 8, 0), (512, 4, 1), (512, 4, 1)],
    64: [(64, 64, 1), (128, 32, 1), (128, 32, 0), (256, 16, 1), (256, 16, 0), (512, 8, 1), (512, 8, 1)],
    128: [(64, 128, 1), (128, 64, 1), (256, 64, 1), (256, 32, 1), (512, 32, 1), (512, 16, 1), (512, 16, 1)],
}


@pytest.mark.parametrize("size", LADDER)
def test_the_trunk(size: int) -> None:
    network = full("sndcgan_critic", kind="score", size=size, channels=3)
    expected = []
    for width, side, leaky in LADDER[size]:
        expected += [("Conv2d", (width, side, side)), *[("LeakyReLU", (width, side, side))] * leaky]
    assert list(outline(network.embedding, 3, size, size)) == expected
    widths = [3, *(width for width, _, _ in LADDER[size])]
    kernels = [3, 4, 3, 4, 3, 4, 3]
    assert count(network.embedding) == sum(map(conv, widths, widths[1:], kernels))
    assert count(network.relation) == linear(512 * (size // 8) ** 2, 1)
    assert {layer.negative_slope for layer in network.embedding if hasattr(layer, "negative_slope")} == {0.1}


@pytest.mark.parametrize("size", LADDER)
@pytest.mark.parametrize(("merge", "merged"), [("add", 512), ("concat", 1024)])
def test_the_relation_module(size: int, merge: str, merged: int) -> None:
    network = full("sndcgan_critic", kind="pair", merge=merge, size=size, channels=3)
    side = size // 8
    layers = [name for name, _ in outline(network.relation, merged, side, side)]
    assert layers == ["Conv2d", "LeakyReLU", "Conv2d", "Flatten", "Linear"]
    assert count(network.relation) == conv(merged, 512) + conv(512, 512) + linear(512 * side**2, 1)


@pytest.mark.parametrize(
    ("relation_blocks", "embedded"), [(0, (512, 8, 8)), (1, (256, 16, 16)), (2, (128, 32, 32)), (3, (64, 64, 64))]
)
def test_a_block_halves_and_convolves(relation_blocks: int, embedded: tuple[int, ...]) -> None:
    network = full("sndcgan_critic", kind="pair", size=64, channels=3, relation_blocks=relation_blocks)
    assert list(outline(network.embedding, 3, 64, 64))[-1][1] == embedded
