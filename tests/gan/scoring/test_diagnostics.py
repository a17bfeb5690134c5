"""Generators that repeat the images of a store, and ones that do not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from relation_gan.gan.data import ImageStore, Recipe, save_store
from relation_gan.gan.data.feed import to_float
from relation_gan.gan.metrics.extractors import open_extractor
from relation_gan.gan.networks import Generator
from relation_gan.gan.sampling import samples
from relation_gan.gan.scoring import Source, diagnostics
from relation_gan.gan.scoring.panels import Images
from tests.conftest import Pixels
from tests.gan.scoring.helpers import IMAGES, create, evaluation, score, subject

TRAINED, UNSEEN = 400, 150
EVALUATION = evaluation(samples=300, real_samples=TRAINED, batch_size=64, kid_subsets=2, kid_subset_size=50)
COLUMNS = 1 + diagnostics.NEAREST


def drawn(n: int, seed: int) -> np.ndarray:
    """Images (n, 3, 16, 16) of 4x4 squares in random shades."""
    shades = np.random.default_rng(seed).integers(0, 256, (n, 3, 4, 4), np.uint8)
    return shades.repeat(4, 2).repeat(4, 3)


def a_store(folder: Path, held_out: bool) -> ImageStore:
    def recipe(images: np.ndarray, within: Recipe | None) -> Recipe:
        chunks = Pixels(images, np.zeros(len(images), np.int64))
        return Recipe({"name": "shades", "source": "a test"}, images.shape, (len(images),), chunks, held_out=within)

    unseen = recipe(drawn(UNSEEN, 1), None) if held_out else None
    return save_store(folder / "shades", recipe(drawn(TRAINED, 0), unseen))


class Repeating(Generator):
    """Images of a set, chosen by the latent, with a little noise."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__()
        self.latent, self.gain = 4, torch.nn.Parameter(torch.ones(()))
        self.images = to_float(torch.from_numpy(images))

    def forward(self, z: Tensor) -> Tensor:
        chosen = self.images[(z.abs().sum(1) * 1e5).long() % len(self.images)]
        return self.gain * chosen + 0.02 * z[:, :1, None, None]


def looked(folder: Path, generator: Generator, held_out: bool) -> tuple[dict[str, float], list[Tensor], ImageStore]:
    """Scores, the images of the four panels, and the store."""
    store = a_store(folder, held_out)
    source = Source(store, IMAGES)
    reference = create("distribution", EVALUATION).describe(source)
    assert ("held_out" in reference.tensors) is held_out
    scores, panels = score("diagnostics", subject(generator), source, reference, EVALUATION)
    return scores, [panel.images for panel in panels if isinstance(panel, Images)], store


@pytest.mark.parametrize("held_out", [True, False])
def test_a_generator_that_repeats_training_images_is_found_out(
    tmp_path: Path, tiny: list[int], held_out: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scores, shown, store = looked(tmp_path, Repeating(drawn(TRAINED, 0)), held_out)
    assert scores.keys() == {"memorised_pixels", "memorised_features"}
    assert min(scores.values()) > 0.95
    assert "100 % of samples are like copies of training images, by their pixels" in caplog.text
    place = {image.tobytes(): number for number, image in enumerate(store.images)}
    for images in shown[:2]:
        rows = images.view(-1, COLUMNS, 3, 16, 16)
        assert len(rows) == 2 * diagnostics.SHOWN
        # A sample is followed by images of the store, the first of which it repeats, up to the noise.
        assert all(image.numpy().tobytes() in place for image in rows[:, 1:].flatten(0, 1))
        assert (rows[:, 0].float() - rows[:, 1].float()).abs().mean() < 4
    assert [len(images) for images in shown[2:]] == [diagnostics.PATHS * diagnostics.STEPS, 2 * diagnostics.EXTREMES]


@pytest.mark.parametrize("held_out", [True, False])
def test_a_generator_of_new_images_is_not_suspected(
    tmp_path: Path, tiny: list[int], held_out: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scores, _, _ = looked(tmp_path, Repeating(drawn(5000, 2)), held_out)
    # A quantile of 0.01 among 150 unseen images has a standard deviation of (0.01 / 150)^0.5 = 0.008.
    assert max(scores.values()) < 0.01 + 4 * 0.008
    assert not caplog.text


def test_the_odd_are_those_far_from_their_fiftieth_real_features(tmp_path: Path, tiny: list[int]) -> None:
    generator = Repeating(drawn(500, 2))
    _, shown, store = looked(tmp_path, generator, True)
    extractor, images = open_extractor("tiny"), torch.cat(list(samples(generator, 300, 0, 64)))
    gaps = (extractor(images)[:, None] - extractor(store[:])).norm(dim=2).sort(1).values[:, 49]
    order = gaps.argsort().tolist()
    assert torch.equal(shown[3], torch.cat([images[order[:8]], images[order[::-1][:8]]]))


def test_a_diverged_generator_has_no_diagnostics(
    tmp_path: Path, tiny: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    generator = Repeating(drawn(2, 0))
    generator.gain.data.fill_(float("nan"))
    scores, shown, _ = looked(tmp_path, generator, False)
    assert (scores, shown) == ({}, [])
    assert "No diagnostics: the generator's images are not finite" in caplog.text
