"""Several processes that share the batch of each step: real ones, of two tiny trainings each."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from relation_gan.gan import checkpoint, parallel
from relation_gan.gan.checkpoint import CheckpointError
from relation_gan.gan.loop import Interrupted, parameters, train_step
from relation_gan.gan.parallel import Ranks, Stopped
from relation_gan.gan.state import CheckpointStore, TrainState
from relation_gan.gan.tasks import Draws
from tests.gan.helpers import (
    CONFIG,
    CRITIC,
    DMGAN,
    FEEDS,
    GENERATOR,
    PREVIOUS,
    RELATION,
    assert_same,
    draws,
    state,
    trained,
    weights,
)

PLAIN = {"generator": {**GENERATOR, "norm": "none"}}
CASES: dict[str, Callable[[], TrainState]] = {
    "batch_norm": lambda: state({"name": "hinge"}, critic={**CRITIC, "norm": "batch"}, ema=0.5),
    "pair": lambda: state(RELATION, {"name": "gradient_penalty", "where": "real", "weight": 0.5}, ema=0.5),
    "previous": lambda: state(PREVIOUS, order="critic_first"),
    "centres": lambda: state(DMGAN, {"name": "weight_clip", "limit": 0.1}),
    "spectral": lambda: state({"name": "hinge"}, critic={**CRITIC, "spectral_norm": True, "init": "lecun"}),
    "plain_score": lambda: state({"name": "non_saturating"}, **PLAIN, steps=4, optimiser="rmsprop", lr_critic=1e-3),
}
"""States that two processes train."""


def train_cases(folder: Path) -> None:
    """Train every case in two processes; each saves what it ends with, which then is resumed, too."""
    for name, make in CASES.items():
        ranks = Ranks.current()
        whole = trained(make(), folder / name)
        checkpoint.save(folder / f"{name}.{ranks.rank}", weights(whole), {"history": whole.history})
    for name in ("batch_norm", "pair", "previous", "spectral"):
        event = threading.Event()

        def press(step: int, row: object, event: threading.Event = event) -> None:
            if step == 5:
                event.set()  # in the first process alone

        with pytest.raises(Interrupted, match="stopped at step 5 of 12"):
            trained(CASES[name](), folder / f"{name}_halves", log=press, stop=event)
        resumed = trained(CASES[name](), folder / f"{name}_halves")
        checkpoint.save(folder / f"{name}_halves.{ranks.rank}", weights(resumed), {"history": resumed.history})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes trained."""
    path = tmp_path_factory.mktemp("parallel")
    parallel.launch(train_cases, 2, path)
    return path


def ended(folder: Path, name: str, rank: int = 0) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / f"{name}.{rank}").tensors


@pytest.mark.parametrize("name", CASES)
def test_all_processes_hold_the_same_bits(folder: Path, name: str) -> None:
    one, other = (ended(folder, name, rank) for rank in (0, 1))
    local = [key for key in one if "previous_" in key and key.startswith("task/")]
    assert bool(local) == (name in ("pair", "previous"))
    for key in local:
        one.pop(key), other.pop(key)
    assert_same(one, other)


def test_the_images_that_a_loss_recalls_are_each_processs_own(folder: Path) -> None:
    key = "task/adversary.loss.previous_real"
    one, other = (ended(folder, "previous", rank) for rank in (0, 1))
    assert one[key].shape == (3, 1, 16, 16)
    assert not torch.equal(one[key], other[key])
    assert torch.equal(one["rank1/adversary.loss.previous_real"], other[key])
    assert torch.equal(torch.cat([one[key], other[key]]), FEEDS["data"].batch(23, 6))


def test_the_vectors_of_normalised_weights_are_those_of_the_weights_in_every_process(folder: Path) -> None:
    ended_with = ended(folder, "spectral")
    vectors = {key: of for key, of in ended_with.items() if key.endswith(("._u", "._v"))}
    assert vectors
    for of in vectors.values():  # the mean of the processes' equal vectors is each of them
        assert float(of.norm()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["batch_norm", "pair", "previous", "spectral"])
def test_a_resumed_run_of_two_ends_in_the_same_bits(folder: Path, name: str) -> None:
    for rank in (0, 1):
        assert_same(ended(folder, f"{name}_halves", rank), ended(folder, name, rank))


def test_a_loss_of_single_scores_learns_what_one_process_does(folder: Path) -> None:
    alone = CASES["plain_score"]()
    start = weights(alone)
    for _ in range(alone.config.steps):
        train_step(alone, FEEDS)
    end, together = weights(alone), ended(folder, "plain_score")
    for key in start:
        if key.startswith("task/") and key.endswith("weight"):
            assert (end[key] - together[key]).norm() < 1e-3 * (end[key] - start[key]).norm(), key


def gradient(of: TrainState, at: Draws) -> torch.Tensor:
    """That of the critic's loss."""
    terms = of.task.terms(FEEDS, at, ("generator", "critic"))["critic"]
    found = torch.autograd.grad(terms["critic_loss"], parameters(of.optimisers["critic"]), allow_unused=True)
    return torch.cat([part.flatten() for part in found if part is not None])


@pytest.mark.parametrize(
    ("loss", "low", "high"),
    [
        ({"name": "non_saturating"}, 0, 1e-5),
        (DMGAN, 0, 1e-5),  # its pairs are of the same place
        (RELATION, 0.1, 1),  # of six images in two parts, the first is paired with the last of its own part
        ({"name": "siamese", "margin": 2.0}, 0.1, 1),
        ({"name": "rasgan"}, 1e-3, 0.1),  # averages of the parts
    ],
    ids=lambda value: value.get("name") if isinstance(value, dict) else "",
)
def test_how_far_the_mean_gradient_of_two_parts_is_from_that_of_the_batch(
    loss: dict[str, Any], low: float, high: float
) -> None:
    generator, critic = {**GENERATOR, "norm": "none", "init": "lecun"}, {**CRITIC, "init": "lecun"}
    s = state(loss, generator=generator, critic=critic)
    whole = gradient(s, draws(s))
    parts = [gradient(s, replace(draws(s), batch_size=3, rank=rank, ranks=2)) for rank in (0, 1)]
    distance = float((sum(parts) / 2 - whole).norm() / whole.norm())
    assert low <= distance < high


@pytest.mark.parametrize("name", ["batch_norm", "previous"])
def test_the_first_process_alone_logs_and_its_rows_are_the_means(folder: Path, name: str) -> None:
    one, other = (checkpoint.describe(folder / f"{name}.{rank}")["history"] for rank in (0, 1))
    assert [{**row, "seconds": 0} for row in one] == [{**row, "seconds": 0} for row in other]


def test_another_number_of_devices_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="on 2 devices, which 1 cannot resume bit for bit; set training.devices"):
        trained(CASES["pair"](), folder / "pair")
    assert CheckpointStore(folder / "pair").check(CONFIG, devices=2) is not None


def fail() -> None:
    """One of two processes ends in the middle of a step, the other waits for it."""
    ranks = Ranks.current()
    if not ranks.first:
        raise ValueError("this one is broken")
    ranks.average([torch.ones(1)])


def test_a_process_that_fails_ends_all_and_is_named() -> None:
    with pytest.raises(Stopped, match="ValueError: this one is broken"):
        parallel.launch(fail, 2)


def wait(folder: Path) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(600)


def test_ctrl_c_reaches_the_process_that_waits_alone_and_an_error_there_ends_all(tmp_path: Path) -> None:
    calls: list[str] = []

    def poll() -> None:
        if not calls and len(processes := [int(path.name) for path in tmp_path.iterdir()]) == 2:
            for process in processes:  # as a terminal does
                os.kill(process, signal.SIGINT)
            time.sleep(0.5)
            assert all(map(alive, processes))
            calls.append("a second Ctrl-C")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parallel.launch(wait, 2, tmp_path, poll=poll)
    assert not any(alive(int(path.name)) for path in tmp_path.iterdir())


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_alone_shares_nothing() -> None:
    ranks, tensor = Ranks.current(), torch.ones(2)
    assert ranks == Ranks(0, 1) and ranks.first
    ranks.average([tensor, None])
    assert tensor.tolist() == [1, 1]
    assert ranks.any(True, torch.device("cpu")) and not ranks.any(False, torch.device("cpu"))


@pytest.mark.parametrize(("asked", "accelerator", "count"), [(1, "cpu", 1), (3, "cpu", 3), ("auto", "cpu", 1)])
def test_how_many_devices_are_asked_for(asked: int | str, accelerator: str, count: int) -> None:
    assert parallel.device_count(asked, accelerator) == count
