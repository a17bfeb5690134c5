import hashlib
import json
import operator
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from relation_gan.gan import data
from relation_gan.gan.data import Chunk, ImageStore, Recipe, StoreError, save_store
from tests.conftest import Pixels, images_recipe

REMADE = "and the next run makes it again"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "03_primary" / "random_pixels"


def content(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    made = recipe.make(0, recipe.shape[0])
    return made.images, made.labels


def modified(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}


def test_a_store_holds_the_images_and_labels_of_its_recipe(folder: Path, recipe: Recipe) -> None:
    save_store(folder, recipe)
    store = data.open(folder)
    images, labels = content(recipe)
    assert (len(store), store.shape, store.name) == (10, (3, 16, 16), "random_pixels")
    assert (store.images.dtype, store.labels.dtype) == (np.uint8, np.int64)
    assert np.array_equal(store.images, images)
    assert np.array_equal(store.labels, labels)
    store.verify()


def test_images_are_taken_by_number_slice_and_list(folder: Path, recipe: Recipe) -> None:
    store, images = save_store(folder, recipe), torch.from_numpy(content(recipe)[0])
    assert store[3].dtype == torch.uint8
    assert torch.equal(store[3], images[3])
    assert torch.equal(store[2:5], images[2:5])
    assert torch.equal(store[np.array([7, 1, 1])], images[[7, 1, 1]])


def test_an_image_is_a_copy_that_may_be_written_to(folder: Path, recipe: Recipe) -> None:
    store = save_store(folder, recipe)
    store[0].zero_()
    store.verify()


def test_the_manifest_says_what_the_store_holds(folder: Path, recipe: Recipe) -> None:
    save_store(folder, recipe)
    manifest = json.loads((folder / "manifest.json").read_text())
    images, labels = content(recipe)
    assert manifest == {
        **recipe.description,
        "shape": [10, 3, 16, 16],
        "label_shape": [10],
        "skipped": {"count": 0, "first": {}},
        "sha256": hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
    }
    assert sorted(path.name for path in folder.iterdir()) == ["images.npy", "labels.npy", "manifest.json"]


@pytest.mark.parametrize("label_shape", [(4,), (4, 1), (4, 3)])
def test_labels_keep_their_shape(folder: Path, label_shape: tuple[int, ...]) -> None:
    labels = np.arange(np.prod(label_shape)).reshape(label_shape)
    recipe = Recipe({"name": "x"}, (4, 1, 2, 2), label_shape, Pixels(np.zeros((4, 1, 2, 2), np.uint8), labels))
    assert np.array_equal(save_store(folder, recipe).labels, labels)


def test_a_store_of_the_same_recipe_is_not_made_again(folder: Path, recipe: Recipe) -> None:
    made = save_store(folder, recipe)
    before = modified(folder)

    def unwanted(first: int, last: int) -> Chunk:
        raise AssertionError("the source was read again")

    kept = save_store(folder, replace(recipe, make=unwanted))
    assert kept.digest == made.digest
    assert modified(folder) == before


def test_a_tuple_in_a_description_is_no_difference(folder: Path) -> None:
    # It is a list in the manifest, which is JSON.
    save_store(folder, images_recipe(4, sizes=(1, 2)))
    before = modified(folder)
    save_store(folder, images_recipe(4, sizes=(1, 2)))
    assert modified(folder) == before


@pytest.mark.parametrize("other", [images_recipe(10, seed=1), images_recipe(6, count=6)])
def test_a_store_of_another_recipe_is_made_anew(folder: Path, recipe: Recipe, other: Recipe) -> None:
    save_store(folder, recipe)
    store = save_store(folder, other)
    assert np.array_equal(store.images, content(other)[0])
    assert {key: store.manifest[key] for key in other.description} == other.description
    assert seen(folder.parent) == [folder.name]


def seen(folder: Path) -> list[str]:
    """What lies in a folder, but for hidden files."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def failing(recipe: Recipe) -> Recipe:
    def make(first: int, last: int) -> Chunk:
        raise OSError("the source went away")

    return replace(recipe, description={**recipe.description, "seed": 1}, make=make)


def test_a_source_that_fails_leaves_the_old_store(folder: Path, recipe: Recipe) -> None:
    digest = save_store(folder, recipe).digest
    with pytest.raises(OSError, match="the source went away"):
        save_store(folder, failing(recipe))
    store = data.open(folder)
    store.verify()
    assert store.digest == digest


def test_a_store_that_fails_does_not_appear(folder: Path, recipe: Recipe) -> None:
    with pytest.raises(OSError):
        save_store(folder, failing(recipe))
    assert seen(folder.parent) == []
    save_store(folder, recipe).verify()


def test_what_another_conversion_left_is_no_obstacle(folder: Path, recipe: Recipe) -> None:
    left = folder.with_name(f".{folder.name}.partial")
    left.mkdir(parents=True)
    (left / "images.npy").write_bytes(b"half")
    (left / "journal.jsonl").write_text("of something else\n")
    save_store(folder, recipe).verify()
    assert not left.exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_made(
    folder: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("/"))(total=10**9, used=10**9, free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    big = replace(recipe, shape=(10**7, 3, 64, 64), label_shape=(10**7,), make=failing(recipe).make)
    with pytest.raises(StoreError) as refused:
        save_store(folder, big)
    # 10^7 x (3 x 64 x 64 bytes and a label of 8)
    assert str(refused.value) == (
        f"the store of random_pixels needs 123.0 GB in {folder.parent}, where 0.0 GB are free; make room, or lower "
        "data.subset or data.size"
    )
    assert seen(folder.parent) == []


def test_held_out_images_are_a_store_inside_the_store(folder: Path, recipe: Recipe) -> None:
    inner = images_recipe(3, "held")
    store = save_store(folder, replace(recipe, held_out=inner))
    assert store.held_out is not None
    assert np.array_equal(store.held_out.images, content(inner)[0])
    store.held_out.verify()
    assert seen(folder) == ["held_out", "images.npy", "labels.npy", "manifest.json"]
    assert seen(folder / "held_out") == ["images.npy", "labels.npy", "manifest.json"]
    assert save_store(folder, images_recipe(10, seed=2)).held_out is None


def save_slowly(folder: Path, n: int, seconds: float) -> str:
    """Make a store in this process, and tell its digest."""
    recipe = images_recipe(n)

    def make(first: int, last: int) -> Chunk:
        time.sleep(seconds)
        return recipe.make(first, last)

    return save_store(folder, replace(recipe, make=make)).digest


def test_two_processes_that_want_the_same_store_do_not_spoil_it(folder: Path) -> None:
    with get_context("spawn").Pool(2) as pool:
        digests = pool.starmap(save_slowly, [(folder, 50, 0.5)] * 2)
    assert digests[0] == digests[1] == save_store(folder, images_recipe(50)).digest
    data.open(folder).verify()


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_one_changed_byte_is_found(folder: Path, recipe: Recipe, name: str) -> None:
    store = save_store(folder, recipe)
    changed = bytearray((folder / name).read_bytes())
    changed[-1] ^= 1
    (folder / name).write_bytes(changed)
    with pytest.raises(StoreError) as refused:
        data.open(folder).verify()
    assert str(refused.value).startswith(f"{folder} was changed after it was made: its content has SHA-256 ")
    assert f"its manifest says {store.digest[:12]}…" in str(refused.value)
    assert str(refused.value).endswith(f"delete the folder, {REMADE}")


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
@pytest.mark.parametrize("kept", [-1, 40, 0])
def test_a_truncated_file_is_refused(folder: Path, recipe: Recipe, name: str, kept: int) -> None:
    save_store(folder, recipe)
    (folder / name).write_bytes((folder / name).read_bytes()[:kept])
    with pytest.raises(StoreError) as refused:
        data.open(folder).verify()
    assert str(refused.value).startswith(f"{folder / name} is missing or truncated (")
    assert str(refused.value).endswith(f"delete {folder}, {REMADE}")


def test_a_missing_file_is_refused(folder: Path, recipe: Recipe) -> None:
    save_store(folder, recipe)
    (folder / "labels.npy").unlink()
    with pytest.raises(StoreError, match=f"{folder / 'labels.npy'} is missing or truncated"):
        data.open(folder).verify()


def test_an_array_of_another_shape_is_refused(folder: Path, recipe: Recipe) -> None:
    save_store(folder, recipe)
    np.save(folder / "images.npy", np.zeros((2, 3, 16, 16), np.uint8))
    with pytest.raises(StoreError) as refused:
        data.open(folder).verify()
    assert str(refused.value) == (
        f"{folder / 'images.npy'} holds an array of shape (2, 3, 16, 16), its manifest says (10, 3, 16, 16); "
        f"delete {folder}, {REMADE}"
    )


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: folder.mkdir(parents=True)])
def test_a_folder_without_a_manifest_is_no_store(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder)
    with pytest.raises(StoreError) as refused:
        data.open(folder)
    assert str(refused.value) == f"{folder} holds no prepared data set (no manifest.json); run the ingestion first"


@pytest.mark.parametrize("text", [b"", b'{"name": "x"', b"[]", b'"x"', b"\xff\xfe\x00", b'{"name": "x"}'])
def test_a_damaged_manifest_is_refused(folder: Path, recipe: Recipe, text: bytes) -> None:
    save_store(folder, recipe)
    (folder / "manifest.json").write_bytes(text)
    with pytest.raises(StoreError) as refused:
        data.open(folder)
    assert str(refused.value).startswith(f"{folder / 'manifest.json'} is damaged (")
    assert str(refused.value).endswith(f"delete the folder, {REMADE}")


def test_a_manifest_that_lacks_keys_names_them(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"name": "x", "shape": [1, 1, 2, 2]}')
    with pytest.raises(StoreError, match="is damaged .*label_shape, sha256"):
        data.open(folder)


def test_a_handle_travels_without_its_images(folder: Path) -> None:
    store = save_store(folder, images_recipe(1000))
    assert store.images.nbytes == 768_000  # 1,000 x 3 x 16 x 16, and now it is open
    assert len(pickle.dumps(store)) < 2000


def test_a_handle_opens_in_another_process(folder: Path, recipe: Recipe) -> None:
    store: ImageStore = save_store(folder, recipe)
    assert len(store.images) == 10  # opened here first: the open map stays behind
    with get_context("spawn").Pool(1) as pool:
        images = pool.apply(operator.attrgetter("images"), (store,))
    assert np.array_equal(images, content(recipe)[0])


def test_the_maps_cannot_be_written_to(folder: Path, recipe: Recipe) -> None:
    with pytest.raises(ValueError, match="read-only"):
        save_store(folder, recipe).images[0] = 0
