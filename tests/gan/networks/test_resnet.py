"""Relation GAN's residual networks, layer by layer, and the splits of its table 8."""

import pytest
import torch
from torch.nn.functional import conv2d, leaky_relu

from relation_gan.gan.networks.resnet import ResidualBlock
from tests.gan.networks.helpers import conv, count, full, linear, outline


def residual(w_in: int, w_out: int, batch: bool = False) -> int:
    """Parameters of a residual block: two convolutions, a 1x1 shortcut where the widths differ, scales and shifts."""
    hidden, shortcut = min(w_in, w_out), w_in != w_out
    norms = 2 * (hidden + w_out + w_out * shortcut) * batch
    return conv(w_in, hidden) + conv(hidden, w_out) + conv(w_in, w_out, 1, bias=False) * shortcut + norms


def test_the_generator() -> None:
    generator = full("resnet_generator", size=32, channels=3, latent=128)
    blocks = [residual(512, 256, True), residual(256, 128, True), residual(128, 64, True), residual(64, 64)]
    assert count(generator) == linear(128, 512 * 16) + sum(blocks) + conv(64, 3)
    maps = [shape for _, shape in outline(generator.eval().layers, 128)][1:]
    sides = [
        (512, 4),
        (256, 4),
        (256, 8),
        (128, 8),
        (128, 16),
        (64, 16),
        (64, 32),
        (64, 32),
        (64, 32),
        (3, 32),
        (3, 32),
    ]
    assert maps == [(width, side, side) for width, side in sides]


TRUNK = conv(3, 64) + residual(64, 64) + residual(64, 128) + residual(128, 256) + residual(256, 512)


def test_the_critic_of_scores() -> None:
    network = full("resnet_critic", kind="score", size=32, channels=3)
    assert count(network.embedding) == TRUNK
    assert count(network.relation) == linear(512 * 16, 1) == linear(8192, 1)
    assert [name for name, _ in outline(network.relation, 512, 4, 4)] == ["LeakyReLU", "Flatten", "Linear"]
    assert not network.batch_norm


TAIL = conv(512, 512) + conv(512, 256, bias=False) + linear(256 * 16, 1)


def test_the_relation_module() -> None:
    network = full("resnet_critic", kind="pair", merge="add", size=32, channels=3)
    assert count(network.embedding) == TRUNK
    assert count(network.relation) == TAIL
    layers = [name for name, _ in outline(network.relation, 512, 4, 4)]
    assert layers == ["Conv2d", "LeakyReLU", "Conv2d", "Flatten", "Linear"]


@pytest.mark.parametrize(
    ("embed", "embedded", "parameters"),
    [
        # Table 8, n + m: what the embedding module ends in, and its parameters.
        (3, (512, 4, 4), TRUNK),
        (2, (256, 8, 8), TRUNK - residual(256, 512)),
        (1, (128, 16, 16), TRUNK - residual(256, 512) - residual(128, 256)),
        (0, (64, 32, 32), conv(3, 64)),  # the merge stands straight after the first convolution
    ],
)
def test_the_splits_of_table_8(embed: int, embedded: tuple[int, ...], parameters: int) -> None:
    network = full(
        "resnet_critic", kind="pair", merge="add", size=32, channels=3, embed_blocks=embed, relation_blocks=3 - embed
    )
    assert list(outline(network.embedding, 3, 32, 32))[-1][1] == embedded
    assert count(network.embedding) == parameters
    assert count(network) == TRUNK + TAIL


@pytest.mark.parametrize(
    ("embed", "more"),
    [
        # What twice the channels cost the first layers behind the merge. A residual block has two layers that see
        # its inputs, a convolution and a shortcut; where it narrows, its hidden width stays that of its outputs.
        (3, conv(512, 512, bias=False)),
        (2, residual(512, 512) - residual(256, 512)),
        (1, residual(256, 256) - residual(128, 256)),
        (0, residual(128, 64) - residual(64, 64)),
    ],
)
def test_a_concatenation_doubles_the_inputs_of_the_first_relation_layer(embed: int, more: int) -> None:
    network = full(
        "resnet_critic", kind="pair", merge="concat", size=32, channels=3, embed_blocks=embed, relation_blocks=3 - embed
    )
    assert count(network) == TRUNK + TAIL + more


def test_without_an_embedding_module_six_channels_go_through_the_whole_stack() -> None:
    network = full("resnet_critic", kind="pair", size=32, channels=3, packed=True)
    assert count(network.embedding) == 0
    assert count(network.relation) == TRUNK + TAIL + conv(3, 64, bias=False)  # 6 instead of 3 channels


@pytest.mark.parametrize(("w_in", "w_out"), [(2, 2), (2, 5), (5, 2)])
def test_a_residual_block_by_hand(w_in: int, w_out: int) -> None:
    torch.manual_seed(0)
    block, x = ResidualBlock(w_in, w_out), torch.randn(3, w_in, 6, 6)
    # In the order of definition: weight and bias of the two convolutions, weight of the shortcut.
    first, first_bias, second, second_bias, *shortcut = block.parameters()
    assert first.shape[0] == min(w_in, w_out)
    inner = conv2d(leaky_relu(x, 0.2), first, first_bias, padding=1)
    inner = conv2d(leaky_relu(inner, 0.2), second, second_bias, padding=1)
    outer = conv2d(x, shortcut[0]) if shortcut else x
    torch.testing.assert_close(block(x), outer + 0.1 * inner)
    assert len(shortcut) == (w_in != w_out)
