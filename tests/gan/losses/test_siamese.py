"""Siamese and feature triplet losses: values by hand, gradients, and the pairs they share with the relation loss."""

import pytest
import torch

from relation_gan.gan import losses
from relation_gan.gan.losses import Batch


class Identity:
    """f(x) = x: every distance can be had by hand. Counts what it is asked for."""

    kind, sphere = "feature", False

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x, b=None):
        self.calls += 1
        return x


def points(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]


# d(x, x2) = (1, 2), d(y, y2) = (0, 2), d(x, y) = (3, 1).
BATCH = Batch(real=points(0, 0), real2=points(1, 2), fake=points(3, 1), fake2=points(3, 3))


def test_siamese():
    # E d(x, x2)^2 = 2.5, E d(y, y2)^2 = 2, [2 - d(x, y)]+ = (0, 1): 2 * .5. L_G = E d(x, y)^2 = 5.
    loss = losses.create("siamese", margin=2.0)
    assert loss.critic_loss(Identity(), BATCH) == pytest.approx(2.5 + 2 + 1, abs=1e-3)
    assert loss.generator_loss(Identity(), BATCH) == pytest.approx(5, abs=1e-5)


def test_feature_triplet():
    # [1 - 3 + 1.5]+ = 0, [2 - 1 + 1.5]+ = 2.5; [0 - 3 + 1.5]+ = 0, [2 - 1 + 1.5]+ = 2.5.
    # L_G: the means of the squares are 5 and 2.
    loss = losses.create("feature_triplet", margin=1.5)
    assert loss.critic_loss(Identity(), BATCH) == pytest.approx(1.25 + 1.25, abs=1e-3)
    assert loss.generator_loss(Identity(), BATCH) == pytest.approx(5 - 2)


@pytest.mark.parametrize("name", ["siamese", "feature_triplet"])
def test_other_images_of_the_batch_are_the_second_samples(name):
    x, y = torch.randn(5, 3), torch.randn(5, 3)
    explicit = Batch(real=x, real2=x.roll(1, 0), fake=y, fake2=y.roll(-1, 0))
    loss = losses.create(name, margin=2.0)
    for of in (loss.critic_loss, loss.generator_loss):
        assert of(Identity(), Batch(x, y)) == pytest.approx(of(Identity(), explicit).item())


@pytest.mark.parametrize("name", ["siamese", "feature_triplet"])
def test_each_image_passes_the_critic_once_however_many_pairs(name):
    critic = Identity()
    losses.create(name, margin=2.0, pairings=3).scores(critic, Batch(torch.randn(5, 3), torch.randn(5, 3)))
    assert critic.calls == 2


@pytest.mark.parametrize("name", ["siamese", "feature_triplet", "mbgan"])
def test_equal_features_have_a_finite_gradient(name):
    x = torch.zeros(3, 2, requires_grad=True)
    loss = losses.create(name, **({"alpha": 1.0} if name == "mbgan" else {"margin": 2.0}))
    (gradient,) = torch.autograd.grad(loss.critic_loss(Identity(), Batch(x, x)), x)
    assert gradient.isfinite().all()


def test_the_previous_fakes_carry_no_gradient():
    loss = losses.create("siamese", margin=2.0, second="prev_detached")
    first = Batch(points(1, 2), points(3, 4).requires_grad_())
    loss.update(loss.scores(Identity(), first), first)
    second = loss.recall(Batch(points(5, 6), points(7, 8)))
    assert second.fake2 is not None
    assert second.fake2.tolist() == [[3], [4]]
    assert not second.fake2.requires_grad


def test_what_is_logged_are_the_mean_distances():
    loss = losses.create("siamese", margin=2.0)
    observed = loss.observations(loss.scores(Identity(), BATCH), BATCH)
    assert {name: round(value.item(), 3) for name, value in observed.items()} == {
        "distance_real_real": 1.5,
        "distance_real_fake": 2.0,
        "distance_fake_fake": 1.0,
    }
