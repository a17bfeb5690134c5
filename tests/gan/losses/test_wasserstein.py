"""WGAN and GAN-QP: values by hand."""

import pytest
import torch

from relation_gan.gan import losses
from relation_gan.gan.losses import Batch

# Images of two pixels; C is their sum: C(x) = (2, 0), C(y) = (1, -1), so delta = C(x) - C(y) = (1, 1).
BATCH = Batch(real=torch.tensor([[2.0, 0.0], [1.0, -1.0]]), fake=torch.tensor([[0.0, 1.0], [-2.0, 1.0]]))


def critic(x: torch.Tensor) -> torch.Tensor:
    return x.sum(1)


def test_wgan():
    loss = losses.create("wgan")
    assert loss.critic_loss(critic, BATCH) == pytest.approx(0 - 1)  # E C(y) - E C(x)
    assert loss.generator_loss(critic, BATCH) == pytest.approx(0)


@pytest.mark.parametrize(
    ("distance", "d"),
    [
        ("l1", (1.5, 2.5)),  # x - y = (2, -1) and (3, -2): the means of |.|
        ("l2", (2.5**0.5, 6.5**0.5)),  # the roots of (4 + 1)/2 and (9 + 4)/2
    ],
)
def test_gan_qp(distance, d):
    # -delta + delta^2 / (2 lambda d) with lambda = 10 and delta = 1.
    loss = losses.create("gan_qp", weight=10.0, distance=distance)
    expected = sum(-1 + 1 / (20 * each) for each in d) / 2
    assert loss.critic_loss(critic, BATCH) == pytest.approx(expected, abs=1e-6)
    assert loss.generator_loss(critic, BATCH) == pytest.approx(1)


def test_the_potential_has_no_gradient_through_the_distance():
    real, fake = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]], requires_grad=True)
    # C is 0 here: delta = 0, so d alone could give y a gradient, and C's own is 0.
    loss = losses.create("gan_qp", weight=1.0)
    (gradient,) = torch.autograd.grad(loss.critic_loss(lambda x: 0 * x.sum(1), Batch(real, fake)), fake)
    assert not gradient.any()


def test_equal_images_do_not_divide_by_zero():
    x = torch.zeros(2, 2)
    assert losses.create("gan_qp", weight=10.0).critic_loss(critic, Batch(x, x)) == 0


@pytest.mark.parametrize("options", [{"weight": 0.0}, {"weight": 1.0, "distance": "cosine"}])
def test_wrong_options_are_named(options):
    with pytest.raises(ValueError, match=r"weight .* must be above 0, and distance '.*' one of: l1, l2"):
        losses.create("gan_qp", **options)
