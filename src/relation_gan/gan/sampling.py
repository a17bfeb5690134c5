"""Latents, and samples of a generator in batches: images through the one quantiser to uint8, points as they are."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from relation_gan.gan.data.feed import to_uint8
from relation_gan.gan.networks import Generator


class DivergedError(ValueError):
    """A generator whose samples are not finite."""


def draw_latents(generator: Generator, count: int, random: torch.Generator, labels: Tensor | None = None) -> Tensor:
    """What a generator draws from: (count, latent + classes) on the device of `random`.

    Standard normal, then, for a conditional generator, a one-hot label: of `labels` (count,), or drawn evenly.
    """
    z = torch.randn((count, generator.latent), generator=random, device=random.device)
    if not generator.classes:
        return z
    if labels is None:
        labels = torch.randint(generator.classes, (count,), generator=random, device=random.device)
    return torch.cat([z, one_hot(labels.to(z.device), generator.classes).to(z.dtype)], 1)


@torch.no_grad()
def samples(generator: Generator, count: int, seed: int, batch_size: int) -> Iterator[Tensor]:
    """Batches of uint8 images (b, C, H, W) or float points (b, 2), `count` in all.

    They are the same for the same seed and batch size.

    Raises:
        DivergedError: the generator gives values that are not finite.
    """
    device = next(generator.parameters()).device
    random = torch.Generator().manual_seed(seed)
    generator.eval()
    for start in range(0, count, batch_size):
        z = draw_latents(generator, min(batch_size, count - start), random)
        made = generator(z.to(device))
        if not made.isfinite().all():
            what = "points" if generator.points else "images"
            raise DivergedError(f"the generator's {what} are not finite: its training diverged")
        yield (made.float() if generator.points else to_uint8(made)).cpu()
