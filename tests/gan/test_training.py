"""The training step and its loop."""

import math
import os
import signal

import pytest
import torch

from relation_gan.gan import losses, networks, regularisers
from relation_gan.gan.checkpoint import CheckpointError
from relation_gan.gan.losses import Batch
from relation_gan.gan.training import (
    CheckpointStore,
    Interrupted,
    SharedCritic,
    TrainingConfig,
    TrainState,
    draw,
    fit,
    gradients,
    train_step,
)

RELATION = {"name": "relation", "form": "eq6", "margin": {"kind": "mse", "base": 1.0, "scale": 0.01}}
R1 = {"name": "gradient_penalty", "where": "real", "weight": 0.5}
CONFIG = {"any": "configuration"}


class Noise:
    """Real batches that are a function of their index, as the protocol `Feed` asks."""

    device = torch.device("cpu")

    def batch(self, index: int, size: int) -> torch.Tensor:
        return torch.rand(size, 1, 16, 16, generator=torch.Generator().manual_seed(index)) * 2 - 1


def state(loss=RELATION, seed=0, **training) -> TrainState:
    torch.manual_seed(seed)
    objective = losses.create(**loss)
    return TrainState(
        networks.create("dcgan_generator", size=16, channels=1, latent=4, width=4),
        networks.create("dcgan_critic", kind=objective.critic_kind, size=16, channels=1, width=4, head=8),
        objective,
        TrainingConfig(
            **{"steps": 12, "batch_size": 6, "lr_generator": 1e-2, "lr_critic": 1e-2, "log_every": 1, **training}
        ),
        seed,
    )


def weights(s: TrainState) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in s.tensors().items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.mark.parametrize("second", ["both", "fresh_grad", "fresh_detached", "prev_detached"])
@pytest.mark.parametrize("form", ["eq6", "eq7"])
def test_the_joint_step_has_the_gradients_of_the_published_one(form, second):
    """Published: every pair goes through the whole network, six embeddings for each of the two losses."""
    s = state({**RELATION, "form": form, "second": second})
    if second == "prev_detached":  # a second step, so that there is something to remember
        train_step(s, Noise())
    batch = draw(s, Noise(), 0, (), trains_generator=True)
    critic, margin = s.critic, s.loss.margin
    x, y = batch.real, batch.fake
    x2 = batch.real2 if batch.real2 is not None else x.roll(1, 0)
    y2 = batch.fake2 if batch.fake2 is not None else y.roll(-1, 0)

    L_G = (2 * critic(x, y) - critic(y, y2)).mean()
    naive_generator = gradients(L_G, s.opt_generator, retain_graph=True)
    triplets = (
        critic(x, x2) - critic(x, y.detach()) + margin(x2, y),
        critic(y.detach(), y2.detach()) - critic(x, y.detach()) + margin(y2, x),
    )
    L_D = sum(t.relu().mean() if form == "eq6" else t.mean().relu() for t in triplets)
    naive_critic = gradients(L_D, s.opt_critic)

    shared = SharedCritic(s.critic)
    scores = s.loss.scores(shared, batch)
    joint_critic = gradients(s.loss.critic_objective(scores, batch), s.opt_critic, retain_graph=True)
    joint_generator = gradients(s.loss.generator_objective(scores, batch), s.opt_generator)
    for naive, joint in ((naive_critic, joint_critic), (naive_generator, joint_generator)):
        assert any(gradient.abs().max() > 1e-6 for gradient in naive)
        for expected, found in zip(naive, joint, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_the_joint_step_updates_both_networks_from_the_same_weights():
    s, other = state(ema=0), state(ema=0)
    batch = draw(other, Noise(), 0, (), trains_generator=True)
    expected = gradients(other.loss.critic_loss(other.critic, batch), other.opt_critic)
    train_step(s, Noise())
    for parameter, gradient in zip(s.critic.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_critic_first_moves_the_critic_before_the_generator_looks():
    s = state(order="critic_first", critic_steps=2)
    terms = train_step(s, Noise())
    assert s.step == 1
    assert all(value.isfinite() for value in terms.values())
    # Adam counts its updates: two of the critic, one of the generator.
    assert {int(v["step"]) for v in s.opt_critic.state.values()} == {2}
    assert {int(v["step"]) for v in s.opt_generator.state.values()} == {1}


@pytest.mark.parametrize(
    "loss",
    [
        RELATION,
        {**RELATION, "second": "prev_detached"},
        {"name": "rahinge"},
        {"name": "dmgan", "weight": 1.2, "gamma": 0.5},
        {"name": "siamese", "margin": 2.0, "second": "prev_detached"},
    ],
)
@pytest.mark.parametrize("order", ["generator_first", "critic_first"])
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, loss, order):
    terms = [regularisers.create(**R1)] if loss["name"] in ("relation", "rahinge") else []
    whole = fit(state(loss, order=order), Noise(), terms, CheckpointStore(tmp_path / "whole"), CONFIG)
    store = CheckpointStore(tmp_path / "halves")
    first = state(loss, order=order)
    for _ in range(5):
        train_step(first, Noise(), terms, observe=True)
    first.grids = whole.grids[:1] + [
        g for step, g in zip(first.config.grid_steps()[1:], whole.grids[1:], strict=True) if step <= 5
    ]
    store.save(first, CONFIG)
    resumed = fit(state(loss, order=order, seed=0), Noise(), terms, store, CONFIG)
    assert_same(weights(resumed), weights(whole))
    assert resumed.step == whole.step == 12


def test_runs_of_different_seeds_differ(tmp_path):
    a, b = (fit(state(seed=seed), Noise(), (), CheckpointStore(tmp_path / str(seed)), CONFIG) for seed in (0, 1))
    assert not torch.equal(next(a.generator.parameters()), next(b.generator.parameters()))


def test_a_checkpoint_of_another_configuration_is_refused_and_kept(tmp_path):
    store = CheckpointStore(tmp_path)
    fit(state(), Noise(), (), store, {"run": {"lr": 1}})
    before = store.path.read_bytes()
    with pytest.raises(CheckpointError, match=r"run\.lr: 1 -> 2.*choose another folder"):
        fit(state(), Noise(), (), store, {"run": {"lr": 2}})
    assert store.path.read_bytes() == before


def test_a_stage_is_trained_anew_if_the_one_before_was(tmp_path):
    def steps_after(seed: int) -> list[int]:
        """Those that a stage takes after one of this seed."""
        logged: list[int] = []
        s, before = (state({"name": name, "epsilon": 1.0}, seed) for name in ("gogan", "margin_gan"))
        s.loss.follow(before.generator, before.critic)
        fit(s, Noise(), (), CheckpointStore(tmp_path), CONFIG, log=lambda step, row: logged.append(step))
        return logged

    every = list(range(1, 13))
    assert [steps_after(1), steps_after(1), steps_after(2), steps_after(2)] == [every, [], every, []]


def test_a_finished_run_is_not_trained_again(tmp_path):
    store = CheckpointStore(tmp_path)
    fit(state(), Noise(), (), store, CONFIG)
    before = store.path.stat().st_mtime_ns
    logged = []
    fit(state(), Noise(), (), store, CONFIG, log=lambda step, row: logged.append(step))
    assert logged == []
    assert store.path.stat().st_mtime_ns == before


def test_a_divergence_is_recorded_with_its_step_and_ends_the_run(tmp_path):
    s = state()

    class Poisoned(Noise):
        def batch(self, index, size):
            return super().batch(index, size) * (math.nan if index == 6 else 1)

    fit(s, Poisoned(), (), CheckpointStore(tmp_path), CONFIG)
    assert s.diverged_at == 7  # batch 6 is that of the seventh step
    assert all(math.isfinite(value) for row in s.history for value in row.values())


def test_interrupting_saves_and_going_on_ends_in_the_same_bits(tmp_path):
    whole = fit(state(), Noise(), (), CheckpointStore(tmp_path / "whole"), CONFIG)
    store = CheckpointStore(tmp_path / "stopped")

    def press(step, row):
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="stopped at step 4 of 12"):
        fit(state(), Noise(), (), store, CONFIG, log=press)
    assert signal.getsignal(signal.SIGINT) is before
    assert_same(weights(fit(state(), Noise(), (), store, CONFIG)), weights(whole))


def test_snapshots_and_grids_are_kept_at_their_steps(tmp_path):
    store = CheckpointStore(tmp_path)
    s = fit(state(snapshots=3), Noise(), (), store, CONFIG)
    assert [step for step, _ in store.snapshots("averaged")] == [4, 8, 12]
    assert len(s.grids) == len(s.config.grid_steps())
    last = dict(store.snapshots("raw"))[12]
    assert torch.equal(next(last.parameters()), next(s.generator.parameters()))


def test_the_average_is_of_the_generator():
    s = state(ema=0.5)
    before = next(s.generator.parameters()).detach().clone()
    train_step(s, Noise())
    first = next(s.generator.parameters()).detach().clone()
    # The first average is the weights themselves; the second has decay min(.5, (1 + 1) / (10 + 1)) = 2 / 11.
    assert torch.equal(next(s.averaged.parameters()), first)
    train_step(s, Noise())
    second = next(s.generator.parameters()).detach()
    torch.testing.assert_close(next(s.averaged.parameters()), first * 2 / 11 + second * 9 / 11)
    assert not torch.equal(before, first)


def test_a_shared_critic_embeds_an_image_once():
    s = state()
    calls = []
    s.critic.embedding.register_forward_hook(lambda *_: calls.append(1))
    train_step(s, Noise(), [regularisers.create(**R1)])
    assert len(calls) == 2  # the reals, for loss and penalty, and the fakes, for both losses


def test_a_penalty_is_added_to_the_critic_alone():
    s, plain = state(), state()
    with_penalty = train_step(s, Noise(), [regularisers.create(**{**R1, "weight": 100.0})])
    without = train_step(plain, Noise())
    assert with_penalty["penalty"] > 0
    assert_same(dict(s.generator.state_dict()), dict(plain.generator.state_dict()))
    assert with_penalty["critic_loss"] == without["critic_loss"]
    assert not torch.equal(next(s.critic.parameters()), next(plain.critic.parameters()))


def test_rates_are_constant_and_then_fall_linearly():
    config = TrainingConfig(steps=100, batch_size=2, lr_generator=1, lr_critic=1, decay_from=0.5, decay_to=0.2)
    # Half-way down at step 75: (1 + .2) / 2.
    assert [config.rate(step) for step in (0, 50, 75, 100)] == pytest.approx([1, 1, 0.6, 0.2])


def test_bursts_of_critic_steps_are_those_of_wgans_code():
    config = TrainingConfig(
        steps=2000, batch_size=2, lr_generator=1, lr_critic=1, critic_steps=5, critic_burst=True, order="critic_first"
    )
    steps = range(1002)
    expected = [100 if step < 25 or step % 500 == 0 else 5 for step in steps]
    assert [config.critic_steps_at(step) for step in steps] == expected
    # The generator's own batch is one more where it goes second; every batch of the data is drawn in turn.
    for step in (0, 1, 24, 25, 26, 500, 501, 1000, 1001):
        assert config.draws_before(step) == sum(expected[:step]) + step
    joint = config.model_copy(update={"order": "generator_first"})
    assert joint.draws_before(501) == sum(expected[:501])


def test_a_clipped_critic_stays_within_its_limit():
    s = state({"name": "wgan"}, lr_critic=1.0, critic_steps=2)
    train_step(s, Noise(), [regularisers.create("weight_clip", limit=0.01)])
    assert max(p.abs().max() for p in s.critic.parameters()) <= 0.01
    assert max(p.abs().max() for p in s.generator.parameters()) > 0.01


def test_centres_are_updated_once_a_step_from_the_features_of_the_critics_step():
    s = state({"name": "dmgan", "weight": 1.0, "gamma": 0.5})
    batch = draw(s, Noise(), 0, (), trains_generator=False)
    f_x = s.critic(batch.real).detach()  # the joint step computes features once, before either network moves
    train_step(s, Noise())
    # From 0: gamma * sum f / (1 + 6).
    torch.testing.assert_close(s.loss.centre_real[0], 0.5 * f_x.sum(0) / 7)


def test_a_conditional_generator_draws_the_labels_of_the_real_images():
    class Labelled(Noise):
        def labels(self, index: int, size: int) -> torch.Tensor:
            return (torch.arange(size) + index) % 3

    torch.manual_seed(0)
    s = TrainState(
        networks.create("mlp_generator", latent=4, classes=3, widths=[8], size=16, channels=1, output="tanh"),
        networks.create("mlp_critic", kind="feature", widths=[8], size=16, channels=1, features=5),
        losses.create("dmgan", weight=1.0, gamma=0.5, classes=3),
        TrainingConfig(steps=2, batch_size=6, lr_generator=1e-3, lr_critic=1e-3),
        0,
    )
    batch = draw(s, Labelled(), 0, (), trains_generator=False)
    assert batch.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert batch.latents.shape == (6, 7)
    assert batch.latents[:, 4:].argmax(1).tolist() == batch.labels.tolist()
    train_step(s, Labelled())
    assert s.loss.centre_real.shape == (3, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps"),
        ({"batch_size": 1}, "batch_size"),
        ({"betas": (0.5, 1.0)}, "each beta must be at least 0 and below 1"),
        ({"order": "both"}, "generator_first"),
        ({"lerning_rate": 1}, "lerning_rate"),
    ],
)
def test_wrong_training_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**{"steps": 1, "batch_size": 2, "lr_generator": 1, "lr_critic": 1, **options})


def test_random_draws_differ_between_seeds_steps_and_purposes():
    draws = {
        torch.rand((), generator=state(seed=seed).random(purpose, step, torch.device("cpu"))).item()
        for seed in (0, 1, 4194303)
        for step in (0, 1, 2**24)
        for purpose in (0, 1, 128)
    }
    assert len(draws) == 27


def test_batches_depend_on_seed_and_step_alone():
    a, b = state(), state()
    b.step = a.step = 3
    first, again = (draw(s, Noise(), 0, (), trains_generator=False) for s in (a, b))
    assert isinstance(first, Batch)
    assert torch.equal(first.real, again.real)
    assert torch.equal(first.fake, again.fake)
