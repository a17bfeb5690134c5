import hashlib
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from relation_gan.gan.data import StoreError
from relation_gan.gan.data.given import PictureFiles
from tests.gan.data.sources.formats import pieces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures of 12x12, written in another order than that of their names."""
    folder = tmp_path / "made"
    folder.mkdir()
    for number in (3, 0, 4, 1, 2):
        Image.fromarray(pieces(5, 12, 12)[number]).save(folder / f"{number}.png")
    return folder


def test_pictures_come_in_the_order_of_their_names_as_they_are(folder: Path) -> None:
    given = PictureFiles(folder, (3, 12, 12))
    batches = list(given.batches(5, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1] and len(given) == 5
    pixels = torch.cat(batches)
    assert np.array_equal(pixels.numpy().transpose(0, 2, 3, 1), pieces(5, 12, 12))
    contents = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert given.digest(4) == hashlib.sha256(b"".join(contents[:4])).hexdigest()
    assert torch.equal(torch.cat(list(given.batches(3, 8))), pixels[:3])


def test_grey_data_is_compared_with_grey_pictures(folder: Path) -> None:
    (batch,) = PictureFiles(folder, (1, 12, 12)).batches(5, 5)
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in pieces(5, 12, 12)]
    assert np.array_equal(batch[:, 0].numpy(), expected)


def test_a_zip_file_is_a_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as packed:
        for path in folder.iterdir():
            packed.write(path, f"made/{path.name}")
    batches = [torch.cat(list(PictureFiles(of, (3, 12, 12)).batches(5, 3))) for of in (folder, tmp_path / "made.zip")]
    assert torch.equal(*batches)


def test_one_picture_of_another_size_is_named(folder: Path) -> None:
    Image.new("RGB", (12, 10)).save(folder / "2.png")
    message = (
        f"{folder}: 2.png is 12x10, the data set's pictures are 12x12; bring all to that size, the way they were made "
        "to be looked at"
    )
    with pytest.raises(StoreError, match=f"^{re.escape(message)}$"):
        list(PictureFiles(folder, (3, 12, 12)).batches(5, 2))


def test_a_damaged_picture_is_named(folder: Path) -> None:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:60])
    with pytest.raises(StoreError, match=r"3\.png cannot be read \(.+\); mend or remove it"):
        list(PictureFiles(folder, (3, 12, 12)).batches(5, 2))


def test_a_place_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none here")
    with pytest.raises(StoreError, match="holds no picture, among 1 files"):
        PictureFiles(tmp_path, (3, 12, 12))
    with pytest.raises(StoreError, match="neither a folder nor a zip file that can be read"):
        PictureFiles(tmp_path / "notes.txt", (3, 12, 12))
