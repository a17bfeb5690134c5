"""How trunks are split, merged and packed, for every family of critics."""

import pytest
import torch

from relation_gan.gan import networks
from relation_gan.gan.networks import Critic
from tests.gan.networks.helpers import BLOCKS, CRITICS, critic, images, sizes

SPLITS = [(name, embed, BLOCKS[name] - embed) for name in CRITICS for embed in range(BLOCKS[name] + 1)]


def test_every_family_is_covered() -> None:
    assert sorted(BLOCKS) == CRITICS


@pytest.mark.parametrize("merge", ["absdiff", "concat"])
@pytest.mark.parametrize(("name", "embed_blocks", "relation_blocks"), SPLITS)
def test_every_split_of_every_family_scores_pairs(
    name: str, embed_blocks: int, relation_blocks: int, merge: str
) -> None:
    size = sizes(name)[0]
    network = critic(
        name, kind="pair", merge=merge, norm="none", embed_blocks=embed_blocks, relation_blocks=relation_blocks
    )
    a, b = images(3, size), images(3, size, 1)
    assert network(a, b).shape == (3,)
    torch.testing.assert_close(network(a, b), network.relate(network.embed(a), network.embed(b)))


@pytest.mark.parametrize(("name", "embed_blocks", "relation_blocks"), SPLITS)
def test_a_split_changes_nothing_but_where_the_merge_stands(name: str, embed_blocks: int, relation_blocks: int) -> None:
    # The same seed draws the same layers in the same order, so a critic of scores is the same function.
    x = images(3, sizes(name)[0])
    split = critic(name, kind="score", norm="none", embed_blocks=embed_blocks, relation_blocks=relation_blocks)
    assert torch.equal(split(x), critic(name, kind="score", norm="none")(x))


@pytest.mark.parametrize("merge", ["absdiff", "add"])
@pytest.mark.parametrize("name", CRITICS)
def test_a_packed_critic_sees_both_images_from_its_first_layer_on(name: str, merge: str) -> None:
    size = sizes(name)[0]
    network = critic(name, kind="pair", packed=True, merge=merge, norm="none")
    a, b = images(3, size), images(3, size, 1)
    assert torch.equal(network.embed(a), a)
    first = next(network.relation.parameters())
    # 3 + 3 channels enter a convolution, all of their values a linear layer.
    assert first.shape[1] == (6 if first.dim() == 4 else 6 * size**2)
    assert torch.equal(network(a, b), network.relation(torch.cat([a, b], 1))[:, 0])


def test_a_packed_critic_of_points_sees_four_numbers() -> None:
    network = networks.create("mlp_critic", kind="pair", dimensions=2, widths=[3], packed=True)
    assert next(network.parameters()).shape == (3, 4)
    assert network(torch.zeros(5, 2), torch.ones(5, 2)).shape == (5,)


def mixed_difference(network: Critic, size: int) -> float:
    """D(a, b) + D(c, d) - D(a, d) - D(c, b), which is 0 where D(a, b) = s(a) + t(b), in units of the scores' spread."""
    a, b, c, d = (images(64, size, seed) for seed in range(4))
    with torch.no_grad():
        scores = [network(*pair).double() for pair in ((a, b), (c, d), (a, d), (c, b))]
    return ((scores[0] + scores[1] - scores[2] - scores[3]).abs().mean() / torch.cat(scores).std()).item()


@pytest.mark.parametrize("name", CRITICS)
def test_no_family_is_additive_by_default(name: str) -> None:
    options = {"width": 8, "widths": [32, 32], "head": 32, "init": "lecun", "norm": "none"}
    assert mixed_difference(critic(name, kind="pair", merge="add", **options), sizes(name)[0]) > 1e-2


@pytest.mark.parametrize("merge", ["add", "concat_sym"])
@pytest.mark.parametrize("name", ["dcgan_critic", "dmgan_critic", "mlp_critic", "triplet_critic"])
def test_the_degenerate_critic_is_built_when_asked_for_and_is_additive(name: str, merge: str) -> None:
    options = {"width": 8, "head": 0, "init": "lecun", "norm": "none"}
    with pytest.raises(ValueError, match=f"merge '{merge}' under a linear relation module"):
        critic(name, kind="pair", merge=merge, **options)
    network = critic(name, kind="pair", merge=merge, degenerate=True, **options)
    assert mixed_difference(network, sizes(name)[0]) < 1e-4


@pytest.mark.parametrize("name", CRITICS)
def test_features_on_the_sphere_have_length_1(name: str) -> None:
    size = sizes(name)[0]
    network = critic(name, kind="feature", sphere=True, init="lecun", features=7)
    features = network(images(3, size))
    assert features.shape == (3, 7)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(3))
    plain = critic(name, kind="feature", init="lecun", features=7)
    torch.testing.assert_close(features, torch.nn.functional.normalize(plain(images(3, size))))
    assert (network.sphere, plain.sphere) == (True, False)


def test_features_of_zero_have_a_finite_gradient_on_the_sphere() -> None:
    network = networks.create("mlp_critic", kind="feature", dimensions=2, widths=[], head=0, features=2, sphere=True)
    weight, bias = network.parameters()
    torch.nn.init.eye_(weight)
    torch.nn.init.zeros_(bias)
    x = torch.zeros(1, 2, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    # f / sqrt(|f|^2 + 1e-12) has the slope 1e6 at 0.
    assert x.grad.tolist() == [pytest.approx([1e6, 1e6])]


def test_a_family_shows_the_options_of_all_critics_before_its_own() -> None:
    shared = ["kind", "merge", "embed_blocks", "relation_blocks", "packed", "features", "sphere", "degenerate"]
    shared += ["spectral_norm", "classes", "labels"]
    assert list(networks.options("resnet_critic")) == [*shared, "size", "channels", "width", "init"]
    with pytest.raises(
        ValueError, match="network 'resnet_critic' has no option 'head'; its options are: kind, merge, "
    ):
        networks.create("resnet_critic", kind="score", size=32, channels=3, head=8)
    with pytest.raises(ValueError, match="network 'resnet_critic' needs the option 'kind'"):
        networks.create("resnet_critic", size=32, channels=3)
