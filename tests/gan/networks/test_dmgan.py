"""DMGAN's networks, layer by layer."""

import itertools

import pytest

from tests.gan.networks.helpers import conv, count, full, linear, outline


@pytest.mark.parametrize(
    ("size", "channels", "sides"),
    [(32, 3, [2, 4, 8, 16, 32]), (28, 1, [2, 4, 7, 14, 28]), (64, 3, [2, 4, 8, 16, 32, 64])],
)
@pytest.mark.parametrize("classes", [0, 10])
def test_the_generator(size: int, channels: int, sides: list[int], classes: int) -> None:
    generator = full("dmgan_generator", size=size, channels=channels, latent=100, classes=classes)
    widths = [64 * 2**i for i in reversed(range(len(sides) - 1))]  # 512, 256, 128, 64 up to 32 pixels
    maps = [shape for name, shape in outline(generator.eval().layers, 100 + classes) if name == "ConvTranspose2d"]
    assert maps == [(width, side, side) for width, side in zip([*widths, channels], sides, strict=True)]
    layers = [100 + classes, *widths, channels]
    assert count(generator) == sum(conv(a, b, 5) for a, b in itertools.pairwise(layers)) + 2 * sum(widths)


@pytest.mark.parametrize(
    ("size", "channels", "sides"), [(32, 3, [16, 8, 4, 2]), (28, 1, [14, 7, 4, 2]), (64, 3, [32, 16, 8, 4, 2])]
)
def test_the_critic(size: int, channels: int, sides: list[int]) -> None:
    network = full("dmgan_critic", kind="feature", size=size, channels=channels, features=500, head=0)
    widths = [64 * 2**i for i in range(len(sides))]
    expected = []
    for width, side in zip(widths, sides, strict=True):
        expected += [(layer, (width, side, side)) for layer in ("Conv2d", "BatchNorm2d", "LeakyReLU")]
    assert list(outline(network.embedding.eval(), channels, size, size)) == expected
    layers = [channels, *widths]
    convolutions = sum(conv(a, b, 5) for a, b in itertools.pairwise(layers))
    assert count(network.embedding) == convolutions + 2 * sum(widths)
    assert count(network.relation) == linear(4 * widths[-1], 500)
    assert network.batch_norm


def test_batch_norm_can_be_left_out() -> None:
    network = full("dmgan_critic", kind="feature", size=32, channels=3, norm="none", head=0, features=500)
    convolutions = conv(3, 64, 5) + conv(64, 128, 5) + conv(128, 256, 5) + conv(256, 512, 5)
    assert count(network) == convolutions + linear(2048, 500)
    assert not network.batch_norm
