import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import one_hot

from relation_gan.gan import networks
from relation_gan.gan.data import to_float
from relation_gan.gan.metrics import judging, moments
from relation_gan.gan.metrics.extractors import Extracted, Judging, open_extractor
from relation_gan.gan.metrics.judging import JudgeConfig, Tally, accuracy, judge_images, summarise, train_judge
from relation_gan.gan.networks.judge import Judge

CONFIG = JudgeConfig(epochs=6, batch_size=16)


def pictures(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy pictures of a bright bar: it lies for class 0 and stands for class 1, also when it is turned a little."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    images = torch.randint(0, 60, (n, 1, 16, 16), generator=random, dtype=torch.uint8)
    images[labels == 0, :, 6:10, 2:14] += 180
    images[labels == 1, :, 2:14, 6:10] += 180
    return images, labels


@pytest.fixture(scope="module")
def trained() -> Judge:
    return train_judge(*pictures(128, 0), CONFIG)


@pytest.fixture
def untrained() -> Judge:
    torch.manual_seed(0)
    judge = networks.create("judge", size=16, n_classes=4, width=2, features=5)
    assert isinstance(judge, Judge)
    return judge.eval()


def test_a_judge_learns_an_easy_difference(trained: Judge) -> None:
    assert not trained.training
    assert trained.n_classes == 2
    assert accuracy(trained, *pictures(100, 1)) > 0.95


def test_training_a_judge_is_the_same_for_a_seed_and_leaves_the_global_random_state() -> None:
    data, config = pictures(32, 0), JudgeConfig(epochs=1, batch_size=16, seed=3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train_judge(*data, config).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = train_judge(*data, config).state_dict()
    other = train_judge(*data, config.model_copy(update={"seed": 4})).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_accuracy_is_the_share_of_agreement(untrained: Judge) -> None:
    images, _ = pictures(8, 0)
    labels = untrained.judge(to_float(images)).labels[:, 0]
    wrong = labels.clone()
    wrong[:2] = (wrong[:2] + 1) % 4  # two of eight are wrong
    assert accuracy(untrained, images, labels) == 1
    assert accuracy(untrained, images, wrong) == 0.75


def test_every_channel_is_judged_by_itself(untrained: Judge) -> None:
    images = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    judged = judge_images(untrained, [images])
    assert (judged.labels.shape, judged.labels.dtype) == ((6, 3), torch.uint8)
    assert judged.confidence.shape == (6, 3)
    assert judged.features.shape == (6, 3 * 5)
    apart = [judge_images(untrained, [images[:, c : c + 1]]) for c in range(3)]
    assert torch.equal(judged.labels, torch.cat([part.labels for part in apart], 1))
    torch.testing.assert_close(judged.features, torch.cat([part.features for part in apart], 1))
    torch.testing.assert_close(judged.confidence, torch.cat([part.confidence for part in apart], 1))


def test_a_judge_of_colour_judges_the_picture_as_a_whole() -> None:
    # Grey bars on red and green, of which the colour alone tells the class: no channel alone would, nor their order.
    images, _ = pictures(128, 0)
    labels = torch.arange(128) // 2 % 2
    coloured = torch.cat([images, images, torch.zeros_like(images)], 1)
    coloured[labels == 1] = coloured[labels == 1].roll(1, 1)
    judge = train_judge(coloured, labels, CONFIG.model_copy(update={"width": 8}))
    assert judge.spec == {"name": "judge", "size": 16, "n_classes": 2, "channels": 3, "width": 8}
    assert accuracy(judge, coloured, labels) > 0.95
    judged = judge_images(judge, [coloured[:6]])
    assert (judged.labels.shape, judged.confidence.shape, judged.features.shape) == ((6, 1), (6, 1), (6, 32))


def test_a_judge_that_learns_from_mirrored_pictures_is_another_one() -> None:
    data, config = pictures(32, 0), JudgeConfig(epochs=1, batch_size=16)
    plain, mirrored = (train_judge(*data, config.model_copy(update={"flip": flip})) for flip in (False, True))
    assert not torch.equal(plain.head.weight, mirrored.head.weight)


def test_what_is_not_set_for_a_judge_is_not_told_of_it() -> None:
    # So that its fingerprint, and its file, are those from before there was anything to set.
    told = {"epochs", "batch_size", "lr", "seed", "required_accuracy"}
    assert JudgeConfig(epochs=1).model_dump().keys() == told
    assert JudgeConfig(epochs=1, width=8, flip=True).model_dump().keys() == {*told, "width", "flip"}


def test_a_tally_keeps_the_first_of_each_class_and_counts_them(
    untrained: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "SHOWN", 3)
    monkeypatch.setattr("relation_gan.gan.metrics.features.KEPT", 5)
    images = torch.randint(0, 256, (20, 1, 16, 16), dtype=torch.uint8)
    # The answers are put in by hand: 16 pictures of class 0, two of class 1, none of class 2, two of class 3.
    labels = torch.tensor([0, 1, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])
    given = iter(labels.split(8))

    class Answering(Judging):
        def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
            # Of four probabilities, that of the class is three times each of the others.
            return super().features(images)[0], one_hot(next(given), 4) * math.log(3)

    tally = Tally(Answering(untrained), iter(images.split(8)), 20, splits=1)
    assert torch.equal(tally.labels.long(), labels)
    assert tally.class_counts.tolist() == [16, 2, 0, 2]
    torch.testing.assert_close(tally.confidence, torch.full((20,), 0.5))
    # p(class) is 1/6 and a third of its share of the pictures: .1 is 2 in 20.
    mean = torch.tensor([0.8, 0.1, 0.0, 0.1]) / 3 + 1 / 6
    one = torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    score = math.exp(float((one * one.log()).sum() - (mean * mean.log()).sum()))
    assert tally.classes.score() == pytest.approx((score, 0), rel=1e-5)
    nothing = torch.zeros(1, 16, 16, dtype=torch.uint8)
    expected = [images[[0, 2, 4]], [images[1], images[9], nothing], [nothing] * 3, [images[3], images[19], nothing]]
    assert torch.equal(tally.by_class, torch.stack([torch.stack(list(row)) for row in expected]))
    features = judge_images(untrained, [images]).features
    torch.testing.assert_close(tally.kept, features[[0, 4, 9, 14, 19]])  # every 19/4-th
    assert tally.moments["mu"] == pytest.approx(moments(features)["mu"], abs=1e-5)
    assert tally.moments["sigma"] == pytest.approx(moments(features)["sigma"], abs=1e-5)


def test_a_judge_is_an_extractor_of_its_own_features_and_classes(untrained: Judge) -> None:
    images = torch.randint(0, 256, (6, 1, 16, 16), dtype=torch.uint8)
    extractor = open_extractor("judge", judge=untrained)
    features, logits = extractor.see(images)
    torch.testing.assert_close(features, judge_images(untrained, [images]).features)
    assert logits is not None
    torch.testing.assert_close(logits, untrained(to_float(images)).detach())
    assert isinstance(summarise(extractor, [images], 6), Tally)
    assert not features.requires_grad
    with pytest.raises(ValueError, match="the judge is asked for its features, but none was given"):
        open_extractor("judge")


def test_only_a_judge_gives_a_tally(tiny: list[int]) -> None:
    images = torch.randint(0, 256, (6, 1, 16, 16), dtype=torch.uint8)
    assert type(summarise(open_extractor("tiny"), [images], 6)) is Extracted
    assert tiny == [6]


def test_confidence_is_the_probability_of_the_class_given(untrained: Judge) -> None:
    images = torch.randint(0, 256, (6, 1, 16, 16), dtype=torch.uint8)
    probabilities = untrained(to_float(images)).detach().softmax(1)
    judged = judge_images(untrained, [images])
    assert torch.equal(judged.labels[:, 0].long(), probabilities.argmax(1))
    torch.testing.assert_close(judged.confidence[:, 0], probabilities.max(1).values)
    assert (judged.confidence >= 1 / 4).all()  # the largest of four probabilities


@pytest.mark.parametrize("split", [[1] * 6, [4, 2], [5, 1]])
def test_the_split_into_batches_does_not_matter(untrained: Judge, split: list[int]) -> None:
    images = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    whole, parts = judge_images(untrained, [images]), judge_images(untrained, iter(images.split(split)))
    assert torch.equal(whole.labels, parts.labels)
    torch.testing.assert_close(whole.confidence, parts.confidence)
    torch.testing.assert_close(whole.features, parts.features)


@pytest.mark.parametrize(
    "wrong", [{}, {"epochs": 0}, {"epochs": 1, "lr": 0}, {"epochs": 1, "required_accuracy": 1.1}, {"epochs": 1, "n": 1}]
)
def test_a_judge_needs_a_configuration_in_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        JudgeConfig(**wrong)  # pyright: ignore[reportArgumentType]
