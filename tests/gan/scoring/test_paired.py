from collections.abc import Iterator

import pytest
import torch

from relation_gan.gan.metrics import psnr, ssim
from relation_gan.gan.sampling import Sample
from relation_gan.gan.scoring import Subject
from relation_gan.gan.scoring.panels import Images
from tests.gan.scoring.helpers import create, evaluation, nowhere, score


class Shifted:
    """Targets of random pixels, and outputs that are off by some levels."""

    def __init__(self, by: int) -> None:
        self.by = by

    def batches(self, count: int, seed: int, size: int) -> Iterator[Sample]:
        random = torch.Generator().manual_seed(seed)
        for start in range(0, count, size):
            target = torch.randint(0, 200, (min(size, count - start), 3, 16, 16), generator=random, dtype=torch.uint8)
            yield Sample(target + self.by, input=target[:, :, ::4, ::4], target=target)


def test_outputs_are_scored_against_their_targets() -> None:
    scores, (panel,) = score("paired", Subject({"ema": Shifted(5), "raw": Shifted(0)}), nowhere())
    # An error of 5 levels everywhere: 20 log10(255 / 5) dB. An exact output counts 100.
    assert scores["psnr"] == pytest.approx(34.1514, abs=1e-3)
    assert (scores["raw_psnr"], scores["raw_ssim"]) == (100, 1)
    whole = next(Shifted(5).batches(50, 0, 50))
    assert whole.target is not None
    assert scores["ssim"] == pytest.approx(float(ssim(whole.output / 255, whole.target / 255).mean()), abs=1e-6)
    assert isinstance(panel, Images) and panel.columns == 3
    assert panel.images.shape == (24, 3, 16, 16)


def test_the_curve_has_fewer_samples() -> None:
    found = create("paired", evaluation()).brief(Shifted(5), nowhere(), None)  # type: ignore[arg-type]
    few = next(Shifted(5).batches(16, 0, 16))
    assert few.target is not None
    assert found["psnr"] == pytest.approx(float(psnr(few.output / 255, few.target / 255).mean()), abs=1e-3)
