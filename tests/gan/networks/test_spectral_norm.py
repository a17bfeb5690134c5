"""Critics whose layers are divided by their largest singular values: SN-GAN (arXiv 1802.05957)."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from relation_gan.gan import checkpoint
from relation_gan.gan.networks import Critic
from relation_gan.gan.networks.base import KINDS
from tests.gan.helpers import assert_same
from tests.gan.networks.helpers import CRITICS, critic, images, sizes


def spectral(name: str, kind: str = "score") -> Critic:
    return critic(name, kind=kind, spectral_norm=True, init="lecun", norm="none")


def layers(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def copied(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("name", CRITICS)
def test_every_layer_of_every_family_has_a_largest_singular_value_of_1(name: str) -> None:
    network, x = spectral(name), images(2, sizes(name)[0])
    for _ in range(200):
        network(x)
    network.eval()
    found = layers(network)
    assert found
    for layer in found:
        singular = torch.linalg.svdvals(layer.weight.flatten(1))
        assert singular[0].item() == pytest.approx(1, abs=2e-2)
    assert not any(hasattr(layer, "parametrizations") for layer in layers(critic(name, kind="score")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CRITICS)
def test_training_moves_the_vectors_and_evaluation_does_not(name: str, kind: str) -> None:
    network, size = spectral(name, kind), sizes(name)[0]
    inputs = [images(2, size), images(2, size, 1)][: 2 if kind == "pair" else 1]
    before = copied(network)
    assert network(*inputs).isfinite().all()
    moved = [key for key, value in network.state_dict().items() if not torch.equal(value, before[key])]
    assert moved and all(key.endswith(("._u", "._v")) for key in moved)
    after, first = copied(network), network.eval()(*inputs)
    assert torch.equal(network(*inputs), first)
    assert_same(copied(network), after)


def test_a_step_of_the_power_method_by_hand() -> None:
    network = spectral("mlp_critic")
    layer = layers(network)[0]
    parametrisation = layer.parametrizations.weight  # type: ignore[union-attr]
    weight, norm = parametrisation.original.detach(), parametrisation[0]
    v = norm._v.clone()
    network(images(2))
    u = normalize(weight @ v, dim=0)
    v = normalize(weight.T @ u, dim=0)
    torch.testing.assert_close((norm._u, norm._v), (u, v))
    network.eval()
    torch.testing.assert_close(layer.weight, weight / (u @ weight @ v))


@pytest.mark.parametrize("name", CRITICS)
def test_a_file_and_a_copy_give_the_same_network(name: str, tmp_path: Path) -> None:
    network, x = spectral(name), images(2, sizes(name)[0])
    network(x)
    checkpoint.save_network(tmp_path / "critic.safetensors", network)
    again = checkpoint.load_network(tmp_path / "critic.safetensors")
    assert again.spec["spectral_norm"] is True
    assert_same(copied(again), copied(network))
    copy = deepcopy(network).eval()
    assert torch.equal(again(x), copy(x)) and torch.equal(copy(x), network.eval()(x))


def test_blocks_of_r3gan_do_not_start_at_0_which_could_not_be_normalised() -> None:
    assert spectral("r3gan_critic")(images(2)).isfinite().all()
