import base64
import io as bytes_io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kedro.io import AbstractDataset, DatasetError
from PIL import Image

from relation_gan import io
from relation_gan.gan import checkpoint, networks
from relation_gan.gan.checkpoint import CheckpointError, Described
from relation_gan.gan.data import Points, Recipe, StoreError, save_store
from relation_gan.gan.scoring.panels import Counts
from relation_gan.gan.state import CheckpointStore

DATASETS = [getattr(io, name) for name in io.__all__]
HANDLES = (io.CheckpointStoreDataset, io.HandleDataset, io.TrialStoreDataset)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "folder" / "file"


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_says_where_it_is_and_carries_its_metadata(dataset: type, path: Path) -> None:
    made = dataset(filepath=str(path), metadata={"kedro-viz": {"layer": "models"}})
    assert made._describe() == {"filepath": str(path)}
    assert str(path) in str(made)
    assert made.metadata == {"kedro-viz": {"layer": "models"}}


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_can_be_made_from_a_catalog_entry(dataset: type, path: Path) -> None:
    entry = {"type": f"relation_gan.io.{dataset.__name__}", "filepath": str(path)}
    assert type(AbstractDataset.from_config("x", entry)) is dataset


@pytest.mark.parametrize("dataset", DATASETS)
def test_only_handles_exist_before_anything_is_saved(dataset: type, path: Path) -> None:
    assert dataset(str(path)).exists() is (dataset in HANDLES)
    assert not path.parent.exists()  # looking makes no folder


@pytest.mark.parametrize("dataset", [d for d in DATASETS if d not in HANDLES])
def test_loading_what_is_not_there_names_the_path(dataset: type, path: Path) -> None:
    with pytest.raises(DatasetError, match=str(path)):
        dataset(str(path)).load()


def test_a_network_comes_back(path: Path) -> None:
    network = networks.create("classifier", size=16, n_classes=3, width=2, features=4)
    network.notes = {"accuracy": 0.9}
    dataset = io.NetworkDataset(str(path))
    dataset.save(network)
    assert dataset.exists()
    loaded = dataset.load()
    assert (loaded.spec, loaded.notes) == (network.spec, network.notes)
    assert all(torch.equal(loaded.state_dict()[k], v) for k, v in network.state_dict().items())


@pytest.mark.parametrize("tensors", [{}, {"a/labels": torch.tensor([[1, 2]], dtype=torch.uint8), "b": torch.ones(2)}])
def test_tensors_and_facts_come_back(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    dataset = io.TensorsDataset(str(path))
    dataset.save(Described(tensors, {"steps": [1, 2]}))
    assert dataset.exists()
    loaded = dataset.load()
    assert loaded.description == {"steps": [1, 2]}
    assert loaded.tensors.keys() == tensors.keys()
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("dataset", [io.NetworkDataset, io.TensorsDataset])
def test_a_damaged_file_is_refused_with_the_reason_and_the_remedy(dataset: type, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no tensors")
    with pytest.raises(DatasetError, match="move it away") as refused:
        dataset(str(path)).load()
    assert isinstance(refused.value.__cause__, CheckpointError)


def test_a_store_is_saved_from_its_recipe_and_loaded_as_a_handle(path: Path, recipe: Recipe) -> None:
    dataset = io.ImageStoreDataset(str(path))
    dataset.save(recipe)
    assert dataset.exists()
    store = dataset.load()
    assert (len(store), store.shape, store.name) == (10, (3, 16, 16), "random_pixels")
    made = (path / "images.npy").stat().st_mtime_ns
    dataset.save(recipe)
    assert (path / "images.npy").stat().st_mtime_ns == made


def test_a_store_that_a_node_made_in_its_place_is_left_as_it_is(path: Path, recipe: Recipe) -> None:
    dataset, made = io.ImageStoreDataset(str(path)), save_store(path, recipe)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    dataset.save(made)
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before
    assert dataset.load().digest == made.digest


def test_a_store_of_another_place_is_refused(path: Path, recipe: Recipe) -> None:
    elsewhere = path.with_name("elsewhere")
    with pytest.raises(DatasetError, match=f"the store in {elsewhere} is not the one of {path}"):
        io.ImageStoreDataset(str(path)).save(save_store(elsewhere, recipe))
    assert not path.exists()


def test_a_store_is_previewed_by_its_manifest(path: Path, recipe: Recipe) -> None:
    dataset = io.ImageStoreDataset(str(path))
    dataset.save(recipe)
    assert json.loads(dataset.preview()) == dataset.load().manifest


def test_a_folder_without_a_store_does_not_exist_as_a_dataset(path: Path) -> None:
    path.mkdir(parents=True)
    assert not io.ImageStoreDataset(str(path)).exists()
    with pytest.raises(DatasetError, match="run the ingestion first") as refused:
        io.ImageStoreDataset(str(path)).load()
    assert isinstance(refused.value.__cause__, StoreError)


def test_points_are_saved_as_their_definition(path: Path) -> None:
    points = Points("mine", {"name": "grid", "side": 2, "spacing": 1.0, "sigma": 0.1})
    dataset = io.PointsDataset(str(path))
    dataset.save(points)
    assert dataset.exists()
    assert (dataset.load().definition, dataset.load().digest) == (points.definition, points.digest)
    assert json.loads(dataset.preview()) == points.manifest


def test_a_folder_without_a_definition_does_not_exist_as_points(path: Path) -> None:
    path.mkdir(parents=True)
    assert not io.PointsDataset(str(path)).exists()
    with pytest.raises(DatasetError, match="run the ingestion first") as refused:
        io.PointsDataset(str(path)).load()
    assert isinstance(refused.value.__cause__, StoreError)


@pytest.mark.parametrize("shape", [(4, 6, 3), (1, 1, 3)])
def test_a_image_comes_back_pixel_by_pixel(path: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    dataset = io.ImageDataset(f"{path}.png")
    dataset.save(image)
    assert dataset.exists()
    assert np.array_equal(dataset.load(), image)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (40, 20, (40, 20)),
        # 2,500 pixels are shrunk to 1,000, and the height by the same factor of 2.5.
        (2500, 50, (1000, 20)),
    ],
)
def test_a_image_is_previewed_at_most_1000_pixels_wide(
    path: Path, width: int, height: int, size: tuple[int, int]
) -> None:
    dataset = io.ImageDataset(f"{path}.png")
    dataset.save(np.full((height, width, 3), 200, np.uint8))
    preview = Image.open(bytes_io.BytesIO(base64.b64decode(dataset.preview())))
    assert (preview.format, preview.size) == ("PNG", size)
    assert preview.getpixel((0, 0)) == (200, 200, 200)


def test_json_comes_back_and_a_failing_write_leaves_what_was_there(path: Path) -> None:
    dataset = io.JSONDataset(str(path))
    dataset.save({"modes": 995.0, "kl": [0.25]})
    assert dataset.load() == {"modes": 995.0, "kl": [0.25]} == json.loads(dataset.preview())
    with pytest.raises(DatasetError, match="not JSON serializable"):
        dataset.save({"modes": 1.0, "kl": object()})
    assert dataset.load()["modes"] == 995.0
    assert list(path.parent.iterdir()) == [path]


def test_networks_of_a_folder_come_back_by_name(path: Path) -> None:
    networks_of = {
        name: networks.create("mlp_generator", dimensions=2, latent=width, widths=[])
        for width, name in ((3, "a"), (4, "b"))
    }
    dataset = io.NetworksDataset(str(path))
    dataset.save(networks_of)
    checkpoint.save(path / "checkpoint.safetensors", {}, {"config": {}})  # is none of them
    loaded = dataset.load()
    assert loaded.keys() == {"a", "b"}
    assert all(torch.equal(loaded[name].layers[0].weight, of.layers[0].weight) for name, of in networks_of.items())


def test_panels_come_back(path: Path) -> None:
    dataset = io.PanelsDataset(str(path))
    dataset.save([Counts("Modes", "a note", "", torch.arange(3))])
    (panel,) = dataset.load()
    assert (panel.heading, panel.note, panel.counts.tolist()) == ("Modes", "a note", [0, 1, 2])


def test_a_handle_is_its_path(path: Path) -> None:
    assert io.HandleDataset(str(path)).load() == path


def test_a_checkpoint_store_is_a_handle_on_its_folder(path: Path) -> None:
    store = io.CheckpointStoreDataset(str(path)).load()
    assert isinstance(store, CheckpointStore)
    assert store.folder == path
    checkpoint.save(store.path, {}, {"config": {}})
    assert store.path.parent == path


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (io.HandleDataset, "a handle is not saved"),
        (io.CheckpointStoreDataset, "a checkpoint store is written through its handle, not saved"),
    ],
)
def test_a_handle_cannot_be_saved(dataset: Any, message: str, path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        dataset(str(path)).save("anything")
    assert not path.exists()
