"""What a task of its own can do: labels as a condition, images as inputs, and registration from outside the package."""

from pathlib import Path
from typing import Any

import pytest
import torch

from relation_gan.gan import checkpoint, tasks
from relation_gan.gan.data import ImageStore, save_store
from relation_gan.gan.loop import fit, train_step
from relation_gan.gan.losses import Batch
from relation_gan.gan.state import CheckpointStore, TrainState
from tests.conftest import images_recipe
from tests.gan.helpers import CONFIG, DMGAN, ORDERS, R1, RAHINGE, RELATION, Noise, assert_same, draws, state

# They are named, not imported, so that tests over all that is registered do not depend on the order of imports.
SIZES = {"size": 16, "channels": 3}
TASKS: dict[str, dict[str, Any]] = {
    "labelled": {
        "task": "conditional_generation",
        "generator": {"name": "mlp_generator", **SIZES, "latent": 4, "classes": 3, "widths": [8], "output": "tanh"},
        "critic": {"name": "dcgan_critic", **SIZES, "width": 2, "head": 4, "classes": 3},
    },
    "enlarging": {
        "task": "tests.toys.enlarging:enlarging",
        "generator": {"name": "tests.toys.enlarging:enlarger", "channels": 3},
        "critic": {"name": "dcgan_critic", **SIZES, "width": 2, "head": 4},
    },
}
METHODS: dict[str, list[dict[str, Any]]] = {
    "relation": [RELATION, R1],
    "rahinge": [RAHINGE],
    "vanilla": [{"name": "non_saturating"}, R1],
    "wgan": [{"name": "wgan"}, {"name": "weight_clip", "limit": 0.1}],
    "wgan_gp": [{"name": "wgan"}, {"name": "gradient_penalty", "where": "interpolates", "weight": 1.0, "centre": 1.0}],
    "dmgan": [DMGAN],
    "dmgan_classes": [{**DMGAN, "classes": 3}],
    "siamese": [{"name": "siamese", "margin": 2.0}],
}


class Labelled(Noise):
    def __init__(self) -> None:
        super().__init__(3, 16, 16, classes=3)


FEEDS = {"data": Labelled()}


def toy(name: str, method: str = "relation", **options: Any) -> TrainState:
    return state(*METHODS[method], **{**TASKS[name], **options})


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """A hundred images of three classes."""
    return save_store(tmp_path / "store", images_recipe(100, classes=["a", "b", "c"]))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TASKS)
def test_a_task_trains_with_every_method_in_every_order(name: str, method: str, order: str) -> None:
    if (name, method) == ("enlarging", "dmgan_classes"):
        return
    s = toy(name, method, order=order)
    before = {key: value.clone() for key, value in s.tensors().items()}
    for _ in range(3):
        terms = train_step(s, FEEDS, observe=True)
        assert {"generator_loss", "critic_loss", "fake_max"} < terms.keys()
        assert all(value.isfinite() for value in terms.values())
    moved = {key for key, value in s.tensors().items() if key in before and not torch.equal(value, before[key])}
    for part in ("task/generator.", "task/adversary.critic.", "ema/generator/"):
        assert any(key.startswith(part) for key in moved), part


@pytest.mark.parametrize("name", TASKS)
def test_a_task_resumes_bit_for_bit(name: str, tmp_path: Path) -> None:
    preview = torch.zeros(4, 7) if name == "labelled" else torch.zeros(4, 3, 8, 8)
    ends = []
    for folder, steps in (("whole", 0), ("halves", 5)):
        first, last, checkpoints = toy(name), toy(name), CheckpointStore(tmp_path / folder)
        for _ in range(steps):
            train_step(first, FEEDS)
        if steps:
            checkpoints.save(first, CONFIG)
        ends.append(fit(last, FEEDS, checkpoints, CONFIG, preview).task.state_dict())
    assert_same(*ends)


@pytest.mark.parametrize("name", TASKS)
def test_its_networks_are_built_again_from_their_files(name: str, tmp_path: Path) -> None:
    for key, network in toy(name).trained().items():
        checkpoint.save_network(tmp_path / key, network)
        assert_same(dict(network.state_dict()), dict(checkpoint.load_network(tmp_path / key).state_dict()))


@pytest.mark.parametrize("name", TASKS)
def test_its_samples_fill_the_fields_that_it_says(name: str, store: ImageStore) -> None:
    s = toy(name)
    sampler = type(s.task).sampler(s.trained(), store)
    batches = list(sampler.batches(7, 0, 4))
    assert [len(batch.output) for batch in batches] == [4, 3]
    for batch in batches:
        assert {field for field, value in batch._asdict().items() if value is not None} == s.task.gives - {"latents"}
        assert batch.output.dtype == torch.uint8 and batch.output.shape[1:] == (3, 16, 16)


def test_its_preview_is_drawn(store: ImageStore) -> None:
    for name in TASKS:
        task = toy(name).task
        inputs = task.preview(store, 0, torch.device("cpu"))
        assert task.draw(dict(task.named_children()), inputs).shape == (64, 3, 16, 16)


def test_labels_reach_the_generator_and_the_critic() -> None:
    task: Any = toy("labelled").task
    at, real, labels = draws(toy("labelled")), FEEDS["data"].batch(0, 6), torch.arange(6) % 3
    embedded = [task.adversary.critic.embed(real, condition=each) for each in (labels, labels.flip(0))]
    assert not torch.equal(*embedded)
    plays = [
        task.adversary.play(Batch(real, real.flip(0)), at, condition=each).critic["critic_loss"]
        for each in (labels, (labels + 1) % 3, labels)
    ]
    assert plays[0] == plays[2] != plays[1]
    z = torch.randn(6, 4)
    one, other = (task.generator(torch.cat([z, torch.eye(3)[each]], 1)) for each in (labels, labels.flip(0)))
    assert not torch.equal(one, other)


def test_penalties_see_the_condition() -> None:
    task: Any = toy("labelled").task
    at, real = draws(toy("labelled")), FEEDS["data"].batch(0, 6)
    one, other = (
        task.adversary.play(Batch(real.clone(), real), at, condition=labels).critic["penalty"]
        for labels in (torch.arange(6) % 3, torch.arange(1, 7) % 3)
    )
    assert one != other


@pytest.mark.parametrize("second", ["prev_detached", "fresh_detached", "fresh_grad"])
def test_a_loss_that_pairs_images_of_several_batches_is_refused_with_a_condition(second: str) -> None:
    with pytest.raises(ValueError, match="whose conditions differ; choose second: both"):
        state({**RELATION, "second": second}, **TASKS["labelled"])


def test_a_critic_takes_the_condition_that_its_task_gives() -> None:
    with pytest.raises(ValueError, match="critic 'dcgan_critic' takes no condition, and the task gives one"):
        toy("labelled", critic=TASKS["enlarging"]["critic"])
    with pytest.raises(ValueError, match="dcgan_critic' takes a condition, and the task gives none"):
        toy("enlarging", critic=TASKS["labelled"]["critic"])


def test_what_a_loss_needs_and_a_task_does_not_give_is_named() -> None:
    with pytest.raises(ValueError, match="its task does not draw; choose second: both"):
        train_step(state({**RELATION, "second": "fresh_grad"}, **TASKS["enlarging"]), FEEDS)
    with pytest.raises(ValueError, match="loss 'dmgan': it distinguishes 3 classes, the generator draws 0"):
        state(*METHODS["dmgan_classes"], **TASKS["enlarging"])


def test_a_task_takes_its_own_options() -> None:
    parts = tasks.Parts({key: TASKS["enlarging"][key] for key in ("generator", "critic")}, RAHINGE)
    task = tasks.create("tests.toys.enlarging:enlarging", parts=parts, content=3.0)
    assert task.content == 3.0
    with pytest.raises(ValueError, match="has no option 'contents'"):
        tasks.create("tests.toys.enlarging:enlarging", parts=parts, contents=3.0)


def test_a_task_that_lacks_what_each_has_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    class Half(tasks.Task):
        def terms(self, *of: Any) -> dict[str, dict[str, torch.Tensor]]:
            return {}

    monkeypatch.setattr(tasks.base.registry, "_entries", {"half": Half})
    with pytest.raises(ValueError, match="task 'half' does not define preview, sampler, which each task has"):
        tasks.create("half", parts=tasks.Parts({}, RAHINGE))
