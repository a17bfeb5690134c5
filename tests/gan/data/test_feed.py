import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from relation_gan.gan import data
from relation_gan.gan.data import ImageFeed, ImageStore, PointFeed, Points, save_store, to_float, to_uint8
from relation_gan.gan.data.feed import BLOCK, permute
from tests.conftest import images_recipe

LEVELS = torch.arange(256, dtype=torch.uint8)
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 255, 256, 257, 1000, 1023, 1025]


def test_every_level_survives_the_way_to_floats_and_back() -> None:
    assert torch.equal(to_uint8(to_float(LEVELS)), LEVELS)


def test_floats_span_minus_one_to_one_in_even_steps() -> None:
    floats = to_float(LEVELS)
    assert floats.dtype == torch.float32
    assert (floats[0], floats[-1]) == (-1, 1)
    assert floats.diff().numpy() == pytest.approx(np.full(255, 2 / 255), abs=1e-6)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (-1.5, 0),
        (1.5, 255),
        (1e9, 255),
        (-float("inf"), 0),
        # Half a level is 1/255 wide: a value is rounded to the nearest level, not cut off.
        (-1 + 2 / 255 * 6.6, 7),
        (-1 + 2 / 255 * 6.4, 6),
    ],
)
def test_floats_are_clamped_and_rounded_to_the_nearest_level(value: float, level: int) -> None:
    assert to_uint8(torch.tensor([value])).tolist() == [level]


def test_conversions_leave_their_input_as_it_is() -> None:
    levels, floats = LEVELS.clone(), to_float(LEVELS)
    kept = floats.clone()
    to_float(levels), to_uint8(floats)
    assert torch.equal(levels, LEVELS)
    assert torch.equal(floats, kept)


@pytest.mark.parametrize("n", SIZES)
def test_permute_is_a_permutation(n: int) -> None:
    for key in (0, 1, 7 << 32 | 3, (2**22 - 1) << 32):
        assert sorted(permute(np.arange(n), n, key).tolist()) == list(range(n))


def test_permute_of_a_few_positions_agrees_with_that_of_all() -> None:
    everywhere = permute(np.arange(1000), 1000, 5)
    chosen = np.array([999, 0, 500, 500])
    assert permute(chosen, 1000, 5).tolist() == everywhere[chosen].tolist()


def test_permute_leaves_its_input_as_it_is() -> None:
    positions = np.arange(10)
    permute(positions, 10, 3)
    assert positions.tolist() == list(range(10))


def test_a_batch_of_a_large_data_set_takes_no_room_for_its_order() -> None:
    # The order of LSUN's three million images alone would take 24 MB.
    positions = np.arange(1_000_000, 1_000_064)
    tracemalloc.start()
    permute(positions, 3_000_000, 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_different_keys_permute_differently() -> None:
    orders = {tuple(permute(np.arange(100), 100, key).tolist()) for key in range(50)}
    assert len(orders) == 50


def test_every_order_of_few_images_occurs() -> None:
    # 4! = 24 orders; that 2,400 fair draws miss one of them has a probability below 24 (23/24)^2400 < 1e-42.
    orders = {tuple(permute(np.arange(4), 4, key).tolist()) for key in range(2400)}
    assert len(orders) == 24


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return save_store(tmp_path / "store", images_recipe(10))


@pytest.mark.parametrize("size", [1, 3, 4, 7, 10, 13, 25])
def test_every_image_comes_exactly_once_an_epoch(store: ImageStore, size: int) -> None:
    # 10 does not divide by most sizes, so batches reach over the ends of epochs.
    feed = ImageFeed(store, seed=0)
    epochs = 3
    order = np.concatenate([feed.indices(i, size) for i in range(-(-10 * epochs // size))])
    for epoch in range(epochs):
        assert sorted(order[10 * epoch : 10 * (epoch + 1)].tolist()) == list(range(10))


def test_epochs_and_seeds_differ_in_their_order(store: ImageStore) -> None:
    orders = {tuple(ImageFeed(store, seed).indices(epoch, 10).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_a_batch_depends_on_seed_and_index_alone(store: ImageStore) -> None:
    feed = ImageFeed(store, seed=3)
    forward = [feed.batch(i, 4) for i in range(6)]
    torch.manual_seed(99)
    np.random.seed(99)
    backward = [ImageFeed(store, seed=3).batch(i, 4) for i in reversed(range(6))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(forward, backward, strict=True))


def test_a_batch_holds_the_images_of_its_indices_as_floats(store: ImageStore) -> None:
    feed = ImageFeed(store, seed=1)
    batch = feed.batch(2, 4)
    assert (batch.shape, batch.dtype) == ((4, 3, 16, 16), torch.float32)
    assert torch.equal(batch, to_float(store[feed.indices(2, 4)]))


def test_drawing_does_not_touch_the_global_random_states(store: ImageStore) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].tolist()
    ImageFeed(store, seed=1).batch(0, 4)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.random.get_state()[1].tolist() == numpy_state


def test_labels_are_those_of_the_images_of_a_batch(store: ImageStore) -> None:
    feed = ImageFeed(store, seed=1)
    for index in (0, 3):  # the second reaches into the next epoch
        labels = feed.labels(index, 4)
        assert (labels.shape, labels.dtype) == ((4,), torch.int64)
        assert labels.tolist() == store.labels[feed.indices(index, 4)].tolist()


def mirrored(feed: ImageFeed, index: int, size: int) -> list[bool]:
    """Which images of a batch are mirrored. The others must be as they are stored."""
    plain = to_float(feed.store[feed.indices(index, size)])
    found = []
    for image, stored in zip(feed.batch(index, size), plain, strict=True):
        assert torch.equal(image, stored) or torch.equal(image, stored.flip(-1))
        assert not torch.equal(stored, stored.flip(-1))  # random pixels
        found.append(not torch.equal(image, stored))
    return found


def test_images_are_mirrored_at_random_half_of_the_time(store: ImageStore) -> None:
    feed = ImageFeed(store, seed=3, flip=True)
    found = [flag for index in range(200) for flag in mirrored(feed, index, 10)]
    # Of 2,000 fair coins, 1,000 +- 22.4 fall on one side.
    assert abs(sum(found) - 1000) < 5 * (2000 * 0.25) ** 0.5
    # Each image is seen both ways.
    order = np.concatenate([feed.indices(index, 10) for index in range(200)])
    for image in range(10):
        assert set(np.array(found)[order == image].tolist()) == {True, False}


def test_the_mirrored_images_of_a_batch_depend_on_seed_and_index_alone(store: ImageStore) -> None:
    feed = ImageFeed(store, seed=3, flip=True)
    forward = [feed.batch(index, 8) for index in range(4)]
    np.random.seed(99)
    backward = [ImageFeed(store, seed=3, flip=True).batch(index, 8) for index in reversed(range(4))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(forward, backward, strict=True))
    patterns = {tuple(mirrored(ImageFeed(store, seed, flip=True), index, 40)) for seed in (0, 1) for index in (0, 1)}
    assert len(patterns) == 4


def test_nothing_is_mirrored_unless_it_is_asked_for(store: ImageStore) -> None:
    assert not any(mirrored(ImageFeed(store, seed=3), 0, 100))
    opened, asked = data.feed(store, 3), data.feed(store, 3, flip=True)
    assert isinstance(opened, ImageFeed) and isinstance(asked, ImageFeed)
    assert not any(mirrored(opened, 0, 100))
    assert any(mirrored(asked, 0, 100))


def test_mirroring_changes_neither_the_order_nor_the_labels_nor_the_store(store: ImageStore) -> None:
    plain, flipped = ImageFeed(store, seed=3), ImageFeed(store, seed=3, flip=True)
    for index in range(3):
        flipped.batch(index, 8)
        assert flipped.indices(index, 8).tolist() == plain.indices(index, 8).tolist()
        assert torch.equal(flipped.labels(index, 8), plain.labels(index, 8))
    store.verify()


@pytest.fixture
def points() -> Points:
    return Points("ring", {"name": "ring", "modes": 5, "radius": 1.0, "sigma": 1e-3})


def test_every_data_set_has_its_feed(store: ImageStore, points: Points) -> None:
    assert isinstance(data.feed(store, 0), ImageFeed)
    assert isinstance(data.feed(points, 0), PointFeed)


def test_points_come_with_their_labels(points: Points) -> None:
    feed = PointFeed(points, seed=0)
    for index in (0, 1, BLOCK + 1):
        batch, labels = feed.batch(index, 7), feed.labels(index, 7)
        assert (batch.shape, batch.dtype, labels.shape, labels.dtype) == ((7, 2), torch.float32, (7,), torch.int64)
        assert points.centres is not None
        # Within ten standard deviations of the centre that the label names; the centres are more than 1 apart.
        assert (batch - points.centres[labels]).abs().max() < 0.01


def test_a_batch_of_points_depends_on_seed_index_and_size_alone(points: Points) -> None:
    order = [0, BLOCK, 1, BLOCK - 1, 2 * BLOCK, 0]
    feed = PointFeed(points, seed=3)
    forward = [feed.batch(i, 4).clone() for i in order]
    torch.manual_seed(99)
    state = torch.get_rng_state()
    feed.labels(7, 9)
    backward = [PointFeed(points, seed=3).batch(i, 4) for i in reversed(order)][::-1]
    assert all(torch.equal(a, b) for a, b in zip(forward, backward, strict=True))
    assert torch.equal(torch.get_rng_state(), state)


def test_batches_of_points_never_repeat(points: Points) -> None:
    # Seeds that agree in their lower 32 bits, too, are told apart.
    batches = [
        tuple(PointFeed(points, seed).batch(i, size)[0].tolist())
        for seed in (0, 1, 2**32)
        for size in (3, 4)
        for i in (0, 1, BLOCK, 5 * BLOCK)
    ]
    assert len(set(batches)) == len(batches)
