"""Critics that are autoencoders."""

import pytest
import torch
from torch import nn

from relation_gan.gan import networks
from relation_gan.gan.networks.ebgan import AutoencoderCritic
from tests.gan.networks.helpers import chain, conv, count, full, linear, outline


class Halve(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 2


def test_the_score_is_the_negated_mean_squared_error_of_the_reconstruction() -> None:
    # x/2 twice is x/4, wrong by 3/4 x: (9/16) mean(x^2). Of (4, 0): 9/16 * 8 = 4.5; of (0, 0): 0.
    critic = AutoencoderCritic("score", Halve(), Halve(), "torch")
    assert critic(torch.tensor([[4.0, 0.0], [0.0, 0.0]])).tolist() == [-4.5, 0.0]
    # Images: the mean runs over channels and pixels. 9/16 * 2^2 = 2.25 everywhere.
    assert critic(torch.full((1, 3, 4, 4), 2.0)).tolist() == [-2.25]


@pytest.mark.parametrize(
    ("shape", "values"), [({"dimensions": 2}, (2,)), ({"size": 8, "channels": 3}, (3, 8, 8))], ids=["points", "images"]
)
def test_the_perceptrons_mirror_each_other(shape: dict[str, int], values: tuple[int, ...]) -> None:
    critic = networks.create("ebgan_mlp_critic", kind="score", widths=[7, 5], **shape)
    n = torch.zeros(values).numel()
    assert count(critic) == chain(n, 7, 5, 7, n)
    x = torch.randn(4, *values)
    assert critic.embed(x).shape == (4, 5)  # pyright: ignore[reportCallIssue]
    assert critic(x).shape == (4,)


@pytest.mark.parametrize("code", [0, 64])
def test_the_convolutions_mirror_each_other(code: int) -> None:
    # The one for CIFAR in TripletGAN: 4x4 convolutions of stride 2 to 128, 256, 512 channels, and back.
    critic = full("ebgan_dcgan_critic", kind="score", size=32, channels=3, width=128, code=code)
    there = conv(3, 128, 4) + conv(128, 256, 4) + conv(256, 512, 4)
    back = conv(512, 256, 4) + conv(256, 128, 4) + conv(128, 3, 4)
    vector = linear(8192, 64) + linear(64, 8192) if code else 0
    assert count(critic) == there + back + vector
    encoded = list(outline(critic.embedding, 3, 32, 32))[-1][1]
    assert encoded == ((64,) if code else (512, 4, 4))
    decoded = list(outline(critic.relation, *encoded))
    maps = [shape for name, shape in decoded if name == "ConvTranspose2d"]
    assert maps == [(256, 8, 8), (128, 16, 16), (3, 32, 32)]
    # No two activations stand side by side, and the reconstruction is not cut off by one.
    names = [name for name, _ in decoded]
    assert "LeakyReLU" not in (names[0], names[-1], names[-2])


def test_it_learns_to_tell_what_it_was_trained_on() -> None:
    # Points on a line through 0 have a code of one number; others lose what is off the line.
    torch.manual_seed(0)
    critic = networks.create("ebgan_mlp_critic", kind="score", widths=[1], dimensions=2, activation="leaky_relu")
    optimiser = torch.optim.Adam(critic.parameters(), 0.02)
    line = torch.linspace(-1, 1, 64)[:, None] * torch.ones(1, 2)
    for _ in range(500):
        optimiser.zero_grad()
        (-critic(line).mean()).backward()
        optimiser.step()
    on, off = critic(line).mean().item(), critic(line * torch.tensor([1.0, -1.0])).mean().item()
    assert -0.01 < on <= 0
    assert off < -0.1
