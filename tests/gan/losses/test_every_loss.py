"""What holds for every registered loss."""

from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import yaml

from relation_gan.gan import adversary, losses, networks
from relation_gan.gan.loop import train_step
from relation_gan.gan.losses import Batch
from relation_gan.gan.networks import Critic, Network
from relation_gan.gan.networks.base import KINDS
from tests.gan.helpers import CRITIC, ORDERS, Noise, state
from tests.gan.networks.helpers import GENERATORS, kinds, sizes, small

METHODS = yaml.safe_load((Path(__file__).parents[3] / "conf/base/parameters/methods.yml").read_text())["methods"]
OPTIONS: dict[str, dict[str, Any]] = {
    # A new loss has those of its method.
    **{
        of["loss"]["name"]: {option: value for option, value in of["loss"].items() if option != "name"}
        for of in METHODS.values()
        if "name" in of.get("loss", {})
    },
    "relation": {"form": "eq6", "margin": {"kind": "constant", "base": 1.0}},
    "relativistic": {"base": {"name": "wgan"}, "against": "pair"},
    "ebgan": {"margin": 1.0},
    "gan_qp": {"weight": 10.0},
    "siamese": {"margin": 2.0},
    "feature_triplet": {"margin": 100.0},
    "triplet_gan": {"threshold": 1.0},
    "dmgan": {"weight": 1.2, "gamma": 0.5},
    "wadmgan": {"weight": 1.2, "gamma": 0.5},
    "mlgan": {"weight": 1.2},
    "mbgan": {"alpha": 200.0},
    "margin_gan": {"epsilon": 1.0},
    "gogan": {"epsilon": 1.0},
}
"""Options without a default: a paper's hyper-parameters have none in code."""


def create(name: str) -> losses.Loss:
    return losses.create(name, **OPTIONS.get(name, {}))


PAIRINGS = [
    pytest.param(loss, critic, id=f"{loss}-{critic}")
    for loss in losses.names()
    for critic in networks.names()
    if create(loss).critic_kind in kinds(critic)
]


SPHERE = {"triplet_gan": {"sphere": True}}
"""Options of a critic that a loss needs."""


def steps(name: str, critic: Network, generator: Network, shape: tuple[int, ...], order: str = ORDERS[0]) -> None:
    """Two steps, the second with what the loss remembers of the first: all is finite, and both networks move."""
    loss = {"name": name, **OPTIONS.get(name, {})}
    s = state(loss, generator=generator.spec, critic=critic.spec, order=order, steps=4)
    if create(name).follows:
        s.task.follow(deepcopy(s.trained()))
    before = [[p.detach().clone() for p in network.parameters()] for network in s.task.networks().values()]
    for _ in range(2):
        terms = train_step(s, {"data": Noise(*shape)}, observe=True)
        assert {"critic_loss", "generator_loss"} < terms.keys()
        assert all(value.shape == () and value.isfinite() for value in terms.values()), terms
    for network, old in zip(s.task.networks().values(), before, strict=True):
        assert any(not torch.equal(p, q) for p, q in zip(network.parameters(), old, strict=True))


@pytest.mark.parametrize(("name", "critic"), PAIRINGS)
def test_every_loss_trains_with_every_critic_it_accepts(name: str, critic: str) -> None:
    size = sizes(critic)[0]
    # DCGAN's weights of 0.02 all but silence a signal through so few channels.
    made = small(critic, size, kind=create(name).critic_kind, init="lecun", **SPHERE.get(name, {}))
    steps(name, made, small("mlp_generator", size), (3, size, size))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", losses.names())
def test_every_loss_trains_on_points_in_every_order(name: str, order: str) -> None:
    options = {"dimensions": 2, "widths": [4]}
    kind = create(name).critic_kind
    critic = networks.create("mlp_critic", kind=kind, features=3, **SPHERE.get(name, {}), **options)
    steps(name, critic, networks.create("mlp_generator", latent=2, **options), (2,), order)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("name", ["relation", "gogan", "wadmgan"])
def test_every_generator_trains(name: str, generator: str) -> None:
    size = sizes(generator)[0]
    critic = small("mlp_critic", size, kind=create(name).critic_kind)
    steps(name, critic, small(generator, size), (3, size, size))


@pytest.mark.parametrize("name", losses.names())
def test_every_loss_gets_a_critic_of_its_kind(name: str) -> None:
    opponent = adversary.create({**CRITIC, **SPHERE.get(name, {})}, {"name": name, **OPTIONS.get(name, {})})
    assert opponent.critic.kind == opponent.loss.critic_kind


@pytest.mark.parametrize("name", losses.names())
def test_every_loss_gives_gradients_to_both_networks_and_to_nothing_else(name: str) -> None:
    loss = create(name)
    critic, generator = small("mlp_critic", 16, kind=loss.critic_kind), small("mlp_generator", 16)
    if loss.follows:
        loss.follow(deepcopy(generator), deepcopy(critic))
    z = torch.randn(6, 4)
    batch = loss.recall(Batch(real=torch.rand(6, 3, 16, 16) * 2 - 1, fake=generator(z), latents=z))
    for value, network in ((loss.critic_loss, critic), (loss.generator_loss, generator)):
        found = torch.autograd.grad(
            value(critic, batch), list(network.parameters()), retain_graph=True, allow_unused=True
        )
        assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in found)
    assert not any(p.requires_grad for p in loss.parameters())
    loss.update(loss.scores(critic, batch), batch)
    assert not any(buffer.requires_grad for buffer in loss.buffers())


@pytest.mark.parametrize("name", losses.names())
@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_of_another_kind_is_refused_with_what_to_change(name: str, kind: str) -> None:
    loss = create(name)
    if loss.critic_kind == kind:
        return
    critic = cast(Critic, small("mlp_critic", 16, kind=kind))
    with pytest.raises(ValueError, match=f"it needs a {loss.critic_kind} critic, got kind '{kind}'; set kind to"):
        loss.check(critic, small("mlp_generator", 16))


def test_an_unknown_loss_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown loss 'relatoin'; choose one of: .*relation"):
        losses.create("relatoin")


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="loss 'rahinge' has no option 'margin'; its options are: none"):
        losses.create("rahinge", margin=1)
