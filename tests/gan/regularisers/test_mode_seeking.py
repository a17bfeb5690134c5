import pytest
import torch

from relation_gan.gan import regularisers
from relation_gan.gan.loop import train_step
from relation_gan.gan.losses import Batch
from tests.gan.helpers import CRITIC, FEEDS, state

MODE_SEEKING = {"name": "mode_seeking", "weight": 2.0}


def penalty(fake: list[list[float]], latents: list[list[float]], period: int = 1) -> float:
    made = torch.tensor(fake)
    batch = Batch(torch.zeros_like(made), made, latents=torch.tensor(latents), period=period)
    return float(regularisers.create(**MODE_SEEKING).penalty(None, batch, torch.Generator()))  # type: ignore[arg-type]


def test_it_is_the_inverse_of_how_far_images_move_with_their_latents() -> None:
    # |y1 - y2| is 1 and 3, 2 in the mean; |z1 - z2| is 4: 2 / (2 / 4).
    assert penalty([[0.0, 0.0], [1.0, 3.0]], [[0.0], [4.0]]) == pytest.approx(4.0, rel=1e-4)


def test_equal_images_of_different_latents_cost_most() -> None:
    assert penalty([[1.0], [1.0]], [[0.0], [1.0]]) == pytest.approx(2 / 1e-5, rel=1e-4)


def test_images_of_one_class_are_compared_and_labels_are_no_latents() -> None:
    # Places 0 and 2, and 1 and 3, are of one class. |y| moves by 1 and by 3, the latent by 2 each; the label does not.
    fake = [[0.0], [10.0], [1.0], [13.0]]
    latents = [[0.0, 1.0, 0.0], [5.0, 0.0, 1.0], [2.0, 1.0, 0.0], [7.0, 0.0, 1.0]]
    assert penalty(fake, latents, period=2) == pytest.approx(2 / (2 / 2), rel=1e-4)


def test_the_generator_minimises_it_and_the_critic_does_not() -> None:
    with_it, without = state({"name": "non_saturating"}, MODE_SEEKING), state({"name": "non_saturating"})
    terms = [train_step(each, FEEDS) for each in (with_it, without)]
    assert terms[0]["generator_loss"] > terms[1]["generator_loss"]
    assert terms[0].keys() == terms[1].keys()
    assert terms[0]["critic_loss"] == terms[1]["critic_loss"]


def test_a_task_without_latents_refuses_it() -> None:
    enlarger = {"name": "tests.toys.enlarging:enlarger", "channels": 1}
    with pytest.raises(ValueError, match="compares images with their latents, which the task has none of"):
        state({"name": "hinge"}, MODE_SEEKING, task="tests.toys.enlarging:enlarging", generator=enlarger, critic=CRITIC)


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="weight -1.0 must not be negative"):
        regularisers.create("mode_seeking", weight=-1.0)
