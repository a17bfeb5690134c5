import numpy as np
import pytest
from pydantic import ValidationError

from relation_gan.gan.theory import SolverConfig, VariantConfig, dirac, flows, measures
from relation_gan.gan.theory.dirac import DiracConfig

START = {"theta": np.array([[0.2, 0.1]]), "phi": np.array([[0.1, 0.2]])}
UNDAMPED = np.ones((1, 1))
SOLVER = {"time": 20.0, "interval": 0.1, "steps": [0.1], "damping": 0.95, "theta": [0.2, 0.1]}


def energy(of: dirac.Trajectory) -> np.ndarray:
    return (of.theta**2 + of.phi**2).sum((1, 2))


def test_two_euler_steps_by_hand() -> None:
    # h = .5, damping .5: the generator's speed is whole in the first step and times .5^.5 in the second.
    found = dirac.euler(flows.create("wgan"), **START, damping=np.full((1, 1), 0.5), step=0.5, time=1, interval=0.5)
    # theta1 = (.2, .1) + .5 (.1, .2), phi1 = (.1, .2) - .5 (.2, .1)
    assert found.theta[1, 0] == pytest.approx([0.25, 0.2])
    assert found.phi[1, 0] == pytest.approx([0, 0.15])
    assert found.theta[2, 0] == pytest.approx([0.25, 0.2 + 0.5 * 0.5**0.5 * 0.15])
    assert found.phi[2, 0] == pytest.approx([-0.125, 0.05])


def test_euler_gives_the_flow_the_step_before() -> None:
    flow = flows.create("relation_additive", factor=1.0, sign=-1.0, margin=1.0, scale=0.0)
    found = dirac.euler(flow, **START, damping=UNDAMPED, step=0.5, time=1, interval=0.5)
    # The first step has no step before: phi stays, and theta moves by -.5 phi. Then phi moves by .5 (theta1 - theta0).
    assert found.phi[1, 0] == pytest.approx([0.1, 0.2])
    assert found.theta[1, 0] == pytest.approx([0.15, 0])
    assert found.phi[2, 0] == pytest.approx([0.1 - 0.025, 0.2 - 0.05])


def test_euler_keeps_a_state_an_interval() -> None:
    every, some = (
        dirac.euler(flows.create("wgan"), **START, damping=UNDAMPED, step=0.1, time=2, interval=interval)
        for interval in (0.1, 0.5)
    )
    assert len(every.theta) == 21 and len(some.theta) == 5
    assert some.theta == pytest.approx(every.theta[::5])


def test_wgan_goes_round_for_ever_and_eulers_method_makes_it_grow() -> None:
    exact = dirac.adaptive(flows.create("wgan"), **START, damping=UNDAMPED, time=20, interval=0.1)
    assert energy(exact) == pytest.approx(np.full(201, 0.1), rel=1e-6)
    t = 0.1 * np.arange(201)[:, None]
    # theta'' = -theta with theta' = phi at the start.
    assert exact.theta[:, 0] == pytest.approx(np.cos(t) * [0.2, 0.1] + np.sin(t) * [0.1, 0.2], abs=1e-6)
    coarse = dirac.euler(flows.create("wgan"), **START, damping=UNDAMPED, step=0.1, time=20, interval=0.1)
    assert energy(coarse) == pytest.approx(0.1 * 1.01 ** np.arange(201))  # each step multiplies by 1 + h^2


@pytest.mark.parametrize("scalar", [False, True])
def test_a_head_on_the_difference_turns_energy_of_the_generator_into_the_critics(scalar: bool) -> None:
    # theta_i' = -a_i phi_i and phi_i' = a_i theta_i: each pair (theta_i, phi_i) turns on its circle.
    flow = flows.create("relation_head", margin=1.0, scalar=scalar)
    start = np.array([[0.2, 0.1]]), np.array([[0.1, 0.1]])
    found = dirac.adaptive(flow, *start, UNDAMPED, time=1000, interval=1)
    assert found.theta[:, 0] ** 2 + found.phi[:, 0] ** 2 == pytest.approx(np.tile([0.05, 0.02], (1001, 1)), rel=1e-6)
    # With one feature both pairs turn by one angle, until phi.theta = 0: what is left of theta is the smaller singular
    # value of the two starts side by side.
    left = np.linalg.svd(np.stack([*start[0], *start[1]]), compute_uv=False)[1] if scalar else 0.0
    assert np.linalg.norm(found.theta[-1]) == pytest.approx(left, abs=1e-6)


def test_a_head_on_the_difference_converges_at_twice_the_smaller_circle() -> None:
    # Near the end phi_i^2 = theta_i^2 + phi_i^2 at the start, .05 and .02, and theta_i' = -2 theta_i phi_i^2.
    flow = flows.create("relation_head", margin=1.0)
    found = dirac.adaptive(flow, START["theta"], np.array([[0.1, 0.1]]), UNDAMPED, time=400, interval=0.1)
    assert measures.rate(0.1, measures.distance(found.theta[:, 0])) == pytest.approx(-0.04, abs=1e-4)


@pytest.mark.parametrize("step", [0.1, None])
def test_wgan_gp_converges_at_the_rate_of_its_eigenvalue(step: float | None) -> None:
    flow = flows.create("wgan_gp", weight=0.1, centre=0.0)
    found = (
        dirac.euler(flow, **START, damping=UNDAMPED, step=step, time=100, interval=0.1)
        if step
        else dirac.adaptive(flow, **START, damping=UNDAMPED, time=100, interval=0.1)
    )
    eigenvalue = flow.eigenvalue()
    assert eigenvalue is not None
    # Exactly -.1; a step of .1 multiplies squares by 1 - 2 x .1 x .1 + .1^2 = .99, so log(.99) / (2 x .1) = -.0503.
    expected = -0.0502517 if step else -0.1
    assert measures.expected_rate(eigenvalue, step) == pytest.approx(expected, abs=1e-6)
    assert measures.rate(0.1, measures.distance(found.theta[:, 0])) == pytest.approx(expected, abs=1e-3)


def test_damping_stops_the_generator_only() -> None:
    damping = np.array([[1.0], [0.5]])
    start = {name: np.tile(of, (2, 1)) for name, of in START.items()}
    found = dirac.adaptive(flows.create("wgan"), **start, damping=damping, time=40, interval=0.1)
    moved = np.abs(found.theta[-1] - found.theta[-50]).max(-1)
    assert moved[0] > 0.1 and moved[1] < 1e-6
    assert np.abs(found.phi[-1, 1] - found.phi[-50, 1]).max() > 0.01


def test_a_damped_euler_run_is_near_the_exact_one() -> None:
    damping = np.full((1, 1), 0.9)
    coarse = dirac.euler(flows.create("lsgan"), **START, damping=damping, step=0.001, time=10, interval=0.1)
    exact = dirac.adaptive(flows.create("lsgan"), **START, damping=damping, time=10, interval=0.1)
    assert coarse.theta == pytest.approx(exact.theta, abs=2e-3)


def test_the_adaptive_solver_refuses_a_flow_with_jumps() -> None:
    flow = flows.create("relation_additive", factor=1.0, sign=-1.0, margin=1.0, scale=0.0)
    with pytest.raises(ValueError, match="RelationAdditive jumps or looks a step back; use euler"):
        dirac.adaptive(flow, **START, damping=UNDAMPED, time=1, interval=0.1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"interval": 0.15}, "0.15 must divide 20"),
        ({"steps": [0.1, 0.03]}, "0.03 must divide 0.1"),
        ({"steps": [0.2]}, "0.2 must divide 0.1"),
        ({"time": 5.0}, "time 5 must be at least 100 intervals of 0.1"),
        ({"damping": 1.0}, "less than 1"),
    ],
)
def test_a_solver_that_cannot_keep_its_grid_is_refused(changed: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SolverConfig(**{**SOLVER, **changed})


def test_steps_can_be_typed() -> None:
    assert SolverConfig(**{**SOLVER, "steps": "0.1+0.05"}).steps == (0.1, 0.05)
    assert SolverConfig(**{**SOLVER, "steps": 0.05}).steps == (0.05,)


def test_an_unknown_flow_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="unknown flow 'wgan_pg'; choose one of: .*wgan_gp"):
        VariantConfig(title="x", flow={"name": "wgan_pg"}, phi=(0, 1))
    with pytest.raises(ValidationError, match="flow 'wgan_gp' needs the option 'centre'"):
        VariantConfig(title="x", flow={"name": "wgan_gp", "weight": 1}, phi=(0, 1))


def test_two_variants_cannot_have_one_title() -> None:
    variant = {"title": "WGAN", "flow": {"name": "wgan"}, "phi": [0, 1]}
    systems = {name: {"title": name, "variants": {"plain": variant}} for name in ("a", "b")}
    with pytest.raises(ValidationError, match="two variants have the title 'WGAN'"):
        DiracConfig(solver=SOLVER, systems=systems)  # pyright: ignore[reportArgumentType]
