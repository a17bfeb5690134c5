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
