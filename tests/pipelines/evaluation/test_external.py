from pathlib import Path
from typing import Any

import click
import pytest
import torch
from PIL import Image

from relation_gan.config import EvaluateConfig
from relation_gan.gan import checkpoint
from relation_gan.gan.data import ImageStore, Points, save_store
from relation_gan.gan.external import ImageFiles
from relation_gan.gan.scoring import Source
from relation_gan.gan.scoring.panels import Images
from relation_gan.pipelines.evaluation import external
from relation_gan.pipelines.reporting import nodes as reporting
from relation_gan.pipelines.reporting.external import collect_external
from tests.conftest import images_recipe
from tests.gan.scoring.helpers import (
    IMAGES,
    a_generator,
    a_point_generator,
    create,
    evaluation,
    images_of,
    score,
    subject,
)
from tests.pipelines.helpers import data_of

SHAPE = (3, 16, 16)
DATA = IMAGES.model_dump(mode="json")


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return save_store(tmp_path / "store", images_recipe(60))


def written(folder: Path, images: torch.Tensor) -> Path:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{number:03}.png")
    return folder


def test_images_that_a_generator_made_score_as_the_generator_does(
    tmp_path: Path, store: ImageStore, tiny: list[int]
) -> None:
    source = Source(store, IMAGES)
    reference = create("distribution", evaluation()).describe(source)
    checkpoint.save_network(tmp_path / "generator.safetensors", a_generator())
    places = tmp_path / "generator.safetensors", written(tmp_path / "made", images_of(a_generator(), 50))
    expected, _ = score("distribution", subject(a_generator()), source, reference)
    for place in places:
        sampler, how = external.open_samples(EvaluateConfig(samples=str(place)), store, evaluation())
        scores, _ = external.score_samples("distribution", sampler, store, DATA, how, reference)
        assert scores == pytest.approx(expected)
        _, (panel,) = external.score_samples("samples", sampler, store, DATA, how)
        assert isinstance(panel, Images) and torch.equal(panel.images, images_of(a_generator(), 50)[:18])


def test_the_report_says_what_was_scored(tmp_path: Path, store: ImageStore, tiny: list[int]) -> None:
    data, how = data_of(IMAGES, evaluation()), evaluation()
    reference = create("distribution", how).describe(Source(store, IMAGES))
    evaluate = EvaluateConfig(samples=str(written(tmp_path / "made", images_of(a_generator(), 30))))
    sampler, how = external.open_samples(evaluate, store, how)
    assert (how.samples, how.changed) == (30, {"samples": 50})
    found = [external.score_samples(name, sampler, store, DATA, how, reference) for name in external.scorers_of(data)]
    described = reporting.describe_data(data.scorers, data.compared_with, True, store, DATA, how, reference)
    results: list[Any] = [part for pair in found for part in pair]
    study = collect_external("evaluate_set", evaluate, sampler, how, described, *results)
    assert isinstance(sampler, ImageFiles)
    (run,) = study.runs
    assert (run.method, run.dataset) == ("made", store.name) and "kid_tiny" in run.scores
    assert run.history.external["samples_sha256"] == sampler.digest(30)
    assert "samples is 30, not 50" in study.datasets[store.name].protocol
    page, table, _, summary = reporting.write_report(study)
    assert f"made was scored against {store.name}." in page and len(table) == 1
    assert "samples is 30, not 50" in " ".join(summary.split())


def test_too_few_images_for_the_kernel_distance_are_refused(tmp_path: Path, store: ImageStore) -> None:
    folder = written(tmp_path / "made", torch.zeros(19, *SHAPE, dtype=torch.uint8))
    with pytest.raises(click.ClickException) as refused:
        external.open_samples(EvaluateConfig(samples=str(folder)), store, evaluation())
    assert refused.value.message == (
        f"{folder} holds 19 images, fewer than evaluation.kid_subset_size 20; add some, or lower that, to a tenth of "
        "them or so"
    )


def test_a_generator_of_points_is_scored_as_it_is(tmp_path: Path) -> None:
    checkpoint.save_network(tmp_path / "points.safetensors", a_point_generator())
    ring = Points("ring", {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.2})
    evaluate = EvaluateConfig(samples=str(tmp_path / "points.safetensors"))
    sampler, how = external.open_samples(evaluate, ring, evaluation())
    assert not isinstance(sampler, ImageFiles) and sampler.generator.points
    assert how == evaluation()
