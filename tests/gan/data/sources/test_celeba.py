import pickle
import sys
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from relation_gan.gan.data.sources import Source, SourceError, open_source
from tests.gan.data.sources.formats import md5, pieces, write_celeba

PARTITION = [0, 2, 0, 1, 0, 2, 0]
PICTURES = pieces(7, 218, 178)
BY_HAND = "fetch img_align_celeba.zip and list_eval_partition.txt with a browser, and leave the zip packed"


def pixels(source: Source) -> list[np.ndarray]:
    return [np.asarray(source.image(index)) for index in range(len(source))]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(np.array_equal(*pair) for pair in zip(a, b, strict=True))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kaggle", [True, False])
@pytest.mark.parametrize("inner", ["", "celeba"])
def test_every_form_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, kaggle: bool, inner: str
) -> None:
    written = write_celeba(tmp_path / inner, PICTURES, PARTITION, monkeypatch, packed, kaggle)
    for split, number in {"train": 0, "valid": 1, "test": 2}.items():
        source = open_source("celeba", tmp_path, split, False)
        chosen = [index for index, part in enumerate(PARTITION) if part == number]
        assert same(pixels(source), [written[index] for index in chosen])
        assert source.name(0).endswith(f"{chosen[0] + 1:06}.jpg")
        assert source.labels.tolist() == [-1] * len(chosen)
    source = open_source("celeba", tmp_path, "all", False)
    assert same(pixels(source), written)
    assert source.image(0).size == (178, 218)
    size = (tmp_path / inner / "img_align_celeba.zip").stat().st_size if packed else 0
    assert source.files == ({"img_align_celeba.zip": size} if packed else {"img_align_celeba": 7})


def test_other_processes_read_the_zip_file_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_celeba(tmp_path, PICTURES, PARTITION, monkeypatch, packed=True)
    source = open_source("celeba", tmp_path, "all", False)
    here = pixels(source)  # the zip file is open
    assert len(pickle.dumps(source)) < 4000
    with get_context("fork").Pool(2) as pool:
        for there in pool.map(pixels, [source] * 8):
            assert same(there, here)
    assert same(pixels(source), here)


def test_all_images_need_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_celeba(tmp_path, PICTURES, PARTITION, monkeypatch)
    (tmp_path / "list_eval_partition.txt").unlink()
    assert len(open_source("celeba", tmp_path, "all", False)) == 7
    with pytest.raises(SourceError, match="CelebA needs list_eval_partition.txt in .*; the split 'all' does without"):
        open_source("celeba", tmp_path, "train", False)


def test_a_list_that_is_cut_short_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_celeba(tmp_path, PICTURES, PARTITION, monkeypatch)
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 0\n000002")
    with pytest.raises(SourceError, match="it names no image of the split 'test'"):
        open_source("celeba", tmp_path, "test", False)


@pytest.mark.parametrize("split", ["train", "all"])
def test_images_that_were_not_unpacked_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str) -> None:
    write_celeba(tmp_path, PICTURES, PARTITION, monkeypatch)
    (tmp_path / "img_align_celeba" / "000005.jpg").unlink()
    with pytest.raises(SourceError, match="needs img_align_celeba in .*1 of [47] images are not in it: 000005.jpg"):
        open_source("celeba", tmp_path, split, False)


def test_a_damaged_zip_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_celeba(tmp_path, PICTURES, PARTITION, monkeypatch, packed=True)
    path = tmp_path / "img_align_celeba.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="CelebA needs img_align_celeba.zip in .*not a zip file"):
        open_source("celeba", tmp_path, "all", False)


def test_without_gdown_the_error_says_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SourceError) as refused:
        open_source("celeba", tmp_path, "all")
    assert str(refused.value) == (
        f"CelebA needs img_align_celeba.zip in {tmp_path}: missing or damaged (or, unpacked, img_align_celeba); they "
        "come from http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Align&Cropped Images; Train/Val/Test Partitions) "
        "(licence: non-commercial research only). The download failed: it needs the package gdown (pip install "
        f"gdown), and Google Drive often refuses: {BY_HAND}. A rerun resumes there, or put the files there by hand"
    )


def fake_gdown(monkeypatch: pytest.MonkeyPatch, web: Path) -> None:
    """A gdown that brings a file of this name from a folder, or nothing."""
    gdown = ModuleType("gdown")

    def download(id: str, output: str, **_: object) -> None:
        source = web / Path(output).name
        if not source.exists():
            raise RuntimeError("Too many users have viewed or downloaded this file recently.")
        Path(output).write_bytes(source.read_bytes())

    gdown.download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: gdown)
    listed = [
        (name, md5(web / name) if (web / name).exists() else "", name)
        for name in ("img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt")
    ]
    monkeypatch.setattr("torchvision.datasets.CelebA.file_list", listed)


def test_with_gdown_the_two_files_come_from_the_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_celeba(tmp_path / "web", PICTURES, PARTITION, monkeypatch, packed=True)
    fake_gdown(monkeypatch, tmp_path / "web")
    source = open_source("celeba", tmp_path / "celeba", "test")
    assert same(pixels(source), [written[1], written[5]])
    files = sorted(path.name for path in (tmp_path / "celeba" / "celeba").iterdir())
    assert files == ["img_align_celeba.zip", "list_eval_partition.txt"]


def test_a_drive_that_refuses_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gdown(monkeypatch, tmp_path / "web")
    with pytest.raises(SourceError, match=f"img_align_celeba.zip: Too many users .*; Google Drive .*{BY_HAND}"):
        open_source("celeba", tmp_path / "celeba", "all")
