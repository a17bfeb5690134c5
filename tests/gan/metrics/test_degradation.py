"""What the scores of images are for: they tell real ones that were degraded, and how much."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from relation_gan.gan.metrics import kernel_distance, precision_recall
from relation_gan.gan.metrics.extractors import EfficientNetLite0, open_extractor

HALF = 200


@pytest.fixture(scope="module")
def digits(mnist: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor, Tensor]:
    """Real digits uint8 (HALF, 1, 28, 28) to compare with, others, and the classes of these."""
    chosen = np.random.default_rng(0).permutation(len(mnist[0]))[: 2 * HALF]
    images = torch.from_numpy(mnist[0][chosen].reshape(-1, 1, 28, 28).astype(np.uint8))
    return images[:HALF], images[HALF:], torch.from_numpy(mnist[1][chosen][HALF:])


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(EfficientNetLite0, "SIDE", 64)  # a sixth of the work
    return open_extractor("efficientnet_lite0")


def noisy(images: Tensor, sigma: float) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return (images + sigma * torch.randn(images.shape, generator=random)).round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize(
    ("spoil", "strengths"),
    [
        (lambda images, sigma: gaussian_blur(images, [13, 13], [sigma, sigma]), (0.5, 1, 2)),
        (noisy, (2, 8, 32)),
    ],
    ids=["blur", "noise"],
)
def test_the_kernel_distance_rises_with_what_spoils_images(digits, features, spoil, strengths) -> None:
    real, others, _ = digits
    found = features(real)
    scores = [
        kernel_distance(found, features(images), 1, HALF)[0]
        for images in (others, *(spoil(others, strength) for strength in strengths))
    ]
    assert all(stronger > 1.1 * weaker for weaker, stronger in pairwise(scores))
    assert abs(scores[0]) < 0.2 * scores[1]  # unbiased: near 0 for real images


def test_recall_falls_with_every_dropped_digit_and_precision_does_not(digits, features) -> None:
    real, others, labels = digits
    found = features(real)
    scores = []
    for dropped in (0, 3, 6, 9):
        left = others[labels >= dropped]
        scores.append(precision_recall(found, features(left[torch.arange(HALF) % len(left)])))
    precision, recall = zip(*scores, strict=True)
    assert all(fewer < more for more, fewer in pairwise(recall))
    assert min(precision) > 0.9 * precision[0]
