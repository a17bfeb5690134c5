"""Every flow against the gradients of its losses, and against values by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from relation_gan.gan import losses
from relation_gan.gan.losses import Batch
from relation_gan.gan.theory import flows
from relation_gan.gan.theory.flows import Flow

Losses = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(theta, phi, previous) -> (L_D, L_G), scalars."""


class PairCritic:
    """A critic of pairs whose embedding and relation are given, for the project's own losses."""

    def __init__(self, embed: Callable[[Tensor], Tensor], relate: Callable[[Tensor, Tensor], Tensor]):
        self.embed, self.relate = embed, relate


def relation(margin: dict[str, float | str], factor: float | None, head: str = "") -> Losses:
    """Eq. (6) by the project's own loss; for one triplet it is eq. (5). Without a factor, y2 is theta itself."""
    loss = losses.create("relation", form="eq6", margin=margin)

    def additive(phi: Tensor) -> PairCritic:
        return PairCritic(lambda x: x @ phi, lambda a, b: a + b)

    def pseudo_huber(phi: Tensor) -> PairCritic:
        embed = (lambda x: (x @ phi)[:, None]) if head == "scalar" else (lambda x: phi * x)
        return PairCritic(embed, lambda a, b: ((1 + (a - b) ** 2).sqrt() - 1).sum(1))

    def both(theta: Tensor, phi: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        critic = pseudo_huber(phi) if head else additive(phi)
        y2 = theta if factor is None else factor * previous
        zero = torch.zeros(1, 2, dtype=torch.float64)
        batch = Batch(real=zero, fake=theta[None], real2=zero, fake2=y2[None])
        return loss.critic_loss(critic, batch), loss.generator_loss(critic, batch)

    return both


def wgan(theta: Tensor, phi: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
    q = phi @ theta
    return q, -q


def gan_qp(theta: Tensor, phi: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
    gap = -(phi @ theta)  # C(real) - C(fake)
    return -gap + gap**2 / (2 * 0.7 * theta.detach().norm()), gap


SQUARED = {"kind": "mse", "base": 0.0, "scale": 2000.0}  # 1000 |a - b|^2: the mean is over two coordinates
CONSTANT = {"kind": "constant", "base": 1.0}
CASES: dict[str, tuple[Flow, Losses]] = {
    "vanilla": (
        flows.create("non_saturating"),
        lambda theta, phi, _: (softplus(phi @ theta), softplus(-(phi @ theta))),
    ),
    "lsgan": (flows.create("lsgan"), lambda theta, phi, _: ((phi @ theta) ** 2 + 1, (phi @ theta - 1) ** 2)),
    "wgan": (flows.create("wgan"), wgan),
    "wgan normalised": (flows.create("wgan", normalised=True), lambda t, p, y: wgan(t, p / p.norm(), y)),
    "wgan_gp 0": (
        flows.create("wgan_gp", weight=0.3, centre=0.0),
        lambda t, p, _: (p @ t + 0.3 * (p.norm() - 0) ** 2, -(p @ t)),
    ),
    "wgan_gp 1": (
        flows.create("wgan_gp", weight=0.3, centre=1.0),
        lambda t, p, _: (p @ t + 0.3 * (p.norm() - 1) ** 2, -(p @ t)),
    ),
    "gan_qp": (flows.create("gan_qp", weight=0.7), gan_qp),
    "relation": (
        flows.create("relation_additive", factor=1.0, sign=-1.0, margin=0.0, scale=1000.0),
        relation(SQUARED, 1.0),
    ),
    "relation .8": (
        flows.create("relation_additive", factor=0.8, sign=-1.0, margin=1.0, scale=0.0),
        relation(CONSTANT, 0.8),
    ),
    "relation head": (flows.create("relation_head", margin=1.0), relation(CONSTANT, None, "vector")),
    "relation scalar": (
        flows.create("relation_head", margin=1.0, scalar=True),
        relation(CONSTANT, None, "scalar"),
    ),
}


def test_every_flow_is_compared_with_its_losses() -> None:
    assert {type(flow) for flow, _ in CASES.values()} == {type(f) for f in map(made, flows.names())}


def made(name: str) -> Flow:
    options = {"wgan_gp": {"weight": 1.0, "centre": 0.0}, "gan_qp": {"weight": 1.0}, "relation_head": {"margin": 1.0}}
    additive = {"factor": 1.0, "sign": -1.0, "margin": 1.0, "scale": 0.0}
    return flows.create(name, **{"relation_additive": additive, **options}.get(name, {}))


@pytest.mark.parametrize("case", CASES)
def test_speeds_are_minus_the_gradients_of_the_losses(case: str) -> None:
    flow, loss = CASES[case]
    # Small states, at which all hinges are open, and large ones, at which some are closed.
    states = np.concatenate([np.random.default_rng(0).normal(size=(3, 12, 2)) * scale for scale in (0.3, 2.0)], axis=1)
    speeds = flow(*states)
    for i, state in enumerate(states.swapaxes(0, 1)):
        theta, phi, previous = (torch.tensor(of, requires_grad=True) for of in state)
        critic_loss, generator_loss = loss(theta, phi, previous.detach())
        by_theta = torch.autograd.grad(generator_loss, theta, retain_graph=True)[0]
        by_phi = torch.autograd.grad(critic_loss, phi)[0]
        assert speeds.theta[i] == pytest.approx(-by_theta.numpy(), abs=1e-12)
        assert speeds.phi[i] == pytest.approx(-by_phi.numpy(), abs=1e-12)


def test_some_of_the_states_have_a_closed_hinge() -> None:
    # Otherwise the test above would not see the hinges: q = 4 is above the margin 1, and so is sqrt(1 + 16) - 1.
    phi = np.array([[2.0, 0.0]])
    additive = flows.create("relation_additive", factor=1.0, sign=-1.0, margin=1.0, scale=0.0)
    assert additive(phi, phi, np.zeros((1, 2))).phi == pytest.approx(np.zeros((1, 2)))
    assert flows.create("relation_head", margin=1.0)(phi, phi, phi).phi == pytest.approx(np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("flow", "theta_speed", "phi_speed"),
    [
        # At theta = (.2, .1), phi = (.1, .2): q = .04 and |theta| = |phi| = sqrt(.05).
        (flows.create("lsgan"), [0.192, 0.384], [-0.016, -0.008]),
        (flows.create("wgan"), [0.1, 0.2], [-0.2, -0.1]),
        # -theta / sqrt(.05) + .04 phi / .05^1.5
        (flows.create("wgan", normalised=True), [0.447214, 0.894427], [-0.536656, 0.268328]),
        (flows.create("wgan_gp", weight=0.1, centre=0.0), [0.1, 0.2], [-0.22, -0.14]),
        # 2 x .1 (1 - 1 / sqrt(.05)) = -.694427
        (flows.create("wgan_gp", weight=0.1, centre=1.0), [0.1, 0.2], [-0.130557, 0.038885]),
        # -theta (1 + .04 / sqrt(.05)); the norms are equal here.
        (flows.create("gan_qp", weight=1.0), [0.1, 0.2], [-0.235777, -0.117889]),
        (flows.create("gan_qp", weight=1.0, by_critic=True), [0.1, 0.2], [-0.235777, -0.117889]),
        # The released solver: theta + .8 theta, where eq. (5) has theta - theta = 0.
        (flows.create("relation_additive", factor=0.8, sign=1.0, margin=0.0, scale=1e3), [-0.1, -0.2], [0.36, 0.18]),
        (flows.create("relation_additive", factor=1.0, sign=-1.0, margin=0.0, scale=1e3), [-0.1, -0.2], [0, 0]),
        # u = (.02, .02): slope 2 u / sqrt(1.0004) = .039992
        (flows.create("relation_head", margin=1.0), [-0.0039992, -0.0079984], [0.0079984, 0.0039992]),
    ],
)
def test_speeds_by_hand(flow: Flow, theta_speed: list[float], phi_speed: list[float]) -> None:
    theta, phi = np.array([[0.2, 0.1]]), np.array([[0.1, 0.2]])
    speeds = flow(theta, phi, theta)
    assert speeds.theta[0] == pytest.approx(theta_speed, abs=1e-6)
    assert speeds.phi[0] == pytest.approx(phi_speed, abs=1e-6)


def test_the_released_norm_of_gan_qp_is_the_critics() -> None:
    theta, phi = np.array([[0.3, 0.4]]), np.array([[2.0, 0.0]])  # |theta| = .5, |phi| = 2, q = .6
    right, released = (flows.create("gan_qp", weight=1.0, by_critic=by)(theta, phi, theta).phi for by in (False, True))
    assert right == pytest.approx(-theta * (1 + 0.6 / 0.5))
    assert released == pytest.approx(-theta * (1 + 0.6 / 2))


@pytest.mark.parametrize("flow", [flow for flow, _ in CASES.values() if flow.eigenvalue() is not None], ids=repr)
def test_eigenvalues_are_those_of_the_jacobian_at_0(flow: Flow) -> None:
    def speeds(state: np.ndarray) -> np.ndarray:
        return np.concatenate(flow(state[None, :2], state[None, 2:], state[None, :2]), axis=1)[0]

    h = 1e-5
    jacobian = np.stack([(speeds(h * e) - speeds(-h * e)) / (2 * h) for e in np.eye(4)], axis=1)
    found = np.linalg.eigvals(jacobian)
    expected = flow.eigenvalue()
    assert expected is not None
    assert found.real.max() == pytest.approx(expected.real, abs=1e-8)
    assert abs(found - expected).min() < 1e-6


def test_eigenvalue_of_a_strong_penalty_is_real() -> None:
    # m^2 + 2.5 m + 1 = (m + 2)(m + .5)
    assert flows.create("wgan_gp", weight=1.25, centre=0.0).eigenvalue() == pytest.approx(-0.5)


def test_flows_that_are_not_smooth_at_0_have_no_eigenvalue() -> None:
    assert flows.create("wgan_gp", weight=0.1, centre=1.0).eigenvalue() is None
    assert flows.create("wgan", normalised=True).eigenvalue() is None
