"""What holds for every registered loss."""

import pytest
import torch

from relation_gan.gan import losses, networks
from relation_gan.gan.losses import Batch

OPTIONS = {"relation": {"form": "eq6", "margin": {"kind": "constant", "base": 1.0}}}
"""Options without a default: a paper's hyper-parameters have none in code."""


@pytest.mark.parametrize("name", losses.names())
def test_a_step_is_finite_and_its_gradients_reach_both_networks(name):
    torch.manual_seed(0)
    loss = losses.create(name, **OPTIONS.get(name, {}))
    critic = networks.create("dcgan_critic", kind=loss.critic_kind, size=16, channels=1, width=4, head=8)
    generator = networks.create("dcgan_generator", size=16, channels=1, latent=4, width=4)
    batch = loss.recall(Batch(real=torch.rand(6, 1, 16, 16) * 2 - 1, fake=generator(torch.randn(6, 4))))
    critic_loss, generator_loss = loss.critic_loss(critic, batch), loss.generator_loss(critic, batch)
    for value, network in ((critic_loss, critic), (generator_loss, generator)):
        assert value.shape == ()
        assert value.isfinite()
        gradients = torch.autograd.grad(value, list(network.parameters()), retain_graph=True, allow_unused=True)
        assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)
    loss.update(batch)
    again = loss.recall(Batch(batch.real, batch.fake))
    assert loss.critic_loss(critic, again).isfinite()


@pytest.mark.parametrize("name", losses.names())
def test_a_loss_says_which_critic_it_needs(name):
    assert losses.create(name, **OPTIONS.get(name, {})).critic_kind in ("score", "pair", "feature")


def test_an_unknown_loss_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown loss 'relatoin'; choose one of: .*relation"):
        losses.create("relatoin")


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="loss 'rahinge' has no option 'margin'; its options are: none"):
        losses.create("rahinge", margin=1)
