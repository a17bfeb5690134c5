from typing import cast

import pytest
import torch

from relation_gan.gan import networks
from relation_gan.gan.data import to_uint8
from relation_gan.gan.networks import Generator
from relation_gan.gan.sampling import samples


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    network = networks.create("dcgan_generator", size=16, channels=3, latent=4, width=2)
    for parameter in network.parameters():
        parameter.data.mul_(20)  # far from the grey of fresh weights, so that images differ
    return cast(Generator, network)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 5, [2]), (1, 1, [1]), (0, 4, [])]
)
def test_as_many_samples_as_asked_in_batches(
    generator: Generator, count: int, batch_size: int, sizes: list[int]
) -> None:
    batches = list(samples(generator, count, 0, batch_size))
    assert [tuple(batch.shape) for batch in batches] == [(size, 3, 16, 16) for size in sizes]
    assert all(batch.dtype == torch.uint8 for batch in batches)


def test_samples_are_the_generators_images_of_normal_latents_quantised(generator: Generator) -> None:
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        # In evaluation mode: a sample does not depend on the others of its batch.
        expected = [to_uint8(generator.eval()(torch.randn((n, 4), generator=random))) for n in (4, 2)]
    generator.train()
    assert torch.equal(torch.cat(list(samples(generator, 6, 5, 4))), torch.cat(expected))


def test_the_seed_alone_decides_the_samples(generator: Generator) -> None:
    first, again, other = (torch.cat(list(samples(generator, 6, seed, 4))) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_sampling_does_not_touch_the_global_random_state(generator: Generator) -> None:
    before = torch.get_rng_state()
    list(samples(generator, 6, 1, 4))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_generator_is_refused(generator: Generator, value: float) -> None:
    for parameter in generator.parameters():
        parameter.data.fill_(value)
    with pytest.raises(ValueError, match="the generator's images are not finite: its training diverged"):
        list(samples(generator, 4, 0, 4))
