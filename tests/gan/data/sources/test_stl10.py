import pickle
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from relation_gan.gan.data.sources import Source, SourceError, open_source
from tests.gan.data.sources.conftest import Server
from tests.gan.data.sources.formats import labelled, pieces, write_stl10

TRAIN, TEST, UNLABELLED = labelled(6, 96), labelled(4, 96, first=6), pieces(15, 96, 96)[10:]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_stl10(tmp_path, TRAIN, TEST, UNLABELLED, monkeypatch)
    return tmp_path


def pixels(source: Source) -> np.ndarray:
    return np.stack([np.asarray(source.image(index)) for index in range(len(source))])


@pytest.mark.parametrize(
    ("split", "images", "labels"),
    [
        ("train", TRAIN[0], [0, 1, 2, 3, 4, 5]),
        ("test", TEST[0], [6, 7, 8, 9]),
        ("unlabelled", UNLABELLED, [-1] * 5),
        ("train_unlabelled", np.concatenate([TRAIN[0], UNLABELLED]), [0, 1, 2, 3, 4, 5, *[-1] * 5]),
    ],
)
def test_every_split_is_read_as_torchvision_reads_it(
    folder: Path, split: str, images: np.ndarray, labels: list[int]
) -> None:
    source = open_source("stl10", folder, split, False)
    assert np.array_equal(pixels(source), images)
    assert source.labels.tolist() == labels
    theirs = datasets.STL10(folder, split.replace("train_", "train+").replace("unlabelled", "unlabeled"))
    assert np.array_equal(pixels(source), theirs.data.transpose(0, 2, 3, 1))
    assert source.labels.tolist() == np.array(theirs.labels).astype(np.int8).tolist()


def test_images_are_named_by_their_place(folder: Path) -> None:
    source = open_source("stl10", folder, "train_unlabelled")
    assert [source.name(index) for index in (0, 5, 6)] == ["train_X.bin[0]", "train_X.bin[5]", "unlabeled_X.bin[0]"]
    assert source.files == {
        "stl10_binary/train_X.bin": 6 * 27648,
        "stl10_binary/train_y.bin": 6,
        "stl10_binary/unlabeled_X.bin": 5 * 27648,
    }


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_travels_without_its_images(folder: Path, method: str) -> None:
    source = open_source("stl10", folder, "unlabelled")
    here = pixels(source)  # the map is open
    assert len(pickle.dumps(source)) < 2000
    with get_context(method).Pool(1) as pool:
        assert np.array_equal(pool.apply(pixels, (source,)), here)


def test_the_archive_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stl10(tmp_path, TRAIN, TEST, UNLABELLED, monkeypatch, archive=True)
    assert np.array_equal(pixels(open_source("stl10", tmp_path, "test", False)), TEST[0])


def test_a_truncated_file_is_refused(folder: Path) -> None:
    path = folder / "stl10_binary" / "unlabeled_X.bin"
    path.write_bytes(path.read_bytes()[:-27648])
    with pytest.raises(SourceError, match="STL-10 needs stl10_binary/unlabeled_X.bin in .*stl10_binary.tar.gz"):
        open_source("stl10", folder, "unlabelled", False)


def test_a_truncated_file_is_unpacked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stl10(tmp_path, TRAIN, TEST, UNLABELLED, monkeypatch, archive=True)
    (tmp_path / "stl10_binary").mkdir()
    (tmp_path / "stl10_binary" / "test_X.bin").write_bytes(b"half")
    assert np.array_equal(pixels(open_source("stl10", tmp_path, "test", False)), TEST[0])


def test_it_is_downloaded(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stl10(tmp_path / "web", TRAIN, TEST, UNLABELLED, monkeypatch, archive=True)
    server.files["/stl.tgz"] = (tmp_path / "web" / "stl10_binary.tar.gz").read_bytes()
    monkeypatch.setattr(datasets.STL10, "url", f"{server.url}/stl.tgz")
    server.faults = [-1000]
    source = open_source("stl10", tmp_path / "stl10", "test")
    assert np.array_equal(pixels(source), TEST[0])
    assert server.asked == [("/stl.tgz", None), ("/stl.tgz", "bytes=1000-")]
