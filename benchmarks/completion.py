"""Completing many images at once against one at a time, as GoGAN's experiment needs it.

    python benchmarks/completion.py [images] [steps]

64 images of 32x32, five masks, 1,000 steps each. One at a time is timed on a few images, for fewer steps.
"""

import statistics
import sys
import time
from typing import cast

import torch

from relation_gan.gan import networks
from relation_gan.gan.metrics import complete
from relation_gan.gan.metrics.completion import SHARES, centred_mask
from relation_gan.gan.networks import Critic, Generator

ROUNDS, ALONE, FEW = 3, 8, 20


def main(count: int = 64, steps: int = 1000) -> None:
    torch.manual_seed(0)
    generator = cast(Generator, networks.create("dcgan_generator", size=32, channels=3, latent=64, width=32))
    critic = cast(Critic, networks.create("dcgan_critic", kind="score", size=32, channels=3, width=32))
    images, start = torch.rand(count, 3, 32, 32) * 2 - 1, torch.randn(count, 64)

    def seconds(which: slice, share: float, steps: int) -> float:
        begun = time.perf_counter()
        part = images[which]
        complete(generator, critic, part, centred_mask(32, share), start[which], part, part, steps)
        return time.perf_counter() - begun

    ratios = []
    for _ in range(ROUNDS):
        together = seconds(slice(None), 0.25, FEW) / count
        alone = sum(seconds(slice(i, i + 1), 0.25, FEW) for i in range(ALONE)) / ALONE
        ratios.append(alone / together)
    print(
        f"an image alone takes {statistics.median(ratios):.1f} times as long ({min(ratios):.1f} to {max(ratios):.1f})"
    )
    total = sum(seconds(slice(None), share, steps) for share in SHARES)
    print(f"{count} images, {len(SHARES)} masks, {steps} steps: {total:.0f} s on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
