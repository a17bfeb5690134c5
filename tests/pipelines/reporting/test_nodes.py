from typing import Any

import numpy as np
import pytest
import torch

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore, Points, save_store
from relation_gan.pipelines.reporting import create_pipeline, nodes
from tests.conftest import images_recipe

POINTS = Points("ring", {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.1})
REAL, _ = POINTS.sample(300, torch.Generator().manual_seed(0))
REFERENCES = {
    "ring": Described({"points": REAL}, {"box": [-2, 2, -2, 2], "scores": {"kl": 0.1}}),
    "random_pixels": Described({}, {"scores": {"reverse_kl": 0.2}}),
}


@pytest.fixture
def store(tmp_path: Any) -> ImageStore:
    return save_store(tmp_path / "random_pixels", images_recipe(10))


def history(dataset: str, method: str = "m") -> dict[str, Any]:
    return {"dataset": dataset, "method": method, "seed": 1, "config": {"a": 1}, "device": "cpu", "threads": 2}


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
    study = nodes.collect_study("s", 2, POINTS, store, *REFERENCES.values(), collect_points(), on_images)
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


def test_the_pipeline_takes_each_run_its_own_data_set() -> None:
    runs = [("ring", "a", 0, "points"), ("ring", "a", 1, "points"), ("digits", "a", 0, "stacked_digits")]
    pipeline = create_pipeline("s", runs)
    parts = {"history", "scores", "curve", "grids", "pictures"}
    expected = {f"{dataset}.a.seed{seed}.{part}" for dataset, _, seed, _ in runs for part in parts}
    expected |= {f"ring.a.seed{seed}.landscape" for seed in (0, 1)}
    assert pipeline.inputs() == {*expected, "ring.points", "ring.reference", "digits.images", "digits.reference"}
    collect = next(node for node in pipeline.nodes if node.name == "s.collect_study")
    assert collect.inputs == [
        *("ring.points", "digits.images", "ring.reference", "digits.reference"),
        *("ring.a.seed0.result", "ring.a.seed1.result", "digits.a.seed0.result"),
    ]
    assert pipeline.outputs() == {f"s.{name}" for name in ("report", "table", "samples", "summary")}
