"""Multilayer perceptrons, and the papers' ones that they express."""

import math

import pytest
import torch
from torch import nn

from relation_gan.gan import networks
from relation_gan.gan.networks import Critic
from relation_gan.gan.networks.base import KINDS
from tests.gan.networks.helpers import chain, count, full

POINTS = {"dimensions": 2}
DIGITS = {"size": 28, "channels": 3}  # 2352 values
GREY = {"size": 32, "channels": 1}  # 1024 values


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # A paper's network, and its layers' widths from latents to values.
        pytest.param({**POINTS, "latent": 2, "widths": [64, 64, 64]}, (2, 64, 64, 64, 2), id="relation_gan_points"),
        pytest.param(
            {**POINTS, "latent": 128, "widths": [128, 128, 128], "activation": "tanh"},
            (128, 128, 128, 128, 2),
            id="triplet_gan_points",
        ),
        pytest.param(
            {**DIGITS, "latent": 50, "widths": [512, 512, 512], "init": "normal:.06"},
            (50, 512, 512, 512, 2352),
            id="relation_gan_stacked_mnist",
        ),
        pytest.param(
            {**GREY, "latent": 128, "widths": [256, 512, 1024], "activation": "leaky_relu", "output": "tanh"},
            (128, 256, 512, 1024, 1024),
            id="triplet_gan_mnist",
        ),
    ],
)
def test_the_papers_generators(options: dict, expected: tuple[int, ...]) -> None:
    assert count(full("mlp_generator", **options)) == chain(*expected)


@pytest.mark.parametrize(
    ("options", "embedding", "relation"),
    [
        # A paper's network, and its layers' widths before and after the merge.
        pytest.param(
            {**POINTS, "kind": "score", "widths": [64, 64, 64], "head": []},
            (2, 64, 64, 64),
            (64, 1),
            id="relation_gan_points",
        ),
        pytest.param(
            {**POINTS, "kind": "pair", "merge": "add", "widths": [64, 64, 64], "head": [], "degenerate": True},
            (2, 64, 64, 64),
            (64, 1),
            id="relation_gan_points_published",
        ),
        pytest.param(
            {**POINTS, "kind": "pair", "widths": [64, 64, 64], "head": [64, 64]},
            (2, 64, 64, 64),
            (64, 64, 64, 1),
            id="relation_gan_points_ours",
        ),
        pytest.param(
            {**POINTS, "kind": "pair", "merge": "concat", "widths": [64, 64, 64], "head": [64, 64]},
            (2, 64, 64, 64),
            (128, 64, 64, 1),
            id="relation_gan_points_concat",
        ),
        pytest.param(
            {**POINTS, "kind": "score", "widths": [32, 32, 32], "head": [], "activation": "tanh"},
            (2, 32, 32, 32),
            (32, 1),
            id="triplet_gan_points_vanilla",
        ),
        pytest.param(
            {
                **{**POINTS, "kind": "feature", "features": 16, "sphere": True},
                **{"widths": [32, 32, 32], "head": [], "activation": "tanh"},
            },
            (2, 32, 32, 32),
            (32, 16),
            id="triplet_gan_points",
        ),
        pytest.param(
            {**DIGITS, "kind": "score", "widths": [512, 512, 512], "head": [], "init": "normal:.06"},
            (2352, 512, 512, 512),
            (512, 1),
            id="relation_gan_stacked_mnist_vanilla",
        ),
        pytest.param(
            {**DIGITS, "kind": "pair", "merge": "add", "widths": [512] * 4, "head": [512, 512], "init": "normal:.06"},
            (2352, 512, 512, 512, 512),
            (512, 512, 512, 1),
            id="relation_gan_stacked_mnist",
        ),
        pytest.param(
            {**GREY, "kind": "feature", "features": 16, "sphere": True, "widths": [1024, 512, 256], "head": 0},
            (1024, 1024, 512, 256),
            (256, 16),
            id="triplet_gan_mnist",
        ),
        pytest.param(
            {**POINTS, "kind": "pair", "widths": [64], "embedding": 16, "head": 32},
            (2, 64, 16),
            (16, 32, 1),
            id="a_vector",
        ),
    ],
)
def test_the_papers_critics(options: dict, embedding: tuple[int, ...], relation: tuple[int, ...]) -> None:
    network = full("mlp_critic", **options)
    assert count(network.embedding) == chain(*embedding)
    assert count(network.relation) == chain(*relation)


def test_activations_stand_between_linear_layers_and_the_output_last() -> None:
    generator = networks.create("mlp_generator", **GREY, latent=3, widths=[4, 5], activation="elu", output="tanh")
    layers = [nn.Linear, nn.ELU, nn.Linear, nn.ELU, nn.Linear, nn.Tanh]
    assert [type(layer) for layer in generator.layers] == layers  # pyright: ignore[reportGeneralTypeIssues]


def test_points_and_pixels_come_out_in_their_shape_and_scale() -> None:
    torch.manual_seed(0)
    z = torch.randn(64, 4)
    options = {"latent": 4, "widths": [8], "output": "tanh", "scale": 7.0, "init": "normal:3"}
    points = networks.create("mlp_generator", **POINTS, **options)
    pixels = networks.create("mlp_generator", **{**DIGITS, "channels": 1}, **options)
    assert points(z).shape == (64, 2)
    assert pixels(z).shape == (64, 1, 28, 28)
    assert (points.points, pixels.points) == (True, False)
    # tanh of large values is 1 or -1 nearly everywhere, times the scale.
    assert points(z).abs().max().item() == pytest.approx(7, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_of_points(kind: str) -> None:
    network = networks.create("mlp_critic", kind=kind, **POINTS, widths=[8], features=5)
    assert isinstance(network, Critic)
    a, b = torch.randn(3, 2), torch.randn(3, 2)
    assert (network(a, b) if kind == "pair" else network(a)).shape == ((3, 5) if kind == "feature" else (3,))


def test_a_critic_without_hidden_layers_is_linear() -> None:
    # Dirac GAN's critic: C(x) = w x + b.
    network = networks.create("mlp_critic", kind="score", **POINTS, widths=[], head=0)
    weight, bias = network.parameters()
    x = torch.randn(5, 2)
    torch.testing.assert_close(network(x), (x @ weight.T + bias)[:, 0])


@pytest.mark.parametrize(("init", "std"), [("normal:.06", 0.06), ("normal:2", 2.0), ("dcgan", 0.02), ("lecun", 0.05)])
def test_initial_weights_have_the_spread_asked_for(init: str, std: float) -> None:
    # lecun: 1 / sqrt(400) = .05. Of 160,000 numbers the standard deviation is known to 1 / sqrt(320,000) = .2 %.
    torch.manual_seed(0)
    weight, bias = networks.create("mlp_generator", latent=400, widths=[], dimensions=400, init=init).parameters()
    assert weight.std().item() == pytest.approx(std, rel=0.01)
    assert bias.abs().max() == 0


def test_torchs_own_initial_weights_stay() -> None:
    # Uniform in +-1 / sqrt(fan_in), also for the bias.
    torch.manual_seed(0)
    weight, bias = networks.create("mlp_generator", latent=100, widths=[], dimensions=100).parameters()
    assert 0.099 < weight.abs().max() <= 0.1 + 1e-6
    assert weight.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.03)
    assert 0 < bias.abs().max() <= 0.1 + 1e-6
