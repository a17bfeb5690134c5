"""The whole graph on real images, in the formats in which they are published, as small sets of the same form."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from relation_gan.config import ConfigError
from relation_gan.execution.hooks.mlflow import TrackingHooks
from relation_gan.gan import data
from relation_gan.gan.checkpoint import load
from relation_gan.gan.metrics import extractors
from tests.gan.data.sources.formats import (
    Labelled,
    encoded,
    labelled,
    pieces,
    write_celeba,
    write_cifar10,
    write_files,
    write_mnist,
)
from tests.gan.metrics.helpers import Tiny
from tests.test_run import in_process, make_project, times

TRAINING = {"steps": 3, "batch_size": 8, "log_every": 1, "save_every": 3, "snapshots": 1}
EVALUATION = {
    **{
        "extractor": "efficientnet_lite0",
        "samples": 100,
        "curve_samples": 100,
        "real_samples": 100,
        "kept_samples": 16,
    },
    **{"kid_subset_size": 50, "kid_subsets": 2, "batch_size": 50},
}
WIDTH: dict[str, Any] = {"generator": {"width": 4}, "critic": {"width": 4}}
WIDTHS: dict[str, Any] = {"generator": {"widths": [8, 8]}, "critic": {"widths": [8, 8], "head": [8]}}
NETWORKS = {"mnist": WIDTHS, "stacked_mnist": WIDTHS, "cifar10": WIDTH, "celeba": WIDTH}
CLASSIFIER = {"epochs": 1, "required_accuracy": 0.1}
RELATION_GAN = "relation_gan/seed0"


def start(project: Path, preset: str, pipeline: str = "relation_gan", **more: Any) -> None:
    """`kedro run --env=<preset>` with three steps of small networks, and the raw files in `raw/<preset>`."""
    evaluate = {"samples": more.pop("samples", "")}
    request = {"folder": str(project / "raw" / preset), "download": False, "classifier": None, **more}
    completion = {"completion": {"images": 3, "steps": 2}} if preset == "celeba" else {}
    common = {"networks": NETWORKS[preset], "training": TRAINING, "evaluation": {**EVALUATION, **completion}}
    in_process(project, pipeline, preset, data=request, evaluate=evaluate, **common)


@pytest.fixture(scope="module")
def digits(mnist: tuple[np.ndarray, np.ndarray]) -> tuple[Labelled, Labelled]:
    """1,000 digits for training, and 100 for the test."""
    images, labels = mnist[0].reshape(-1, 28, 28).astype(np.uint8), mnist[1]
    return (images[::5], labels[::5]), (images[1::50], labels[1::50])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, digits: tuple[Labelled, Labelled]) -> Iterator[Path]:
    """A project in which the main job was run on four data sets, each from files in its published form."""
    project = make_project(tmp_path_factory.mktemp("images") / "project")
    raw = project / "raw"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")  # MLflow opens a relative path once
        patch.setattr(TrackingHooks, "_log_networks", lambda *_: None)  # a second a run, tested elsewhere
        patch.setattr(extractors.EfficientNetLite0, "SIDE", 64)  # a sixth of the work
        write_cifar10(raw / "cifar10", labelled(120, 32), labelled(60, 32, first=120), patch)
        start(project, "cifar10")
        patch.setitem(extractors.registry._entries, "efficientnet_lite0", Tiny)  # it has done its part
        write_mnist(raw / "mnist", *digits)
        start(project, "mnist", held_out=0.04, classifier=CLASSIFIER)
        write_celeba(raw / "celeba", pieces(130, 218, 178), [0] * 70 + [2] * 60, patch, packed=True)
        start(project, "celeba")
        write_mnist(raw / "stacked_mnist", *digits, compressed=False)
        start(project, "stacked_mnist", count=1000, classifier=CLASSIFIER)
        yield project


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished project, to be degraded, in which no real network looks at images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{finished}/mlflow.db")
    monkeypatch.setattr(TrackingHooks, "_log_networks", lambda *_: None)
    monkeypatch.setitem(extractors.registry._entries, "efficientnet_lite0", Tiny)
    return shutil.copytree(finished, tmp_path / "project", ignore=shutil.ignore_patterns("mlflow.db"))


def scores_of(project: Path, name: str) -> dict[str, float]:
    return json.loads((project / "data/07_model_output" / name / RELATION_GAN / "scores.json").read_text())


STORES = {
    # Shape, images held out, the first word of the source, and its raw files.
    "cifar10": ([120, 3, 32, 32], 60, "CIFAR-10, train", [f"cifar-10-batches-py/data_batch_{n}" for n in range(1, 6)]),
    "mnist": ([960, 1, 32, 32], 40, "MNIST, train", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]),
    "celeba": ([70, 3, 64, 64], 60, "CelebA, train", ["img_align_celeba.zip"]),
}


@pytest.mark.parametrize("name", STORES)
def test_a_store_is_made_of_the_published_files(finished: Path, name: str) -> None:
    shape, held_out, source, files = STORES[name]
    store = data.open(finished / "data/03_primary" / name)
    assert (store.manifest["shape"], store.manifest["held_out"]) == (shape, held_out)
    assert store.manifest["source"].startswith(f"{source} (http")
    assert list(store.manifest["files"]) == files
    assert store.manifest["skipped"]["count"] == 0
    store.verify()
    assert store.held_out is not None and len(store.held_out) == held_out


def test_the_stores_hold_the_images(finished: Path, digits: tuple[Labelled, Labelled]) -> None:
    stores = finished / "data/03_primary"
    images, labels = labelled(120, 32)
    cifar10 = data.open(stores / "cifar10")
    assert np.array_equal(cifar10.images, images.transpose(0, 3, 1, 2))
    assert cifar10.labels.tolist() == labels.tolist()
    grey = data.open(stores / "mnist").images
    written = {np.pad(image, 2).tobytes() for image in digits[0][0]}
    assert {image.tobytes() for image in grey} <= written
    stacked = data.open(stores / "stacked_mnist")
    assert stacked.manifest["preparation"].startswith("1 of each of the 1,000 triples stacked as RGB")
    assert len(np.unique(stacked.labels, axis=0)) == 1000


@pytest.mark.parametrize("name", STORES)
def test_the_scores_are_distances_named_after_the_extractor(finished: Path, name: str) -> None:
    scores = scores_of(finished, name)
    assert all(isinstance(value, float) for value in scores.values())
    assert {"seconds", "ms_per_step", "parameters_generator"} <= scores.keys()
    assert scores["steps"] == 3
    kernel = {f"{prefix}kid_efficientnet_lite0{end}" for prefix in ("", "raw_") for end in ("", "_std")}
    found = {name for name in scores if name.removeprefix("raw_").startswith(("kid_eff", "fid_eff"))}
    # 100 images are too few for a Fréchet distance of 1,280 features, but enough for the eight of the small network.
    frechet = set() if name == "cifar10" else {"fid_efficientnet_lite0", "raw_fid_efficientnet_lite0"}
    assert found == kernel | frechet


def test_the_network_that_knows_photographs_tells_held_out_ones_from_what_three_steps_give(finished: Path) -> None:
    _, described = load(finished / "data/03_primary/cifar10.statistics/reference_efficientnet_lite0.safetensors")
    assert abs(described["scores"]["kid_efficientnet_lite0"]) < scores_of(finished, "cifar10")["kid_efficientnet_lite0"]


def test_the_floor_is_that_of_enough_held_out_images(finished: Path) -> None:
    floors = {
        name: load(finished / f"data/03_primary/{name}.statistics/reference_efficientnet_lite0.safetensors")
        .description["scores"]
        .keys()
        for name in STORES
    }
    scored = ("kid{}", "kid{}_std", "precision{}", "recall{}", "inception_score{}", "inception_score{}_std")
    kernel = {name.format("_efficientnet_lite0") for name in scored}
    # 40 held-out digits are fewer than the 50 that the kernel distance needs; 60 are enough.
    assert floors == {"mnist": set(), "cifar10": kernel, "celeba": kernel}


def test_images_with_a_classifier_are_scored_and_shown_by_class(finished: Path) -> None:
    scores = scores_of(finished, "mnist")
    classified = {"confidence", "entropy", "l2", "l2_squared", "fid_classifier", "kid_classifier", "kid_classifier_std"}
    assert {*classified, *(f"raw_{name}" for name in classified), "classifier_accuracy"} <= scores.keys()
    assert not {"confidence", "fid_classifier", "classifier_accuracy"} & scores_of(finished, "cifar10").keys()
    _, described = load(finished / "data/03_primary/mnist.statistics/reference_classifier.safetensors")
    # 40 held-out digits are fewer than the 50 that the kernel distance needs.
    assert described["scores"].keys() == {"classifier_accuracy", "confidence", "entropy", "l2", "l2_squared"}
    assert scores["classifier_accuracy"] == described["scores"]["classifier_accuracy"] >= 0.1
    page = (finished / "data/08_reporting/relation_gan_mnist/report.html").read_text()
    assert "By class" in page and "The classifier of the classes is right on" in page


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("celeba", {}),
        ("mnist", {"held_out": 0.04, "classifier": CLASSIFIER}),
        ("stacked_mnist", {"count": 1000, "classifier": CLASSIFIER}),
    ],
)
def test_a_generator_alone_scores_what_its_run_did(project: Path, name: str, more: dict[str, Any]) -> None:
    path = project / f"data/06_models/{name}/{RELATION_GAN}/generator.safetensors"
    start(project, name, "evaluate", samples=str(path), **more)
    (row,) = pd.read_csv(project / f"data/08_reporting/evaluate_{name}/table.csv").to_dict("records")
    assert row["method"] == f"{name}.relation_gan.seed0"
    of_run = scores_of(project, name)
    found = {key: row[key] for key in of_run.keys() & row.keys()}
    assert len(found) >= 5
    assert found == pytest.approx({key: of_run[key] for key in found}, rel=1e-4)


def test_images_made_elsewhere_are_scored_with_where_they_come_from(project: Path) -> None:
    contents = {f"{i:03}.png": encoded(Image.fromarray(picture), "PNG") for i, picture in enumerate(pieces(80, 64, 64))}
    digest = hashlib.sha256(b"".join(contents.values())).hexdigest()
    rows = []
    for name in ("made", "made.zip"):
        write_files(project / name, contents)
        start(project, "celeba", "evaluate", samples=str(project / name))
        folder = project / "data/08_reporting/evaluate_celeba"
        rows.append(pd.read_csv(folder / "table.csv"))
        page, summary = (folder / "report.html").read_text(), (folder / "summary.txt").read_text()
        assert f"samples_sha256: {digest}" in page
        assert "80 samples, against 70 of 70" in summary and "checkpoint" not in summary
    pd.testing.assert_frame_equal(*rows)


def test_what_cannot_be_scored_is_told_before_the_data_set_is_made(project: Path) -> None:
    shutil.rmtree(project / "data/03_primary/cifar10")
    for samples, message in (("", "evaluate.samples' is missing"), ("away", "there is no such file or folder")):
        with pytest.raises(click.ClickException, match=message):
            start(project, "cifar10", "evaluate", samples=samples)
    assert not (project / "data/03_primary/cifar10").exists()


def test_stacked_digits_of_mnist_are_named_by_their_classifier(finished: Path) -> None:
    scores = scores_of(finished, "stacked_mnist")
    assert {"modes", "reverse_kl", "fid_classifier", "classifier_accuracy"} <= scores.keys()
    assert not any("efficientnet" in name for name in scores)


@pytest.mark.parametrize("name", [*STORES, "stacked_mnist"])
def test_the_report_says_the_right_things(finished: Path, name: str) -> None:
    folder = finished / f"data/08_reporting/relation_gan_{name}"
    assert {"report.html", "table.csv", "samples.png", "summary.txt"} <= {path.name for path in folder.iterdir()}
    page, summary = (folder / "report.html").read_text(), (folder / "summary.txt").read_text()
    row = pd.read_csv(folder / "table.csv").iloc[0]
    assert (row["dataset"], row["method"], row["status"]) == (name, "relation_gan", "finished")
    assert f"relation_gan was trained on {name} for 3 steps" in page
    manifest = json.loads((finished / "data/03_primary" / name / "manifest.json").read_text())
    assert manifest["source"].replace("&", "&amp;") in page and manifest["sha256"] in page
    if name == "stacked_mnist":
        assert "of the 1,000 modes" in page
        return
    kernel = scores_of(finished, name)["kid_efficientnet_lite0"]
    assert row["kid_efficientnet_lite0_x1000"] == pytest.approx(1000 * kernel)
    assert "from real images, on the features of EfficientNet-Lite0" in page
    floor = name != "mnist"
    assert ("held-out real images score" in page) is floor
    assert ("floor" in summary) is floor


@pytest.mark.parametrize("name", STORES)
def test_samples_are_looked_at_closer(finished: Path, name: str) -> None:
    scores = scores_of(finished, name)
    assert all(0 <= scores[f"memorised_{space}"] <= 1 for space in ("pixels", "features"))
    assert "Nearest neighbours" in (finished / f"data/08_reporting/relation_gan_{name}/report.html").read_text()


def test_held_out_faces_are_completed(finished: Path) -> None:
    scores = scores_of(finished, "celeba")
    shares = (9, 25, 49, 64, 81)
    assert all(scores[f"psnr_{share}"] > 0 and scores[f"occluded_psnr_{share}"] > 0 for share in shares)
    assert "Inpainting" in (finished / "data/08_reporting/relation_gan_celeba/report.html").read_text()


def test_runs_on_images_are_tracked(finished: Path) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{finished}/mlflow.db")
    (experiment,) = [found for found in client.search_experiments() if found.name == "relation_gan"]
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    for name in (*STORES, "stacked_mnist"):
        child = runs[f"{name}.relation_gan.seed0"]
        assert child.info.status == "FINISHED"
        digest = data.open(finished / "data/03_primary" / name).digest
        assert child.inputs is not None
        (inputs,) = child.inputs.dataset_inputs
        assert digest.startswith(inputs.dataset.digest)
        assert child.data.params["training.steps"] == "3"
    kernel = runs["celeba.relation_gan.seed0"].data.metrics["kid_efficientnet_lite0"]
    assert kernel == pytest.approx(scores_of(finished, "celeba")["kid_efficientnet_lite0"])


def test_the_same_command_does_nothing_twice_and_needs_no_raw_files(project: Path) -> None:
    shutil.rmtree(project / "raw")
    folders = [project / f"data/03_primary/{name}" for name in ("celeba", "celeba.statistics")]
    checkpoint = project / "data/06_models/celeba" / RELATION_GAN / "checkpoint.safetensors"
    before = [times(folder) for folder in folders], checkpoint.stat().st_mtime_ns
    reference = load(folders[1] / "reference_efficientnet_lite0.safetensors")
    start(project, "celeba")
    assert (times(folders[0]), checkpoint.stat().st_mtime_ns) == (before[0][0], before[1])
    assert load(folders[1] / "reference_efficientnet_lite0.safetensors").description == reference.description


def test_one_changed_byte_of_a_store_is_refused_before_any_training(project: Path) -> None:
    file = project / "data/03_primary/cifar10/images.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    before = times(project / "data")
    with pytest.raises(ConfigError, match="data/03_primary/cifar10 was changed after it was made.*delete the folder"):
        start(project, "cifar10")
    assert times(project / "data") == before


def test_missing_raw_files_are_told_before_any_training(project: Path) -> None:
    shutil.rmtree(project / "raw/mnist")
    with pytest.raises(click.ClickException) as refused:
        start(project, "mnist", name="other")
    assert refused.value.message == (
        f"MNIST needs train-images-idx3-ubyte.gz in {project}/raw/mnist: missing or damaged; they come from "
        "http://yann.lecun.com/exdb/mnist, or https://ossci-datasets.s3.amazonaws.com/mnist (licence: CC BY-SA 3.0)"
    )
    assert not list((project / "data").rglob("other"))
