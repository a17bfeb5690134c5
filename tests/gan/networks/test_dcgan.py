"""The DCGAN-like networks, and the published ones that they express."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from relation_gan.gan import networks
from relation_gan.gan.networks.base import KINDS, MERGES
from relation_gan.gan.networks.dcgan import NearestConv2d, doubling
from relation_gan.gan.networks.layers import initialise
from tests.gan.networks.helpers import conv, count, critic, full, images, linear


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("relation_blocks", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_every_split_of_the_blocks_works_with_every_merge(kind: str, relation_blocks: int, merge: str) -> None:
    # 32 pixels halve three times, down to 4: to 3 - m blocks that embed and m that relate.
    network = critic(kind=kind, size=32, merge=merge, embed_blocks=3 - relation_blocks, relation_blocks=relation_blocks)
    a, b = images(2, 32), images(2, 32, 1)
    side = 32 // 2 ** (3 - relation_blocks)
    width = 3 if relation_blocks == 3 else 2 * 2 ** (2 - relation_blocks)  # 2, 4, 8 channels after each block
    assert network.embed(a).shape == (2, width, side, side)
    output = network(a, b) if kind == "pair" else network(a)
    assert output.shape == ((2, 5) if kind == "feature" else (2,))


def test_the_blocks_that_do_not_relate_embed() -> None:
    assert critic(kind="pair", size=32, relation_blocks=1).embed(images(1, 32)).shape == (1, 4, 8, 8)


def test_a_head_of_zero_is_linear() -> None:
    # Two halvings of 16 pixels with 2 and then 4 channels leave 4 * 4 * 4 = 64 numbers.
    linear = critic(kind="score", head=0).relation
    assert [tuple(p.shape) for p in linear.parameters()] == [(1, 64), (1,)]


def test_upsampling_and_convolution_in_one_equal_the_two_and_so_do_their_gradients() -> None:
    torch.manual_seed(0)
    layer, x = NearestConv2d(3, 2).double(), torch.randn(2, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    one = layer(x)
    two = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), layer.weight, layer.bias, padding=1)
    assert one.shape == (2, 2, 10, 10)
    torch.testing.assert_close(one, two)
    inputs = [x, layer.weight, layer.bias]
    weights = torch.randn_like(one)  # so that no two gradients of outputs are alike
    for a, b in zip(*(torch.autograd.grad((y * weights).sum(), inputs) for y in (one, two)), strict=True):
        torch.testing.assert_close(a, b)
        assert a.stride() == b.stride()  # fused optimisers on a GPU refuse gradients in another order than weights


@pytest.mark.parametrize("size", [0, -16, 4, 7, 17, 30, 36, 100])
@pytest.mark.parametrize(("name", "options"), [("dcgan_critic", {"kind": "score"}), ("dcgan_generator", {"latent": 4})])
def test_a_size_that_does_not_halve_to_4_to_7_pixels_is_refused(name: str, options: dict[str, Any], size: int) -> None:
    with pytest.raises(ValueError, match="the image size .* must be 4 to 7 times a power of two, such as 16, 28, 32"):
        networks.create(name, size=size, channels=1, **options)


@pytest.mark.parametrize("size", [17, 30])
def test_the_refusal_of_a_size_names_it(size: int) -> None:
    with pytest.raises(ValueError, match=rf"\b{size}\b"):
        networks.create("dcgan_critic", kind="score", size=size, channels=1)


@pytest.mark.parametrize("kind", ["score", "pair", "feature"])
@pytest.mark.parametrize("hidden", [0, 7])
def test_an_embedding_is_a_vector_of_the_length_asked_for(kind: str, hidden: int) -> None:
    network = critic(kind=kind, embedding=5, hidden=hidden)
    assert network.embed(images(3)).shape == (3, 5)
    assert (network(images(3), images(3)) if kind == "pair" else network(images(3))).shape[0] == 3


def test_upsampling_draws_no_checkerboard() -> None:
    # A constant map stays constant in the middle when every pixel sees the same taps: nearest does, transposed not.
    torch.manual_seed(0)
    spread = {}
    for up in ("nearest", "transposed"):
        layers = torch.nn.Sequential(*doubling(up, 2, 1))
        spread[up] = layers(torch.ones(1, 2, 6, 6))[0, 0, 4:8, 4:8].std().item()
    assert spread["nearest"] < 1e-6
    assert spread["transposed"] > 1e-2


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(400, 200),
        nn.Conv2d(64, 64, 4, 2, 1),
        nn.ConvTranspose2d(64, 32, 4, 2, 1),  # each output is fed by a quarter of the 4 x 4 taps
        nn.ConvTranspose2d(32, 64, 3, 1, 1),  # by all of the 3 x 3 taps
        nn.ConvTranspose2d(64, 32, 6, 3, 0),  # by a ninth of the 6 x 6 taps
    ],
    ids=str,
)
def test_lecun_keeps_the_scale_of_a_signal_through_a_layer(layer: nn.Module) -> None:
    torch.manual_seed(0)
    initialise(layer, "lecun")
    x = torch.randn(256, 400) if isinstance(layer, nn.Linear) else torch.randn(64, layer.weight.shape[0], 12, 12)
    if isinstance(layer, nn.Conv2d):
        x = torch.randn(64, layer.weight.shape[1], 12, 12)
    with torch.no_grad():
        y = layer(x)
    # At the border some taps meet no pixel.
    middle = y if y.dim() == 2 else y[..., 6:-6, 6:-6] if y.shape[-1] > 12 else y[..., 1:-1, 1:-1]
    # Of 20,000 weights and more, the standard deviation is known to 1 / sqrt(40,000) = 0.5 %.
    assert middle.std().item() == pytest.approx(1, rel=0.03)


def test_the_default_critic_draws_its_weights_in_the_order_of_its_layers() -> None:
    # Trained weights and reported numbers hang on names and draws: block, block, vector, head.
    torch.manual_seed(3)
    embedding = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2)),
        nn.Sequential(nn.Conv2d(4, 8, 4, 2, 1), nn.LeakyReLU(0.2)),
        nn.Flatten(),
        nn.Linear(8 * 7 * 7, 16),
    )
    relation = nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    expected = nn.ModuleDict({"embedding": embedding, "relation": relation})
    initialise(expected, "lecun")
    torch.manual_seed(3)
    options = {"size": 28, "channels": 3, "width": 4, "embedding": 16, "head": 32, "init": "lecun"}
    state = networks.create("dcgan_critic", kind="pair", **options).state_dict()
    assert list(state) == list(expected.state_dict())
    assert all(torch.equal(state[key], value) for key, value in expected.state_dict().items())


def test_the_default_generator_draws_its_weights_in_the_order_of_its_layers() -> None:
    torch.manual_seed(3)
    layers = nn.Sequential(
        *(nn.Linear(5, 8 * 7 * 7, bias=False), nn.Unflatten(1, (8, 7, 7))),
        *(nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 4, 4, 2, 1)),
        *(nn.BatchNorm2d(4), nn.ReLU(), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh()),
    )
    expected = nn.ModuleDict({"layers": layers})
    initialise(expected, "dcgan")
    torch.manual_seed(3)
    state = networks.create("dcgan_generator", size=28, channels=3, latent=5, width=4).state_dict()
    assert list(state) == list(expected.state_dict())
    assert all(torch.equal(state[key], value) for key, value in expected.state_dict().items())


def test_the_dcgan_of_wgan_that_gogan_starts_from() -> None:
    # 64 pixels, width 64, batch norm in both, spared at the images; scale and shift for each channel.
    generator = full("dcgan_generator", size=64, channels=3, latent=100)
    transposed = conv(512, 256, 4) + conv(256, 128, 4) + conv(128, 64, 4) + conv(64, 3, 4)
    assert count(generator) == 100 * 512 * 16 + transposed + 2 * (512 + 256 + 128 + 64)
    network = full("dcgan_critic", kind="score", size=64, channels=3, head=0, norm="batch")
    halving = conv(3, 64, 4) + sum(conv(w, 2 * w, 4, bias=False) + 2 * 2 * w for w in (64, 128, 256))
    assert count(network) == halving + linear(512 * 16, 1)
    assert network.batch_norm


def test_tripletgans_networks_for_cifar() -> None:
    # "DCGAN-like": 4x4 convolutions of stride 2, without normalisation, features of 64.
    generator = full("dcgan_generator", size=32, channels=3, latent=128, width=128, norm="none")
    layers = linear(128, 512 * 16) + conv(512, 256, 4) + conv(256, 128, 4) + conv(128, 3, 4)
    assert count(generator) == layers
    network = full("dcgan_critic", kind="feature", size=32, channels=3, width=128, head=0, features=64, sphere=True)
    assert count(network) == conv(3, 128, 4) + conv(128, 256, 4) + conv(256, 512, 4) + linear(512 * 16, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_with_batch_norm_an_output_depends_on_its_batch_while_training_only(kind: str) -> None:
    network, a, b = critic(kind=kind, norm="batch", init="lecun"), images(5), images(5, seed=1)
    assert network.batch_norm

    def spread() -> float:
        whole = network(a, b) if kind == "pair" else network(a)
        alone = network(a[2:4], b[2:4]) if kind == "pair" else network(a[2:4])
        return (whole[2:4] - alone).abs().max().item()

    assert spread() > 1e-3
    network.eval()
    assert spread() < 1e-5


def test_with_batch_norm_a_pairs_images_are_embedded_apart() -> None:
    network, a, b = critic(kind="pair", norm="batch"), images(5), images(5, seed=1)
    torch.testing.assert_close(network(a, b), network.relate(network.embed(a), network.embed(b)))
    together = network.embed(torch.cat([a, b]))
    assert (together[:5] - network.embed(a)).abs().max() > 1e-3
