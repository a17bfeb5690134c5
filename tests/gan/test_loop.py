"""The training step, and the loop around it."""

import math
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch.nn.utils import parametrize

from relation_gan.gan.loop import Interrupted, as_laid_out, objective, parameters, train_step
from relation_gan.gan.state import CheckpointStore, TrainState
from tests.gan.helpers import (
    CONFIG,
    CRITIC,
    DMGAN,
    FEEDS,
    ORDERS,
    PREVIOUS,
    R1,
    RAHINGE,
    RELATION,
    Noise,
    assert_same,
    draws,
    generation,
    state,
    trained,
    weights,
)

SIDES = ("generator", "critic")


def test_both_sides_are_updated_from_the_same_weights() -> None:
    s, other = state(ema=0), state(ema=0)
    terms = other.task.terms(FEEDS, draws(other), SIDES)
    moved = parameters(other.optimisers["critic"])
    expected = torch.autograd.grad(terms["critic"]["critic_loss"], moved)
    train_step(s, FEEDS)
    for parameter, gradient in zip(parameters(s.optimisers["critic"]), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient)


def test_gradients_take_the_memory_order_of_their_parameters() -> None:
    # As of a network that multiplies by its transposed weight. Fused Adam on a GPU refuses another order.
    parameter, gradient = torch.zeros(2, 3), torch.arange(6.0).view(3, 2).T
    found = as_laid_out(parameter, gradient)
    assert found.stride() == parameter.stride() != gradient.stride()
    assert torch.equal(found, gradient)
    assert as_laid_out(parameter, found) is found


def updates(of: Any) -> dict[str, set[int]]:
    """How often each optimiser moved its parameters: Adam counts."""
    return {side: {int(v["step"]) for v in optimiser.state.values()} for side, optimiser in of.optimisers.items()}


@pytest.mark.parametrize("order", ORDERS)
def test_each_side_is_updated_as_often_as_its_schedule_says(order: str) -> None:
    s = state(order=order, critic_steps=2)
    terms = train_step(s, FEEDS)
    assert s.step == 1
    assert all(value.isfinite() for value in terms.values())
    assert updates(s) == {"generator": {1}, "critic": {2}}


def test_critic_first_moves_the_critic_before_the_generator_looks() -> None:
    s, other = state(order="critic_first", ema=0), state(order="critic_first", ema=0)
    train_step(s, FEEDS)
    # The other's critic is what the first one's became; its generator has yet to move.
    generation(other).adversary.critic.load_state_dict(generation(s).adversary.critic.state_dict())
    terms = other.task.terms(FEEDS, draws(other, update=1), ("generator",))
    expected = torch.autograd.grad(terms["generator"]["generator_loss"], parameters(other.optimisers["generator"]))
    for parameter, gradient in zip(parameters(s.optimisers["generator"]), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient)


def test_a_penalty_moves_the_critic_alone() -> None:
    s, plain = state(RELATION, {**R1, "weight": 100.0}), state(RELATION)
    for each in (s, plain):
        train_step(each, FEEDS)
    assert_same(dict(generation(s).generator.state_dict()), dict(generation(plain).generator.state_dict()))
    critics = (next(generation(each).adversary.critic.parameters()) for each in (s, plain))
    assert not torch.equal(*critics)


def test_a_clipped_critic_stays_within_its_limit() -> None:
    s = state({"name": "wgan"}, {"name": "weight_clip", "limit": 0.01}, lr_critic=1.0, critic_steps=2)
    train_step(s, FEEDS)
    assert max(p.abs().max() for p in generation(s).adversary.critic.parameters()) <= 0.01
    assert max(p.abs().max() for p in generation(s).generator.parameters()) > 0.01


def test_centres_are_updated_once_a_step_from_the_features_of_the_critics_step() -> None:
    s = state(DMGAN)
    adversary = generation(s).adversary
    # The joint step computes features once, before either network moves.
    f_x = adversary.critic(FEEDS["data"].batch(0, 6)).detach()
    train_step(s, FEEDS)
    # From 0: gamma * sum f / (1 + 6).
    torch.testing.assert_close(adversary.state_dict()["loss.centre_real"][0], 0.5 * f_x.sum(0) / 7)


def test_rates_fall_as_the_schedule_says() -> None:
    s = state(steps=4, decay_from=0.5, lr_critic=3e-2)
    rates = []
    for _ in range(4):
        train_step(s, FEEDS)
        rates.append([optimiser.param_groups[0]["lr"] for optimiser in s.optimisers.values()])
    assert rates == [pytest.approx([0.01 * f, 0.03 * f]) for f in (1, 1, 1, 0.5)]


@pytest.mark.parametrize(
    "loss", [RELATION, PREVIOUS, RAHINGE, DMGAN, {"name": "siamese", "margin": 2.0, "second": "prev_detached"}]
)
@pytest.mark.parametrize("order", ORDERS)
def test_a_resumed_run_ends_in_the_same_bits(tmp_path: Path, loss: dict[str, Any], order: str) -> None:
    terms = [R1] if loss["name"] in ("relation", "rahinge") else []
    whole = trained(state(loss, *terms, order=order), tmp_path / "whole")
    store = CheckpointStore(tmp_path / "halves")
    first = state(loss, *terms, order=order)
    for _ in range(5):
        train_step(first, FEEDS, observe=True)
    first.grids = whole.grids[: sum(step <= 5 for step in first.config.grid_steps())]
    store.save(first, CONFIG)
    resumed = trained(state(loss, *terms, order=order), store.folder)
    assert_same(weights(resumed), weights(whole))
    assert resumed.step == whole.step == 12


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("loss", "terms"),
    [
        (RELATION, [R1]),
        (PREVIOUS, []),
        (RAHINGE, [R1]),
        (DMGAN, []),
        ({"name": "wgan"}, [{"name": "gradient_penalty", "where": "interpolates", "weight": 10.0, "centre": 1.0}]),
    ],
)
@pytest.mark.parametrize("family", ["dcgan", "resnet"])
def test_a_resumed_run_on_a_gpu_ends_in_the_same_bits(
    tmp_path: Path, loss: dict[str, Any], terms: list[dict[str, Any]], family: str
) -> None:
    feeds = {"data": Noise(3, 32, 32, device="cuda")}
    # Wide enough for algorithms of cuDNN that add up in any order.
    images = {"size": 32, "channels": 3, "width": 32}
    generator = {"name": f"{family}_generator", "latent": 4, **images}
    critic = {"name": f"{family}_critic", **images}

    def untrained() -> TrainState:
        return state(loss, *terms, generator=generator, critic=critic, accelerator="gpu", batch_size=32)

    whole = trained(untrained(), tmp_path / "whole", feeds=feeds)
    event = threading.Event()

    def stop_halfway(step: int, row: object) -> None:
        if step == 6:
            event.set()

    with pytest.raises(Interrupted, match="stopped at step 6 of 12"):
        trained(untrained(), tmp_path / "halves", stop_halfway, feeds=feeds, stop=event)
    resumed = trained(untrained(), tmp_path / "halves", feeds=feeds)
    assert_same(weights(resumed), weights(whole))


def test_algorithms_that_do_not_repeat_are_left_out_while_training_alone(tmp_path: Path) -> None:
    found: list[bool] = []
    trained(state(), tmp_path, lambda *_: found.append(torch.backends.cudnn.deterministic))
    assert found and all(found)
    assert not torch.backends.cudnn.deterministic


SPECTRAL = {**CRITIC, "spectral_norm": True, "init": "lecun"}


@pytest.mark.parametrize("loss", [{"name": "hinge"}, RELATION, DMGAN], ids=["score", "pair", "feature"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_resumed_run_with_normalised_weights_ends_in_the_same_bits(
    tmp_path: Path, loss: dict[str, Any], order: str
) -> None:
    def fresh() -> TrainState:
        return state(loss, order=order, critic=SPECTRAL, critic_steps=2)

    whole = trained(fresh(), tmp_path / "whole")
    event = threading.Event()

    def press(step: int, row: object) -> None:
        if step == 5:
            event.set()

    with pytest.raises(Interrupted):
        trained(fresh(), tmp_path / "halves", log=press, stop=event)
    assert_same(weights(trained(fresh(), tmp_path / "halves")), weights(whole))
    assert any(name.endswith("._u") for name in weights(whole))


@pytest.mark.parametrize("term", [[], [R1, {**R1, "where": "fake"}]], ids=["plain", "penalised"])
def test_all_images_of_an_update_meet_one_critic_with_weights_normalised_once(term: list[dict[str, Any]]) -> None:
    s, other = (state({"name": "hinge"}, *term, critic=SPECTRAL, ema=0) for _ in range(2))
    critic = generation(other).adversary.critic
    for layer in critic.modules():  # one step of the power method, and then no more
        if parametrize.is_parametrized(layer):
            _ = layer.weight
    critic.eval()
    terms = other.task.terms(FEEDS, draws(other), SIDES)
    expected = {
        side: torch.autograd.grad(sum(terms[side].values()), parameters(other.optimisers[side]), retain_graph=True)
        for side in SIDES
    }
    train_step(s, FEEDS)
    for side, optimiser in s.optimisers.items():
        for parameter, gradient in zip(parameters(optimiser), expected[side], strict=True):
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad, gradient)
    buffers = dict(generation(s).adversary.critic.named_buffers())
    assert_same(buffers, dict(critic.named_buffers()))


def test_normalised_weights_are_trained_in_half_precision() -> None:
    s = state({"name": "hinge"}, critic=SPECTRAL)
    s.fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    for _ in range(3):
        assert all(value.isfinite() for value in train_step(s, FEEDS).values())
    vectors = [value for name, value in generation(s).adversary.critic.named_buffers() if name.endswith("._u")]
    assert {vector.dtype for vector in vectors} == {torch.float32}


SCHEDULES: dict[str, Any] = {
    "lr_generator": {"start": 1e-2, "end": 1e-3, "over": 0.5, "shape": "cosine"},
    "lr_critic": {"start": 1e-3, "end": 1e-2},
    "betas": (0.0, {"start": 0.9, "end": 0.99, "shape": "cosine"}),
    "ema_half_life": {"start": 0, "end": 30},
}
FADING = {**R1, "weight": {"start": 1.0, "end": 0.1, "over": 0.5}}


def test_a_resumed_run_with_schedules_ends_in_the_same_bits(tmp_path: Path) -> None:
    def fresh() -> TrainState:
        return state({"name": "rsgan"}, FADING, {**FADING, "where": "fake"}, **SCHEDULES)

    whole = trained(fresh(), tmp_path / "whole")
    event = threading.Event()

    def press(step: int, row: object) -> None:
        if step == 5:
            event.set()

    with pytest.raises(Interrupted):
        trained(fresh(), tmp_path / "halves", log=press, stop=event)
    assert_same(weights(trained(fresh(), tmp_path / "halves")), weights(whole))


def test_each_step_has_the_numbers_of_its_place_in_the_training() -> None:
    s = state({"name": "rsgan"}, FADING, steps=4, **SCHEDULES)
    found = []
    for _ in range(4):
        train_step(s, FEEDS)
        groups = [optimiser.param_groups[0] for optimiser in s.optimisers.values()]
        found.append([*(group["lr"] for group in groups), groups[0]["betas"][1]])
    # The generator's rate is half of the way down at a quarter of the steps, the critic's a quarter of the way up.
    assert [row[0] for row in found] == pytest.approx([1e-2, 5.5e-3, 1e-3, 1e-3])
    assert [row[1] for row in found] == pytest.approx([1e-3, 3.25e-3, 5.5e-3, 7.75e-3])
    assert found[2][2] == pytest.approx(0.945)


def test_a_schedule_that_stays_where_it_is_and_a_plain_number_end_in_the_same_bits() -> None:
    def still(number: float) -> dict[str, float]:
        return {"start": number, "end": number}

    term = {**R1, "weight": still(0.5)}
    rates = {"lr_generator": still(1e-2), "lr_critic": still(1e-2), "betas": (0.0, still(0.9))}
    one, other = state(RELATION, term, **rates), state(RELATION, R1)
    for _ in range(3):
        train_step(one, FEEDS), train_step(other, FEEDS)
    assert_same(weights(one), weights(other))


def test_runs_of_different_seeds_differ(tmp_path: Path) -> None:
    a, b = (trained(state(seed=seed), tmp_path / str(seed)) for seed in (0, 1))
    assert not torch.equal(*(next(each.task.parameters()) for each in (a, b)))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    trained(state(), tmp_path)
    path = CheckpointStore(tmp_path).path
    before, logged = path.stat().st_mtime_ns, []
    trained(state(), tmp_path, log=lambda step, row: logged.append(step))
    assert logged == []
    assert path.stat().st_mtime_ns == before


def test_a_divergence_is_recorded_with_its_step_and_ends_the_run(tmp_path: Path) -> None:
    class Poisoned(Noise):
        def batch(self, index: int, size: int) -> torch.Tensor:
            return super().batch(index, size) * (math.nan if index == 6 else 1)

    s = trained(state(), tmp_path, feeds={"data": Poisoned()})
    assert s.diverged_at == 7  # batch 6 is that of the seventh step
    assert all(math.isfinite(value) for row in s.history for value in row.values())
    again = trained(state(), tmp_path)
    assert (again.step, again.diverged_at) == (7, 7)


def test_rows_are_logged_at_their_steps_and_at_the_last(tmp_path: Path) -> None:
    rows: dict[int, dict[str, float]] = {}
    s = trained(state(log_every=5), tmp_path, log=rows.__setitem__)
    assert list(rows) == [5, 10, 12]
    assert list(rows.values()) == s.history
    assert {"step", "seconds", "critic_loss", "generator_loss", "score_real_fake", "fake_max"} < rows[12].keys()


def test_ctrl_c_saves_and_resuming_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole = trained(state(), tmp_path / "whole")

    def press(step: int, row: object) -> None:
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="stopped at step 4 of 12"):
        trained(state(), tmp_path / "stopped", log=press)
    assert signal.getsignal(signal.SIGINT) is before
    assert_same(weights(trained(state(), tmp_path / "stopped")), weights(whole))


def test_an_event_stops_a_training_too(tmp_path: Path) -> None:
    event = threading.Event()

    def press(step: int, row: object) -> None:
        if step == 4:
            event.set()

    with pytest.raises(Interrupted, match="stopped at step 4 of 12"):
        trained(state(), tmp_path, log=press, stop=event)
    assert CheckpointStore(tmp_path).check(CONFIG)["step"] == 4  # type: ignore[index]


def test_a_stop_at_the_last_step_is_no_interruption(tmp_path: Path) -> None:
    event = threading.Event()
    event.set()
    assert trained(state(steps=1), tmp_path, stop=event).step == 1


ONE, FOUR = torch.ones(()), torch.ones(2, 2)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (
            {"generator": {"a": ONE, "content": FOUR}},
            r"'content', which the generator minimises, has the shape \(2, 2\)",
        ),
        ({"critic": {"critic_loss": ONE}}, "the task's terms are of critic, and 'generator' moves, too"),
        ({"critic": {"critic_loss": ONE}, "generator": {}}, "'generator' moves, too: give it one to minimise"),
    ],
)
def test_terms_that_are_no_objective_are_refused_by_name(
    terms: dict[str, dict[str, torch.Tensor]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        objective("generator", terms)


def test_an_objective_is_the_sum_of_its_terms() -> None:
    assert float(objective("generator", {"generator": {"a": ONE, "b": 2 * ONE}, "critic": {"c": FOUR}})) == 3
