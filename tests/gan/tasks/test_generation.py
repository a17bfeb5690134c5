"""Generation: where its batches, latents and labels come from, and what it refuses."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from relation_gan.gan.data import Points
from relation_gan.gan.loop import train_step
from relation_gan.gan.losses import Batch
from relation_gan.gan.state import TrainState
from relation_gan.gan.tasks import Draws
from tests.gan.helpers import DMGAN, FEEDS, RELATION, draws, generation, state

CONDITIONAL: dict[str, Any] = {
    "generator": {"name": "mlp_generator", "latent": 4, "classes": 3, "widths": [8], "size": 16, "channels": 1},
    "critic": {"name": "mlp_critic", "widths": [8], "size": 16, "channels": 1, "features": 5},
}


def batch(of: TrainState, at: Draws | None = None) -> Batch:
    """What the adversary plays on."""
    task = generation(of)
    task.terms(FEEDS, at or draws(of), ("generator", "critic"))
    ((_, images),) = task.adversary._last
    return images


def test_batches_depend_on_seed_and_step_alone() -> None:
    a, b = state(), state()
    b.step = a.step = 3
    first, again = batch(a), batch(b)
    assert torch.equal(first.real, again.real)
    assert torch.equal(first.fake, again.fake)
    b.step = 4
    assert not torch.equal(first.real, batch(b).real)
    assert not torch.equal(first.fake, batch(b).fake)


def test_fakes_are_made_of_the_latents() -> None:
    s = state()
    found = batch(s)
    assert found.latents is not None
    torch.testing.assert_close(generation(s).generator(found.latents), found.fake)


def test_fresh_second_samples_are_further_batches() -> None:
    s = state({**RELATION, "second": "fresh_grad"})
    s.step = 2
    found, feed = batch(s), FEEDS["data"]
    assert found.real2 is not None and found.fake2 is not None
    assert torch.equal(found.real, feed.batch(4, 6))
    assert torch.equal(found.real2, feed.batch(5, 6))
    assert not torch.equal(found.fake, found.fake2)


@pytest.mark.parametrize("second", ["both", "fresh_grad"])
def test_the_parts_of_several_processes_are_the_batch_of_one(second: str) -> None:
    s = state({**RELATION, "second": second})
    whole = batch(s)
    parts = [batch(s, replace(draws(s), batch_size=2, rank=rank, ranks=3)) for rank in range(3)]
    for name in ("real", "real2", "latents") if second == "fresh_grad" else ("real", "latents"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))


def test_a_conditional_generator_draws_the_labels_of_the_real_images() -> None:
    s = state({**DMGAN, "classes": 3}, **CONDITIONAL)
    found = batch(s)
    assert found.labels is not None and found.latents is not None
    assert found.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert found.latents.shape == (6, 7)
    assert found.latents[:, 4:].argmax(1).tolist() == found.labels.tolist()
    train_step(s, FEEDS)
    assert s.tensors()["task/adversary.loss.centre_real"].shape == (3, 5)


def test_random_draws_differ_between_seeds_steps_purposes_and_processes() -> None:
    found = {
        torch.rand((), generator=Draws(seed, step, 0, 0, 2, torch.device("cpu"), rank, 2).random(purpose)).item()
        for seed in (0, 1, 4194303)
        for step in (0, 1, 2**24)
        for purpose in (0, 1, 128)
        for rank in (0, 1)
    }
    assert len(found) == 54


@pytest.mark.parametrize(("classes", "modes"), [(0, 3), (3, 3), (3, 8)])
def test_a_loss_distinguishes_as_many_classes_as_there_are(classes: int, modes: int) -> None:
    points = Points("ring", {"name": "ring", "modes": modes, "radius": 1.0, "sigma": 0.1})
    task = state({**DMGAN, "classes": classes}, **CONDITIONAL).task
    if classes in (0, modes):
        task.check(points)
    else:
        with pytest.raises(ValueError, match="ring has 8; set loss.classes and generator.classes to 8"):
            task.check(points)


def test_a_stage_starts_from_the_last_weights_of_the_one_before() -> None:
    before, after = (
        state({"name": name, "epsilon": 1.0}, seed=seed) for name, seed in (("margin_gan", 0), ("gogan", 1))
    )
    train_step(before, FEEDS)
    after.task.follow(deepcopy(before.trained()))
    for name in ("generator", "critic"):
        one, other = (
            {"generator": generation(s).generator, "critic": generation(s).adversary.critic}[name]
            for s in (before, after)
        )
        assert all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))
    # The stage before is kept, and is on no side.
    count = {len(list(s.task.parameters())) for s in (before, after)}
    moved = {sum(map(len, s.task.sides().values())) for s in (before, after)}
    assert len(count) == 2 and moved == {min(count)}
