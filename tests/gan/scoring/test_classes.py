import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric

from relation_gan.gan.data import ImageStore, Recipe, save_store, stacked, to_float
from relation_gan.gan.metrics import classifying, frechet_distance, kernel_distance, moments, precision_recall
from relation_gan.gan.metrics.classifying import Tally
from relation_gan.gan.metrics.extractors import ByClassifier
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.sampling import GeneratorSampler
from relation_gan.gan.scoring import Source
from relation_gan.gan.scoring.classes import Classes
from relation_gan.gan.scoring.panels import Counts, Images
from tests.conftest import images_recipe
from tests.gan.scoring.helpers import (
    LABELLED,
    STACKED,
    a_classifier,
    a_generator,
    create,
    evaluation,
    images_of,
    nowhere,
    reference_of,
    score,
    subject,
)

OF_CLASSES = ("confidence", "entropy", "l2", "l2_squared")


@pytest.fixture
def classifier() -> Classifier:
    return a_classifier()


@pytest.fixture
def colour() -> Classifier:
    return a_classifier(3, channels=3)


def reference(classifier: Classifier):
    features = classifying.classify_images(classifier, [images_of(a_generator(7), 40)]).features
    return reference_of(features, classifier_accuracy=0.75)


class Answering(ByClassifier):
    """Digits (1, 3) that are written into the first pixels of an image, with a confidence of 0.9."""

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        digits = images[:, :, 0, 0].long()
        # Softmax of (x, 0 nine times) is e^x / (e^x + 9) = 0.9 for x = log 81.
        logits = torch.nn.functional.one_hot(digits, 10) * np.log(81)
        return digits.float(), logits.float()


def tally_of(digits: list[list[int]]) -> Tally:
    images = torch.zeros(len(digits), 3, 16, 16, dtype=torch.uint8)
    images[:, :, 0, 0] = torch.tensor(digits, dtype=torch.uint8)
    return Tally(Answering(a_classifier()), images.split(16), len(images))


def of_classes(digits: list[list[int]], **changes: Any) -> dict[str, float]:
    scorer = create("classes", evaluation(**changes))
    assert isinstance(scorer, Classes)
    return scorer.of_classes(tally_of(digits))


def test_modes_are_scored_by_hand() -> None:
    # Modes 123 (ten times) and 999 (once); digits 1, 2, 3 ten times each and 9 three times.
    scores = of_classes([[1, 2, 3]] * 10 + [[9, 9, 9]])
    assert (scores["modes"], scores["modes_10"]) == (2, 1)
    assert scores["confidence"] == pytest.approx(0.9)
    assert scores["l2_squared"] == pytest.approx(3 * (10 / 33 - 0.1) ** 2 + (3 / 33 - 0.1) ** 2 + 6 * 0.1**2)


def test_modes_are_counted_as_published_where_that_is_asked_for() -> None:
    # The modes 0 and 1 are in each of 11 batches of 100, and the mode 2 in the first of them alone.
    digits = [[0, 0, 2]] * 98 + [[0, 0, 0], [0, 0, 1]] + ([[0, 0, 1]] + [[0, 0, 0]] * 99) * 10
    assert "modes_published" not in of_classes(digits)
    scores = of_classes(digits, published_counter=True)
    assert (scores["modes"], scores["modes_published"]) == (3, 2)


def test_channels_are_classified_one_by_one_where_the_classifier_knows_grey_images(classifier: Classifier) -> None:
    real, of = reference(classifier), subject(a_generator(0), a_generator(1))
    scores, panels = score("classes", of, nowhere(STACKED, classifier), real)
    names = (*OF_CLASSES, "modes", "modes_10", "reverse_kl", "kid_classifier", "kid_classifier_std", "fid_classifier")
    assert scores.keys() == {*(prefix + name for prefix in ("", "raw_") for name in names), "classifier_accuracy"}
    for seed, prefix in enumerate(("", "raw_")):
        labels, confidence, features = classifying.classify_images(classifier, [images_of(a_generator(seed), 50)])
        assert scores[f"{prefix}modes"] == len({tuple(triple) for triple in labels.tolist()})
        assert scores[f"{prefix}confidence"] == pytest.approx(float(confidence.mean()))
        mean, _ = kernel_distance(real.tensors["features"], features, 3, 20)
        assert scores[f"{prefix}kid_classifier"] == pytest.approx(mean, rel=1e-3)
        expected = frechet_distance(moments(real.tensors["features"]), moments(features))
        assert scores[f"{prefix}fid_classifier"] == pytest.approx(expected, rel=1e-3)
    labels = classifying.classify_images(classifier, [images_of(a_generator(0), 50)]).labels
    ids = labels.long() @ torch.tensor([100, 10, 1])
    (shown,) = panels
    assert isinstance(shown, Counts) and shown.base == 10
    assert torch.equal(shown.counts, torch.bincount(ids, minlength=1000))


def test_a_classifier_of_whole_images_gives_each_one_class(colour: Classifier) -> None:
    real, of = reference(colour), subject(a_generator(0), a_generator(1))
    store = save_store_of_classes(3)
    scores, panels = score("classes", of, Source(store, LABELLED, colour), real)
    names = ("kid", "fid", "precision", "recall", "inception_score")
    assert {f"{prefix}{name}_classifier" for prefix in ("", "raw_") for name in names} <= scores.keys()
    assert "modes" not in scores and scores["classifier_accuracy"] == 0.75
    images = images_of(a_generator(0), 50)
    labels, confidence, features = classifying.classify_images(colour, [images])
    counts = torch.bincount(labels[:, 0].long(), minlength=3)
    share = counts[counts > 0] / 50
    assert scores["entropy"] == pytest.approx(float(-(share * share.log()).sum()), abs=1e-6)
    assert scores["confidence"] == pytest.approx(float(confidence.mean()))
    found = precision_recall(real.tensors["features"], features)
    assert (scores["precision_classifier"], scores["recall_classifier"]) == pytest.approx(found)
    theirs = isc_features_to_metric(colour(to_float(images)).detach(), splits=2)
    assert scores["inception_score_classifier"] == pytest.approx(theirs["inception_score_mean"], rel=1e-3)
    (panel,) = panels
    assert isinstance(panel, Images) and panel.columns == 8
    assert panel.rows == [f"class {k} {2 * int(n):.1f}%" for k, n in enumerate(counts)]  # of 50
    for number, count in enumerate(counts.tolist()):
        row = panel.images[8 * number : 8 * number + 8]
        assert torch.equal(row[:count], images[labels[:, 0] == number][:8])
        assert [8 * number + k in panel.missing for k in range(8)] == [k >= count for k in range(8)]


def save_store_of_classes(n: int, held_out: Recipe | None = None, count: int = 30) -> ImageStore:
    classes = [f"class {number}" for number in range(n)]
    recipe = replace(images_recipe(count, classes=classes), held_out=held_out)
    return save_store(Path(tempfile.mkdtemp()) / "store", recipe)


def test_the_curve_has_modes_or_the_kernel_distance(classifier: Classifier, colour: Classifier) -> None:
    scorer, sampler = create("classes", evaluation()), GeneratorSampler(a_generator(4))
    modes = scorer.brief(sampler, nowhere(STACKED, classifier), reference(classifier))
    assert modes.keys() == {"modes", "modes_10", "reverse_kl", "confidence"}
    labels = classifying.classify_images(classifier, [images_of(a_generator(4), 20)]).labels
    assert modes["modes"] == len({tuple(triple) for triple in labels.tolist()})
    whole = create("classes", evaluation()).brief(sampler, nowhere(LABELLED, colour), reference(colour))
    assert whole.keys() == {"kid_classifier", "kid_classifier_std", *OF_CLASSES}


def test_of_samples_that_are_not_finite_the_classifier_says_nothing(
    classifier: Classifier, caplog: pytest.LogCaptureFixture
) -> None:
    lost = a_generator(diverged=True)
    assert score("classes", subject(lost, lost), nowhere(STACKED, classifier), reference(classifier)) == ({}, [])
    assert "its training diverged" in caplog.text


@pytest.fixture
def few(digits: stacked.Digits) -> stacked.Digits:
    """1,000 real digits to learn from and 200 held out."""
    train, held_out = slice(None, None, 4), slice(None, None, 5)
    return stacked.Digits(
        digits.train_images[train],
        digits.train_labels[train],
        digits.held_out_images[held_out],
        digits.held_out_labels[held_out],
        digits.origin,
    )


@pytest.fixture
def stacks(few: stacked.Digits, tmp_path: Path) -> Source:
    store = save_store(tmp_path / "tiny", stacked.recipe(few, "tiny", 40, 0, False))
    return Source(store, STACKED, a_classifier(size=28), few)


def test_the_reference_of_stacked_digits_is_scored_by_freshly_stacked_ones(stacks: Source) -> None:
    # 30 samples are asked for, so as many real images are described: 3 channels of 4 features each.
    tensors, description = create("classes", evaluation(samples=30)).describe(stacks)
    assert stacks.classifier is not None
    features = classifying.classify_images(stacks.classifier, [stacks.images[:30]]).features
    assert features.shape == (30, 12)
    torch.testing.assert_close(tensors["features"], features)
    assert tensors["mean"].numpy() == pytest.approx(features.double().mean(0).numpy(), abs=1e-5)
    scores = description["scores"]
    assert scores["classifier_accuracy"] == 0.75
    assert 0.1 <= scores["confidence"] <= 1  # the largest of ten probabilities
    assert 1 <= scores["modes"] <= 30 and "curve_reverse_kl" in scores
    assert {type(value) for value in scores.values()} == {float}


def test_a_reference_has_no_more_images_than_the_store(stacks: Source) -> None:
    tensors, _ = create("classes", evaluation(samples=1000)).describe(stacks)
    assert len(tensors["features"]) == 40


def test_a_reference_of_stacked_digits_depends_on_its_classifier_samples_and_seed(stacks: Source) -> None:
    made = create("classes", evaluation()).made_from(stacks)
    other = a_classifier(size=28)
    other.notes = {**other.notes, "made_from": "another test"}
    assert create("classes", evaluation()).made_from(replace(stacks, classifier=other)) != made
    assert create("classes", evaluation(samples=20)).made_from(stacks) != made
    seeded = replace(stacks, config=STACKED.model_copy(update={"seed": 1}))
    assert create("classes", evaluation()).made_from(seeded) != made


def test_the_reference_of_labelled_images_scores_held_out_ones(colour: Classifier) -> None:
    store = save_store_of_classes(3, images_recipe(20, "held"))
    source, scorer = Source(store, LABELLED, colour), create("classes", evaluation())
    made = scorer.describe(source)
    assert store.held_out is not None
    labels, confidence, _ = classifying.classify_images(colour, [store.held_out[:]])
    counts = labels[:, 0].long().bincount(minlength=3)
    assert torch.equal(made.tensors["class_counts"], counts)
    scores = made.description["scores"]
    assert {*OF_CLASSES, "classifier_accuracy", "kid_classifier", "precision_classifier"} <= scores.keys()
    assert not any(name.startswith("fid") for name in scores)
    assert scores["confidence"] == pytest.approx(float(confidence.mean()))
    (panel,) = scorer.real(source, made)
    assert isinstance(panel, Images) and panel.images.shape == (24, 3, 16, 16)
    few = create("classes", evaluation(kid_subset_size=21)).describe(source).description["scores"]
    assert few.keys() == {"classifier_accuracy", *OF_CLASSES}
