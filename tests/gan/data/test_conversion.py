import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from relation_gan.gan.data import Chunk, Recipe, StoreError, conversion, save_store
from relation_gan.gan.data.conversion import convert
from tests.conftest import Pixels, images_recipe


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four images a chunk."""
    monkeypatch.setattr(conversion, "CHUNK_IMAGES", 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "partial"


def arrays(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return np.load(folder / "images.npy"), np.load(folder / "labels.npy")


def counting(recipe: Recipe) -> tuple[Recipe, list[int]]:
    """A recipe that notes the first image of every chunk it makes."""
    made: list[int] = []

    def make(first: int, last: int) -> Chunk:
        made.append(first)
        return recipe.make(first, last)

    return replace(recipe, make=make), made


@pytest.mark.parametrize("n", [1, 4, 10])
@pytest.mark.parametrize("workers", [0, 2])
def test_the_files_hold_the_chunks_in_their_order(folder: Path, n: int, workers: int) -> None:
    recipe = replace(images_recipe(n), workers=workers)
    assert convert(folder, recipe) == {}
    images, labels = arrays(folder)
    expected = recipe.make(0, n)
    assert np.array_equal(images, expected.images) and np.array_equal(labels, expected.labels)


def test_a_chunk_is_smaller_where_images_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "CHUNK_IMAGES", 1024)
    # 32 MiB hold 10 images of 3 x 1024 x 1024 bytes, which are 3 MiB each.
    assert replace(images_recipe(1), shape=(100, 3, 1024, 1024)).chunk == 10
    assert replace(images_recipe(1), shape=(100, 3, 64, 64)).chunk == 1024


def test_what_is_written_is_not_made_again(folder: Path) -> None:
    recipe = images_recipe(10)

    def broken(first: int, last: int) -> Chunk:
        if first == 8:
            raise OSError("the source went away")
        return recipe.make(first, last)

    with pytest.raises(OSError, match="went away"):
        convert(folder, replace(recipe, make=broken))
    again, made = counting(recipe)
    convert(folder, again)
    assert made == [8]
    assert np.array_equal(arrays(folder)[0], recipe.make(0, 10).images)


@pytest.mark.parametrize("torn", ['{"chunk": 1, "wri', "{", ""])
def test_a_line_torn_by_a_kill_is_made_again(folder: Path, torn: str) -> None:
    recipe = images_recipe(10)
    convert(folder, recipe)
    journal = folder / "journal.jsonl"
    header, first, *_ = journal.read_text().splitlines()
    journal.write_text(f"{header}\n{first}\n{torn}")
    again, made = counting(recipe)
    convert(folder, again)
    assert made == [4, 8]
    assert [json.loads(line)["chunk"] for line in journal.read_text().splitlines()[1:]] == [0, 1, 2]


def test_another_recipe_starts_anew(folder: Path) -> None:
    convert(folder, images_recipe(10))
    again, made = counting(images_recipe(10, seed=1))
    convert(folder, again)
    assert made == [0, 4, 8]


def with_bad(n: int, *bad: int, limit: float = 0.5) -> Recipe:
    recipe = images_recipe(n)
    pixels = recipe.make(0, n)
    return replace(recipe, make=Pixels(pixels.images, pixels.labels, bad), skip_limit=limit)


@pytest.mark.parametrize(
    ("bad", "order"),
    [
        # The last images that can be read take the places of those that cannot.
        ((2,), [0, 1, 9, 3, 4, 5, 6, 7, 8]),
        ((9,), [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ((0, 1, 2, 3), [6, 7, 8, 9, 4, 5]),
        ((3, 8), [0, 1, 2, 9, 4, 5, 6, 7]),
    ],
)
def test_skipped_images_leave_no_gaps(folder: Path, bad: tuple[int, ...], order: list[int]) -> None:
    recipe = with_bad(10, *bad)
    assert convert(folder, recipe) == {f"{i}.png": "it is broken" for i in bad}
    images, labels = arrays(folder)
    expected = images_recipe(10).make(0, 10)
    # A chunk's images move up inside it, so the order is that of what was written.
    assert sorted(map(bytes, images)) == sorted(map(bytes, expected.images[order]))
    by_image = dict(zip(map(bytes, expected.images), expected.labels, strict=True))
    assert [by_image[bytes(image)] for image in images] == labels.tolist()
    convert(folder, recipe)  # as after a kill at the very end
    assert np.array_equal(arrays(folder)[0], images) and np.array_equal(arrays(folder)[1], labels)


def test_the_manifest_names_what_was_skipped(tmp_path: Path) -> None:
    store = save_store(tmp_path / "some", with_bad(10, 1, 7))
    assert len(store) == 8
    assert store.manifest["skipped"] == {"count": 2, "first": {"1.png": "it is broken", "7.png": "it is broken"}}
    store.verify()


def test_too_many_bad_images_are_an_error_that_names_them(folder: Path) -> None:
    with pytest.raises(StoreError) as refused:
        convert(folder, with_bad(40, 0, 2, 3, limit=0.05))
    assert str(refused.value) == (
        "random_pixels: 3 images cannot be used, 2 of 40 may be skipped (data.skip_limit 0.05): 0.png: it is broken; "
        "2.png: it is broken; 3.png: it is broken; mend or remove them, or raise data.skip_limit"
    )
    # It stops at the first chunk that is too much: the others were not tried.
    assert len((folder / "journal.jsonl").read_text().splitlines()) == 2


def test_no_limit_lets_a_store_be_empty(folder: Path) -> None:
    with pytest.raises(StoreError, match="3 images cannot be used, 2 of 3 may be skipped"):
        convert(folder, with_bad(3, 0, 1, 2, limit=0.99))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda c: Chunk(c.images[:-1], c.labels[:-1]),
            "expected images (4, 3, 16, 16) of uint8 from 0 on, the recipe",
        ),
        (lambda c: Chunk(c.images, c.labels[:-1]), "expected labels (4,) of int64 from 0 on, the recipe gave (3,)"),
        (lambda c: Chunk(c.images[:, :1], c.labels), "the recipe gave (4, 1, 16, 16) of uint8"),
        (lambda c: Chunk(c.images.astype(np.int16), c.labels), "the recipe gave (4, 3, 16, 16) of int16"),
    ],
)
def test_a_chunk_of_another_form_is_refused(folder: Path, wrong: Callable[[Chunk], Chunk], message: str) -> None:
    recipe = images_recipe(10)
    with pytest.raises(StoreError) as refused:
        convert(folder, replace(recipe, make=lambda first, last: wrong(recipe.make(first, last))))
    assert message in str(refused.value)


@dataclass(frozen=True)
class Slow:
    """Chunks that take a while, and leave a trace of their making."""

    recipe: Recipe
    traces: Path
    seconds: float

    def __call__(self, first: int, last: int) -> Chunk:
        (self.traces / f"{first}.{os.getpid()}").touch()
        time.sleep(self.seconds)
        return self.recipe.make(first, last)


def save_traced(folder: Path, traces: Path, n: int, seconds: float) -> None:
    recipe = images_recipe(n)
    conversion.CHUNK_IMAGES = 4
    save_store(folder, replace(recipe, make=Slow(recipe, traces, seconds), workers=2))


def test_a_killed_conversion_goes_on_and_gives_the_same_store(tmp_path: Path) -> None:
    folder, traces = tmp_path / "some", tmp_path / "traces"
    traces.mkdir()
    process = get_context("spawn").Process(target=save_traced, args=(folder, traces, 100, 0.05))
    process.start()
    journal = tmp_path / ".some.partial" / "journal.jsonl"
    while not journal.exists() or len(journal.read_text().splitlines()) < 6:
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not folder.exists()
    before = len(journal.read_text().splitlines()) - 1
    for trace in traces.iterdir():
        trace.unlink()
    save_traced(folder, traces, 100, 0)
    # 25 chunks in all; those that the journal names are not made again.
    assert len(list(traces.iterdir())) == 25 - before
    store = save_store(tmp_path / "whole", images_recipe(100))
    assert (folder / "images.npy").read_bytes() == (store.folder / "images.npy").read_bytes()
    assert not (tmp_path / ".some.partial").exists()
