"""Conditional generation: where its labels come from, who is paired with whom, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest
import torch

from relation_gan.gan.data import ImageStore, save_store
from relation_gan.gan.loop import train_step
from relation_gan.gan.losses.pairs import PairLoss
from relation_gan.gan.state import TrainState
from relation_gan.gan.tasks import Parts, create
from relation_gan.gan.tasks.conditional import ConditionalGeneration
from tests.conftest import images_recipe
from tests.gan.helpers import R1, RELATION, Noise, draws, state

NETWORKS: dict[str, dict[str, Any]] = {
    "generator": {"name": "dcgan_generator", "size": 16, "channels": 3, "latent": 4, "width": 2, "classes": 3},
    "critic": {"name": "dcgan_critic", "size": 16, "channels": 3, "width": 2, "head": 4, "embedding": 8, "classes": 3},
}
FEEDS = {"data": Noise(3, 16, 16)}


def conditional(loss: dict[str, Any] = RELATION, *terms: dict[str, Any], **networks: Any) -> TrainState:
    return state(loss, *terms, task="conditional_generation", **{**NETWORKS, **networks})


def task_of(of: TrainState) -> ConditionalGeneration:
    assert isinstance(of.task, ConditionalGeneration)
    return of.task


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return save_store(tmp_path / "store", images_recipe(60, classes=["a", "b", "c"]))


def test_batches_have_each_class_in_turn_and_every_image_once_an_epoch(store: ImageStore) -> None:
    feed = task_of(conditional()).feeds(store, 0, torch.device("cpu"), False)["data"]
    batches = [feed.batch(i, 12) for i in range(5)]
    for i, batch in enumerate(batches):
        assert feed.labels(i, 12).tolist() == [0, 1, 2] * 4
        assert torch.equal(batch, feed.batch(i, 12))
    labels = torch.from_numpy(store.labels.copy())
    fewest = int(labels.bincount().min())
    # Of the smallest class each image has been seen before one comes again.
    smallest = int(labels.bincount().argmin())
    seen = torch.cat([batch[smallest::3] for batch in batches]).flatten(1)[:fewest]
    assert len({tuple(image.tolist()) for image in seen}) == min(fewest, 20)


def test_real_and_generated_images_share_the_label_and_so_do_both_of_a_pair() -> None:
    s = conditional({**RELATION, "pairings": 1})
    task = task_of(s)
    task.terms(FEEDS, draws(s), ("generator", "critic"))
    ((_, batch),) = task.adversary._last
    assert batch.labels is not None and batch.latents is not None
    assert batch.labels.tolist() == batch.latents[:, 4:].argmax(1).tolist() == [0, 1, 2, 0, 1, 2]
    loss = task.adversary.loss
    assert isinstance(loss, PairLoss)
    classes = loss.paired(batch.labels, batch.labels, batch.period)
    assert all(torch.equal(each, classes.x) for each in classes)


def test_pairs_of_any_class_are_an_option() -> None:
    s = conditional(RELATION)
    assert task_of(s).period == 3
    other = create("conditional_generation", Parts(NETWORKS, RELATION), pairs="any")
    assert isinstance(other, ConditionalGeneration) and other.period == 1
    with pytest.raises(ValueError, match="pairs 'all' is unknown; choose one of: class, any"):
        create("conditional_generation", Parts(NETWORKS, RELATION), pairs="all")


def test_margins_belong_to_the_images_of_their_pairs() -> None:
    # x_i, x_{i-3}, y_i, y_{i+3}: the margins compare x_{i-3} with y_i, and y_{i+3} with x_i.
    s = conditional({**RELATION, "margin": {"kind": "mse", "base": 0.0, "scale": 1.0}})
    task = task_of(s)
    task.terms(FEEDS, draws(s), ("generator", "critic"))
    ((_, batch),) = task.adversary._last
    loss: Any = task.adversary.loss
    first, second = loss.margins(batch)

    def mse(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).square().flatten(1).mean(1)

    torch.testing.assert_close(first, mse(batch.real.roll(3, 0), batch.fake))
    torch.testing.assert_close(second, mse(batch.fake.roll(-3, 0), batch.real))


def test_a_penalty_at_pairs_compares_images_of_one_class() -> None:
    s = conditional(RELATION, R1)
    task = task_of(s)
    seen: list[torch.Tensor] = []
    relate = task.adversary.critic.relate

    def watch(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen[:] = [a, b]
        return relate(a, b)

    task.adversary.critic.relate = watch  # type: ignore[method-assign]
    task.terms(FEEDS, draws(s), ("generator", "critic"))
    assert torch.equal(seen[1], seen[0].roll(3, 0))


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"generator": {**NETWORKS["generator"], "classes": 0}}, "draws no classes; set networks.generator.classes"),
        ({"critic": {**NETWORKS["critic"], "classes": 0}}, "takes no condition, and the task gives one"),
    ],
)
def test_networks_without_classes_are_refused(networks: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditional(**networks)


def test_data_of_other_classes_is_refused(store: ImageStore, tmp_path: Path) -> None:
    task_of(conditional()).check(store)
    four = save_store(tmp_path / "four", images_recipe(60, classes=["a", "b", "c", "d"]))
    with pytest.raises(ValueError, match=r"generator.classes is 3 and critic.classes 3, and .* has 4 classes"):
        task_of(conditional()).check(four)
    none = save_store(tmp_path / "none", images_recipe(10))
    with pytest.raises(ValueError, match="has no images with one label each"):
        task_of(conditional()).check(none)


def test_batches_that_cannot_be_balanced_or_paired_are_refused() -> None:
    task_of(conditional()).check_batch(6)
    with pytest.raises(ValueError, match=r"as many of each of 3 classes; set training.batch_size to a multiple of 3"):
        task_of(conditional()).check_batch(7)
    many = task_of(conditional({**RELATION, "pairings": 2}))
    with pytest.raises(
        ValueError, match="pairings 2 would pair images with themselves: of 6 images 2 are of one class"
    ):
        many.check_batch(6)
    many.check_batch(9)


def test_the_preview_has_each_class_in_turn(store: ImageStore) -> None:
    task = task_of(conditional())
    preview = task.preview(store, 0, torch.device("cpu"))
    assert preview[:6, 4:].argmax(1).tolist() == [0, 1, 2, 0, 1, 2]
    train_step(conditional(), FEEDS)
