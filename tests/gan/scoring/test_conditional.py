from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore, save_store
from relation_gan.gan.metrics import frechet_distance, moments
from relation_gan.gan.metrics.classifying import classify_images
from relation_gan.gan.sampling import Sample
from relation_gan.gan.scoring import Source, Subject
from relation_gan.gan.scoring.conditional import HEADING
from relation_gan.gan.scoring.panels import Images
from tests.conftest import images_recipe
from tests.gan.scoring.helpers import LABELLED, a_classifier, create, evaluation, score

CLASSES = ["a", "b", "c"]


class Given:
    """Samples that are given images, asked to be of given classes."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def batches(self, count: int, seed: int, size: int) -> Iterator[Sample]:
        for start in range(0, count, size):
            part = slice(start, min(start + size, count))
            yield Sample(self.images[part], labels=self.labels[part])


@pytest.fixture
def source(tmp_path: Path) -> Source:
    store = save_store(tmp_path / "store", images_recipe(90, classes=CLASSES))
    return Source(store, LABELLED, a_classifier(3, channels=3))


def images_of(source: Source) -> ImageStore:
    assert isinstance(source.store, ImageStore)
    return source.store


def described(source: Source) -> Described:
    return create("conditional", evaluation(samples=90)).describe(source)


def scored(source: Source, images: Tensor, labels: Tensor) -> dict[str, float]:
    how = evaluation(samples=len(images))
    return score("conditional", Subject({"ema": Given(images, labels)}), source, described(source), how)[0]


def test_real_images_asked_for_by_their_labels_are_as_near_and_as_various_as_themselves(source: Source) -> None:
    images = images_of(source)
    labels = torch.from_numpy(np.array(images.labels))
    found = scored(source, images[:], labels)
    assert found["fid_within_classifier"] == pytest.approx(0, abs=1e-6)
    assert found["diversity"] == pytest.approx(1)
    assert (found["ndb"], found["jsd"]) == (0, pytest.approx(0, abs=1e-9))


def test_the_class_that_was_asked_for_is_compared_with_the_classifier_s(source: Source) -> None:
    images = images_of(source)[:]
    assert source.classifier is not None
    named = classify_images(source.classifier, [images]).labels[:, 0].long()
    wrong = named.clone()
    wrong[:30] = (named[:30] + 1) % 3
    assert scored(source, images, named)["class_accuracy"] == 1
    assert scored(source, images, wrong)["class_accuracy"] == pytest.approx(60 / 90)


def test_distances_are_means_over_the_classes(source: Source) -> None:
    images, made = images_of(source), torch.randint(0, 256, (90, 3, 16, 16), dtype=torch.uint8)
    asked = torch.arange(90) % 3
    assert source.classifier is not None
    real, fake = (classify_images(source.classifier, [of]).features for of in (images[:], made))
    labels = torch.from_numpy(np.array(images.labels))
    distances = [frechet_distance(moments(real[labels == of]), moments(fake[asked == of])) for of in range(3)]
    found = scored(source, made, asked)
    assert found["fid_within_classifier"] == pytest.approx(np.mean(distances), rel=1e-4)


def test_one_image_for_each_class_has_no_diversity(source: Source) -> None:
    images = images_of(source)
    found = scored(source, images[np.arange(90) % 3], torch.arange(90) % 3)
    assert found["diversity"] == 0
    assert found["ndb"] > 0 and found["jsd"] > 0.1


def test_too_few_samples_of_a_class_have_no_distance(source: Source) -> None:
    images = images_of(source)
    found = scored(source, images[:][:30], torch.zeros(30, dtype=torch.long))
    assert "fid_within_classifier" not in found and "class_accuracy" in found


def test_the_report_shows_a_row_for_each_class(source: Source) -> None:
    images = images_of(source)
    labels = torch.from_numpy(np.array(images.labels))
    reference = described(source)
    how = evaluation(samples=90)
    _, (panel,) = score("conditional", Subject({"ema": Given(images[:], labels)}), source, reference, how)
    (real,) = create("conditional", how).real(source, reference)
    assert isinstance(panel, Images) and isinstance(real, Images)
    assert panel.heading == real.heading == HEADING
    assert torch.equal(panel.images, real.images)
    assert torch.equal(panel.images[8:16], images[labels.numpy() == 1][:8])
    assert len(panel.rows) == 3
