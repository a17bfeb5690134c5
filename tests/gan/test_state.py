"""What a training needs to resume, and the folder that keeps it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from relation_gan.gan.checkpoint import CheckpointError
from relation_gan.gan.loop import train_step
from relation_gan.gan.state import CheckpointStore, TrainState
from tests.gan.helpers import CONFIG, DMGAN, FEEDS, PREVIOUS, RELATION, assert_same, generation, state, trained, weights


def first_weights(of: TrainState) -> torch.Tensor:
    return next(generation(of).generator.parameters()).detach().clone()


def test_the_average_is_of_the_generator() -> None:
    s = state(ema=0.5)
    before = first_weights(s)
    train_step(s, FEEDS)
    first = first_weights(s)
    # The first average is the weights themselves; the second has decay min(.5, (1 + 1) / (10 + 1)) = 2 / 11.
    assert torch.equal(next(s.ema["generator"].parameters()), first)
    train_step(s, FEEDS)
    second = first_weights(s)
    torch.testing.assert_close(next(s.ema["generator"].parameters()), first * 2 / 11 + second * 9 / 11)
    assert not torch.equal(before, first)


def test_the_average_has_the_batch_norm_of_the_generator() -> None:
    s = state(ema=0.5)
    for _ in range(3):
        train_step(s, FEEDS)
    averaged, current = s.ema["generator"].state_dict(), generation(s).generator.state_dict()
    counts = [name for name in current if name.endswith("num_batches_tracked")]
    assert counts
    assert all(averaged[name] == current[name] == 3 for name in counts)


def test_networks_have_the_names_of_their_files() -> None:
    s = state()
    assert s.trained() == {
        "generator": s.ema["generator"],
        "generator_raw": generation(s).generator,
        "critic": generation(s).adversary.critic,
    }


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
@pytest.mark.parametrize("loss", [RELATION, PREVIOUS, DMGAN])
def test_all_tensors_come_back(optimiser: str, loss: dict[str, Any]) -> None:
    s, other = (state(loss, optimiser=optimiser, seed=seed) for seed in (0, 1))
    for _ in range(2):
        train_step(s, FEEDS)
    s.grids = [torch.zeros(1), torch.ones(1)]
    other.load_tensors(weights(s))
    assert_same(weights(other), weights(s))
    assert [grid.item() for grid in other.grids] == [0, 1]


def test_a_checkpoint_of_another_configuration_is_refused_and_kept(tmp_path: Path) -> None:
    trained(state(), tmp_path, config={"run": {"lr": 1}})
    path = CheckpointStore(tmp_path).path
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"run\.lr: 1 -> 2.*choose another folder"):
        trained(state(), tmp_path, config={"run": {"lr": 2}})
    assert path.read_bytes() == before


def test_a_stage_is_trained_again_if_the_one_before_was(tmp_path: Path) -> None:
    def steps_after(seed: int) -> list[int]:
        """Those that a stage takes after one of this seed."""
        logged: list[int] = []
        s, before = (state({"name": name, "epsilon": 1.0}, seed=seed) for name in ("gogan", "margin_gan"))
        s.task.follow(before.trained())
        trained(s, tmp_path, log=lambda step, row: logged.append(step))
        return logged

    every = list(range(1, 13))
    assert [steps_after(1), steps_after(1), steps_after(2), steps_after(2)] == [every, [], every, []]


def test_snapshots_and_grids_are_kept_at_their_steps(tmp_path: Path) -> None:
    s = trained(state(snapshots=3), tmp_path)
    store = CheckpointStore(tmp_path)
    assert [step for step, _ in store.snapshots("generator")] == [4, 8, 12]
    assert len(s.grids) == len(s.config.grid_steps())
    assert all(grid.shape == (4, 1, 16, 16) and grid.dtype == torch.uint8 for grid in s.grids)
    assert torch.equal(next(dict(store.snapshots("generator_raw"))[12].parameters()), first_weights(s))
    averaged = dict(store.snapshots("generator"))[12].state_dict()
    assert_same(dict(averaged), dict(s.ema["generator"].state_dict()))
    assert list(store.snapshots("critic")) == []


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path).check(CONFIG) is None
    assert not CheckpointStore(tmp_path).restore(state(), CONFIG)
