"""TripletGAN: values by hand on the circle, the number of triplets, and gradients."""

import math

import pytest
import torch

from relation_gan.gan import losses, networks
from relation_gan.gan.losses import Batch
from relation_gan.gan.losses.base import Features
from relation_gan.gan.losses.distances import arc


def on_circle(*degrees: float) -> torch.Tensor:
    angles = torch.tensor(degrees) * math.pi / 180
    return torch.stack([angles.cos(), angles.sin()], 1)


class Identity:
    kind, sphere = "feature", True

    def __call__(self, x, b=None):
        return x


# d(x_i, y_i) = (90, 30) degrees, d(y_0, y_1) = 60. Triplets: (0, 1): 90 - 60 = 30; (1, 0): 30 - 60 = -30.
BATCH = Batch(real=on_circle(0, 120), fake=on_circle(90, 150))


def test_arc():
    degree = math.pi / 180
    loss = losses.create("triplet_gan", threshold=20 * degree)
    assert loss.critic_loss(Identity(), BATCH) == pytest.approx(-(20 - 30) / 2 * degree, abs=1e-5)
    assert loss.generator_loss(Identity(), BATCH) == pytest.approx(0, abs=1e-5)


def test_chord():
    # The chord of an angle t is 2 sin(t / 2): 2 sin 45 = 1.4142, 2 sin 15 = .5176, 2 sin 30 = 1.
    loss = losses.create("triplet_gan", threshold=9.0, distance="chord")
    expected = ((math.sqrt(2) - 1) + (2 * math.sin(math.pi / 12) - 1)) / 2
    assert loss.critic_loss(Identity(), BATCH) == pytest.approx(-expected, abs=1e-5)
    assert loss.generator_loss(Identity(), BATCH) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_there_are_b_times_b_minus_1_triplets_and_no_fake_is_paired_with_itself(size):
    # One real; fakes at distinct angles i degrees: d(x, y_i) - d(y_i, y_j) = i - |i - j|, never i - 0.
    fakes = on_circle(*range(1, size + 1))
    loss = losses.create("triplet_gan", threshold=9.0)
    gaps = loss.triplets(Features(on_circle(*[0] * size), fakes)) * 180 / math.pi
    expected = [i - abs(i - j) for i in range(1, size + 1) for j in range(1, size + 1) if i != j]
    assert len(gaps) == size * (size - 1)
    assert gaps.tolist() == pytest.approx(expected, abs=0.05)


def test_the_threshold_stops_the_critic_alone():
    # Every triplet is above c = .01: the critic has no gradient, the generator has.
    y = on_circle(170, 175).requires_grad_()
    batch = Batch(real=on_circle(0, 0), fake=y)
    loss = losses.create("triplet_gan", threshold=0.01)
    (of_critic,) = torch.autograd.grad(loss.critic_loss(Identity(), batch), y)
    (of_generator,) = torch.autograd.grad(loss.generator_loss(Identity(), batch), y)
    assert not of_critic.any()
    assert of_generator.any()


@pytest.mark.parametrize("degrees", [0.0, 1e-3, 90.0, 180.0])
def test_the_arc_has_a_finite_gradient_at_both_ends(degrees):
    u, v = on_circle(0.0), on_circle(degrees).requires_grad_()
    (gradient,) = torch.autograd.grad(arc(u, v).sum(), v)
    assert gradient.isfinite().all()


def test_the_arc_is_the_angle():
    assert arc(on_circle(0, 0, 0), on_circle(1, 90, 179)).tolist() == pytest.approx(
        [math.pi / 180, math.pi / 2, 179 * math.pi / 180], abs=1e-3
    )


def test_a_critic_off_the_sphere_is_refused():
    critic = networks.create("dcgan_critic", kind="feature", size=16, channels=1, width=2)
    generator = networks.create("dcgan_generator", size=16, channels=1, latent=2, width=2)
    with pytest.raises(ValueError, match="unit sphere; set sphere: true in the critic"):
        losses.create("triplet_gan", threshold=1.0).check(critic, generator)


@pytest.mark.parametrize("options", [{"threshold": 0.0}, {"threshold": 1.0, "distance": "geodesic"}])
def test_wrong_options_are_named(options):
    with pytest.raises(ValueError, match=r"threshold .* must be above 0, and distance '.*' one of: arc, chord"):
        losses.create("triplet_gan", **options)
