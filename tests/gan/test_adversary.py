"""A critic, its loss and its regularisers as one opponent: one forward pass, the gradients of the naive losses."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from relation_gan.gan import adversary, networks
from relation_gan.gan.adversary import Adversary, Play
from relation_gan.gan.losses import Batch
from relation_gan.gan.losses.relation import Relation
from tests.gan.helpers import CRITIC, FEEDS, GENERATOR, PREVIOUS, R1, RELATION, draws, generation, state


def gradients(total: Tensor, module: torch.nn.Module) -> Sequence[Tensor]:
    return torch.autograd.grad(total, list(module.parameters()), retain_graph=True, allow_unused=True)


def batch(n: int = 6, **others: Any) -> Batch:
    torch.manual_seed(1)
    return Batch(torch.rand(n, 1, 16, 16) * 2 - 1, torch.rand(n, 1, 16, 16, requires_grad=True), **others)


def made(loss: dict[str, Any], *terms: dict[str, Any]) -> Adversary:
    torch.manual_seed(0)
    return adversary.create(CRITIC, loss, terms)


def play(of: Adversary, images: Batch, **others: Any) -> Play:
    return of.play(images, draws(state()), **others)


@pytest.mark.parametrize("second", ["both", "fresh_grad", "fresh_detached", "prev_detached"])
@pytest.mark.parametrize("form", ["eq6", "eq7"])
def test_one_pass_has_the_gradients_of_the_published_step(form: str, second: str) -> None:
    """Published: every pair goes through the whole network, six embeddings for each of the two losses."""
    s = state({**RELATION, "form": form, "second": second})
    task = generation(s)
    loss, critic = task.adversary.loss, task.adversary.critic
    assert isinstance(loss, Relation)
    if second == "prev_detached":  # a first step, so that there is something to remember
        task.terms(FEEDS, draws(s), ("generator", "critic"))
        task.adversary.remember()
    joint = task.terms(FEEDS, draws(s), ("generator", "critic"))
    ((_, images),) = task.adversary._last
    x, y = images.real, images.fake
    x2 = images.real2 if images.real2 is not None else x.roll(1, 0)
    y2 = images.fake2 if images.fake2 is not None else y.roll(-1, 0)

    L_G = (2 * critic(x, y) - critic(y, y2)).mean()
    triplets = (
        critic(x, x2) - critic(x, y.detach()) + loss.margin(x2, y),
        critic(y.detach(), y2.detach()) - critic(x, y.detach()) + loss.margin(y2, x),
    )
    L_D = torch.stack([t.relu().mean() if form == "eq6" else t.mean().relu() for t in triplets]).sum()
    for module, naive, ours in (
        (task.generator, L_G, joint["generator"]["generator_loss"]),
        (critic, L_D, joint["critic"]["critic_loss"]),
    ):
        expected, found = gradients(naive, module), gradients(ours, module)
        assert any(gradient.abs().max() > 1e-6 for gradient in expected)
        for one, other in zip(expected, found, strict=True):
            torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-7)


def test_every_distinct_image_is_embedded_once() -> None:
    opponent, calls = made(RELATION, R1), []
    opponent.critic.embedding.register_forward_hook(lambda *_: calls.append(1))
    play(opponent, batch())
    assert len(calls) == 2  # the reals, for loss and penalty, and the fakes, for both losses


def test_a_penalty_is_a_term_of_the_critic_alone() -> None:
    with_penalty, without = (play(made(RELATION, *terms), batch()) for terms in ([{**R1, "weight": 100.0}], []))
    assert with_penalty.critic.keys() == {"critic_loss", "penalty"}
    assert with_penalty.critic["penalty"] > 0
    assert with_penalty.generator == without.generator
    assert with_penalty.critic["critic_loss"] == without.critic["critic_loss"]


def test_a_lazy_penalty_is_a_term_of_every_nth_step() -> None:
    opponent, s = made(RELATION, {**R1, "every": 3}), state()
    found = []
    for s.step in range(7):
        found.append("penalty" in opponent.play(batch(), draws(s)).critic)
    assert found == [True, False, False, True, False, False, True]


def test_the_critic_learns_from_the_images_of_a_pool_and_the_generator_from_its_own() -> None:
    opponent, images, pool = made({"name": "wgan"}), batch(), torch.rand(6, 1, 16, 16)
    found = play(opponent, images, seen=pool)
    assert torch.equal(found.generator, opponent.loss.generator_loss(opponent.critic, images))
    assert torch.equal(
        found.critic["critic_loss"], opponent.loss.critic_loss(opponent.critic, Batch(images.real, pool))
    )


def test_a_critic_is_held_to_its_constraints() -> None:
    opponent = made({"name": "wgan"}, {"name": "weight_clip", "limit": 0.01})
    assert max(p.abs().max() for p in opponent.critic.parameters()) > 0.01
    opponent.project()
    assert max(p.abs().max() for p in opponent.critic.parameters()) <= 0.01


def test_a_loss_remembers_the_last_batch_once() -> None:
    opponent, images = made(PREVIOUS), batch()
    play(opponent, images)
    assert len(opponent.state_dict()["loss.previous_real"]) == 0
    opponent.remember()
    assert torch.equal(opponent.state_dict()["loss.previous_real"], images.real)
    opponent.loss.register_buffer("previous_real", torch.empty(0))
    opponent.remember()
    assert len(opponent.state_dict()["loss.previous_real"]) == 0


def test_what_the_loss_observes_and_the_largest_value_are_logged() -> None:
    opponent, images = made({"name": "wgan"}), batch()
    assert opponent.observations() == {}
    play(opponent, images)
    found = opponent.observations()
    assert found.keys() == {"score_real", "score_fake", "fake_max"}
    assert found["fake_max"] == images.fake.max()
    assert found["score_real"] == opponent.critic(images.real).mean()


@pytest.mark.parametrize(
    ("critic", "loss", "terms", "message"),
    [
        ({}, {"name": "triplet_gan", "threshold": 1.0}, [], "loss 'triplet_gan': it measures distances on the unit"),
        (
            {"norm": "batch"},
            {"name": "wgan"},
            [R1],
            "regulariser 'gradient_penalty': with batch norm a score depends on the whole batch",
        ),
        (
            {},
            {"name": "dmgan", "weight": 1.0, "gamma": 0.5},
            [R1],
            "regulariser 'gradient_penalty': it does not accept",
        ),
        (
            {},
            {"name": "dmgan", "weight": 1.0, "gamma": 0.5, "classes": 3},
            [],
            "loss 'dmgan': it distinguishes 3 classes",
        ),
        ({}, {"name": "wagn"}, [], "unknown loss 'wagn'"),
        ({"kind": "pair"}, {"name": "wgan"}, [], "loss 'wgan' is of a score critic, and critic.kind is 'pair'; leave"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused_by_name(
    critic: dict[str, Any], loss: dict[str, Any], terms: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        adversary.create({**CRITIC, **critic}, loss, terms, networks.create(**GENERATOR))
