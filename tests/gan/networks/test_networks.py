"""What holds for every network, so that a new file is tested on arrival, and the critics' merges and splits."""

import re
from typing import Any

import pytest
import torch

from relation_gan.gan import networks
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.networks.base import KINDS, MERGES, merged_channels
from relation_gan.gan.networks.classifier import Classifier
from tests.gan.networks.helpers import CRITICS, GENERATORS, critic, images, kinds, sizes, small

KIND_OF = [
    pytest.param(name, kind, id=f"{name}-{kind}" if kind else name) for name in networks.names() for kind in kinds(name)
]


@pytest.mark.parametrize(
    ("name", "kind", "size"), [(*case.values, size) for case in KIND_OF for size in sizes(case.values[0])]
)
def test_every_network_maps_the_shapes_it_promises(name: str, kind: str | None, size: int) -> None:
    network = small(name, size, kind=kind)
    if isinstance(network, Generator):
        assert network(torch.randn(2, network.latent)).shape == (2, 3, size, size)
    elif isinstance(network, Critic):
        x, y = images(2, size), images(2, size, 1)
        output = network(x, y) if kind == "pair" else network(x)
        assert output.shape == ((2, 5) if kind == "feature" else (2,))
    else:
        assert isinstance(network, Classifier)
        assert network(images(2, size)).shape == (2, 3)


@pytest.mark.parametrize(("name", "kind"), KIND_OF)
def test_every_network_is_built_again_from_its_spec(name: str, kind: str | None) -> None:
    network = small(name, kind=kind)
    again = networks.create(**network.spec)
    assert {k: v.shape for k, v in network.state_dict().items()} == {k: v.shape for k, v in again.state_dict().items()}
    assert network.spec["name"] == name
    assert network.notes == {}


@pytest.mark.parametrize(("name", "kind"), KIND_OF)
def test_every_network_is_the_same_for_the_same_seed(name: str, kind: str | None) -> None:
    first, again = small(name, kind=kind), small(name, kind=kind)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(("name", "kind"), KIND_OF)
def test_every_parameter_takes_part(name: str, kind: str | None) -> None:
    network = small(name, kind=kind)
    size = sizes(name)[0]
    inputs = [torch.randn(4, 4)] if isinstance(network, Generator) else [images(4, size), images(4, size, 1)]
    output = network(*inputs[: 2 if kind == "pair" else 1])
    output.square().sum().backward()
    idle = [k for k, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert idle == []


@pytest.mark.parametrize(("name", "size"), [(name, size) for name in GENERATORS for size in sizes(name)])
def test_a_generator_reaches_the_ends_of_its_range_and_no_further(name: str, size: int) -> None:
    generator = small(name, size)
    for parameter in generator.parameters():
        parameter.data.mul_(100)  # so that values without a bound would go far beyond it
    with torch.no_grad():
        made = generator(torch.randn(8, 4, generator=torch.Generator().manual_seed(1)))
    assert made.abs().max() <= 1
    assert made.min() < -0.9
    assert made.max() > 0.9


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_says_what_it_draws_from_and_what_it_draws(name: str) -> None:
    generator = small(name)
    assert isinstance(generator, Generator)
    assert (generator.latent, generator.classes, generator.points) == (4, 0, False)


@pytest.mark.parametrize("name", ["dcgan_generator", "dmgan_generator", "mlp_generator"])
def test_a_conditional_generator_looks_at_the_label_behind_the_latents(name: str) -> None:
    generator = small(name, classes=3, init="lecun").eval()
    z = torch.randn(16, 4)
    one, other = (generator(torch.cat([z, torch.eye(3)[label].expand(16, 3)], 1)) for label in (0, 2))
    assert generator.classes == 3
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize("merge", MERGES)
def test_a_pair_critic_relates_embeddings(merge: str) -> None:
    network, a, b = critic(kind="pair", merge=merge), images(3), images(3, seed=1)
    torch.testing.assert_close(network(a, b), network.relate(network.embed(a), network.embed(b)))


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in CRITICS for kind in KINDS])
def test_an_output_depends_on_its_own_images_alone(name: str, kind: str) -> None:
    size = sizes(name)[0]
    network, a, b = critic(name, kind=kind, norm="none"), images(5, size), images(5, size, 1)
    whole = network(a, b) if kind == "pair" else network(a)
    alone = network(a[2:3], b[2:3]) if kind == "pair" else network(a[2:3])
    assert not network.batch_norm
    torch.testing.assert_close(whole[2:3], alone)


def test_scores_are_not_bounded() -> None:
    network = critic(kind="score")
    for parameter in network.parameters():
        parameter.data.mul_(100)
    scores = network(images(16))
    assert scores.abs().max() > 1  # a sigmoid or a tanh inside would keep it below


@pytest.mark.parametrize(
    ("merge", "symmetric"),
    [
        ("absdiff", True),
        ("diff", False),
        ("diff_absdiff", False),
        ("add", True),
        ("sumdiff", True),
        ("concat", False),
        ("concat_sym", True),
    ],
)
def test_which_merges_are_symmetric(merge: str, symmetric: bool) -> None:
    network, a, b = critic(kind="pair", merge=merge), images(3), images(3, seed=1)
    assert torch.equal(network(a, b), network(b, a)) is symmetric


@pytest.mark.parametrize(
    ("merge", "constant"),
    [("absdiff", True), ("diff", True), ("diff_absdiff", True), ("add", False), ("concat", False), ("sumdiff", False)],
)
def test_which_merges_give_every_image_the_same_score_with_itself(merge: str, constant: bool) -> None:
    x = images(6)
    scores = critic(kind="pair", merge=merge)(x, x)
    assert torch.equal(scores, scores[:1].expand(6)) is constant


@pytest.mark.parametrize(
    ("merge", "expected"),
    [
        ("absdiff", [[3.0, 5.0]]),
        ("diff", [[3.0, -5.0]]),
        ("diff_absdiff", [[3.0, -5.0, 3.0, 5.0]]),
        ("add", [[-1.0, 3.0]]),
        ("concat", [[1.0, -1.0, -2.0, 4.0]]),
        ("sumdiff", [[-1.0, 3.0, 3.0, 5.0]]),
    ],
)
def test_merges_by_hand(merge: str, expected: list[list[float]]) -> None:
    factor, function = MERGES[merge]
    merged = function(torch.tensor([[1.0, -1.0]]), torch.tensor([[-2.0, 4.0]]))
    assert merged.tolist() == expected
    assert merged.shape[1] == 2 * factor == merged_channels("pair", merge, 2)


@pytest.mark.parametrize("options", [{"head": 0, "relation_blocks": 1}, {"head": 4}])
def test_adding_is_accepted_above_a_relation_that_is_not_linear(options: dict[str, int]) -> None:
    assert critic(kind="pair", merge="add", **options)(images(), images()).shape == (2,)


PAIR = {"kind": "pair", "size": 16, "channels": 3}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dcgan_critic", {**PAIR, "kind": "pairs"}, "kind 'pairs' is unknown; choose one of: score, pair, feature"),
        (
            "dcgan_critic",
            {**PAIR, "merge": "sum"},
            "merge 'sum' is unknown; choose one of: absdiff, diff, diff_absdiff, add",
        ),
        ("dcgan_critic", {**PAIR, "init": "he"}, "init 'he' is unknown; choose one of: dcgan, lecun"),
        ("dcgan_critic", {**PAIR, "hidden": 8}, "hidden 8 leads to an embedding vector; set embedding to its length"),
        (
            "dcgan_critic",
            {**PAIR, "embedding": 8, "relation_blocks": 1},
            "embedding 8 ends the blocks that embed, but there are 2 blocks with relation_blocks 1 and packed: false; "
            "set embedding to 0",
        ),
        (
            "mlp_critic",
            {"kind": "pair", "dimensions": 2, "widths": [], "embedding": 8},
            "embedding 8 ends the blocks that embed, but there are 0 blocks with relation_blocks 0",
        ),
        (
            "dcgan_critic",
            {**PAIR, "embedding": 8, "packed": True},
            "embedding 8 ends the blocks that embed, but there are 2 blocks with relation_blocks 0 and packed: true",
        ),
        (
            "dcgan_generator",
            {"size": 16, "channels": 1, "latent": 4, "up": "bilinear"},
            "up 'bilinear' is unknown; choose one of: transposed, nearest",
        ),
        (
            "dcgan_critic",
            {**PAIR, "size": 32, "embed_blocks": 1, "relation_blocks": 1},
            "embed_blocks 1 + relation_blocks 1 must be 3, the number of blocks of this critic",
        ),
        (
            "dcgan_critic",
            {**PAIR, "relation_blocks": 3},
            "embed_blocks -1 + relation_blocks 3 must be 2, the number of blocks of this critic",
        ),
        (
            "dcgan_critic",
            {**PAIR, "merge": "add", "head": 0},
            "merge 'add' under a linear relation module scores D(a, b) = s(a) + s(b), which learns nothing from the "
            "triplet loss; give the head a hidden layer or choose merge 'absdiff' (degenerate: true builds it all the "
            "same)",
        ),
        ("dcgan_critic", {**PAIR, "merge": "concat_sym", "head": []}, "merge 'concat_sym' under a linear relation"),
        (
            "dcgan_critic",
            {**PAIR, "sphere": True},
            "sphere: true scales features to length 1, but kind 'pair' has none; leave it out",
        ),
        (
            "dcgan_critic",
            {**PAIR, "kind": "score", "packed": True},
            "packed: true concatenates two images, but kind 'score' is given one; leave it out",
        ),
        (
            "dcgan_critic",
            {**PAIR, "packed": True, "relation_blocks": 2},
            "packed: true leaves nothing to split; leave out embed_blocks and relation_blocks",
        ),
        (
            "dcgan_critic",
            {**PAIR, "norm": "batch", "relation_blocks": 1},
            "batch norm in a relation module mixes the pairs that are related together, real and generated; "
            "let all blocks embed, or set norm to 'none'",
        ),
        ("dcgan_critic", {**PAIR, "norm": "layer"}, "norm 'layer' is unknown; choose one of: none, batch"),
        ("dcgan_critic", {**PAIR, "init": "normal:wide"}, "init 'normal:wide' is unknown; choose one of: dcgan, lecun"),
        ("triplet_critic", {**PAIR, "layout": "lsun"}, "layout 'lsun' is unknown; choose one of: celeba, stl10"),
        ("triplet_critic", {**PAIR, "activation": "selu"}, "activation 'selu' is unknown; choose one of: relu, leaky"),
        ("triplet_generator", {"size": 40, "channels": 3, "latent": 4}, "the image size 40 must be a multiple of 16"),
        ("sndcgan_critic", PAIR, "the image size 16 must be 32, 64 or 128 for the sndcgan networks"),
        ("dmgan_critic", {**PAIR, "size": 3}, "the image size 3 must be at least 4 for the dmgan networks"),
        (
            "mlp_critic",
            {**PAIR, "widths": [8], "dimensions": 2},
            "dimensions 2, size 16, channels 3: give either dimensions, for points, or size and channels, for images",
        ),
        (
            "mlp_generator",
            {"latent": 4, "widths": [8], "size": 16},
            "dimensions None, size 16, channels None: give either dimensions, for points, or size and channels",
        ),
        (
            "mlp_generator",
            {"latent": 4, "widths": [8], "dimensions": 2, "output": "sigmoid"},
            "output 'sigmoid' is unknown; choose one of: linear, tanh",
        ),
        (
            "ebgan_dcgan_critic",
            PAIR,
            "an autoencoder gives an image one energy: it serves kind 'score', not 'pair'; "
            "choose another critic or a loss of scores",
        ),
        ("dcgan_critic", {"kind": "pair", "size": 16}, "network 'dcgan_critic' needs the option 'channels'"),
        ("dcgan_generator", {**PAIR}, "network 'dcgan_generator' has no option 'kind'; its options are: size, "),
        ("perceptron", {}, "unknown network 'perceptron'; choose one of: classifier, dcgan_critic, dcgan_generator, "),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_remedy(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        networks.create(name, **options)


def test_a_pair_critic_wants_two_images() -> None:
    with pytest.raises(ValueError, match=r"a pair critic scores two images: call critic\(a, b\)"):
        critic(kind="pair")(images())


def test_a_score_of_another_shape_is_refused() -> None:
    wrong = Critic("score", torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2))
    with pytest.raises(ValueError, match=r"must give one score an image, got shape \(2, 2\)"):
        wrong(images())
