"""Writers of small data sets in the official formats, of real images.

torchvision verifies the MD5s of the official files, and some sources their number: the writers that take `monkeypatch`
put the values of the small files in their place, so that what reads them is what reads the official ones.
"""

import gzip
import hashlib
import io
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

Labelled = tuple[np.ndarray, np.ndarray]
"""uint8 images (N, H, W) or (N, H, W, 3), and labels (N,)."""


@cache
def _photographs() -> list[np.ndarray]:
    from sklearn.datasets import load_sample_images

    return [np.asarray(image) for image in load_sample_images().images]


def pieces(count: int, height: int, width: int) -> np.ndarray:
    """uint8 (count, height, width, 3): pieces of scikit-learn's photographs, at random and no two alike."""
    rng = np.random.default_rng(count)
    found = []
    for number in range(count):
        photograph = _photographs()[number % 2]
        top, left = rng.integers(photograph.shape[0] - height), rng.integers(photograph.shape[1] - width)
        found.append(photograph[top : top + height, left : left + width])
    return np.stack(found)


def labelled(count: int, side: int, first: int = 0) -> Labelled:
    """Square pieces with the labels 0 to 9 in turn."""
    return pieces(first + count, side, side)[first:], (np.arange(count) + first) % 10


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_mnist(folder: Path, train: Labelled, test: Labelled, compressed: bool = True) -> None:
    """IDX files of images (N, 28, 28) and labels straight into the folder: MNIST's or Fashion-MNIST's."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, (images, labels) in {"train": train, "t10k": test}.items():
        for name, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            content = header + array.astype(np.uint8).tobytes()
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


def write_cifar10(
    folder: Path, train: Labelled, test: Labelled, monkeypatch: pytest.MonkeyPatch, archive: bool = False
) -> None:
    """Five pickled batches of images (N, 32, 32, 3) and one for the test, in a folder or in the archive of it."""
    batches = folder / datasets.CIFAR10.base_folder
    batches.mkdir(parents=True)
    parts = list(zip(np.array_split(train[0], 5), np.array_split(train[1], 5), strict=True))
    for name, (images, labels) in [
        *((f"data_batch_{n + 1}", part) for n, part in enumerate(parts)),
        ("test_batch", test),
    ]:
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        (batches / name).write_bytes(pickle.dumps({"data": rows, "labels": labels.tolist()}, 2))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": names}, 2))
    meta = {**datasets.CIFAR10.meta, "md5": md5(batches / "batches.meta")}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    _publish(folder, datasets.CIFAR10, monkeypatch, archive)


def _publish(folder: Path, dataset: Any, monkeypatch: pytest.MonkeyPatch, archive: bool) -> None:
    """Let torchvision know the checksums of files that were written, and put them into their archive."""
    files = folder / dataset.base_folder
    for attribute in ("train_list", "test_list"):
        monkeypatch.setattr(dataset, attribute, [[name, md5(files / name)] for name, _ in getattr(dataset, attribute)])
    if archive:
        path = folder / dataset.filename
        with tarfile.open(path, "w:gz") as tar:
            tar.add(files, files.name)
        monkeypatch.setattr(dataset, "tgz_md5", md5(path))
        shutil.rmtree(files)


def write_svhn(folder: Path, parts: Mapping[str, Labelled], monkeypatch: pytest.MonkeyPatch) -> None:
    """MATLAB files of images (N, 32, 32, 3), in which the label of a nought is 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, (images, labels) in parts.items():
        url, name, _ = datasets.SVHN.split_list[part]
        content = {"X": images.transpose(1, 2, 3, 0), "y": np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]}
        savemat(folder / name, content, do_compression=True)
        monkeypatch.setitem(datasets.SVHN.split_list, part, [url, name, md5(folder / name)])


def write_stl10(
    folder: Path,
    train: Labelled,
    test: Labelled,
    unlabelled: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    archive: bool = False,
) -> None:
    """Binary files of images (N, 96, 96, 3), column by column, and labels from 1, in a folder or the archive of it."""
    binary = folder / datasets.STL10.base_folder
    binary.mkdir(parents=True)
    parts = {"train": train, "test": test, "unlabeled": (unlabelled, None)}
    for part, (images, labels) in parts.items():
        (binary / f"{part}_X.bin").write_bytes(images.transpose(0, 3, 2, 1).tobytes())
        if labels is not None:
            (binary / f"{part}_y.bin").write_bytes((labels + 1).astype(np.uint8).tobytes())
        monkeypatch.setitem(stl10_counts(), part, len(images))
    _publish(folder, datasets.STL10, monkeypatch, archive)


def stl10_counts() -> dict[str, int]:
    from relation_gan.gan.data.sources import stl10

    return stl10.COUNTS


def write_celeba(
    folder: Path,
    images: Sequence[np.ndarray] | np.ndarray,
    partition: Sequence[int],
    monkeypatch: pytest.MonkeyPatch,
    packed: bool = False,
    kaggle: bool = False,
) -> list[np.ndarray]:
    """JPEG files in `img_align_celeba`, or the zip file of it, with the lists of splits and attributes.

    Args:
        partition: the split of each image: 0, 1 or 2.
        kaggle: a folder more, and lists in CSV.

    Returns:
        the pixels that the JPEG files hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number + 1:06}.jpg" for number in range(len(images))]
    contents = [encoded(Image.fromarray(image), "JPEG", quality=95) for image in images]
    prefix = "img_align_celeba/img_align_celeba/" if kaggle else "img_align_celeba/"
    write_files(
        folder / "img_align_celeba.zip" if packed else folder,
        {prefix + name: content for name, content in zip(names, contents, strict=True)},
    )
    splits = list(zip(names, partition, strict=True))
    if kaggle:
        lines = ["image_id,partition", *(f"{name},{split}" for name, split in splits)]
        (folder / "list_eval_partition.csv").write_text("\r\n".join(lines) + "\r\n")
    else:
        (folder / "list_eval_partition.txt").write_text("".join(f"{name} {split}\n" for name, split in splits))
        attributes = "".join(f"{name} -1  1\n" for name in names)
        (folder / "list_attr_celeba.txt").write_text(f"{len(names)}\nMale Smiling\n{attributes}")
    monkeypatch.setattr("relation_gan.gan.data.sources.celeba.COUNT", len(names))
    return [np.asarray(Image.open(io.BytesIO(content))) for content in contents]


def write_lsun(folder: Path, split: str, images: Sequence[np.ndarray] | np.ndarray) -> dict[str, np.ndarray]:
    """The LMDB database of a split: WebP images by the SHA-1 of their content.

    Returns:
        the pixels by their key, in the order of the keys.
    """
    path = folder / f"bedroom_{split}_lmdb"
    path.mkdir(parents=True)
    contents = [encoded(Image.fromarray(image), "WEBP", lossless=True) for image in images]
    keys = [hashlib.sha1(content).hexdigest() for content in contents]
    with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for key, content in zip(keys, contents, strict=True):
            transaction.put(key.encode(), content)
    return dict(sorted(zip(keys, images, strict=True)))


def write_files(path: Path, contents: Mapping[str, bytes]) -> None:
    """Files with their paths below a folder, or in a zip file if the path ends in `.zip`."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    else:
        for name, content in contents.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
