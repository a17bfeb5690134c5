"""What holds for every network, so that a new file is tested on arrival, and the critics' merges and splits."""

import re
from typing import Any

import pytest
import torch

from relation_gan.gan import networks
from relation_gan.gan.networks import Critic, Generator, Network
from relation_gan.gan.networks.base import KINDS, MERGES, merged_channels
from relation_gan.gan.networks.dcgan import doubling
from relation_gan.gan.networks.judge import Judge

SIZES = (16, 28, 32, 64)
SMALL = {"channels": 3, "latent": 4, "width": 2, "head": 6, "features": 5, "n_classes": 3}
KIND_OF = [
    pytest.param(name, kind, id=f"{name}-{kind}" if kind else name)
    for name in networks.names()
    for kind in (KINDS if "kind" in networks.options(name) else (None,))
]


def small(name: str, size: int = 16, **options: Any) -> Network:
    """A network of a few channels, with those of the options that it has."""
    torch.manual_seed(0)
    given = {**SMALL, "size": size, **options}
    return networks.create(name, **{key: given[key] for key in networks.options(name) if given.get(key) is not None})


def critic(**options: Any) -> Critic:
    made = small("dcgan_critic", **options)
    assert isinstance(made, Critic)
    return made


def images(n: int = 2, size: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.rand((n, 3, size, size), generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "kind"), KIND_OF)
def test_every_network_maps_the_shapes_it_promises(name: str, kind: str | None, size: int) -> None:
    network = small(name, size, kind=kind)
    if isinstance(network, Generator):
        assert network(torch.randn(2, network.latent)).shape == (2, 3, size, size)
    elif isinstance(network, Critic):
        x, y = images(2, size), images(2, size, 1)
        output = network(x, y) if kind == "pair" else network(x)
        assert output.shape == ((2, 5) if kind == "feature" else (2,))
    else:
        assert isinstance(network, Judge)
        assert network(images(2, size)[:, :1]).shape == (2, 3)


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
    inputs = [torch.randn(4, SMALL["latent"])] if isinstance(network, Generator) else [images(4), images(4, seed=1)]
    if isinstance(network, Judge):
        inputs = [inputs[0][:, :1]]
    output = network(*inputs[: 2 if kind == "pair" else 1])
    output.square().sum().backward()
    idle = [k for k, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert idle == []


@pytest.mark.parametrize(
    "name", [name for name in networks.names() if isinstance(small(name, kind="score"), Generator)]
)
@pytest.mark.parametrize("size", SIZES)
def test_a_generator_reaches_the_ends_of_its_range_and_no_further(name: str, size: int) -> None:
    generator = small(name, size)
    for parameter in generator.parameters():
        parameter.data.mul_(100)  # so that values without a bound would go far beyond it
    with torch.no_grad():
        made = generator(torch.randn(8, SMALL["latent"], generator=torch.Generator().manual_seed(1)))
    assert made.abs().max() <= 1
    assert made.min() < -0.9
    assert made.max() > 0.9


@pytest.mark.parametrize("merge", MERGES)
def test_a_pair_critic_relates_embeddings(merge: str) -> None:
    network, a, b = critic(kind="pair", merge=merge), images(3), images(3, seed=1)
    torch.testing.assert_close(network(a, b), network.relate(network.embed(a), network.embed(b)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_depends_on_its_own_images_alone(kind: str) -> None:
    network, a, b = critic(kind=kind), images(5), images(5, seed=1)
    whole = network(a, b) if kind == "pair" else network(a)
    alone = network(a[2:3], b[2:3]) if kind == "pair" else network(a[2:3])
    torch.testing.assert_close(whole[2:3], alone)


def test_scores_are_not_bounded() -> None:
    network = critic(kind="score")
    for parameter in network.parameters():
        parameter.data.mul_(100)
    scores = network(images(16))
    assert scores.abs().max() > 1  # a sigmoid or a tanh inside would keep it below


@pytest.mark.parametrize(
    ("merge", "symmetric"),
    [("absdiff", True), ("add", True), ("sumdiff", True), ("concat", False), ("concat_sym", True)],
)
def test_which_merges_are_symmetric(merge: str, symmetric: bool) -> None:
    network, a, b = critic(kind="pair", merge=merge), images(3), images(3, seed=1)
    assert torch.equal(network(a, b), network(b, a)) is symmetric


@pytest.mark.parametrize(
    ("merge", "constant"), [("absdiff", True), ("add", False), ("concat", False), ("sumdiff", False)]
)
def test_which_merges_give_every_image_the_same_score_with_itself(merge: str, constant: bool) -> None:
    x = images(6)
    scores = critic(kind="pair", merge=merge)(x, x)
    assert torch.equal(scores, scores[:1].expand(6)) is constant


@pytest.mark.parametrize(
    ("merge", "expected"),
    [
        ("absdiff", [[3.0, 5.0]]),
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


@pytest.mark.parametrize("options", [{"head": 0, "relation_blocks": 1}, {"head": 4}])
def test_adding_is_accepted_above_a_relation_that_is_not_linear(options: dict[str, int]) -> None:
    assert critic(kind="pair", merge="add", **options)(images(), images()).shape == (2,)


PAIR = {"kind": "pair", "size": 16, "channels": 3}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dcgan_critic", {**PAIR, "kind": "pairs"}, "kind 'pairs' is unknown; choose one of: score, pair, feature"),
        ("dcgan_critic", {**PAIR, "merge": "sum"}, "merge 'sum' is unknown; choose one of: absdiff, add, concat"),
        ("dcgan_critic", {**PAIR, "init": "he"}, "init 'he' is unknown; choose one of: dcgan, lecun"),
        ("dcgan_critic", {**PAIR, "hidden": 8}, "hidden 8 leads to an embedding vector; set embedding to its length"),
        (
            "dcgan_critic",
            {**PAIR, "embedding": 8, "relation_blocks": 1},
            "embedding 8 makes a vector, which 1 relation_blocks cannot convolve; set one of the two to 0",
        ),
        (
            "dcgan_generator",
            {"size": 16, "channels": 1, "latent": 4, "up": "bilinear"},
            "up 'bilinear' is unknown; choose one of: transposed, nearest",
        ),
        (
            "dcgan_critic",
            {**PAIR, "size": 32, "embed_blocks": 1, "relation_blocks": 1},
            "embed_blocks 1 + relation_blocks 1 must be 3, the number of halvings of a 32-pixel image",
        ),
        (
            "dcgan_critic",
            {**PAIR, "relation_blocks": 3},
            "embed_blocks -1 + relation_blocks 3 must be 2, the number of halvings of a 16-pixel image",
        ),
        (
            "dcgan_critic",
            {**PAIR, "merge": "add", "head": 0},
            "merge 'add' with a linear head scores D(a, b) = s(a) + s(b), which learns nothing from the "
            "triplet loss; set head to a width above 0 or choose merge 'absdiff'",
        ),
        ("dcgan_critic", {"kind": "pair", "size": 16}, "network 'dcgan_critic' needs the option 'channels'"),
        ("dcgan_generator", {**PAIR}, "network 'dcgan_generator' has no option 'kind'; its options are: size, "),
        ("perceptron", {}, f"unknown network 'perceptron'; choose one of: {', '.join(networks.names())}"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_remedy(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        networks.create(name, **options)


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


def test_lecun_keeps_the_scale_of_a_signal() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 3, 16, 16)
    for init, low, high in (("lecun", 0.1, 10.0), ("dcgan", 0.0, 0.01)):
        network = networks.create("dcgan_critic", kind="score", size=16, channels=3, width=16, head=16, init=init)
        assert low < network(x).std().item() < high


def test_a_pair_critic_wants_two_images() -> None:
    with pytest.raises(ValueError, match=r"a pair critic scores two images: call critic\(a, b\)"):
        critic(kind="pair")(images())


def test_a_score_of_another_shape_is_refused() -> None:
    wrong = Critic("score", torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2))
    with pytest.raises(ValueError, match=r"must give one score an image, got shape \(2, 2\)"):
        wrong(images())
