"""What holds for every registered loss."""

from copy import deepcopy
from typing import Any, cast

import pytest
import torch

from relation_gan.gan import losses, networks
from relation_gan.gan.losses import Batch
from relation_gan.gan.networks import Critic, Generator, Network
from relation_gan.gan.networks.base import KINDS
from relation_gan.gan.training import TrainingConfig, TrainState, train_step
from tests.gan.networks.helpers import GENERATORS, kinds, sizes, small

OPTIONS: dict[str, dict[str, Any]] = {
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


class Noise:
    """Real batches that are a function of their index, as the protocol `Feed` asks."""

    device = torch.device("cpu")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def batch(self, index: int, size: int) -> torch.Tensor:
        return torch.rand(size, *self.shape, generator=torch.Generator().manual_seed(index)) * 2 - 1

    def labels(self, index: int, size: int) -> torch.Tensor:
        return torch.zeros(size, dtype=torch.long)


def state_of(loss: losses.Loss, critic: Network, generator: Network) -> TrainState:
    if loss.follows:
        loss.follow(deepcopy(generator), deepcopy(critic))
    config = TrainingConfig(steps=4, batch_size=6, lr_generator=1e-3, lr_critic=1e-3)
    return TrainState(cast(Generator, generator), cast(Critic, critic), loss, config, seed=0)


def step(loss: losses.Loss, critic: Network, generator: Network, shape: tuple[int, ...]) -> None:
    """Two steps, the second with what the loss remembers of the first: all is finite, and both networks move."""
    loss.check(cast(Critic, critic), generator)
    state = state_of(loss, critic, generator)
    before = [[p.detach().clone() for p in network.parameters()] for network in (critic, generator)]
    for _ in range(2):
        terms = train_step(state, Noise(shape), observe=True)
        assert {"critic_loss", "generator_loss"} < terms.keys()
        assert all(value.shape == () and value.isfinite() for value in terms.values()), terms
    for network, old in zip((critic, generator), before, strict=True):
        assert any(not torch.equal(p, q) for p, q in zip(network.parameters(), old, strict=True))


@pytest.mark.parametrize(("name", "critic"), PAIRINGS)
def test_every_loss_trains_with_every_critic_it_accepts(name: str, critic: str) -> None:
    loss, size = create(name), sizes(critic)[0]
    sphere = {"sphere": True} if name == "triplet_gan" else {}
    generator = small("mlp_generator", size)
    # DCGAN's weights of .02 all but silence a signal through so few channels.
    step(loss, small(critic, size, kind=loss.critic_kind, init="lecun", **sphere), generator, (3, size, size))


@pytest.mark.parametrize("name", losses.names())
def test_every_loss_trains_on_points(name: str) -> None:
    loss = create(name)
    options = {"dimensions": 2, "widths": [4]}
    critic = networks.create(
        "mlp_critic",
        kind=loss.critic_kind,
        features=3,
        **({"sphere": True} if name == "triplet_gan" else {}),
        **options,
    )
    step(loss, critic, networks.create("mlp_generator", latent=2, **options), (2,))


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("name", ["relation", "gogan", "wadmgan"])
def test_every_generator_trains(name: str, generator: str) -> None:
    loss, size = create(name), sizes(generator)[0]
    critic = small("mlp_critic", size, kind=loss.critic_kind)
    step(loss, critic, small(generator, size), (3, size, size))


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
