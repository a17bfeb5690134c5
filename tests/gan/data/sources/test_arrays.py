from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from relation_gan.gan.data.sources import Source, SourceError, open_source
from tests.gan.data.sources.conftest import Server
from tests.gan.data.sources.formats import (
    Labelled,
    labelled,
    md5,
    write_cifar10,
    write_mnist,
    write_svhn,
)

GREY = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}


@pytest.fixture
def digits(mnist: tuple[np.ndarray, np.ndarray]) -> tuple[Labelled, Labelled]:
    """Thirty digits for training and ten for the test."""
    images, labels = mnist[0].reshape(-1, 28, 28).astype(np.uint8), mnist[1]
    return (images[::170], labels[::170]), (images[5::500], labels[5::500])


@pytest.fixture
def colour() -> tuple[Labelled, Labelled]:
    return labelled(25, 32), labelled(5, 32, first=25)


def check(source: Source, images: np.ndarray, labels: np.ndarray) -> None:
    assert len(source) == len(images)
    assert source.labels.dtype == np.int64
    assert source.labels.tolist() == labels.tolist()
    for index, image in enumerate(images):
        assert np.array_equal(np.asarray(source.image(index)), image)


def check_splits(name: str, folder: Path, train: Labelled, test: Labelled) -> None:
    check(open_source(name, folder, "train", False), *train)
    check(open_source(name, folder, "test", False), *test)
    both = open_source(name, folder, "all", False)
    check(both, *(np.concatenate(pair) for pair in zip(train, test, strict=True)))
    last = len(train[0]) - 1
    assert [both.name(index) for index in (0, last, last + 1)] == ["train[0]", f"train[{last}]", "test[0]"]
    with pytest.raises(IndexError):
        both.name(len(both))
    for file, size in both.files.items():
        assert (folder / file).stat().st_size == size


@pytest.mark.parametrize("name", GREY)
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_idx_files_are_read(
    tmp_path: Path, digits: tuple[Labelled, Labelled], name: str, compressed: bool, flat: bool
) -> None:
    write_mnist(tmp_path if flat else tmp_path / GREY[name].__name__ / "raw", *digits, compressed=compressed)
    check_splits(name, tmp_path, *digits)
    files = open_source(name, tmp_path, "test").files
    assert [file.rpartition("/")[2].removesuffix(".gz") for file in files] == [
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ]
    assert all(file.endswith(".gz") for file in files) == compressed


def test_torchvision_reads_the_same_idx_files(tmp_path: Path, digits: tuple[Labelled, Labelled]) -> None:
    write_mnist(tmp_path / "MNIST" / "raw", *digits, compressed=False)
    read = datasets.MNIST(tmp_path, train=True)
    check(open_source("mnist", tmp_path, "train"), read.data.numpy(), read.targets.numpy())


@pytest.mark.parametrize("name", GREY)
def test_classes_are_those_of_torchvision(tmp_path: Path, digits: tuple[Labelled, Labelled], name: str) -> None:
    write_mnist(tmp_path, *digits)
    classes = open_source(name, tmp_path, "test").classes
    assert [own[0] if name == "mnist" else own for own in GREY[name].classes] == list(classes)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no IDX file of uint8"),
        (b"\x00\x00\x0d\x03" + bytes(100), "no IDX file of uint8"),
        (b"\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x1c\x00\x00\x00\x1c" + bytes(28 * 28), "cannot reshape"),
    ],
    ids=["empty", "floats", "truncated"],
)
def test_a_damaged_idx_file_is_refused(
    tmp_path: Path, digits: tuple[Labelled, Labelled], content: bytes, why: str
) -> None:
    write_mnist(tmp_path, *digits, compressed=False)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(SourceError, match=f"MNIST needs train-images-idx3-ubyte in .* damaged \\({why}"):
        open_source("mnist", tmp_path, "train", False)


@pytest.mark.parametrize("kept", [5, 1000])
def test_a_truncated_compressed_file_is_refused(tmp_path: Path, digits: tuple[Labelled, Labelled], kept: int) -> None:
    write_mnist(tmp_path, *digits)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SourceError, match="MNIST needs train-images-idx3-ubyte.gz in"):
        open_source("mnist", tmp_path, "train", False)


def test_images_without_their_labels_are_refused(tmp_path: Path, digits: tuple[Labelled, Labelled]) -> None:
    train, test = digits
    write_mnist(tmp_path, (train[0], train[1][1:]), test)
    with pytest.raises(SourceError, match="not as many images as labels"):
        open_source("mnist", tmp_path, "train", False)


def test_a_download_of_mnist_mends_what_is_damaged(
    tmp_path: Path, digits: tuple[Labelled, Labelled], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path / "web", *digits)
    files = list((tmp_path / "web").iterdir())
    server.files = {f"/mnist/{file.name}": file.read_bytes() for file in files}
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server.url}/down/", f"{server.url}/mnist/"])
    monkeypatch.setattr(datasets.MNIST, "resources", [(file.name, md5(file)) for file in files])
    folder = tmp_path / "mnist"
    write_mnist(folder / "MNIST" / "raw", *digits, compressed=False)
    (folder / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(b"half")
    check(open_source("mnist", folder, "train"), *digits[0])
    # Of the split only, and not yet those of the test.
    assert {path for path, _ in server.asked if path.startswith("/mnist")} == {
        "/mnist/train-images-idx3-ubyte.gz",
        "/mnist/train-labels-idx1-ubyte.gz",
    }


@pytest.mark.parametrize("archive", [True, False])
def test_cifar10_is_read(
    tmp_path: Path, colour: tuple[Labelled, Labelled], monkeypatch: pytest.MonkeyPatch, archive: bool
) -> None:
    write_cifar10(tmp_path, *colour, monkeypatch, archive=archive)
    check_splits("cifar10", tmp_path, *colour)
    source = open_source("cifar10", tmp_path, "test")
    assert list(source.files) == ["cifar-10-batches-py/test_batch"]
    assert list(source.classes) == datasets.CIFAR10(tmp_path).classes


def test_a_changed_batch_of_cifar10_is_refused_and_not_unpickled(
    tmp_path: Path, colour: tuple[Labelled, Labelled], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar10(tmp_path, *colour, monkeypatch)
    with (tmp_path / "cifar-10-batches-py" / "data_batch_3").open("ab") as file:
        file.write(b"x")
    monkeypatch.setattr("pickle.load", lambda *_, **__: pytest.fail("it was unpickled"))
    with pytest.raises(SourceError, match="CIFAR-10 needs cifar-10-python.tar.gz in"):
        open_source("cifar10", tmp_path, "train", False)


def test_a_download_of_cifar10_that_breaks_goes_on_in_the_next_run(
    tmp_path: Path, colour: tuple[Labelled, Labelled], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar10(tmp_path / "web", *colour, monkeypatch, archive=True)
    server.files["/cifar.tgz"] = (tmp_path / "web" / "cifar-10-python.tar.gz").read_bytes()
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{server.url}/cifar.tgz")
    server.faults = [-10_000, *[500] * 5]
    folder = tmp_path / "cifar10"
    with pytest.raises(SourceError) as refused:
        open_source("cifar10", folder, "train")
    assert str(refused.value) == (
        f"CIFAR-10 needs cifar-10-python.tar.gz in {folder}: missing or damaged (or, unpacked, cifar-10-batches-py); "
        "they come from https://www.cs.toronto.edu/~kriz/cifar.html (licence: none stated; cite Krizhevsky 2009). The "
        f"download failed: {server.url}/cifar.tgz: 500 Server Error: Internal Server Error for url: "
        f"{server.url}/cifar.tgz. A rerun resumes there, or put the files there by hand"
    )
    server.asked.clear()
    check(open_source("cifar10", folder, "train"), *colour[0])
    assert server.asked == [("/cifar.tgz", "bytes=10000-")]


def test_svhn_is_read(tmp_path: Path, colour: tuple[Labelled, Labelled], monkeypatch: pytest.MonkeyPatch) -> None:
    extra = labelled(7, 32, first=30)
    write_svhn(tmp_path, {"train": colour[0], "test": colour[1], "extra": extra}, monkeypatch)
    assert 0 in colour[0][1]  # in the file, it is 10
    check_splits("svhn", tmp_path, *colour)
    source = open_source("svhn", tmp_path, "extra", False)
    check(source, *extra)
    assert source.files == {"extra_32x32.mat": (tmp_path / "extra_32x32.mat").stat().st_size}


def test_a_truncated_file_of_svhn_is_refused(
    tmp_path: Path, colour: tuple[Labelled, Labelled], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_svhn(tmp_path, {"train": colour[0]}, monkeypatch)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SourceError, match="SVHN needs train_32x32.mat in"):
        open_source("svhn", tmp_path, "train", False)


def test_a_download_of_svhn_brings_the_parts_of_the_split(
    tmp_path: Path, colour: tuple[Labelled, Labelled], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_svhn(tmp_path / "web", {"train": colour[0], "test": colour[1]}, monkeypatch)
    for part in ("train", "test"):
        _, name, checksum = datasets.SVHN.split_list[part]
        server.files[f"/{name}"] = (tmp_path / "web" / name).read_bytes()
        monkeypatch.setitem(datasets.SVHN.split_list, part, [f"{server.url}/{name}", name, checksum])
    folder = tmp_path / "svhn"
    check(open_source("svhn", folder, "test"), *colour[1])
    assert [path for path, _ in server.asked] == ["/test_32x32.mat"]
    check_splits("svhn", (open_source("svhn", folder, "all"), folder)[1], *colour)
