from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch

from relation_gan.gan import networks
from relation_gan.gan.data import to_uint8
from relation_gan.gan.networks import Generator
from relation_gan.gan.sampling import Sample, SampleError, checked, draw_latents, samples


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


def made(name: str, **options: object) -> Generator:
    torch.manual_seed(0)
    return cast(Generator, networks.create(name, **options))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_latents_are_normal_numbers(generator: Generator) -> None:
    # Labels mean nothing to a generator without classes.
    expected = torch.randn((5, 4), generator=seeded())
    assert torch.equal(draw_latents(generator, 5, seeded()), expected)
    assert torch.equal(draw_latents(generator, 5, seeded(), torch.arange(5)), expected)


def test_given_labels_stand_one_hot_behind_the_latents() -> None:
    conditional = made("mlp_generator", dimensions=2, latent=4, widths=[8], classes=3)
    z = draw_latents(conditional, 3, seeded(), torch.tensor([2, 0, 2]))
    assert torch.equal(z[:, :4], torch.randn((3, 4), generator=seeded()))
    assert z[:, 4:].tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert conditional(z).shape == (3, 2)


def test_labels_that_are_not_given_are_drawn_evenly() -> None:
    conditional = made("mlp_generator", dimensions=2, latent=4, widths=[8], classes=3)
    labels = draw_latents(conditional, 3000, seeded())[:, 4:]
    assert torch.equal(labels.sum(1), torch.ones(3000))
    # Binomial with p = 1/3: 1,000 and a standard deviation of 26; five of them.
    assert (labels.sum(0) - 1000).abs().max() < 130


def test_samples_of_a_conditional_generator_are_of_all_classes() -> None:
    # What comes out is the label alone: the weights of the latents are 0, those of the labels 0, 1 and 2.
    conditional = made("mlp_generator", dimensions=2, latent=4, widths=[], classes=3)
    weight, bias = conditional.parameters()
    weight.data.copy_(torch.tensor([[0, 0, 0, 0, 0.0, 1.0, 2.0]] * 2))
    bias.data.zero_()
    points = torch.cat(list(samples(conditional, 50, 0, 20)))
    assert sorted(set(points[:, 0].tolist())) == [0, 1, 2]


def test_samples_of_points_are_not_quantised() -> None:
    points = made("mlp_generator", dimensions=2, latent=4, widths=[8], scale=50.0)
    batches = list(samples(points, 7, 5, 4))
    assert [(tuple(batch.shape), batch.dtype) for batch in batches] == [
        ((4, 2), torch.float32),
        ((3, 2), torch.float32),
    ]
    random = seeded(5)
    with torch.no_grad():
        expected = [points(torch.randn((n, 4), generator=random)) for n in (4, 3)]
    assert torch.equal(torch.cat(batches), torch.cat(expected))


def test_diverged_points_are_refused() -> None:
    points = made("mlp_generator", dimensions=2, latent=4, widths=[8], scale=float("inf"))
    with pytest.raises(ValueError, match="the generator's points are not finite: its training diverged"):
        list(samples(points, 4, 0, 4))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_generator_is_refused(generator: Generator, value: float) -> None:
    for parameter in generator.parameters():
        parameter.data.fill_(value)
    with pytest.raises(ValueError, match="the generator's images are not finite: its training diverged"):
        list(samples(generator, 4, 0, 4))


class Fixed:
    def __init__(self, sample: Any) -> None:
        self.sample = sample

    def batches(self, count: int, seed: int, size: int) -> Iterator[Any]:
        yield self.sample


BYTES, FLOATS = torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 3, 8, 8)


@pytest.mark.parametrize(
    ("sample", "gives", "message"),
    [
        (BYTES, {"output"}, "a sampler's batches are of type Tensor; yield Sample"),
        (Sample(FLOATS), {"output"}, "the samples' 'output' is torch.float32, and scorers read images as uint8"),
        (Sample(BYTES, target=BYTES), {"output"}, r"have 'target', and the task's `gives` \(output\) lacks it; add it"),
        (Sample(BYTES), {"output", "target"}, "the task's `gives` has 'target', and its samples have none"),
    ],
)
def test_samples_that_scorers_would_misread_are_refused(sample: Any, gives: set[str], message: str) -> None:
    with pytest.raises(SampleError, match=message):
        checked(Fixed(sample), gives)


@pytest.mark.parametrize(
    ("sample", "gives"),
    [
        (Sample(BYTES), {"output", "latents"}),
        (Sample(BYTES, BYTES, BYTES), {"output", "input", "target"}),
        (Sample(BYTES, labels=torch.zeros(1)), {"output"}),
        (Sample(torch.zeros(1, 2)), {"output"}),
    ],
)
def test_samples_that_scorers_read_pass(sample: Sample, gives: set[str]) -> None:
    sampler = Fixed(sample)
    assert checked(sampler, gives) is sampler
