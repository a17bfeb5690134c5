"""Samples of a generator, in batches, through the one quantiser to uint8."""

from collections.abc import Iterator

import torch
from torch import Tensor

from relation_gan.gan.data.feed import to_uint8
from relation_gan.gan.networks import Generator


@torch.no_grad()
def samples(generator: Generator, count: int, seed: int, batch_size: int) -> Iterator[Tensor]:
    """Batches of uint8 images (b, C, H, W), `count` in all, the same for the same seed and batch size.

    Raises:
        ValueError: the generator gives values that are not finite.
    """
    device = next(generator.parameters()).device
    random = torch.Generator().manual_seed(seed)
    generator.eval()
    for start in range(0, count, batch_size):
        z = torch.randn((min(batch_size, count - start), generator.latent), generator=random)
        images = generator(z.to(device))
        if not images.isfinite().all():
            raise ValueError("the generator's images are not finite: its training diverged")
        yield to_uint8(images).cpu()
