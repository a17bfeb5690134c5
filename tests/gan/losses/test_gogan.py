"""Margin GAN and the stages of GoGAN: values by hand, and what stays frozen."""

import pytest
import torch
from torch import nn

from relation_gan.gan import losses
from relation_gan.gan.losses import Batch

# C is the identity: C(x) = (2, 0), C(y) = (1, -1).
BATCH = Batch(real=torch.tensor([2.0, 0.0]), fake=torch.tensor([1.0, -1.0]), latents=torch.tensor([[1.0], [3.0]]))


class Scores(nn.Module):
    """C(y) = w y, summed over what comes with an image."""

    def __init__(self, w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w * (x if x.dim() == 1 else x.sum(1))


def second_stage(**options) -> nn.Module:
    """Stage 2 after a generator that doubles z and a critic that halves: C'(G'(z)) = z = (1, 3)."""
    loss = losses.create("gogan", epsilon=0.5, **options)
    doubling = nn.Linear(1, 1, bias=False)
    nn.init.constant_(doubling.weight, 2.0)
    loss.follow(doubling, Scores(0.5))
    return loss


def test_margin_gan():
    # [C(y) + 1.5 - C(x)]+ = (.5, .5); -E C(y) = 0.
    loss = losses.create("margin_gan", epsilon=1.5)
    assert loss.critic_loss(lambda x: x, BATCH) == pytest.approx(0.5)
    assert loss.generator_loss(lambda x: x, BATCH) == pytest.approx(0)
    assert losses.create("margin_gan", epsilon=0.5).critic_loss(lambda x: x, BATCH) == 0


def test_a_huge_margin_has_the_gradients_of_wgan():
    x, y = torch.randn(8, 3), torch.randn(8, 3)
    critic = Scores(0.7)
    of = [
        torch.autograd.grad(loss.critic_loss(critic, Batch(x, y)), critic.w)[0]
        for loss in (losses.create("margin_gan", epsilon=1e6), losses.create("wgan"))
    ]
    assert of[0] == pytest.approx(of[1].item(), abs=1e-6)


def test_the_fraction_of_open_hinges_is_logged():
    # C(x) - C(y) = (1, 1) and (3, 0) here.
    batch = Batch(real=torch.tensor([2.0, 3.0, 1.0]), fake=torch.tensor([1.0, 0.0, 1.0]))
    loss = losses.create("margin_gan", epsilon=2.0)
    assert loss.observations(loss.scores(lambda x: x, batch), batch)["active"] == pytest.approx(2 / 3)


def test_second_stage():
    # 21: [C(y) + .5 - C(x)]+ = 0. Rank: [C'(G'(z)) + 1 - C(x)]+ = (1 + 1 - 2, 3 + 1 - 0) = (0, 4).
    assert second_stage().critic_loss(Scores(1.0), BATCH).item() == pytest.approx(0 + 2)
    assert second_stage(weight_rank=0.25).critic_loss(Scores(1.0), BATCH).item() == pytest.approx(0.5)
    assert second_stage().generator_loss(Scores(1.0), BATCH).item() == pytest.approx(0)


def test_the_two_terms_have_their_weights():
    # Margin 1.5 in both: 21 is .5 (as above); rank: [z + 3 - C(x)]+ = (2, 6), mean 4.
    loss = losses.create("gogan", epsilon=1.5, weight_margin=3.0, weight_rank=0.5)
    loss.follow(nn.Identity(), Scores(1.0))
    assert loss.critic_loss(Scores(1.0), BATCH).item() == pytest.approx(3 * 0.5 + 0.5 * 4)


def test_the_frozen_stage_gets_no_gradient_and_does_not_move():
    loss = second_stage()
    critic = Scores(1.0)
    scores = loss.scores(critic, BATCH)
    assert not scores.before.requires_grad
    loss.critic_objective(scores, BATCH).backward()
    assert critic.w.grad is not None
    assert all(p.grad is None and not p.requires_grad for p in loss.before.parameters())


def test_the_rank_term_gives_the_generator_nothing():
    # With the margin term off, what is left does not depend on the fakes.
    y = torch.tensor([1.0, -1.0], requires_grad=True)
    loss = second_stage(weight_margin=0.0)
    batch = Batch(BATCH.real, y, latents=BATCH.latents)
    (gradient,) = torch.autograd.grad(loss.critic_loss(Scores(1.0), batch), y, allow_unused=True)
    assert gradient is None or not gradient.any()


def test_the_frozen_stage_is_in_a_checkpoint():
    saved = second_stage().state_dict()
    assert {name.split(".")[1] for name in saved} == {"generator", "critic"}
    other = losses.create("gogan", epsilon=0.5)
    other.follow(nn.Linear(1, 1, bias=False), Scores(9.0))
    other.load_state_dict(saved)
    assert other.critic_loss(Scores(1.0), BATCH).item() == pytest.approx(2)


def test_without_a_stage_before_it_says_what_to_do():
    with pytest.raises(ValueError, match="ranks against the stage before; name it with `after` in the method"):
        losses.create("gogan", epsilon=1.0).critic_loss(Scores(1.0), BATCH)


@pytest.mark.parametrize("epsilon", [0.0, -1.0])
def test_a_margin_must_be_one(epsilon):
    with pytest.raises(ValueError, match=f"epsilon {epsilon} must be above 0"):
        losses.create("margin_gan", epsilon=epsilon)
