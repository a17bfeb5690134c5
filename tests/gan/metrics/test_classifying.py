import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import one_hot

from relation_gan.gan import networks
from relation_gan.gan.data import to_float
from relation_gan.gan.metrics import classifying, moments
from relation_gan.gan.metrics.classifying import (
    ClassifierConfig,
    Tally,
    accuracy,
    classify_images,
    summarise,
    train_classifier,
)
from relation_gan.gan.metrics.extractors import ByClassifier, Extracted, open_extractor
from relation_gan.gan.networks.classifier import Classifier

CONFIG = ClassifierConfig(epochs=6, batch_size=16)


def labelled(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy images of a bright bar: it lies for class 0 and stands for class 1, also when it is turned a little."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    images = torch.randint(0, 60, (n, 1, 16, 16), generator=random, dtype=torch.uint8)
    images[labels == 0, :, 6:10, 2:14] += 180
    images[labels == 1, :, 2:14, 6:10] += 180
    return images, labels


@pytest.fixture(scope="module")
def trained() -> Classifier:
    return train_classifier(*labelled(128, 0), CONFIG)


@pytest.fixture
def untrained() -> Classifier:
    torch.manual_seed(0)
    classifier = networks.create("classifier", size=16, n_classes=4, width=2, features=5)
    assert isinstance(classifier, Classifier)
    return classifier.eval()


def test_a_classifier_learns_an_easy_difference(trained: Classifier) -> None:
    assert not trained.training
    assert trained.n_classes == 2
    assert accuracy(trained, *labelled(100, 1)) > 0.95


def test_training_a_classifier_is_the_same_for_a_seed_and_leaves_the_global_random_state() -> None:
    data, config = labelled(32, 0), ClassifierConfig(epochs=1, batch_size=16, seed=3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train_classifier(*data, config).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = train_classifier(*data, config).state_dict()
    other = train_classifier(*data, config.model_copy(update={"seed": 4})).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_accuracy_is_the_share_of_agreement(untrained: Classifier) -> None:
    images, _ = labelled(8, 0)
    labels = untrained.classify(to_float(images)).labels[:, 0]
    wrong = labels.clone()
    wrong[:2] = (wrong[:2] + 1) % 4  # two of eight are wrong
    assert accuracy(untrained, images, labels) == 1
    assert accuracy(untrained, images, wrong) == 0.75


def test_every_channel_is_classified_by_itself(untrained: Classifier) -> None:
    images = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    classified = classify_images(untrained, [images])
    assert (classified.labels.shape, classified.labels.dtype) == ((6, 3), torch.uint8)
    assert classified.confidence.shape == (6, 3)
    assert classified.features.shape == (6, 3 * 5)
    apart = [classify_images(untrained, [images[:, c : c + 1]]) for c in range(3)]
    assert torch.equal(classified.labels, torch.cat([part.labels for part in apart], 1))
    torch.testing.assert_close(classified.features, torch.cat([part.features for part in apart], 1))
    torch.testing.assert_close(classified.confidence, torch.cat([part.confidence for part in apart], 1))


def test_a_classifier_of_colour_classifiers_the_image_as_a_whole() -> None:
    # Grey bars on red and green, of which the colour alone tells the class: no channel alone would, nor their order.
    images, _ = labelled(128, 0)
    labels = torch.arange(128) // 2 % 2
    coloured = torch.cat([images, images, torch.zeros_like(images)], 1)
    coloured[labels == 1] = coloured[labels == 1].roll(1, 1)
    classifier = train_classifier(coloured, labels, CONFIG.model_copy(update={"width": 8}))
    assert classifier.spec == {"name": "classifier", "size": 16, "n_classes": 2, "channels": 3, "width": 8}
    assert accuracy(classifier, coloured, labels) > 0.95
    classified = classify_images(classifier, [coloured[:6]])
    assert (classified.labels.shape, classified.confidence.shape, classified.features.shape) == (
        (6, 1),
        (6, 1),
        (6, 32),
    )


def test_a_classifier_that_learns_from_mirrored_images_is_another_one() -> None:
    data, config = labelled(32, 0), ClassifierConfig(epochs=1, batch_size=16)
    plain, mirrored = (train_classifier(*data, config.model_copy(update={"flip": flip})) for flip in (False, True))
    assert not torch.equal(plain.head.weight, mirrored.head.weight)


def test_what_is_not_set_for_a_classifier_is_not_told_of_it() -> None:
    # So that its fingerprint, and its file, are those from before there was anything to set.
    fields = {"epochs", "batch_size", "lr", "seed", "required_accuracy"}
    assert ClassifierConfig(epochs=1).model_dump().keys() == fields
    assert ClassifierConfig(epochs=1, width=8, flip=True).model_dump().keys() == {*fields, "width", "flip"}


def test_a_tally_keeps_the_first_of_each_class_and_counts_them(
    untrained: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifying, "SHOWN", 3)
    monkeypatch.setattr("relation_gan.gan.metrics.features.KEPT", 5)
    images = torch.randint(0, 256, (20, 1, 16, 16), dtype=torch.uint8)
    # The answers are put in by hand: 16 images of class 0, two of class 1, none of class 2, two of class 3.
    labels = torch.tensor([0, 1, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])
    given = iter(labels.split(8))

    class Answering(ByClassifier):
        def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
            # Of four probabilities, that of the class is three times each of the others.
            return super().features(images)[0], one_hot(next(given), 4) * math.log(3)

    tally = Tally(Answering(untrained), iter(images.split(8)), 20, splits=1)
    assert torch.equal(tally.labels[:, 0].long(), labels)
    assert tally.class_counts.tolist() == [16, 2, 0, 2]
    torch.testing.assert_close(tally.confidence, torch.full((20, 1), 0.5))
    # p(class) is 1/6 and a third of its share of the images: .1 is 2 in 20.
    mean = torch.tensor([0.8, 0.1, 0.0, 0.1]) / 3 + 1 / 6
    one = torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    score = math.exp(float((one * one.log()).sum() - (mean * mean.log()).sum()))
    assert tally.classes.score() == pytest.approx((score, 0), rel=1e-5)
    nothing = torch.zeros(1, 16, 16, dtype=torch.uint8)
    expected = [images[[0, 2, 4]], [images[1], images[9], nothing], [nothing] * 3, [images[3], images[19], nothing]]
    assert torch.equal(tally.by_class, torch.stack([torch.stack(list(row)) for row in expected]))
    features = classify_images(untrained, [images]).features
    torch.testing.assert_close(tally.kept, features[[0, 4, 9, 14, 19]])  # every 19/4-th
    assert tally.moments["mu"] == pytest.approx(moments(features)["mu"], abs=1e-5)
    assert tally.moments["sigma"] == pytest.approx(moments(features)["sigma"], abs=1e-5)


def test_a_classifier_is_an_extractor_of_its_own_features_and_classes(untrained: Classifier) -> None:
    images = torch.randint(0, 256, (6, 1, 16, 16), dtype=torch.uint8)
    extractor = open_extractor("classifier", classifier=untrained)
    features, logits = extractor.see(images)
    torch.testing.assert_close(features, classify_images(untrained, [images]).features)
    assert logits is not None
    torch.testing.assert_close(logits, untrained(to_float(images)).detach())
    assert isinstance(summarise(extractor, [images], 6), Tally)
    assert not features.requires_grad
    with pytest.raises(ValueError, match="the classifier is asked for its features, but none was given"):
        open_extractor("classifier")


def test_only_a_classifier_gives_a_tally(tiny: list[int]) -> None:
    images = torch.randint(0, 256, (6, 1, 16, 16), dtype=torch.uint8)
    assert type(summarise(open_extractor("tiny"), [images], 6)) is Extracted
    assert tiny == [6]


def test_confidence_is_the_probability_of_the_class_given(untrained: Classifier) -> None:
    images = torch.randint(0, 256, (6, 1, 16, 16), dtype=torch.uint8)
    probabilities = untrained(to_float(images)).detach().softmax(1)
    classified = classify_images(untrained, [images])
    assert torch.equal(classified.labels[:, 0].long(), probabilities.argmax(1))
    torch.testing.assert_close(classified.confidence[:, 0], probabilities.max(1).values)
    assert (classified.confidence >= 1 / 4).all()  # the largest of four probabilities


@pytest.mark.parametrize("split", [[1] * 6, [4, 2], [5, 1]])
def test_the_split_into_batches_does_not_matter(untrained: Classifier, split: list[int]) -> None:
    images = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    whole, parts = classify_images(untrained, [images]), classify_images(untrained, iter(images.split(split)))
    assert torch.equal(whole.labels, parts.labels)
    torch.testing.assert_close(whole.confidence, parts.confidence)
    torch.testing.assert_close(whole.features, parts.features)


@pytest.mark.parametrize(
    "wrong", [{}, {"epochs": 0}, {"epochs": 1, "lr": 0}, {"epochs": 1, "required_accuracy": 1.1}, {"epochs": 1, "n": 1}]
)
def test_a_classifier_needs_a_configuration_in_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ClassifierConfig(**wrong)  # pyright: ignore[reportArgumentType]
