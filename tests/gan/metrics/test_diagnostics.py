"""Neighbours found by hand, and copies that are told from fresh draws of the same distribution."""

import pytest
import torch
from torch import Tensor

from relation_gan.gan.metrics.diagnostics import (
    NEIGHBOURS,
    RARE,
    SUSPECT,
    Neighbours,
    as_vectors,
    closeness,
    compare,
    interpolations,
    memorised,
    nearest,
)
from relation_gan.gan.networks import Generator

N, FEATURES = 1000, 20


class Latents(Generator):
    """An image of 1x2 pixels: a tenth of its two latents, and a third one that is its label."""

    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        self.latent, self.classes = 2, classes
        self.gain = torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, z: Tensor) -> Tensor:
        return (self.gain * z)[:, None, None, :]


def test_the_way_between_two_latents_is_a_great_circle() -> None:
    made = interpolations(Latents(), rows=3, columns=5, seed=0)
    assert made.shape == (15, 1, 1, 2) and made.dtype == torch.uint8
    random = torch.Generator().manual_seed(0)
    first, last = torch.randn((6, 2), generator=random).split(3)
    ways = (made.view(3, 5, 2).float() / 127.5 - 1) * 10
    step = 10 / 255  # half of a level, which rounding may take
    assert torch.allclose(ways[:, 0], first, atol=1.01 * step) and torch.allclose(ways[:, -1], last, atol=1.01 * step)
    # Half-way of two vectors with angle a between them: their sum over 2 cos(a / 2).
    cosine = torch.cosine_similarity(first, last)
    half = (first + last) / (2 * ((1 + cosine) / 2).sqrt())[:, None]
    assert torch.allclose(ways[:, 2], half, atol=1.01 * step)


def test_a_conditional_generator_keeps_its_label_on_the_way() -> None:
    labels = interpolations(Latents(classes=3), rows=4, columns=6, seed=0).view(4, 6, 5)[..., 2:]
    assert (labels == labels[:, :1]).all()
    assert ((labels == 140).sum(2) == 1).all()  # .1 for the label that is on: 127.5 x 1.1 = 140.25


@pytest.mark.parametrize("size", [1, 2, 10])
def test_the_nearest_are_found_through_all_chunks(size: int) -> None:
    line = torch.tensor([[0.0], [10.0], [3.0], [11.0], [4.5]])
    found = nearest(torch.tensor([[0.5], [10.4]]), line.split(size), k=3)
    assert found.places.tolist() == [[0, 2, 4], [1, 3, 4]]
    assert torch.allclose(found.distances, torch.tensor([[0.5, 2.5, 4.0], [0.4, 0.6, 5.9]]), atol=1e-3)
    assert nearest(line, line.split(size), k=9).places.shape == (5, 5)  # there are no more


def test_closeness_by_hand_is_that_of_the_first_to_all() -> None:
    distances = torch.tensor([[1.0, 2.0, 3.0], [0.0, 4.0, 4.0], [0.0, 0.0, 0.0]])
    found = Neighbours(distances, torch.zeros(3, 3, dtype=torch.long))
    assert closeness(found).tolist() == [0.5, 0.0, 0.0]


def draws(n: int, seed: int) -> Tensor:
    """Of two normal clouds, one of which is a fifth as wide: as plain images are nearer to each other."""
    random = torch.Generator().manual_seed(seed)
    width = torch.where(torch.rand((n, 1), generator=random) < 0.5, 0.2, 1.0)
    return width * torch.randn((n, FEATURES), generator=random)


TRAINING = draws(4000, 0)
NOISE = torch.randn((N, FEATURES), generator=torch.Generator().manual_seed(5))


def share(samples: Tensor, among: bool = False) -> float:
    """Of copies, by what training images themselves do, or unseen ones."""
    unseen = TRAINING[:N] if among else draws(N, 1)
    return memorised(*compare(samples, unseen, TRAINING.split(700), among))


@pytest.mark.parametrize("among", [False, True])
def test_fresh_draws_are_no_copies(among: bool) -> None:
    # The share below a quantile that is itself one of N draws: its variance is twice that of a share of N.
    deviation = (2 * RARE * (1 - RARE) / N) ** 0.5
    assert abs(share(draws(N, 2), among) - RARE) < 4 * deviation < SUSPECT


@pytest.mark.parametrize("among", [False, True])
def test_training_images_with_a_little_noise_are_copies(among: bool) -> None:
    # Noise of .01 puts them at .01 sqrt(20) = .045 from their originals, where neighbours are about .2 sqrt(2 x 20)
    # = 1.3 away even in the narrow cloud: a twentieth.
    assert share(TRAINING[:N] + 0.01 * NOISE, among) > 0.99


def test_a_few_copies_raise_the_share_by_as_much() -> None:
    mixed = torch.cat([TRAINING[: N // 5] + 0.01 * NOISE[: N // 5], draws(N - N // 5, 2)])
    assert share(mixed) == pytest.approx(0.2 + 0.8 * RARE, abs=4 * (2 * RARE / N) ** 0.5)


def test_blurred_samples_are_no_copies_though_they_lie_nearer_to_everything() -> None:
    blurred, unseen = compare(0.5 * draws(N, 2), draws(N, 1), TRAINING.split(700))
    assert (blurred.distances[:, 0] < unseen.distances[:, 0].quantile(RARE)).float().mean() > RARE
    assert memorised(blurred, unseen) <= SUSPECT


def test_images_among_the_training_ones_are_not_their_own_neighbours() -> None:
    _, unseen = compare(TRAINING[:3], TRAINING[:5], TRAINING.split(700), among=True)
    assert unseen.places.shape == (5, NEIGHBOURS)
    assert not (unseen.places == torch.arange(5)[:, None]).any()


def test_large_images_are_compared_by_means_of_pixels() -> None:
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    images[..., :2, :2] = 255
    vectors = as_vectors(images).view(3, 32, 32)
    assert (vectors[:, 0, 0] == 0.5).all() and (vectors == -0.5).sum() == 3 * (32 * 32 - 1)
    assert as_vectors(images[..., :28, :28]).shape == (1, 3 * 28 * 28)
