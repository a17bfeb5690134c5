import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from relation_gan.analysis.results import DatasetResult, Experiment, RunResult
from relation_gan.gan.checkpoint import Described, fingerprint
from relation_gan.gan.data import ImageStore, Points, save_store
from relation_gan.gan.scoring.panels import Counts, Images, Panel
from relation_gan.gan.scoring.panels import Points as PointsPanel
from relation_gan.gan.state import CheckpointStore
from relation_gan.pipelines.reporting import create_pipeline, nodes
from tests.conftest import images_recipe
from tests.gan.scoring.helpers import IMAGES, LABELLED, RING, STACKED, evaluation
from tests.gan.test_run import run as run_config
from tests.pipelines.helpers import data_of, history

PUBLISHED = ["experiment", "dataset", "method", "metric", "value", "pm", "protocol", "note"]
POINTS = Points("ring", RING.definition)
REAL, _ = POINTS.sample(300, torch.Generator().manual_seed(0))
CONFIG = run_config()
OF_POINTS = Described({"points": REAL}, {"box": [-2, 2, -2, 2], "scores": {"kl": 0.1}})


def collect_run(folder: Path, *panels: list[Panel], dataset: str = "ring", **changed: Any) -> RunResult:
    of = {"dataset": dataset, "seed": 1, "data_sha256": "0a1b", "config": CONFIG, **changed}
    grids = Described({"grids": torch.zeros(2, 1024, 2)}, {"steps": [0, 9]})
    return nodes.collect_run(history(**of), {"kl": 1.0}, [], grids, CheckpointStore(folder), *panels)


def describe_points() -> DatasetResult:
    scorers, compared = ("points",), (("points", "points"),)
    data = RING.model_dump(mode="json")
    return nodes.describe_data(scorers, compared, True, POINTS, data, evaluation(protocol="mine"), OF_POINTS)


def describe_images(store: ImageStore) -> DatasetResult:
    data = data_of(IMAGES, evaluation())
    reference = Described({}, {"count": 10, "scores": {"reverse_kl": 0.2}})
    config = IMAGES.model_dump(mode="json")
    return nodes.describe_data(data.scorers, data.compared_with, True, store, config, evaluation(), reference)


def test_a_run_is_collected_with_the_panels_of_all_its_scorers(tmp_path: Path) -> None:
    points, counts = PointsPanel("Real and generated", "", "", torch.ones(7, 2)), Counts("M", "", "", torch.tensor([7]))
    run = collect_run(tmp_path, [points], [], [counts])
    assert (run.name, run.grids.shape, run.grid_steps) == ("ring.m.seed1", (2, 1024, 2), [0, 9])
    assert run.samples.tolist() == [[1, 1]] * 7 and run.mode_counts.tolist() == [7]
    lost = collect_run(tmp_path)
    assert len(lost.samples) == len(lost.mode_counts) == 0


def test_a_study_says_of_each_data_set_what_it_is_and_what_real_data_scores(tiny: list[int], tmp_path: Path) -> None:
    store = save_store(tmp_path / "random_pixels", images_recipe(10))
    runs = [collect_run(tmp_path), collect_run(tmp_path, dataset="random_pixels")]
    results = describe_points(), describe_images(store), *runs
    study = nodes.collect_study("s", "study", {}, pd.DataFrame(columns=PUBLISHED), {}, *results)
    ring, pixels = study.parts
    assert (ring.dataset, pixels.dataset) == ("ring", "random_pixels")
    assert (ring.of_points, pixels.of_points) == (True, False)
    assert np.array_equal(ring.real, REAL.numpy()) and np.array_equal(pixels.real, store.images)
    assert (ring.data.reference, pixels.data.reference) == ({"kl": 0.1}, {"reverse_kl": 0.2})
    assert ring.data.box == [-2, 2, -2, 2]
    assert study.provenance["data"] == (
        "ring: drawn online: ring (modes 3, radius 1.0, sigma 0.2); random_pixels: a test"
    )
    assert study.provenance["data SHA-256"] == f"{POINTS.digest}, {store.digest}"


def test_the_protocol_is_given_with_what_was_changed_of_it() -> None:
    how = evaluation(protocol="mine", samples=1000)
    assert nodes.protocol(how, 0, None) == "Protocol “mine”: 1,000 samples of the final checkpoint."
    features = {"extractor": "efficientnet_lite0", "kid_subsets": 5, "kid_subset_size": 50, "inception_splits": 2}
    changed = {**features, "checkpoint": "best", "regenerations": 3, "changed": {"samples": 50000}}
    assert nodes.protocol(how.model_copy(update=changed), 60_000, Described({}, {"count": 2000})) == (
        "Protocol “mine”: 1,000 samples of the best checkpoint, drawn 3 times, against 2,000 of 60,000 training "
        "images, by the features of EfficientNet-Lite0; kernel distance over 5 subsets of 50, Inception score in 2 "
        "splits. Changed from the protocol: samples is 1000, not 50000."
    )


def test_real_data_has_the_panels_of_its_scorers_samples_first(tiny: list[int], tmp_path: Path) -> None:
    store = save_store(tmp_path / "pixels", images_recipe(10, classes=["cat", "dog"]))
    data, by_class = data_of(LABELLED, evaluation()), torch.ones((2, 8, 3, 16, 16), dtype=torch.uint8)
    classified = Described(
        {"by_class": by_class, "class_counts": torch.tensor([3, 9])}, {"count": 10, "scores": {"confidence": 0.9}}
    )
    # The references in the order of the scorers: classes comes before distribution.
    described = nodes.describe_data(
        *(data.scorers, data.compared_with, True, store, LABELLED.model_dump(mode="json"), evaluation()),
        *(classified, Described({}, {"count": 10, "scores": {"kid_tiny": 0.2}})),
    )
    assert described.reference == {"kid_tiny": 0.2, "confidence": 0.9}
    first, second = described.panels
    assert first.heading == "Real and generated" and isinstance(second, Images)
    assert second.rows == ["cat 25.0%", "dog 75.0%"]


@pytest.fixture
def pipeline(tiny: list[int]) -> Any:
    digits = STACKED.model_copy(update={"name": "digits"})
    faces, things = (
        config.model_copy(update={"name": name}) for config, name in ((IMAGES, "faces"), (LABELLED, "things"))
    )
    configs = [RING, RING, digits, faces, things]
    runs = [(data_of(config, evaluation()), "a", int(i == 1)) for i, config in enumerate(configs)]
    return create_pipeline("s", runs, "params:studies.mine")


def test_the_pipeline_takes_each_run_its_own_data_set_and_scorers(pipeline: Any) -> None:
    names = ["ring.a.seed0", "ring.a.seed1", "digits.a.seed0", "faces.a.seed0", "things.a.seed0"]
    images = {"cost", "diagnostics", "distribution", "samples"}
    scorers = [{"cost", "points"}, {"cost", "points"}, {"classes", "cost", "samples"}, images, {*images, "classes"}]
    parts = ("history", "scores", "curve", "grids", "checkpoints")
    expected = {f"{name}.{part}" for name in names for part in parts}
    expected |= {f"{name}.panels_{scorer}" for name, of in zip(names, scorers, strict=True) for scorer in of}
    datasets = ("ring", "digits", "faces", "things")
    expected |= {f"params:datasets.{name}.{part}" for name in datasets for part in ("data", "evaluation")}
    expected |= {"ring.points", "digits.images", "faces.images", "things.images", "ring.reference_points"}
    expected |= {"digits.reference_classifier", "faces.reference_tiny"}
    expected |= {"things.reference_tiny", "things.reference_classifier"}
    assert pipeline.inputs() == {*expected, "params:studies.mine", "published", "params:claims"}
    collect = next(node for node in pipeline.nodes if node.name == "s.collect_study")
    results = [f"{name}.result" for name in (*datasets, *names)]
    assert collect.inputs == ["params:studies.mine", "published", "params:claims", *results]
    page = {"report", "table", "samples", "summary"}
    tables = {"verdicts", "statistics", "statistics_latex", "published_and_ours", "published_and_ours_latex"}
    assert pipeline.outputs() == {f"s.{name}" for name in (*page, *tables, "figures", "best")}


def test_a_run_says_what_it_was_made_from_and_where_it_is_tracked(tmp_path: Path) -> None:
    untracked = collect_run(tmp_path)
    made_from = fingerprint(CONFIG.depends_on("0a1b"))
    assert (untracked.configuration, untracked.mlflow_run) == (made_from, "")
    (tmp_path / "mlflow_run.json").write_text(json.dumps({"made_from": made_from, "run_id": "7", "tracking_uri": "x"}))
    assert collect_run(tmp_path).mlflow_run == "7"
    # The note is of the configuration before: what is there was trained again, untracked.
    other = collect_run(tmp_path, data_sha256="2c3d")
    assert other.configuration != made_from and other.mlflow_run == ""


def test_a_study_knows_its_design_its_claims_and_what_was_published(tmp_path: Path) -> None:
    experiment = {"title": "Table", "datasets": ["ring"], "methods": ["m"], "sweeps": []}
    parameters = {"name": "a_folder", "main": "m", "budget": "reduced", "experiments": {"T": experiment}}
    row = ["T", "ring", "m", "kid", 0.0125, math.nan, "unstated", math.nan]
    claim = {
        "study": "mine",
        "says": "So.",
        "tested_on": ["ring"],
        "reaches": {"methods": ["m"], "by": "kl", "value": 1},
    }
    study = nodes.collect_study(
        *("s", "mine", parameters, pd.DataFrame([row], columns=PUBLISHED), {"T-1": claim}),
        *(describe_points(), collect_run(tmp_path)),
    )
    assert (study.design.name, study.design.main, study.design.budget) == ("mine", "m", "reduced")
    assert study.experiments == [Experiment("T", "Table", ["ring"], ["m"], [])]
    assert (study.published[0].metric, study.published[0].value, study.published[0].note) == ("kid_x1000", 12.5, "")
    assert list(study.claims) == ["T-1"] and study.datasets["ring"].evaluation["protocol"] == "mine"
