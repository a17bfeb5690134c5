"""Relation GAN: values by hand, gradients, pairings and memory."""

import pytest
import torch
from torch import Tensor, nn

from relation_gan.gan import losses
from relation_gan.gan.losses import Batch

CONSTANT = {"kind": "constant", "base": 1.0}


class Distance:
    """A pair critic whose embedding is the image and whose score is |a - b|: every number can be had by hand."""

    kind = "pair"

    def __init__(self) -> None:
        self.embedded: list[Tensor] = []

    def embed(self, x: Tensor) -> Tensor:
        self.embedded.append(x)
        return x

    def relate(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).abs().sum(1)


class Additive(nn.Module):
    """D(a, b) = s(a) + s(b) with a linear s: the degenerate critic of spec section 1.1."""

    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Linear(2, 1, bias=False)

    def embed(self, x: Tensor) -> Tensor:
        return self.s(x)

    def relate(self, a: Tensor, b: Tensor) -> Tensor:
        return (a + b)[:, 0]


def points(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]


def test_eq6_is_a_mean_of_hinges_and_eq7_a_hinge_of_means():
    batch = Batch(real=points(0, 0), real2=points(2, 0), fake=points(0.5, 3), fake2=points(0.5, 1))
    # D_xx = (2, 0), D_xy = (.5, 3), D_yy = (0, 2), margin 1.
    # First hinges:  2 - .5 + 1 = 2.5 and 0 - 3 + 1 = -2;  second: 0 - .5 + 1 = .5 and 2 - 3 + 1 = 0.
    eq6, eq7 = (losses.create("relation", form=form, margin=CONSTANT) for form in ("eq6", "eq7"))
    assert eq6.critic_loss(Distance(), batch) == pytest.approx((2.5 + 0) / 2 + (0.5 + 0) / 2)
    assert eq7.critic_loss(Distance(), batch) == pytest.approx((2.5 - 2) / 2 + (0.5 + 0) / 2)
    # L_G = mean(2 D_xy - D_yy) = ((1 - 0) + (6 - 2)) / 2, the same for both forms.
    for loss in (eq6, eq7):
        assert loss.generator_loss(Distance(), batch) == pytest.approx(2.5)


def test_eq6_equals_eq7_for_one_pair():
    batch = Batch(*(torch.randn(1, 3) for _ in range(4)))
    values = [losses.create("relation", form=f, margin=CONSTANT).critic_loss(Distance(), batch) for f in ("eq6", "eq7")]
    assert values[0] == pytest.approx(values[1].item())


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        # Margins between x2 = (0, 0) and y = (3, 4): constant; mean |.| = 3.5; mean square = 12.5; its root.
        ({"kind": "constant", "base": 100.0, "scale": 9.0}, 100.0),
        ({"kind": "l1", "base": 0.0, "scale": 2.0}, 2 * 3.5),
        ({"kind": "l2", "base": 0.0, "scale": 2.0}, 2 * 12.5**0.5),
        ({"kind": "mse", "base": 1.0, "scale": 0.01}, 1 + 0.01 * 12.5),
    ],
)
def test_margins(margin, expected):
    x, y = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    batch = Batch(real=x, real2=x, fake=y, fake2=y)
    # D_xx = D_yy = 0, D_xy = 7, and both margins are Delta(x, y): L_D = 2 relu(margin - 7).
    loss = losses.create("relation", form="eq6", margin=margin)
    assert loss.critic_loss(Distance(), batch) == pytest.approx(2 * max(expected - 7, 0), abs=1e-5)


def test_margins_carry_no_gradient():
    x, y = torch.zeros(2, 2), torch.ones(2, 2, requires_grad=True)
    loss = losses.create("relation", form="eq6", margin={"kind": "mse", "base": 50.0, "scale": 1.0})
    critic = Distance()
    critic.relate = lambda a, b: torch.zeros(len(a)) * a.sum()  # type: ignore[method-assign]
    (gradient,) = torch.autograd.grad(loss.critic_loss(critic, Batch(x, y, x, y)), y)
    assert not gradient.any()


@pytest.mark.parametrize("pairings", [1, 3])
def test_pairings_are_the_mean_over_rolls_of_the_batch(pairings):
    x, y = torch.randn(5, 2), torch.randn(5, 2)
    loss = losses.create("relation", form="eq6", margin={"kind": "mse", "base": 1.0, "scale": 0.5}, pairings=pairings)
    single = losses.create("relation", form="eq6", margin={"kind": "mse", "base": 1.0, "scale": 0.5})
    # Pairing k: x_i with x_{i-k}, y_{i-k+1} and y_{i+1}; roll(k)[i] is the entry i-k.
    explicit = [
        Batch(real=x, real2=x.roll(k, 0), fake=y.roll(k - 1, 0), fake2=y.roll(-1, 0)) for k in range(1, pairings + 1)
    ]
    for name in ("critic_loss", "generator_loss"):
        expected = torch.stack([getattr(single, name)(Distance(), batch) for batch in explicit]).mean()
        assert getattr(loss, name)(Distance(), Batch(x, y)) == pytest.approx(expected.item())


def test_no_image_of_a_pairing_is_paired_with_itself():
    loss = losses.create("relation", form="eq6", margin=CONSTANT, pairings=4)
    indices = torch.arange(6)
    x, x2, y, y2 = loss.paired(indices, indices)
    assert (x != x2).all()
    assert (y != y2).all()


@pytest.mark.parametrize(("explicit", "count"), [(False, 2), (True, 4)])
def test_each_distinct_image_is_embedded_once(explicit, count):
    critic = Distance()
    batch = Batch(*(torch.randn(4, 2) for _ in range(4 if explicit else 2)))
    if explicit:
        batch = Batch(real=batch.real, fake=batch.fake, real2=batch.real2, fake2=batch.fake2)
    losses.create("relation", form="eq6", margin=CONSTANT).scores(critic, batch)
    assert len(critic.embedded) == count


def test_an_additive_linear_critic_gets_no_gradient_in_expectation():
    # While both hinges are open, L_D = s(x) + s(x2) - ... : the sum over a batch paired with its own rolls
    # is E[2 s(x)] - E[s(x) + s(y)] + E[2 s(y)] - E[s(x) + s(y)] = 0 for every s.
    critic = Additive()
    batch = Batch(torch.randn(64, 2), torch.randn(64, 2) + 3)
    loss = losses.create("relation", form="eq6", margin={"kind": "constant", "base": 100.0})
    (gradient,) = torch.autograd.grad(loss.critic_loss(critic, batch), critic.s.weight)
    assert gradient.abs().max() < 1e-5


def test_both_carries_the_gradient_through_both_fakes():
    # D = |a - b| on a line: y = (0, 1), x far left. In mean(2 D_xy - D_yy), D_xy grows by 1 with each y: 2/2 each.
    # D_yy is |y0 - y1| in both pairs of the batch: -D_yy has the gradient +1 at y0 and -1 at y1.
    y = points(0, 1).requires_grad_()
    loss = losses.create("relation", form="eq6", margin=CONSTANT)
    (gradient,) = torch.autograd.grad(loss.generator_loss(Distance(), Batch(points(-5, -5), y)), y)
    assert gradient[:, 0].tolist() == pytest.approx([1 + 1, 1 - 1])


def test_prev_detached_pairs_with_the_previous_step_without_gradient():
    loss = losses.create("relation", form="eq6", margin=CONSTANT, second="prev_detached")
    first = Batch(points(1, 2), points(3, 4).requires_grad_())
    assert loss.recall(first) is first  # nothing to remember yet: another image of the batch
    loss.update(None, first)
    second = loss.recall(Batch(points(5, 6), points(7, 8)))
    assert second.real2 is not None
    assert second.fake2 is not None
    assert second.real2.tolist() == first.real.tolist()
    assert second.fake2.tolist() == first.fake.tolist()
    assert not second.fake2.requires_grad


def test_the_memory_survives_a_checkpoint():
    loss, other = (losses.create("relation", form="eq6", margin=CONSTANT, second="prev_detached") for _ in range(2))
    loss.update(None, Batch(points(1, 2), points(3, 4)))
    other.load_state_dict(loss.state_dict())
    assert other.previous_fake.tolist() == [[3], [4]]


@pytest.mark.parametrize(("second", "has_gradient"), [("fresh_detached", False), ("fresh_grad", True)])
def test_fresh_seconds_are_detached_or_not(second, has_gradient):
    loss = losses.create("relation", form="eq6", margin=CONSTANT, second=second)
    assert loss.fresh_second
    batch = Batch(*(torch.randn(2, 1, requires_grad=True) for _ in range(4)))
    fake2 = loss.recall(batch).fake2
    assert fake2 is not None
    assert fake2.requires_grad is has_gradient


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "eq8"}, "form 'eq8' is unknown; choose one of: eq6, eq7"),
        ({"form": "eq6", "second": "none"}, "second 'none' is unknown; choose one of: both, prev_detached"),
        ({"form": "eq6", "margin": {"kind": "cosine"}}, "margin kind 'cosine' is unknown; choose one of: constant"),
        ({"form": "eq6", "pairings": 0}, "pairings 0 must be at least 1"),
        ({"form": "eq6", "pairings": 2, "second": "fresh_grad"}, "more than 1 needs second: both"),
        ({}, "loss 'relation' needs the option 'form'"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        losses.create("relation", **{"margin": CONSTANT, **options})
