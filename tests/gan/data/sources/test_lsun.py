import pickle
from multiprocessing import get_context
from pathlib import Path

import lmdb
import numpy as np
import pytest

from relation_gan.gan.data.sources import Source, SourceError, lsun, open_source
from tests.gan.data.sources.formats import pieces, write_lsun

PICTURES = [*pieces(4, 64, 85), *pieces(3, 64, 64)]


def pixels(source: Source) -> dict[str, np.ndarray]:
    return {source.name(index): np.asarray(source.image(index)) for index in range(len(source))}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_database_of_a_split_is_read(tmp_path: Path, split: str) -> None:
    written = write_lsun(tmp_path, split, PICTURES)
    source = open_source("lsun_bedroom", tmp_path, split, False)
    assert same(pixels(source), written)
    assert source.image(0).format == "WEBP"
    assert source.labels.tolist() == [-1] * 7
    file = f"bedroom_{split}_lmdb/data.mdb"
    assert source.files == {file: (tmp_path / file).stat().st_size}


def test_other_processes_read_it_at_the_same_time(tmp_path: Path) -> None:
    write_lsun(tmp_path, "val", PICTURES)
    source = open_source("lsun_bedroom", tmp_path, "val")
    here = pixels(source)  # the database is open
    assert len(pickle.dumps(source)) < 3000
    with get_context("fork").Pool(2) as pool:
        for there in pool.map(pixels, [source] * 4):
            assert same(there, here)
    assert same(pixels(source), here)


def test_two_handles_of_one_process_read_it(tmp_path: Path) -> None:
    write_lsun(tmp_path, "val", PICTURES)
    first = open_source("lsun_bedroom", tmp_path, "val")
    assert same(pixels(first), pixels(open_source("lsun_bedroom", tmp_path, "val")))
    assert same(pixels(first), pixels(pickle.loads(pickle.dumps(first))))  # noqa: S301


def test_a_database_that_is_damaged_later_is_an_oserror(tmp_path: Path) -> None:
    write_lsun(tmp_path, "val", PICTURES)
    source = pickle.loads(pickle.dumps(open_source("lsun_bedroom", tmp_path, "val")))  # noqa: S301
    lsun._opened.pop(source.path)[1].close()
    (source.path / "data.mdb").write_bytes(b"")
    with pytest.raises(OSError, match="data.mdb|bedroom_val_lmdb"):
        source.image(0)


def test_a_missing_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refused:
        open_source("lsun_bedroom", tmp_path, "train")
    assert str(refused.value) == (
        f"LSUN bedroom needs bedroom_train_lmdb/data.mdb in {tmp_path}: missing or damaged; they come from "
        "http://dl.yf.io/lsun/scenes (bedroom_train_lmdb.zip: 43 GB; bedroom_val_lmdb.zip: 5 MB; unpack them) "
        "(licence: none stated; the images belong to their owners). The download failed: LSUN bedroom cannot be "
        "downloaded by a program. A rerun resumes there, or put the files there by hand"
    )


@pytest.mark.parametrize("kept", [0, 100, 4096, 10_000, -4096])
def test_a_truncated_database_is_refused(tmp_path: Path, kept: int) -> None:
    write_lsun(tmp_path, "val", PICTURES)
    path = tmp_path / "bedroom_val_lmdb" / "data.mdb"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SourceError, match="LSUN bedroom needs bedroom_val_lmdb/data.mdb in .*damaged"):
        open_source("lsun_bedroom", tmp_path, "val", False)


def test_an_empty_database_is_refused(tmp_path: Path) -> None:
    lmdb.open(str(tmp_path / "bedroom_val_lmdb")).close()
    with pytest.raises(SourceError, match="it is empty"):
        open_source("lsun_bedroom", tmp_path, "val", False)
