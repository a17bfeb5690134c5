from pathlib import Path

import pytest
import torch

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import save_store
from relation_gan.gan.data.config import ClassifierConfig, StackedDigitsConfig
from relation_gan.gan.scoring import Source
from relation_gan.gan.scoring.panels import SAMPLES, Images
from tests.conftest import images_recipe
from tests.gan.scoring.helpers import IMAGES, a_generator, create, evaluation, images_of, nowhere, score, subject


@pytest.mark.parametrize(("asked", "kept"), [(1, 1), (16, 16), (17, 17), (1000, 50)])
def test_the_first_of_the_scored_images_are_shown(asked: int, kept: int) -> None:
    of = subject(a_generator(0), a_generator(1))
    scores, (panel,) = score("samples", of, nowhere(), how=evaluation(kept_samples=asked))
    assert scores == {}
    assert isinstance(panel, Images) and panel.heading == SAMPLES
    assert torch.equal(panel.images, images_of(a_generator(0), 50)[:kept])


def test_of_samples_that_are_not_finite_nothing_is_shown() -> None:
    assert score("samples", subject(a_generator(diverged=True), a_generator()), nowhere()) == ({}, [])


def test_real_images_come_from_the_whole_store(tmp_path: Path) -> None:
    store = save_store(tmp_path / "store", images_recipe(300))
    (panel,) = create("samples", evaluation()).real(Source(store, IMAGES), Described({}, {}))
    assert isinstance(panel, Images)
    assert torch.equal(panel.images, store[store.spread(256)])


def test_stacked_digits_are_shown_channel_by_channel(tmp_path: Path) -> None:
    classifier = ClassifierConfig(epochs=1, required_accuracy=0.5)
    drawn = {"size": 28, "channels": 3, "count": 300, "held_out_per_class": 1}
    stacked = StackedDigitsConfig(kind="stacked_digits", name="stacks", classifier=classifier, **drawn)
    store = save_store(tmp_path / "store", images_recipe(300))
    images, channels = create("samples", evaluation()).real(Source(store, stacked), Described({}, {}))
    assert isinstance(images, Images) and isinstance(channels, Images)
    assert channels.heading != images.heading
    # Red, green and blue of the first image, then of the second.
    assert torch.equal(channels.images[:6, 0], images.images[:2].flatten(0, 1))
    assert channels.columns % 3 == 0
