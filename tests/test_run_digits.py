"""The whole graph on single digits and on points, at the smallest budget: no download, no network but a classifier."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from relation_gan.execution.hooks.mlflow import TrackingHooks
from relation_gan.gan.checkpoint import load, load_network
from relation_gan.gan.metrics import extractors
from relation_gan.gan.networks.classifier import Classifier
from tests.test_run import in_process, make_project

DIGITS = "data/07_model_output/digits_smoke/vanilla/seed0"
BY_CLASSIFIER = {
    *("fid_classifier", "kid_classifier", "kid_classifier_std", "precision_classifier", "recall_classifier"),
    *("inception_score_classifier", "inception_score_classifier_std", "confidence", "entropy", "l2", "l2_squared"),
}


@pytest.fixture(scope="module", autouse=True)
def alone() -> Iterator[None]:
    """No network that knows other images is opened, and no run takes a second to be kept by MLflow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extractors.registry, "create", lambda name, **_: pytest.fail(f"{name} was opened"))
        patch.setattr(TrackingHooks, "_log_networks", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a finished study of one method on both."""
    project = make_project(tmp_path_factory.mktemp("digits") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        study = {"presets": ["digits_smoke", "ring8_smoke"], "methods": ["vanilla"]}
        in_process(project, "study", "digits_smoke", study=study)
        yield project


def of(project: Path, name: str) -> dict[str, float]:
    return json.loads((project / DIGITS / name).read_text())


def test_digits_are_scored_by_their_classifier_alone(finished: Path) -> None:
    scores = of(finished, "scores.json")
    assert {
        *BY_CLASSIFIER,
        *(f"raw_{name}" for name in BY_CLASSIFIER),
        "classifier_accuracy",
        "best_kid_classifier",
    } <= scores.keys()
    assert {"memorised_pixels", "memorised_features", "psnr_25", "occluded_psnr_25", "ms_per_step"} <= scores.keys()
    assert not any("efficientnet" in name or name.removeprefix("raw_") in ("fid", "kid") for name in scores)
    curve = of(finished, "curve.json")
    assert {"step", "kid_classifier", "raw_kid_classifier", "entropy", "confidence"} <= curve[0].keys()  # pyright: ignore


def test_held_out_digits_are_scored_as_samples_are(finished: Path) -> None:
    statistics = finished / "data/03_primary/digits_smoke.statistics"
    assert {path.name for path in statistics.iterdir()} == {
        "classifier.safetensors",
        "reference_classifier.safetensors",
    }
    classifier = load_network(statistics / "classifier.safetensors")
    _, description = load(statistics / "reference_classifier.safetensors")
    assert isinstance(classifier, Classifier)
    # A Frechet distance depends on the number of images, and is no floor.
    assert description["scores"].keys() == BY_CLASSIFIER - {"fid_classifier"} | {"classifier_accuracy"}
    assert (
        description["scores"]["classifier_accuracy"]
        == classifier.notes["accuracy"]
        == of(finished, "scores.json")["classifier_accuracy"]
    )
    assert abs(description["scores"]["kid_classifier"]) < of(finished, "scores.json")["kid_classifier"]


def test_there_are_no_raw_files(finished: Path) -> None:
    assert not list((finished / "data/01_raw").glob("*"))
    manifest = json.loads((finished / "data/03_primary/digits_smoke/manifest.json").read_text())
    assert (manifest["shape"], manifest["held_out"], manifest["files"]) == ([200, 1, 28, 28], 200, {})


def test_the_report_has_both_data_sets(finished: Path) -> None:
    folder = finished / "data/08_reporting/study_digits_smoke"
    table = pd.read_csv(folder / "table.csv").set_index("dataset")
    assert table["fid_classifier"]["digits_smoke"] == pytest.approx(of(finished, "scores.json")["fid_classifier"])
    assert table["modes"]["ring8_smoke"] >= 0
    assert "By class" in (folder / "report.html").read_text()
    assert "by the features of the classifier" in " ".join((folder / "summary.txt").read_text().split())


def test_a_generator_alone_scores_what_its_run_did(finished: Path) -> None:
    path = finished / "data/06_models/digits_smoke/vanilla/seed0/generator.safetensors"
    in_process(finished, "evaluate", "digits_smoke", evaluate={"samples": str(path)})
    (row,) = pd.read_csv(finished / "data/08_reporting/evaluate_digits_smoke/table.csv").to_dict("records")
    scores = of(finished, "scores.json")
    scores |= {name.replace("kid_classifier", "kid_classifier_x1000"): value for name, value in scores.items()}
    same = BY_CLASSIFIER - {"kid_classifier", "kid_classifier_std"}
    assert {name: row[name] for name in same} == pytest.approx({name: scores[name] for name in same}, rel=1e-4)
    assert row["kid_classifier_x1000"] == pytest.approx(1000 * scores["kid_classifier"], rel=1e-4)
