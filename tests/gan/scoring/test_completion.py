"""Held-out images in a store of its own, which generators of different worth complete."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from relation_gan.gan import networks
from relation_gan.gan.data import ImageStore, Recipe, save_store
from relation_gan.gan.metrics import psnr
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.scoring import Source, completion
from relation_gan.gan.scoring.config import CompletionConfig
from relation_gan.gan.scoring.panels import Images
from tests.conftest import Pixels
from tests.gan.scoring import helpers
from tests.gan.scoring.helpers import score, subject

SIZE = 16


class Shades(Generator):
    """The plane a + b x + c y through its three latents: what is hidden of one follows from what is known."""

    def __init__(self) -> None:
        super().__init__()
        self.latent, self.gain = 3, torch.nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        line = torch.linspace(-1, 1, SIZE)
        planes = torch.stack([torch.ones(SIZE, SIZE), line.expand(SIZE, SIZE), line[:, None].expand(SIZE, SIZE)])
        return self.gain * torch.einsum("bk,khw->bhw", z, planes)[:, None]


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """Thirty planes of grey, of which the last ten are held out, with pixel noise of a standard deviation of 2."""
    rng = np.random.default_rng(0)
    with torch.no_grad():
        planes = Shades()(torch.from_numpy(rng.uniform(-0.3, 0.3, (30, 3))).float()).numpy()
    noisy = (127.5 + 127.5 * planes + rng.normal(0, 2, planes.shape)).round().clip(0, 255).astype(np.uint8)

    def recipe(images: np.ndarray, held_out: Recipe | None) -> Recipe:
        chunks = Pixels(images, np.zeros(len(images), np.int64))
        about = {"name": "planes", "source": "a test"}
        return Recipe(about, images.shape, (len(images),), chunks, held_out=held_out)

    return save_store(tmp_path / "planes", recipe(noisy[:20], recipe(noisy[20:], None)))


def critic(kind: str = "score") -> Critic:
    torch.manual_seed(0)
    return cast(Critic, networks.create("dcgan_critic", kind=kind, size=SIZE, channels=1, width=2)).eval()


def completed(
    store: ImageStore, generator: Generator, critic: Critic, **more: Any
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """The scores, and the shown images by their rows."""
    options = {"images": 10, "shares": [0.25], "steps": 300, "weight": 0.0, "lr": 0.02, "batch_size": 4, **more}
    how = helpers.evaluation(completion=CompletionConfig(**options))
    scores, panels = score("completion", subject(generator, critic=critic), Source(store, helpers.IMAGES), how=how)
    shown = {}
    for panel in panels:
        assert isinstance(panel, Images)
        shown = dict(zip(panel.rows, panel.images.split(panel.columns), strict=True))
    return scores, shown


def test_a_generator_that_can_draw_what_is_hidden_gets_down_to_the_noise(store: ImageStore) -> None:
    scores, shown = completed(store, Shades(), critic())
    # In a quarter of the pixels, the noise (of 2 levels, and 1 / sqrt(12) of rounding twice) is what is left:
    # 10 log10(255^2 / (2.04^2 / 4)) = 48 dB. The plane, fitted by absolute values, adds little, and is off by a step
    # of Adam's rate of .02, which is 2.6 levels, at the most.
    worst = 10 * np.log10(255**2 / ((2.04**2 + 2.6**2 * 1.7) / 4))
    assert worst < scores["psnr_25"] < 48.5
    assert scores["ssim_25"] > scores["occluded_ssim_25"]
    # Of the 192 known pixels, each is off by 2.04 sqrt(2 / pi) levels of 127.5 on average, or more.
    assert scores["contextual_25"] > 0.9 * 192 * 2.04 * 0.8 / 127.5
    original, hidden, made = (shown[name] for name in ("original", "25 % hidden", "25 % completed"))
    held_out = store.held_out
    assert held_out is not None
    assert torch.equal(original, held_out[held_out.spread(10)][: completion.SHOWN])
    hole = hidden == 128
    hole[..., :4, :] = False  # noise may be of that grey as well; the hole is the 8x8 in the middle
    assert hole[..., 4:12, 4:12].all()
    outside = torch.ones(SIZE, SIZE, dtype=torch.bool)
    outside[4:12, 4:12] = False
    for images in (hidden, made):
        assert torch.equal(images[..., outside], original[..., outside])


def test_occluded_images_are_scored_as_completed_ones_are(store: ImageStore) -> None:
    scores, shown = completed(store, Shades(), critic(), images=8, steps=1)
    original, hidden = shown["original"] / 255, shown["25 % hidden"] / 255
    assert scores["occluded_psnr_25"] == pytest.approx(float(psnr(hidden, original).mean()), abs=1e-4)


@pytest.mark.parametrize("kind", ["score", "pair", "feature"])
def test_every_kind_of_critic_has_its_say_and_the_batch_size_has_none(store: ImageStore, kind: str) -> None:
    asked = {"images": 5, "shares": [0.09, 0.49], "steps": 5, "weight": 1e6}
    scores, shown = completed(store, Shades(), critic(kind), **asked)
    names = ("psnr", "ssim", "occluded_psnr", "occluded_ssim", "contextual", "perceptual")
    assert scores.keys() == {f"{name}_{share}" for name in names for share in (9, 49)}
    assert all(np.isfinite(value) for value in scores.values())
    for size in (1, 5):
        other, others = completed(store, Shades(), critic(kind), **asked, batch_size=size)
        assert other == pytest.approx(scores, rel=1e-4, abs=1e-5)
        assert all(torch.equal(images, others[name]) for name, images in shown.items())
    # What it says changes what is found.
    assert completed(store, Shades(), critic(kind), **{**asked, "weight": 0.0})[0] != pytest.approx(scores, rel=1e-4)


def test_no_more_images_are_completed_than_are_held_out(store: ImageStore) -> None:
    _, shown = completed(store, Shades(), critic(), images=1000, steps=1)
    assert len(shown["original"]) == completion.SHOWN == 8


def test_an_image_reproduced_exactly_counts_a_finite_number_of_decibels(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exact(generator: Any, critic: Any, images: Tensor, *_: Any, **__: Any) -> completion.Completion:
        return completion.Completion(images, torch.zeros(len(images)), torch.zeros(len(images)))

    monkeypatch.setattr(completion, "complete", exact)
    with np.errstate(divide="ignore"):
        scores, _ = completed(store, Shades(), critic())
    assert (scores["psnr_25"], scores["ssim_25"]) == (100, 1)


@pytest.mark.parametrize("lost", ["generator", "critic"])
def test_a_diverged_run_gives_no_scores_and_no_failure(
    store: ImageStore, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = {"generator": Shades(), "critic": critic()}
    for parameter in parts[lost].parameters():
        parameter.data.fill_(float("nan"))
    assert completed(store, parts["generator"], parts["critic"], weight=0.1, steps=3) == ({}, {})
    assert "No completed images" in caplog.text and "diverged" in caplog.text
