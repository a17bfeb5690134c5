from pathlib import Path
from typing import Any

import click
import pytest
import torch
from PIL import Image

from relation_gan.gan import checkpoint
from relation_gan.gan.data import ImageStore, Points, save_store
from relation_gan.gan.data.given import PictureFiles
from relation_gan.gan.sampling import samples
from relation_gan.pipelines.evaluation import given as given_nodes
from relation_gan.pipelines.evaluation.given import load_generator, open_given, take
from relation_gan.pipelines.ingestion.nodes import describe_pictures
from tests.conftest import images_recipe
from tests.pipelines.evaluation.test_nodes import OF_PICTURES, a_generator, a_point_generator, score_pictures

SHAPE = (3, 16, 16)
EVALUATION: dict[str, Any] = {**OF_PICTURES, "protocol": "mine", "real_samples": None, "changed": {}}


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return save_store(tmp_path / "store", images_recipe(60))


def saved(path: Path, seed: int = 0, **options: Any) -> Path:
    checkpoint.save_network(path, a_generator(seed, **options))
    return path


def written(folder: Path, images: torch.Tensor) -> Path:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{number:03}.png")
    return folder


def test_pictures_that_a_generator_made_score_as_the_generator_does(
    tmp_path: Path, store: ImageStore, tiny: list[int]
) -> None:
    reference = describe_pictures(store, EVALUATION, tmp_path / "reference.safetensors")
    path = saved(tmp_path / "generator.safetensors")
    made = torch.cat(list(samples(a_generator(), 50, 0, 16)))
    of_file, of_folder = (
        given_nodes.score_given_pictures(open_given(str(place), SHAPE), reference, EVALUATION)
        for place in (path, written(tmp_path / "made", made))
    )
    of_run = score_pictures(a_generator(), a_generator(), reference, EVALUATION)
    assert of_file == of_folder
    assert of_file == pytest.approx({name: score for name, score in of_run.items() if not name.startswith("raw_")})
    drawn = given_nodes.draw_given_pictures(open_given(str(tmp_path / "made"), SHAPE), EVALUATION)
    assert torch.equal(drawn.tensors["averaged/samples"], made[: EVALUATION["pictures"]])


def test_the_report_of_what_was_given_says_what_it_was(tmp_path: Path, store: ImageStore, tiny: list[int]) -> None:
    reference = describe_pictures(store, EVALUATION, tmp_path / "reference.safetensors")
    folder = written(tmp_path / "made", torch.cat(list(samples(a_generator(), 30, 0, 16))))
    evaluate = {"samples": str(folder)}
    given, evaluation = take(evaluate, store, EVALUATION)
    assert (evaluation["samples"], evaluation["changed"]) == (30, {"samples": 50})
    scores = given_nodes.score_given_pictures(given, reference, evaluation)
    pictures = given_nodes.draw_given_pictures(given, evaluation)
    study = given_nodes.report_given(
        evaluate, store, reference, given, evaluation, pictures, scores, name="evaluate_set"
    )
    assert isinstance(given, PictureFiles)
    (run,) = study.runs
    assert (run.method, run.dataset, run.scores) == ("made", store.name, scores)
    assert run.history["config"]["samples_sha256"] == given.digest(30)
    assert "30 samples" in study.protocols[store.name]
    assert "samples is 30, not 50" in study.protocols[store.name]
    page, table, _, summary = given_nodes.write_report(study)
    assert f"made was scored against {store.name}." in page and len(table) == 1
    assert "samples is 30, not 50" in " ".join(summary.split())


def test_a_training_is_scored_by_its_averaged_generator(tmp_path: Path) -> None:
    averaged = a_generator(3)
    tensors = {f"averaged/{name}": value for name, value in averaged.state_dict().items()}
    tensors |= {f"generator/{name}": value for name, value in a_generator(4).state_dict().items()}
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, tensors, {"config": {"run": {"generator": averaged.spec}}})
    loaded = load_generator(path)
    assert torch.equal(next(samples(loaded, 4, 0, 4)), next(samples(averaged, 4, 0, 4)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "",
            "parameter 'evaluate.samples' is missing: --params=evaluate.samples=<a generator.safetensors, or a",
        ),
        ("absent", "absent': there is no such file or folder"),
        ("empty", "empty holds no picture, among 0 files"),
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
def test_what_cannot_be_scored_is_told_in_a_sentence(tmp_path: Path, name: str, message: str) -> None:
    from relation_gan.gan import networks

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
    with pytest.raises(click.ClickException) as refused:
        open_given(str(tmp_path / name) if name else "", SHAPE)
    assert message in refused.value.message


def test_pictures_are_not_compared_with_points(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="pictures cannot be compared with points; choose another --env"):
        open_given(str(tmp_path), (2,))


def test_too_few_pictures_for_the_kernel_distance_are_told(tmp_path: Path, store: ImageStore) -> None:
    folder = written(tmp_path / "made", torch.zeros(19, *SHAPE, dtype=torch.uint8))
    with pytest.raises(click.ClickException) as refused:
        take({"samples": str(folder)}, store, EVALUATION)
    assert refused.value.message == (
        f"{folder} holds 19 pictures, fewer than evaluation.kid_subset_size 20; add some, or lower that, to a tenth of "
        "them or so"
    )


def test_points_of_a_generator_are_taken_for_points(tmp_path: Path) -> None:
    checkpoint.save_network(tmp_path / "points.safetensors", a_point_generator())
    ring = Points("ring", {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.2})
    given, evaluation = take({"samples": str(tmp_path / "points.safetensors")}, ring, EVALUATION)
    assert not isinstance(given, PictureFiles) and given.points
    assert evaluation == {**EVALUATION, "checkpoint": ""}
