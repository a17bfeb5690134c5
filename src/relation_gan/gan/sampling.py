"""Latents, and what a trained task makes in batches, on the way to scores."""

from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from relation_gan.gan.data.feed import to_uint8
from relation_gan.gan.networks import Generator


class DivergedError(ValueError):
    """A generator whose samples are not finite."""


class SampleError(ValueError):
    """Samples that scorers would misread, with the remedy."""


class Sample(NamedTuple):
    """A batch of what was made, and of what it was made from."""

    output: Tensor
    """uint8 images (b, C, H, W), or float points (b, 2)."""
    input: Tensor | None = None
    """What the outputs were made from, where that is no noise: uint8 (b, C, h, w)."""
    target: Tensor | None = None
    """What the outputs should be, where that is known: like `output`."""
    labels: Tensor | None = None
    """The classes that were asked for: int64 (b,)."""


class Sampler(Protocol):
    """A source of samples, the same for the same seed and batch size."""

    def batches(self, count: int, seed: int, size: int) -> Iterator[Sample]:
        """`count` samples in batches of `size`, on the CPU.

        Raises:
            DivergedError: a network gives values that are not finite.
        """
        ...


def checked(sampler: Sampler, gives: Collection[str]) -> Sampler:
    """The sampler, if the first sample is as scorers read it.

    Args:
        gives: what the task says that its samples are.

    Raises:
        SampleError: it is not.
    """
    try:
        sample = next(iter(sampler.batches(1, 0, 1)))
    except DivergedError:
        return sampler
    if not isinstance(sample, Sample):
        raise SampleError(f"a sampler's batches are of type {type(sample).__name__}; yield Sample(output=...)")
    for name, value in sample._asdict().items():
        if value is None and name in gives:
            raise SampleError(f"the task's `gives` has '{name}', and its samples have none; give it, or leave it out")
        if value is None or name == "labels":  # which every conditional generator has
            continue
        if name not in gives:
            raise SampleError(
                f"the samples have '{name}', and the task's `gives` ({', '.join(sorted(gives))}) lacks it; add it there"
            )
        if value.dim() == 4 and value.dtype != torch.uint8:
            raise SampleError(
                f"the samples' '{name}' is {value.dtype}, and scorers read images as uint8; "
                "`to_uint8` of relation_gan.gan.data makes that of [-1, 1]"
            )
    return sampler


class GeneratorSampler:
    """Samples of one generator from latents."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    @torch.no_grad()
    def batches(self, count: int, seed: int, size: int) -> Iterator[Sample]:
        generator = self.generator.eval()
        device = next(generator.parameters()).device
        random = torch.Generator().manual_seed(seed)
        for start in range(0, count, size):
            z = draw_latents(generator, min(size, count - start), random)
            made = generator(z.to(device))
            if not made.isfinite().all():
                what = "points" if generator.points else "images"
                raise DivergedError(f"the generator's {what} are not finite: its training diverged")
            labels = z[:, generator.latent :].argmax(1) if generator.classes else None
            yield Sample((made.float() if generator.points else to_uint8(made)).cpu(), labels=labels)


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


def samples(generator: Generator, count: int, seed: int, batch_size: int) -> Iterator[Tensor]:
    """The outputs of a `GeneratorSampler`: batches of uint8 images (b, C, H, W) or float points (b, 2).

    Raises:
        DivergedError: the generator gives values that are not finite.
    """
    return (sample.output for sample in GeneratorSampler(generator).batches(count, seed, batch_size))
