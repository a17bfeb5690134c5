import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import v2 as transforms

from relation_gan.gan import data
from relation_gan.gan.data import ImageStore, StoreError, real_images, save_store
from relation_gan.gan.data.preparation import Preparation
from relation_gan.gan.data.real_images import choose
from relation_gan.gan.data.sources import SourceError
from tests.gan.data.sources.formats import (
    Labelled,
    encoded,
    labelled,
    pieces,
    write_celeba,
    write_cifar10,
    write_files,
    write_mnist,
    write_stl10,
)

CIFAR10 = "https://www.cs.toronto.edu/~kriz/cifar.html"


def asked(source: str, split: str = "train", **more: Any) -> dict[str, Any]:
    """What a configuration says of a data set."""
    preparation = {key: more.pop(key) for key in list(more) if key in Preparation.model_fields}
    defaults = {"seed": 0, "folder": "", "download": False, "held_out": 0.0, "subset": None, "skip_limit": 0.0}
    prepared = Preparation(**{"size": 32, **preparation}).model_dump(mode="json")
    return {"name": "made", "source": source, "split": split, **defaults, **prepared, **more}


def make(request: dict[str, Any], raw: Path, workers: int = 0) -> ImageStore:
    """The store that is asked for, beside the raw files."""
    return save_store(raw.parent / "store", real_images.recipe(request, raw, workers))


def held_out(store: ImageStore) -> ImageStore:
    assert store.held_out is not None
    return store.held_out


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


@pytest.fixture
def cifar10(raw: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Labelled, Labelled]:
    """Forty images for training and ten for the test, as CIFAR-10 is published."""
    train, test = labelled(40, 32), labelled(10, 32, first=40)
    write_cifar10(raw, train, test, monkeypatch)
    return train, test


def test_all_images_are_chosen_in_order() -> None:
    chosen, out = choose(5, None, 0, seed=0)
    assert (chosen.tolist(), out.tolist()) == ([0, 1, 2, 3, 4], [])


@pytest.mark.parametrize(
    ("subset", "held_out", "sizes"),
    [
        (None, 0.1, (900, 100)),
        (None, 250.0, (750, 250)),
        (None, 1.0, (999, 1)),  # from 1 on it is a number
        (100, 0, (100, 0)),
        # The held-out images are some of the subset.
        (100, 0.25, (75, 25)),
        (100, 30.0, (70, 30)),
        (1000, 0.999, (1, 999)),
    ],
)
def test_images_are_drawn_at_random_apart_and_each_in_order(
    subset: int | None, held_out: float, sizes: tuple[int, int]
) -> None:
    chosen, out = choose(1000, subset, held_out, seed=3)
    assert (len(chosen), len(out)) == sizes
    everything = np.concatenate([chosen, out])
    assert len(np.unique(everything)) == sum(sizes)
    assert everything.min() >= 0 and everything.max() < 1000
    for part in (chosen, out):
        assert part.tolist() == sorted(part.tolist())


def test_the_choice_is_spread_over_all_images_and_decided_by_the_seed() -> None:
    chosen, out = choose(1000, 400, 0.5, seed=3)
    # Of 200 draws without replacement, a little less than 100 +- 7.1 lie in the first half.
    for part in (chosen, out):
        assert abs((part < 500).sum() - 100) < 5 * (200 * 0.25) ** 0.5
    again, other = choose(1000, 400, 0.5, seed=3), choose(1000, 400, 0.5, seed=4)
    assert all(np.array_equal(a, b) for a, b in zip((chosen, out), again, strict=True))
    assert not np.array_equal(chosen, other[0]) and not np.array_equal(out, other[1])


@pytest.mark.parametrize(
    ("subset", "held_out", "message"),
    [
        (11, 0, "data.subset 11 is more than the 10 images there are"),
        (None, 10.0, "data.held_out 10 leaves none of 10 images to train on"),
        (4, 3_000_000.0, "data.held_out 3000000 leaves none of 4 images to train on"),
        (None, 0.95, "data.held_out 0.95 leaves none of 10 images to train on"),  # 9.5, rounded to even
    ],
)
def test_more_images_than_there_are_cannot_be_chosen(subset: int | None, held_out: float, message: str) -> None:
    with pytest.raises(StoreError) as refused:
        choose(10, subset, held_out, seed=0)
    assert str(refused.value) == message


def test_a_store_of_cifar10_holds_its_pixels_bit_by_bit(raw: Path, cifar10: tuple[Labelled, Labelled]) -> None:
    store = make(asked("cifar10", held_out="test"), raw)
    for made, (images, labels) in zip((store, held_out(store)), cifar10, strict=True):
        assert np.array_equal(made.images, images.transpose(0, 3, 1, 2))
        assert made.labels.tolist() == labels.tolist()


def test_the_manifest_says_where_the_images_come_from_and_how_they_were_prepared(
    raw: Path, cifar10: tuple[Labelled, Labelled]
) -> None:
    request = asked("cifar10", held_out="test")
    store = make(request, raw)
    manifest = json.loads((store.folder / "manifest.json").read_text())
    content = np.asarray(store.images).tobytes() + np.asarray(store.labels).tobytes()
    assert manifest == {
        "name": "made",
        "source": f"CIFAR-10, train ({CIFAR10})",
        "licence": "none stated; cite Krizhevsky 2009",
        "request": {
            "source": "cifar10",
            "split": "train",
            "held_out": "test",
            "subset": None,
            "seed": 0,
            "size": 32,
            "channels": 3,
            "crop": "none",
            "pad": 0,
            "filter": "bicubic",
            "background": 255,
        },
        "files": {
            f"cifar-10-batches-py/data_batch_{number}": (raw / f"cifar-10-batches-py/data_batch_{number}")
            .stat()
            .st_size
            for number in range(1, 6)
        },
        "classes": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        "held_out": 10,
        "shape": [40, 3, 32, 32],
        "label_shape": [40],
        "skipped": {"count": 0, "first": {}},
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    inner = json.loads((store.folder / "held_out" / "manifest.json").read_text())
    assert inner["source"] == f"CIFAR-10, test ({CIFAR10})"
    assert list(inner["files"]) == ["cifar-10-batches-py/test_batch"]
    assert inner["shape"] == [10, 3, 32, 32] and "held_out" not in inner


def test_images_without_a_class_have_none_to_be_told_apart_by(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stl10(raw, labelled(4, 96), labelled(3, 96), pieces(5, 96, 96), monkeypatch)
    for split, n_classes in (("train", 10), ("unlabelled", 0), ("train_unlabelled", 0)):
        store = make(asked("stl10", split, size=96, held_out="test"), raw)
        assert (store.n_classes, held_out(store).n_classes) == (n_classes, 10)
        assert len(store.manifest["classes"]) == n_classes


@pytest.mark.parametrize(("asked_for", "sizes"), [(0.25, (30, 10)), (4.0, (36, 4)), (0.0, (40, None))])
def test_some_of_the_training_images_can_be_held_out(
    raw: Path, cifar10: tuple[Labelled, Labelled], asked_for: float, sizes: tuple[int, int | None]
) -> None:
    store = make(asked("cifar10", held_out=asked_for, seed=5), raw)
    (images, labels), _ = cifar10
    chosen, out = choose(40, None, asked_for, seed=5)
    assert np.array_equal(store.images, images[chosen].transpose(0, 3, 1, 2))
    assert store.labels.tolist() == labels[chosen].tolist()
    assert (len(store), store.held_out and len(store.held_out)) == sizes
    if store.held_out:
        assert np.array_equal(store.held_out.images, images[out].transpose(0, 3, 1, 2))
        assert store.held_out.labels.tolist() == labels[out].tolist()
        store.held_out.verify()


def test_a_subset_leaves_a_split_that_is_held_out_whole(raw: Path, cifar10: tuple[Labelled, Labelled]) -> None:
    store = make(asked("cifar10", subset=12, held_out="test"), raw)
    assert (len(store), len(held_out(store))) == (12, 10)


@pytest.mark.parametrize(
    "change", [{"seed": 1, "subset": 20}, {"subset": 39}, {"size": 16}, {"filter": "box"}, {"held_out": 0.5}]
)
def test_a_store_of_another_request_is_made_anew(
    raw: Path, cifar10: tuple[Labelled, Labelled], change: dict[str, Any]
) -> None:
    first = make(asked("cifar10", subset=20), raw)
    other = make(asked("cifar10", **{"subset": 20, **change}), raw)
    assert other.manifest["request"] != first.manifest["request"]
    made_alone = save_store(
        raw.parent / "alone", real_images.recipe(asked("cifar10", **{"subset": 20, **change}), raw, 0)
    )
    assert other.digest == made_alone.digest


def test_digits_are_stored_grey_with_a_black_edge(raw: Path, mnist: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = mnist[0][::500].reshape(-1, 28, 28).astype(np.uint8), mnist[1][::500]
    write_mnist(raw, (images, labels), (images[:3], labels[:3]))
    store = make(asked("mnist", pad=2, channels=1), raw)
    assert np.array_equal(store.images, np.pad(images, [(0, 0), (2, 2), (2, 2)])[:, None])
    assert store.labels.tolist() == labels.tolist()


def test_faces_are_cut_and_shrunk_as_torchvision_does(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_celeba(raw, pieces(9, 218, 178), [0, 2, 0, 1, 0, 0, 2, 0, 0], monkeypatch, packed=True)
    store = make(asked("celeba", held_out="test", crop=160, size=64), raw)
    theirs = transforms.Compose(
        [transforms.CenterCrop(160), transforms.Resize(64, transforms.InterpolationMode.BICUBIC)]
    )
    for made, numbers in ((store, [0, 2, 4, 5, 7, 8]), (held_out(store), [1, 6])):
        expected = [np.asarray(theirs(Image.fromarray(written[number]))) for number in numbers]
        assert np.array_equal(made.images, np.stack(expected).transpose(0, 3, 1, 2))
        assert made.labels.tolist() == [-1] * len(numbers)


PICTURES = [Image.fromarray(piece) for piece in pieces(8, 40, 60)]
PNG = [encoded(image, "PNG") for image in PICTURES]


def cut(image: Image.Image) -> np.ndarray:
    return np.asarray(transforms.CenterCrop(40)(image)).transpose(2, 0, 1)


def own(**more: Any) -> dict[str, Any]:
    """A request for images of one's own, of which the middle 40x40 are taken."""
    return asked("image_folder", "all", **{"crop": "square", "size": 40, "skip_limit": 0.5, **more})


def write_own(path: Path, **contents: bytes) -> None:
    """Five images in two classes, and others."""
    names = ["cats/a.png", "cats/b.png", "dogs/a.png", "dogs/b.png", "dogs/c.png"]
    write_files(path, {**dict(zip(names, PNG, strict=False)), **contents})


def test_what_cannot_be_read_of_a_zip_file_is_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    write_own(path, **{"cats/aa.png": b"no image", "dogs/b.txt": b"x", "dogs/bb.png": PNG[5][:-300]})
    store = make(own(), path)
    # By their paths: cats/a, cats/aa (broken), cats/b, dogs/a, dogs/b, dogs/bb (broken), dogs/c.
    assert np.array_equal(store.images, np.stack([cut(image) for image in PICTURES[:5]]))
    assert store.labels.tolist() == [0, 0, 1, 1, 1]
    assert store.manifest["classes"] == ["cats", "dogs"]
    skipped = store.manifest["skipped"]
    assert (skipped["count"], list(skipped["first"])) == (2, ["cats/aa.png", "dogs/bb.png"])
    assert skipped["first"]["cats/aa.png"] == "no image in a form that is known"
    assert "truncated" in skipped["first"]["dogs/bb.png"]
    store.verify()


def test_too_many_images_that_cannot_be_read_are_an_error_that_names_them(tmp_path: Path) -> None:
    path = tmp_path / "photos"
    write_own(path, **{"dogs/d.png": b"no image", "dogs/e.png": PNG[6]})
    with pytest.raises(StoreError) as refused:
        make(own(skip_limit=0.1), path)
    assert str(refused.value) == (
        "made: 1 images cannot be used, 0 of 7 may be skipped (data.skip_limit 0.1): "
        "dogs/d.png: no image in a form that is known; mend or remove them, or raise data.skip_limit"
    )


def test_a_image_that_does_not_fit_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "photos"
    write_own(path)
    with pytest.raises(StoreError, match="cats/a.png: 60x40 is not square; set data.crop: square; cats/b.png: 60x40"):
        make(own(crop="none"), path)


def test_the_raw_files_of_ones_own_are_watched(tmp_path: Path) -> None:
    path = tmp_path / "photos"
    write_own(path)
    first = make(own(), path)
    assert len(first.manifest["fingerprint"]) == 64
    made = (first.folder / "images.npy").stat().st_mtime_ns
    assert (make(own(), path).folder / "images.npy").stat().st_mtime_ns == made
    # One more, another in its place, and one less.
    write_files(path, {"dogs/d.png": PNG[6]})
    second = make(own(), path)
    assert (len(second), second.manifest["files"]) == (6, {"photos": 6})
    write_files(path, {"dogs/d.png": PNG[7]})
    third = make(own(), path)
    assert np.array_equal(third.images[5], cut(PICTURES[7]))
    (path / "dogs" / "d.png").unlink()
    assert make(own(), path).digest == first.digest


def test_several_processes_make_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Chunks of three images, so that the two processes have several each.
    monkeypatch.setattr("relation_gan.gan.data.conversion.CHUNK_IMAGES", 3)
    path = tmp_path / "photos.zip"
    write_own(path, **{f"dogs/{n}.png": PNG[n % 8] for n in range(15)}, **{"cats/z.png": b"no image"})
    alone = real_images.recipe(own(held_out=4.0), path, workers=2)
    assert (alone.workers, alone.held_out and alone.held_out.workers) == (0, 0)  # too few to be worth it
    expected = save_store(tmp_path / "alone", alone)
    monkeypatch.setattr(real_images, "ALONE", 4)
    together = real_images.recipe(own(held_out=4.0), path, workers=2)
    assert (together.workers, together.held_out and together.held_out.workers) == (2, 0)
    store = save_store(tmp_path / "together", together)
    assert (store.digest, store.manifest) == (expected.digest, expected.manifest)
    assert held_out(store).digest == held_out(expected).digest
    store.verify()


def test_a_image_stays_the_same_wherever_it_is_asked_for(raw: Path, cifar10: tuple[Labelled, Labelled]) -> None:
    prepared = real_images.recipe(asked("cifar10", subset=20, size=16), raw, 0).make
    whole = prepared(0, 20)
    assert (whole.images.shape, whole.labels.dtype) == ((20, 3, 16, 16), np.int64)
    parts = [prepared(first, last) for first, last in ((0, 1), (1, 13), (13, 20))]
    assert np.array_equal(np.concatenate([part.images for part in parts]), whole.images)
    assert np.array_equal(np.concatenate([part.labels for part in parts]), whole.labels)
    assert prepared(4, 4).images.shape == (0, 3, 16, 16)


def test_missing_raw_files_are_told(raw: Path) -> None:
    with pytest.raises(SourceError, match=f"CIFAR-10 needs cifar-10-python.tar.gz in {raw}: missing or damaged"):
        real_images.recipe(asked("cifar10"), raw, 0)


def test_a_missing_split_that_is_held_out_is_told_before_anything_is_converted(
    raw: Path, mnist: tuple[np.ndarray, np.ndarray]
) -> None:
    digits = mnist[0][:5].reshape(-1, 28, 28).astype(np.uint8), mnist[1][:5]
    write_mnist(raw, digits, digits)
    for path in raw.glob("t10k-*"):
        path.unlink()
    with pytest.raises(SourceError, match="MNIST needs t10k-images-idx3-ubyte.gz"):
        real_images.recipe(asked("mnist", held_out="test", size=28), raw, 0)


def test_a_store_outlives_its_raw_files(raw: Path, cifar10: tuple[Labelled, Labelled]) -> None:
    folder = make(asked("cifar10", held_out="test"), raw).folder
    for path in raw.rglob("*"):
        if path.is_file():
            path.unlink()
    data.open(folder).verify()
    held_out(data.open(folder)).verify()
