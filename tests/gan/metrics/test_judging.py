import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from relation_gan.gan import networks
from relation_gan.gan.data import to_float
from relation_gan.gan.metrics.judging import JudgeConfig, accuracy, judge_images, train_judge
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
    assert judged.confidence.shape == (6,)
    assert judged.features.shape == (6, 3 * 5)
    apart = [judge_images(untrained, [images[:, c : c + 1]]) for c in range(3)]
    assert torch.equal(judged.labels, torch.cat([part.labels for part in apart], 1))
    torch.testing.assert_close(judged.features, torch.cat([part.features for part in apart], 1))
    torch.testing.assert_close(judged.confidence, torch.stack([part.confidence for part in apart]).mean(0))


def test_confidence_is_the_probability_of_the_class_given(untrained: Judge) -> None:
    images = torch.randint(0, 256, (6, 1, 16, 16), dtype=torch.uint8)
    probabilities = untrained(to_float(images)).detach().softmax(1)
    judged = judge_images(untrained, [images])
    assert torch.equal(judged.labels[:, 0].long(), probabilities.argmax(1))
    torch.testing.assert_close(judged.confidence, probabilities.max(1).values)
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
