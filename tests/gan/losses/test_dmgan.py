"""DMGAN and its relatives: values by hand, centres, weights, and where gradients go."""

import math

import pytest
import torch

from relation_gan.gan import losses, networks
from relation_gan.gan.losses import Batch
from relation_gan.gan.losses.base import Features


class Identity:
    kind, sphere = "feature", False

    def __call__(self, x, b=None):
        return x


# ||f(x)|| = (5, 1), ||f(y)|| = (2, 1); f(y) - f(x) = (-3, -2) and (0, -2): sqrt 13 and 2.
BATCH = Batch(real=torch.tensor([[3.0, 4.0], [0.0, 1.0]]), fake=torch.tensor([[0.0, 2.0], [0.0, -1.0]]))
GAP = (math.sqrt(13) + 2) / 2


def test_values_with_the_centres_at_their_start():
    loss = losses.create("dmgan", weight=1.2, gamma=0.5)
    assert loss.critic_loss(Identity(), BATCH) == pytest.approx(3 + 1.5 - 1.2 * GAP, abs=1e-6)
    assert loss.generator_loss(Identity(), BATCH) == pytest.approx(GAP, abs=1e-6)


def test_squared_distances():
    # (25 + 1)/2 + (4 + 1)/2 - 1.2 (13 + 4)/2
    loss = losses.create("dmgan", weight=1.2, gamma=0.5, squared=True)
    assert loss.critic_loss(Identity(), BATCH) == pytest.approx(13 + 2.5 - 1.2 * 8.5, abs=1e-5)


def test_centres_follow_the_features():
    loss = losses.create("dmgan", weight=1.0, gamma=0.5)
    loss.update(Features(*(BATCH.real, BATCH.fake)), BATCH)
    # From 0: c = gamma * sum f / (1 + 2); sums (3, 5) and (0, 1).
    assert loss.centre_real.tolist()[0] == pytest.approx([0.5, 5 / 6])
    assert loss.centre_fake.tolist()[0] == pytest.approx([0, 1 / 6])
    loss.update(Features(*(BATCH.real, BATCH.fake)), BATCH)
    # c <- c - gamma (2 c - sum f) / 3: (.5 - (1 - 3)/6, 5/6 - (5/3 - 5)/6)
    assert loss.centre_real.tolist()[0] == pytest.approx([0.5 + 1 / 3, 5 / 6 + 10 / 18])


@pytest.mark.parametrize("name", ["dmgan", "mlgan"])
def test_with_gamma_0_the_centres_stay(name):
    loss = losses.create(name, weight=1.0, **({"gamma": 0.0} if name == "dmgan" else {}))
    for _ in range(3):
        loss.update(Features(torch.randn(2, 3), torch.randn(2, 3)), BATCH)
    assert not loss.centre_real.any()
    assert not loss.centre_fake.any()


def test_centres_of_each_class():
    loss = losses.create("dmgan", weight=1.0, gamma=1.0, classes=3)
    labels = torch.tensor([2, 0, 2])
    real, fake = torch.tensor([[1.0], [10.0], [3.0]]), torch.tensor([[2.0], [20.0], [4.0]])
    batch = Batch(real, fake, labels=labels)
    loss.update(Features(real, fake), batch)
    # c_i = sum / (1 + n_i): class 0: 10/2; class 1 has none and stays; class 2: (1 + 3)/3.
    assert loss.centre_real[:, 0].tolist() == pytest.approx([5, 0, 4 / 3])
    assert loss.centre_fake[:, 0].tolist() == pytest.approx([10, 0, 2])
    # Each image to the centre of its own class, c of the real ones and c' of the fakes.
    to_real = (abs(1 - 4 / 3) + abs(10 - 5) + abs(3 - 4 / 3)) / 3
    to_fake = (abs(2 - 2) + abs(20 - 10) + abs(4 - 2)) / 3
    gap = (1 + 10 + 1) / 3
    assert loss.critic_loss(Identity(), batch) == pytest.approx(to_real + to_fake - gap, abs=1e-3)


def test_centres_carry_no_gradient_and_neither_do_weights():
    features = [torch.randn(4, 2, requires_grad=True) for _ in range(2)]
    loss = losses.create("wadmgan", weight=1.0, gamma=0.5)
    batch = Batch(torch.rand(4, 3), torch.rand(4, 3, requires_grad=True))
    loss.update(Features(*features), batch)
    assert not loss.centre_real.requires_grad
    assert not loss.centre_fake.requires_grad
    # The images enter through the weights only: f is given apart.
    (gradient,) = torch.autograd.grad(loss.critic_objective(Features(*features), batch), batch.fake, allow_unused=True)
    assert gradient is None


def test_the_centres_survive_a_checkpoint():
    loss, other = (losses.create("dmgan", weight=1.0, gamma=0.5, classes=2) for _ in range(2))
    batch = Batch(torch.ones(2, 3), torch.ones(2, 3), labels=torch.tensor([0, 1]))
    loss.update(Features(torch.randn(2, 5), torch.randn(2, 5)), batch)
    other.load_state_dict(loss.state_dict())
    assert torch.equal(other.centre_real, loss.centre_real)
    assert torch.equal(other.centre_fake, loss.centre_fake)


def test_pairs_at_equal_distances_all_weigh_e():
    x = torch.randn(5, 3)
    loss = losses.create("wadmgan", weight=1.0, gamma=0.5)
    assert loss.pair_weights(Batch(x, x + 0.25)).tolist() == pytest.approx([math.e] * 5, rel=1e-5)


def test_closer_pairs_weigh_more():
    # ||.||_1 = (1, 3), mean 2: exp(2 / 1) and exp(2 / 3); normalised: divided by their mean.
    batch = Batch(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [2.0, -1.0]]))
    literal = losses.create("wadmgan", weight=1.0, gamma=0.5).pair_weights(batch)
    w = [math.exp(2), math.exp(2 / 3)]
    assert literal.tolist() == pytest.approx(w, rel=1e-5)
    normalised = losses.create("wadmgan", weight=1.0, gamma=0.5, normalise=True).pair_weights(batch)
    assert normalised.tolist() == pytest.approx([2 * each / sum(w) for each in w], rel=1e-5)


def test_the_third_term_alone_is_weighted():
    batch = Batch(BATCH.real, BATCH.fake)
    plain, weighted = (losses.create(name, weight=1.2, gamma=0.5) for name in ("dmgan", "wadmgan"))
    # L1 distances 5 and 2, mean 3.5.
    w = torch.tensor([math.exp(3.5 / 5), math.exp(3.5 / 2)])
    expected = 3 + 1.5 - 1.2 * (w * torch.tensor([math.sqrt(13), 2.0])).mean()
    assert weighted.critic_loss(Identity(), batch) == pytest.approx(expected.item(), abs=1e-5)
    assert weighted.generator_loss(Identity(), batch) == plain.generator_loss(Identity(), batch)


@pytest.mark.parametrize("normalise", [False, True])
def test_equal_images_have_a_finite_weight(normalise):
    x = torch.zeros(3, 2)
    batch = Batch(x, torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]))
    assert losses.create("wadmgan", weight=1.0, gamma=0.5, normalise=normalise).pair_weights(batch).isfinite().all()


def test_mbgan():
    # d(x, x2) of the two neighbours: ||(3, 3)|| twice. Mean |x - y|: (3 + 2)/2 = 2.5 and (0 + 2)/2 = 1; alpha = 2:
    # [5 - sqrt 13]+ and [2 - 2]+ = 0.
    loss = losses.create("mbgan", alpha=2.0)
    assert loss.critic_loss(Identity(), BATCH) == pytest.approx(math.sqrt(18) + (5 - math.sqrt(13)) / 2, abs=1e-4)
    assert loss.generator_loss(Identity(), BATCH) == pytest.approx(GAP, abs=1e-6)


def test_mlgan_is_dmgan_with_centres_at_0():
    mlgan, dmgan = losses.create("mlgan", weight=1.4), losses.create("dmgan", weight=1.4, gamma=0.0)
    assert mlgan.critic_loss(Identity(), BATCH) == dmgan.critic_loss(Identity(), BATCH)


def test_classes_that_the_generator_does_not_draw_are_refused():
    critic = networks.create("dcgan_critic", kind="feature", size=16, channels=1, width=2)
    generator = networks.create("dcgan_generator", size=16, channels=1, latent=2, width=2)
    with pytest.raises(
        ValueError, match=r"it distinguishes 10 classes, the generator draws 0 .*same number of classes"
    ):
        losses.create("dmgan", weight=1.0, gamma=1.0, classes=10).check(critic, generator)


def test_negative_options_are_named():
    with pytest.raises(ValueError, match=r"weight 1.0, gamma -1.0 and classes 0 must not be negative"):
        losses.create("dmgan", weight=1.0, gamma=-1.0)
