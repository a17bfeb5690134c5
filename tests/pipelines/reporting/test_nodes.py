import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from relation_gan.config import Data
from relation_gan.gan.checkpoint import Described, fingerprint
from relation_gan.gan.data import ImageStore, Points, save_store
from relation_gan.gan.training import CheckpointStore
from relation_gan.pipelines.reporting import create_pipeline, nodes
from relation_gan.pipelines.reporting.results import Experiment, RunResult, StudyResult
from relation_gan.pipelines.training.nodes import depends_on
from tests.conftest import images_recipe

PUBLISHED = ["experiment", "dataset", "method", "metric", "value", "pm", "protocol", "note"]
POINTS = Points("ring", {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.1})
REAL, _ = POINTS.sample(300, torch.Generator().manual_seed(0))
SCORED = {"protocol": "mine", "samples": 1000, "checkpoint": "final", "regenerations": 1, "changed": {}}
REFERENCES = {
    "ring": Described({"points": REAL}, {"box": [-2, 2, -2, 2], "scores": {"kl": 0.1}}),
    "random_pixels": Described({}, {"scores": {"reverse_kl": 0.2}}),
}


@pytest.fixture
def store(tmp_path: Any) -> ImageStore:
    return save_store(tmp_path / "random_pixels", images_recipe(10))


def history(dataset: str, method: str = "m") -> dict[str, Any]:
    made_of: Any = {"title": "M", "loss": {}, "regularisers": [], "generator": {}, "critic": {}}
    rates = {"lr_generator": 1.0e-3, "lr_critic": 1.0e-3, "betas": [0.0, 0.99], "steps": 9, "batch_size": 8}
    config = {"dataset": dataset, "method": method, "seed": 1, **made_of, "training": rates}
    named = {"dataset": dataset, "method": method, "seed": 1, "status": "finished", "data_sha256": "0a1b"}
    return {**named, "config": config, "device": "cpu", "threads": 2}


def collect_study(references: list[int], *inputs: Any) -> StudyResult:
    return nodes.collect_study("s", "study", references, {}, pd.DataFrame(columns=PUBLISHED), {}, *inputs)


def collect_points(**pictures: torch.Tensor) -> Any:
    grids = Described({"grids": torch.zeros(2, 1024, 2)}, {"steps": [0, 9]})
    named = {name.replace("_", "/", 1): value for name, value in pictures.items()}
    values = Described({"values": torch.ones(4, 4)} if pictures else {}, {})
    return nodes.collect_run(POINTS, history("ring"), {"kl": 1.0}, [], grids, Described(named, {}), values)


def test_a_run_on_points_is_collected() -> None:
    run = collect_points(averaged_samples=torch.ones(7, 2), averaged_mode_counts=torch.tensor([7, 0, 0]))
    assert (run.name, run.samples.shape, run.grids.shape) == ("ring.m.seed1", (7, 2), (2, 1024, 2))
    assert run.mode_counts.tolist() == [7, 0, 0]
    assert run.landscape.tolist() == [[1.0] * 4] * 4
    assert run.history["grid_steps"] == [0, 9]


def test_a_run_without_samples_has_none_of_the_shape_of_its_data(store: ImageStore) -> None:
    run = collect_points()
    assert (run.samples.shape, run.mode_counts.size, run.landscape.size) == ((0, 2), 0, 0)
    grids = Described({"grids": torch.zeros(0, 64, 3, 16, 16, dtype=torch.uint8)}, {"steps": []})
    run = nodes.collect_run(store, history("random_pixels"), {}, [], grids, Described({}, {}))
    assert run.samples.shape == (0, 3, 16, 16)


def test_a_study_holds_the_real_data_and_the_reference_of_each_data_set(store: ImageStore) -> None:
    grids = Described({"grids": torch.zeros(0, 64, 3, 16, 16, dtype=torch.uint8)}, {"steps": []})
    on_images = nodes.collect_run(store, history("random_pixels"), {}, [], grids, Described({}, {}))
    study = collect_study([1, 1], POINTS, store, SCORED, SCORED, *REFERENCES.values(), collect_points(), on_images)
    assert [part.dataset for part in study.parts] == ["ring", "random_pixels"]
    assert [part.of_points for part in study.parts] == [True, False]
    assert np.array_equal(study.real["ring"], REAL.numpy())
    assert np.array_equal(study.real["random_pixels"], store.images)
    assert study.reference == {"ring": {"kl": 0.1}, "random_pixels": {"reverse_kl": 0.2}}
    assert study.boxes == {"ring": [-2, 2, -2, 2]}
    assert study.provenance["data"] == (
        "ring: drawn online: ring (modes 3, radius 1.0, sigma 0.1); random_pixels: a test"
    )
    assert study.provenance["data SHA-256"] == f"{POINTS.digest}, {store.digest}"


def test_the_protocol_is_told_with_what_was_changed_of_it() -> None:
    assert nodes.protocol(SCORED, 0, REFERENCES["ring"]) == "Protocol “mine”: 1,000 samples of the final checkpoint."
    features = {"extractor": "efficientnet_lite0", "kid_subsets": 5, "kid_subset_size": 50, "inception_splits": 2}
    changed = {**SCORED, **features, "checkpoint": "best", "regenerations": 3, "changed": {"samples": 50000}}
    assert nodes.protocol(changed, 60_000, Described({}, {"count": 2000})) == (
        "Protocol “mine”: 1,000 samples of the best checkpoint, drawn 3 times, against 2,000 of 60,000 training "
        "pictures, by the features of EfficientNet-Lite0; kernel distance over 5 subsets of 50, Inception score in 2 "
        "splits. Changed from the protocol: samples is 1000, not 50000."
    )


def test_the_classes_of_samples_and_of_held_out_pictures_have_the_names_of_the_store(tmp_path: Any) -> None:
    store = save_store(tmp_path / "random_pixels", images_recipe(10, classes=["cat", "dog"]))
    pictures, counts = torch.ones((2, 8, 3, 16, 16), dtype=torch.uint8), torch.tensor([3, 9])
    by_judge = {"by_class": pictures, "class_counts": counts}
    grids = Described({"grids": torch.zeros(0, 64, 3, 16, 16, dtype=torch.uint8)}, {"steps": []})
    classes = Described({f"averaged/{name}": 2 * value for name, value in by_judge.items()}, {})
    parts = {"history": history("random_pixels"), "scores": {}, "curve": [], "grids": grids}
    run, lost = (
        nodes.collect_run(store, **parts, pictures=Described({}, {}), classes=of) for of in (classes, Described({}, {}))
    )
    assert run.classes is not None and run.classes.names == ["cat", "dog"]
    assert run.classes.pictures.min() == 2 and run.classes.counts.tolist() == [6, 18]
    assert lost.classes is None
    judged = Described(by_judge, {"scores": {"confidence": 0.9}})
    study = collect_study([2], store, SCORED, REFERENCES["random_pixels"], judged, run)
    assert study.reference == {"random_pixels": {"reverse_kl": 0.2, "confidence": 0.9}}
    (part,) = study.parts
    assert part.classes is not None and part.classes.counts.tolist() == [3, 9]


def test_the_real_images_of_a_large_store_are_spread_over_it(tmp_path: Any) -> None:
    # The files of a folder are sorted by their class: the first ones would all be of one.
    store = save_store(tmp_path / "large", images_recipe(1000, "random_pixels"))
    grids = Described({"grids": torch.zeros(0, 64, 3, 16, 16, dtype=torch.uint8)}, {"steps": []})
    run = nodes.collect_run(store, history("random_pixels"), {}, [], grids, Described({}, {}))
    real = collect_study([1], store, SCORED, REFERENCES["random_pixels"], run).real["random_pixels"]
    assert len(real) == nodes.N_REAL == 256
    place = {image.tobytes(): number for number, image in enumerate(store.images)}
    found = [place[image.tobytes()] for image in real]
    assert (found[0], found[-1]) == (0, 999)
    # 999 / 255 = 3.9 places between two of them.
    assert {int(step) for step in np.diff(found)} == {3, 4}


def test_the_pipeline_takes_each_run_its_own_data_set() -> None:
    ring = Data("ring", "points", "reference")
    digits = Data("digits", "stacked_digits", "reference", judge=True)
    faces = Data("faces", "pictures", "reference_inception", ("completion",))
    things = Data("things", "pictures", "reference_inception", judge=True)
    runs = [(ring, "a", 0), (ring, "a", 1), (digits, "a", 0), (faces, "a", 0), (things, "a", 0)]
    pipeline = create_pipeline("s", runs, "params:studies.mine")
    parts = {"history", "scores", "curve", "grids", "pictures", "checkpoints"}
    expected = {f"{data.name}.a.seed{seed}.{part}" for data, _, seed in runs for part in parts}
    expected |= {f"ring.a.seed{seed}.landscape" for seed in (0, 1)}
    expected |= {"faces.a.seed0.completion", "things.a.seed0.classes"}
    shared = [
        *("params:studies.mine", "published", "params:claims"),
        *("ring.points", "digits.images", "faces.images", "things.images"),
        *(f"params:datasets.{name}.evaluation" for name in ("ring", "digits", "faces", "things")),
        *("ring.reference", "digits.reference", "faces.reference_inception"),
        *("things.reference_inception", "things.reference_judge"),
    ]
    assert pipeline.inputs() == {*expected, *shared}
    collect = next(node for node in pipeline.nodes if node.name == "s.collect_study")
    assert collect.inputs == [
        *shared,
        *("ring.a.seed0.result", "ring.a.seed1.result", "digits.a.seed0.result", "faces.a.seed0.result"),
        "things.a.seed0.result",
    ]
    page = {"report", "table", "samples", "summary"}
    tables = {"verdicts", "statistics", "statistics_latex", "paper_beside_ours", "paper_beside_ours_latex"}
    assert pipeline.outputs() == {f"s.{name}" for name in (*page, *tables, "figures", "best")}


def test_a_run_says_what_it_was_made_from_and_where_it_is_tracked(tmp_path: Any) -> None:
    grids = Described({"grids": torch.zeros(0, 1024, 2)}, {"steps": []})
    parts = {"scores": {}, "curve": [], "grids": grids, "pictures": Described({}, {})}
    store = CheckpointStore(tmp_path)

    def collect(**changed: Any) -> RunResult:
        return nodes.collect_run(POINTS, {**history("ring"), **changed}, **parts, checkpoints=store)

    untracked = collect()
    made_from = fingerprint(depends_on(history("ring")["config"], "0a1b"))
    assert (untracked.configuration, untracked.mlflow_run) == (made_from, "")
    (tmp_path / "mlflow_run.json").write_text(json.dumps({"made_from": made_from, "run_id": "7", "tracking_uri": "x"}))
    assert collect().mlflow_run == "7"
    # The note is of the configuration before: what lies there was trained again, untracked.
    other = collect(data_sha256="2c3d")
    assert other.configuration != made_from and other.mlflow_run == ""


def test_a_study_knows_its_plan_its_claims_and_what_was_published() -> None:
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
        *("s", "mine", [1], parameters, pd.DataFrame([row], columns=PUBLISHED), {"T-1": claim}),
        *(POINTS, SCORED, REFERENCES["ring"], collect_points()),
    )
    assert (study.design.name, study.design.main, study.design.budget) == ("mine", "m", "reduced")
    assert study.experiments == [Experiment("T", "Table", ["ring"], ["m"], [])]
    assert (study.published[0].metric, study.published[0].value, study.published[0].note) == ("kid_x1000", 12.5, "")
    assert list(study.claims) == ["T-1"] and study.evaluations == {"ring": SCORED}
