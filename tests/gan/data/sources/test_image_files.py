import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from relation_gan.gan.data.sources import SourceError, open_source
from tests.gan.data.sources.formats import encoded, pieces, write_files

PICTURES = [Image.fromarray(piece) for piece in pieces(4, 40, 60)]
PNG = [encoded(image, "PNG") for image in PICTURES]


@pytest.fixture(params=["photos", "photos.zip"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


def test_images_are_read_in_the_order_of_their_paths(path: Path) -> None:
    names = ["b.png", "a/z.png", "a/y/x.PNG", "c d.png"]
    write_files(path, dict(zip(names, PNG, strict=True)))
    source = open_source("image_folder", path, "all")
    assert [source.name(index) for index in range(4)] == ["a/y/x.PNG", "a/z.png", "b.png", "c d.png"]
    for index, number in enumerate([2, 1, 0, 3]):
        assert np.array_equal(np.asarray(source.image(index)), np.asarray(PICTURES[number]))
    assert source.files == {path.name: 4}
    assert source.labels.tolist() == [-1] * 4
    assert not source.fixed


def test_subfolders_are_classes(path: Path) -> None:
    write_files(path, dict(zip(["dogs/1.png", "cats/2.png", "dogs/old/3.png", "cats/1.png"], PNG, strict=True)))
    source = open_source("image_folder", path, "all")
    assert source.classes == ("cats", "dogs")
    assert source.labels.dtype == np.int64
    assert source.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("names", [["a/1.png", "2.png"], ["a/1.png", "a/2.png"]])
def test_images_beside_subfolders_or_in_one_alone_have_no_class(path: Path, names: list[str]) -> None:
    write_files(path, dict(zip(names, PNG, strict=False)))
    source = open_source("image_folder", path, "all")
    assert (source.classes, source.labels.tolist()) == ((), [-1, -1])


def test_what_is_no_image_or_hidden_is_left_out(path: Path) -> None:
    left_out = ["a.txt", "b.pdf", "c.h5", "noending", ".d.png", ".trash/e.png", "__MACOSX/._f.png", "x/__MACOSX/g.jpg"]
    write_files(path, {**dict.fromkeys(left_out, b"x"), "good.png": PNG[0]})
    source = open_source("image_folder", path, "all")
    assert [source.name(index) for index in range(len(source))] == ["good.png"]


@pytest.mark.parametrize(
    ("kind", "ending", "mode"),
    [
        ("JPEG", "jpg", "RGB"),
        ("JPEG", "JPEG", "CMYK"),
        ("JPEG", "jpe", "L"),
        ("PNG", "png", "RGBA"),
        ("PNG", "png", "P"),
        ("GIF", "gif", "P"),
        ("WEBP", "webp", "RGB"),
        ("BMP", "bmp", "RGB"),
        ("TIFF", "tif", "CMYK"),
        ("PPM", "ppm", "RGB"),
        ("AVIF", "avif", "RGB"),
    ],
)
def test_images_keep_their_mode(path: Path, kind: str, ending: str, mode: str) -> None:
    write_files(path, {f"a.{ending}": encoded(PICTURES[0].convert(mode), kind)})
    image = open_source("image_folder", path, "all").image(0)
    assert (image.format, image.mode, image.size) == (kind, mode, (60, 40))


def test_files_that_cannot_be_read_are_found_out_one_by_one(path: Path) -> None:
    write_files(path, {"empty.png": b"", "text.jpg": b"hello", "truncated.png": PNG[0][:-200], "whole.png": PNG[1]})
    source = open_source("image_folder", path, "all")
    for index in (0, 1):
        with pytest.raises(UnidentifiedImageError):
            source.image(index)
    with pytest.raises(OSError, match="truncated"):
        source.image(2).load()
    source.image(3).load()


def test_a_damaged_member_of_a_zip_file_is_an_oserror(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_files(path, {"a.png": PNG[0], "b.png": PNG[1]})
    content = bytearray(path.read_bytes())
    content[content.index(PNG[0]) + 300] ^= 1
    path.write_bytes(content)
    source = open_source("image_folder", path, "all")
    with pytest.raises(OSError, match="Bad CRC-32 for file 'a.png'"):
        source.image(0)
    source.image(1).load()


def test_a_member_with_a_password_is_an_oserror(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_files(path, {"a.png": PNG[0]})
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # the flag for encryption, in the directory
    content[6] |= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="password"):
        open_source("image_folder", path, "all").image(0)


def test_the_fingerprint_tells_a_changed_folder(path: Path) -> None:
    def fingerprint(**contents: bytes) -> str:
        write_files(path, {f"{name}.png": content for name, content in contents.items()})
        return open_source("image_folder", path, "all").fingerprint

    first = fingerprint(a=PNG[0], b=PNG[1])
    assert fingerprint(a=PNG[0], b=PNG[1]) == first
    assert fingerprint(a=PNG[0], b=PNG[1] + b"x") != first
    assert fingerprint(a=PNG[0], b=PNG[1], c=PNG[2]) != first


def test_a_folder_and_its_zip_file_have_the_same_fingerprint(tmp_path: Path) -> None:
    prints = set()
    for path in (tmp_path / "a", tmp_path / "a.zip"):
        write_files(path, {"x/1.png": PNG[0], "y/2.png": PNG[1]})
        prints.add(open_source("image_folder", path, "all").fingerprint)
    assert len(prints) == 1


def test_a_folder_with_nothing_but_a_zip_file_is_that_zip_file(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_files(tmp_path / "photos" / "all.zip", {"a.png": PNG[0]})
    source = open_source("image_folder", tmp_path / "photos", "all")
    assert (len(source), source.files) == (1, {"all.zip": 1})


def test_links_are_followed_once(tmp_path: Path) -> None:
    write_files(tmp_path / "elsewhere", {"a.png": PNG[0]})
    write_files(tmp_path / "photos", {"b.png": PNG[1]})
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "loop").symlink_to(tmp_path / "photos")
    source = open_source("image_folder", tmp_path / "photos", "all")
    assert [source.name(index) for index in range(len(source))] == ["b.png", "more/a.png"]
    source.image(1).load()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "photos", {"a.png": PNG[0]})
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(open_source("image_folder", Path("~/photos"), "all")) == 1


def test_a_missing_folder_is_refused(path: Path) -> None:
    with pytest.raises(SourceError) as refused:
        open_source("image_folder", path, "all")
    assert str(refused.value) == f"{path}: there is no such folder or zip file"


@pytest.mark.parametrize("content", [b"", b"hello", encoded(PICTURES[0], "PNG")])
def test_a_file_that_is_no_zip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(SourceError) as refused:
        open_source("image_folder", tmp_path / "a.png", "all")
    assert str(refused.value) == (
        f"{tmp_path / 'a.png'}: it is neither a folder nor a zip file that can be read (File is not a zip file)"
    )


def test_a_folder_without_images_is_refused(path: Path) -> None:
    write_files(path, {"a.txt": b"x", "b/c.csv": b"y"})
    with pytest.raises(SourceError) as refused:
        open_source("image_folder", path, "all")
    assert str(refused.value) == f"{path}: no image there, among 2 files"


def test_a_subfolder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"a.png": PNG[0], "closed/b.png": PNG[1]})
    scandir = os.scandir

    def refusing(path: str) -> object:  # chmod would not stop root
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(SourceError, match=f"{tmp_path}: it is neither .* that can be read .*Permission denied.*closed"):
        open_source("image_folder", tmp_path, "all")


@pytest.mark.parametrize("name", ["data128x128/00001.jpg", "CelebA-HQ-img/0.jpg", "celeba_hq/train/female/1.png"])
def test_celeba_hq_is_read_in_any_form(path: Path, name: str) -> None:
    write_files(path, {name: encoded(PICTURES[0], "JPEG" if name.endswith("jpg") else "PNG")})
    source = open_source("celeba_hq", path, "all")
    assert (source.title, source.name(0), source.image(0).size) == ("CelebA-HQ", name, (60, 40))


def test_a_missing_celeba_hq_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refused:
        open_source("celeba_hq", tmp_path / "celeba_hq", "all")
    assert str(refused.value) == (
        f"CelebA-HQ needs its images, unpacked or as a zip file, in {tmp_path / 'celeba_hq'}: missing or damaged "
        "(there is no such folder or zip file); they come from "
        "https://github.com/tkarras/progressive_growing_of_gans (licence: CC BY-NC 4.0; CelebA's images: "
        "non-commercial research only). The download failed: CelebA-HQ cannot be downloaded by a program. A rerun "
        "resumes there, or put the files there by hand"
    )


def test_a_zip_file_opened_before_a_fork_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_files(path, {f"{number}.png": content for number, content in enumerate(PNG)})
    source = open_source("image_folder", path, "all")
    source.image(0)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, source.image(3).tobytes()[:100])
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == PICTURES[3].tobytes()[:100]
