import torch

from relation_gan.gan.tasks import Draws
from tests.gan.helpers import Noise, state


def of(seed: int = 0, step: int = 0, rank: int = 0, ranks: int = 1, size: int = 6) -> Draws:
    return Draws(seed, step, 0, step, size, torch.device("cpu"), rank, ranks)


def test_random_draws_differ_between_seeds_steps_purposes_and_ranks():
    draws = {
        torch.rand((), generator=of(seed, step, rank, 2).random(purpose)).item()
        for seed in (0, 1, 4194303)
        for step in (0, 1, 2**24)
        for purpose in (0, 1, 128)
        for rank in (0, 1)
    }
    assert len(draws) == 54


def test_what_is_drawn_for_all_ranks_is_the_same_in_each():
    one, other = (torch.rand(3, generator=of(rank=rank, ranks=2).shared(0)) for rank in (0, 1))
    assert torch.equal(one, other)
    assert torch.equal(of(rank=1, ranks=2).own(torch.arange(6)), torch.tensor([3, 4, 5]))


def test_ranks_share_the_batches_without_overlap():
    feed = Noise()
    found = [of(step=3, rank=rank, ranks=2, size=3).real(feed, 2) for rank in (0, 1)]
    # Step 3 takes the seventh and eighth batch of both ranks: places 12 to 15.
    expected = [[feed.batch(place, 3) for place in places] for places in ((12, 14), (13, 15))]
    assert all(
        torch.equal(a, b) for one, other in zip(found, expected, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_the_sides_of_a_task_share_no_parameter():
    sides = state().task.sides()
    held = [{id(p) for p in parameters} for parameters in sides.values()]
    assert sides.keys() == {"generator", "critic"} and not held[0] & held[1]
