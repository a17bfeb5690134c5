"""How long, at which rates, and who moves when."""

from typing import Any

import pytest

from relation_gan.gan.schedule import TrainingConfig


def config(**options: Any) -> TrainingConfig:
    return TrainingConfig(**{"steps": 2000, "batch_size": 2, "lr_generator": 1, "lr_critic": 1, **options})


def test_rates_are_constant_and_then_fall_linearly() -> None:
    schedule = config(steps=100, decay_from=0.5, decay_to=0.2)
    # Half-way down at step 75: (1 + .2) / 2.
    assert [schedule.rate(step) for step in (0, 50, 75, 100)] == pytest.approx([1, 1, 0.6, 0.2])


def test_bursts_of_critic_steps_are_those_of_wgans_code() -> None:
    schedule = config(critic_steps=5, critic_burst=True, order="critic_first")
    steps = range(1002)
    expected = [100 if step < 25 or step % 500 == 0 else 5 for step in steps]
    assert [schedule.critic_steps_at(step) for step in steps] == expected
    # The generator's own batch is one more where it moves second; every batch of the data is drawn in turn.
    for step in (0, 1, 24, 25, 26, 500, 501, 1000, 1001):
        assert schedule.draws_before(step) == sum(expected[:step]) + step
    joint = schedule.model_copy(update={"order": "generator_first"})
    assert joint.draws_before(501) == sum(expected[:501])


@pytest.mark.parametrize(
    ("order", "critic_steps", "expected"),
    [
        ("generator_first", 1, [("generator", "critic")]),
        ("generator_first", 3, [("critic",), ("critic",), ("generator", "critic")]),
        ("critic_first", 1, [("critic",), ("generator",)]),
        ("critic_first", 2, [("critic",), ("critic",), ("generator",)]),
    ],
)
def test_the_updates_of_a_step(order: str, critic_steps: int, expected: list[tuple[str, ...]]) -> None:
    schedule = config(order=order, critic_steps=critic_steps)
    assert schedule.updates(7) == expected
    assert schedule.draws_before(7) == 7 * len(expected)


def test_a_critic_has_its_own_rate_and_all_else_the_generators() -> None:
    schedule = config(lr_generator=0.1, lr_critic=0.2)
    assert [schedule.learning_rate(side) for side in ("generator", "critic", "encoder")] == [0.1, 0.2, 0.1]


RAMP = {"start": 0.4, "end": 0.2, "over": 0.5}


def test_a_rate_that_is_a_schedule_follows_that_alone() -> None:
    schedule = config(steps=100, lr_generator=RAMP, lr_critic=0.4, decay_from=0.5)
    # Half of the way at step 25, all of it at 50, where the plain rate begins to fall: half of it is left at 75.
    assert [schedule.learning_rate("generator", step) for step in (0, 25, 50, 75)] == pytest.approx(
        [0.4, 0.3, 0.2, 0.2]
    )
    assert [schedule.learning_rate("critic", step) for step in (0, 25, 50, 75)] == pytest.approx([0.4, 0.4, 0.4, 0.2])


def test_betas_may_be_schedules() -> None:
    schedule = config(steps=100, betas=(0.0, {"start": 0.9, "end": 0.99, "shape": "cosine"}))
    assert [schedule.betas_at(step) for step in (0, 50)] == [(0.0, 0.9), (0.0, pytest.approx(0.945))]
    assert config(betas=(0.5, 0.9)).betas_at(7) == (0.5, 0.9)


def test_a_plain_average_is_held_down_while_it_is_young_and_a_schedule_is_followed() -> None:
    plain = config(steps=100, ema=0.9)
    assert [plain.ema_decay(step) for step in (0, 1, 8, 90)] == [0, 2 / 11, 9 / 18, 0.9]
    schedule = config(steps=100, ema={"start": 0.5, "end": 0.9})
    assert [schedule.ema_decay(step) for step in (0, 1, 50)] == [0, pytest.approx(0.504), pytest.approx(0.7)]


def test_an_average_may_be_said_by_its_half_life() -> None:
    # A half-life of 16 images is 4 batches of 4, in which a decay of 0.5^(1/4) a step leaves a half.
    plain = config(steps=1000, batch_size=4, ema=0.1, ema_half_life=16)
    assert plain.ema_decay(900) ** 4 == pytest.approx(0.5)
    schedule = config(steps=100, batch_size=4, ema_half_life={"start": 0, "end": 16, "over": 0.5})
    assert [schedule.ema_decay(step) for step in (25, 50)] == pytest.approx([0.5 ** (4 / 8), 0.5 ** (4 / 16)])
    assert config(ema_half_life=0).ema_decay(3) == 0


def test_a_configuration_of_plain_numbers_reads_as_before_there_were_schedules() -> None:
    plain = config()
    assert "ema_half_life" not in plain.model_dump(mode="json")
    assert {plain.model_dump()[name] for name in ("lr_generator", "lr_critic")} == {1.0}
    changing = config(lr_generator=RAMP, ema_half_life=RAMP)
    assert TrainingConfig.model_validate(changing.model_dump(mode="json")) == changing
    assert changing.model_dump(mode="json")["lr_generator"] == {**RAMP, "shape": "linear"}


def test_snapshots_are_spaced_evenly_and_grids_by_growing_distances() -> None:
    schedule = config(steps=100, snapshots=4)
    assert schedule.snapshot_steps() == [25, 50, 75, 100]
    assert schedule.grid_steps() == [0, 1, 2, 3, 6, 12, 25, 50, 100]
    assert config(steps=2, snapshots=10).snapshot_steps() == [1, 2]


@pytest.mark.parametrize(("batch_size", "devices"), [(2, 1), (4, 2), (96, 3), (7, "auto")])
def test_a_batch_is_shared_evenly(batch_size: int, devices: int | str) -> None:
    assert config(batch_size=batch_size, devices=devices).devices == devices


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps"),
        ({"batch_size": 1}, "batch_size"),
        ({"betas": (0.5, 1.0)}, "each beta must be at least 0 and below 1"),
        ({"betas": (0.5, {"start": 0.9, "end": 1.0})}, "each beta must be at least 0 and below 1"),
        ({"lr_critic": {"start": 0.1, "end": 0.0}}, "lr_critic.end\n.*greater than 0"),
        ({"ema": {"start": -0.1, "end": 0.5}}, "ema.start\n.*greater than or equal to 0"),
        ({"ema_half_life": {"start": 0}}, "ema_half_life.end\n.*required"),
        ({"order": "both"}, "generator_first"),
        ({"lerning_rate": 1}, "lerning_rate"),
        ({"devices": 0}, "devices"),
        ({"batch_size": 9, "devices": 2}, "batch_size 9 cannot be shared by devices 2: it must be a multiple"),
        ({"batch_size": 2, "devices": 2}, "with 2 images or more for each"),
    ],
)
def test_wrong_training_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**options)
