"""TripletGAN's convolutional networks, layer by layer."""

import pytest

from tests.gan.networks.helpers import conv, count, full, linear, outline

CRITICS = {
    # (channels, side) of each convolution of an image of 64 pixels
    "celeba": [(64, 64), (64, 32), (192, 16), (192, 16), (256, 8), (256, 8), (320, 4), (320, 4)],
    "stl10": [(64, 64), (64, 32), (128, 32), (128, 16), (256, 16), (256, 8), (512, 8), (512, 4)],
}


@pytest.mark.parametrize(("activation", "layer"), [("elu", "ELU"), ("leaky_relu", "LeakyReLU")])
def test_the_generator(activation: str, layer: str) -> None:
    generator = full("triplet_generator", size=64, channels=3, latent=128, activation=activation)
    layers = conv(512, 256) + conv(256, 128) + conv(128, 64) + conv(64, 32) + conv(32, 3)
    assert count(generator) == linear(128, 4 * 4 * 512) + layers
    shapes = list(outline(generator.layers, 128))
    maps = [shape for name, shape in shapes if name == "Conv2d"]
    assert maps == [(256, 8, 8), (128, 16, 16), (64, 32, 32), (32, 64, 64), (3, 64, 64)]
    assert sum(name == layer for name, _ in shapes) == 5
    assert {up.mode for up in generator.layers if hasattr(up, "mode")} == {"bilinear"}


@pytest.mark.parametrize(
    ("layout", "activation", "layer", "flat", "features"),
    [("celeba", "elu", "ELU", 5120, 16), ("stl10", "leaky_relu", "LeakyReLU", 8192, 128)],
)
def test_the_critic(layout: str, activation: str, layer: str, flat: int, features: int) -> None:
    options = {"size": 64, "channels": 3, "layout": layout, "activation": activation, "head": 0}
    network = full("triplet_critic", kind="feature", features=features, sphere=True, **options)
    expected = []
    for width, side in CRITICS[layout]:
        expected += [("Conv2d", (width, side, side)), (layer, (width, side, side))]
    assert list(outline(network.embedding, 3, 64, 64)) == expected
    widths = [3, *(width for width, _ in CRITICS[layout])]
    assert count(network.embedding) == sum(map(conv, widths, widths[1:]))
    assert count(network.relation) == linear(flat, features)
    assert count(full("triplet_critic", kind="score", **options).relation) == linear(flat, 1)


def test_stl10_at_its_own_size() -> None:
    # 96 pixels leave maps of 6.
    network = full("triplet_critic", kind="score", size=96, channels=3, layout="stl10", head=0)
    assert count(network.relation) == linear(512 * 36, 1)
    generator = full("triplet_generator", size=96, channels=3, latent=128)
    assert list(outline(generator.layers, 128))[-1] == ("Tanh", (3, 96, 96))
