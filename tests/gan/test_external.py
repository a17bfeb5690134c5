import hashlib
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from relation_gan.gan import checkpoint, networks
from relation_gan.gan.data import StoreError
from relation_gan.gan.external import ExternalError, ImageFiles, load_generator, open_external
from relation_gan.gan.sampling import samples
from tests.gan.data.sources.formats import pieces
from tests.gan.scoring.helpers import a_generator, a_point_generator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images of 12x12, written in another order than that of their names."""
    folder = tmp_path / "made"
    folder.mkdir()
    for number in (3, 0, 4, 1, 2):
        Image.fromarray(pieces(5, 12, 12)[number]).save(folder / f"{number}.png")
    return folder


def outputs(files: ImageFiles, count: int, size: int) -> list[torch.Tensor]:
    return [sample.output for sample in files.batches(count, 0, size)]


def test_images_come_in_the_order_of_their_names_as_they_are(folder: Path) -> None:
    files = ImageFiles(folder, (3, 12, 12))
    batches = outputs(files, 5, 2)
    assert [len(batch) for batch in batches] == [2, 2, 1] and len(files) == 5
    pixels = torch.cat(batches)
    assert np.array_equal(pixels.numpy().transpose(0, 2, 3, 1), pieces(5, 12, 12))
    contents = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert files.digest(4) == hashlib.sha256(b"".join(contents[:4])).hexdigest()
    assert torch.equal(torch.cat(outputs(files, 3, 8)), pixels[:3])


def test_grey_data_is_compared_with_grey_images(folder: Path) -> None:
    (batch,) = outputs(ImageFiles(folder, (1, 12, 12)), 5, 5)
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in pieces(5, 12, 12)]
    assert np.array_equal(batch[:, 0].numpy(), expected)


def test_a_zip_file_is_a_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as packed:
        for path in folder.iterdir():
            packed.write(path, f"made/{path.name}")
    batches = [torch.cat(outputs(ImageFiles(of, (3, 12, 12)), 5, 3)) for of in (folder, tmp_path / "made.zip")]
    assert torch.equal(*batches)


def test_one_image_of_another_size_is_named(folder: Path) -> None:
    Image.new("RGB", (12, 10)).save(folder / "2.png")
    message = (
        f"{folder}: 2.png is 12x10, the data set's images are 12x12; bring all to that size, the way they were made "
        "to be seen"
    )
    with pytest.raises(StoreError, match=f"^{re.escape(message)}$"):
        outputs(ImageFiles(folder, (3, 12, 12)), 5, 2)


def test_a_damaged_image_is_named(folder: Path) -> None:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:60])
    with pytest.raises(StoreError, match=r"3\.png cannot be read \(.+\); repair or remove it"):
        outputs(ImageFiles(folder, (3, 12, 12)), 5, 2)


def test_a_place_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none here")
    with pytest.raises(StoreError, match="holds no image, among 1 files"):
        ImageFiles(tmp_path, (3, 12, 12))
    with pytest.raises(StoreError, match="neither a folder nor a zip file that can be read"):
        ImageFiles(tmp_path / "notes.txt", (3, 12, 12))


SHAPE = (3, 16, 16)


def saved(path: Path, seed: int = 0, **options: Any) -> Path:
    checkpoint.save_network(path, a_generator(seed, **options))
    return path


def test_a_training_is_scored_by_its_ema_generator(tmp_path: Path) -> None:
    ema = a_generator(3)
    tensors = {f"ema/generator/{name}": value for name, value in ema.state_dict().items()}
    tensors |= {f"task/generator/{name}": value for name, value in a_generator(4).state_dict().items()}
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, tensors, {"config": {"run": {"networks": {"generator": ema.spec}}}})
    loaded = load_generator(path)
    assert torch.equal(next(samples(loaded, 4, 0, 4)), next(samples(ema, 4, 0, 4)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "",
            "parameter 'evaluate.samples' is missing: --params=evaluate.samples=<a generator.safetensors, or a",
        ),
        ("absent", "absent': there is no such file or folder"),
        ("empty", "empty holds no image, among 0 files"),
        ("note.txt", "note.txt is neither a folder nor a zip file that can be read"),
        ("damaged.safetensors", "damaged.safetensors is damaged or is not a file of this project"),
        ("critic.safetensors", "critic.safetensors holds a dcgan_critic, which is no generator"),
        (
            "lost.safetensors",
            "lost.safetensors: the generator's images are not finite: its training diverged; there",
        ),
        ("larger.safetensors", "larger.safetensors makes samples of shape (3, 32, 32), the data's are (3, 16, 16); ch"),
        ("points.safetensors", "points.safetensors makes samples of shape (2,), the data's are (3, 16, 16); choose th"),
        ("other.safetensors", "other.safetensors holds no generator that this version can build"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_sentence(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "damaged.safetensors").write_bytes(b"hello")
    critic = networks.create("dcgan_critic", kind="score", size=16, channels=3, width=2)
    checkpoint.save_network(tmp_path / "critic.safetensors", critic)
    saved(tmp_path / "lost.safetensors", diverged=True)
    larger = networks.create("dcgan_generator", size=32, channels=3, latent=4, width=2)
    checkpoint.save_network(tmp_path / "larger.safetensors", larger)
    checkpoint.save_network(tmp_path / "points.safetensors", a_point_generator())
    checkpoint.save(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {"config": {}})
    with pytest.raises(ExternalError) as refused:
        open_external(str(tmp_path / name) if name else "", SHAPE)
    assert message in str(refused.value)


def test_images_are_not_compared_with_points(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match="images cannot be compared with points; choose another --env"):
        open_external(str(tmp_path), (2,))
