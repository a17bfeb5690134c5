"""The step of R3GAN (arXiv 2501.05441) with the gradients of a linear critic, by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from relation_gan.gan import adversary
from relation_gan.gan.losses import Batch
from relation_gan.gan.ramp import Ramp
from tests.gan.helpers import draws, state

METHODS = yaml.safe_load((Path(__file__).parents[2] / "conf/base/parameters/methods.yml").read_text())["methods"]
METHOD: dict[str, Any] = METHODS["r3gan"]
CRITIC = {"name": "mlp_critic", "dimensions": 2, "widths": [], "head": 0}


@pytest.mark.parametrize("progress", [0.0, 0.25, 0.5, 1.0])
def test_the_step_of_a_linear_critic(progress: float) -> None:
    torch.manual_seed(0)
    opponent = adversary.create(CRITIC, METHOD["loss"], METHOD["regularisers"])
    (w, bias) = opponent.critic.parameters()
    x, y = torch.randn(5, 2), torch.randn(5, 2, requires_grad=True)
    play = opponent.play(Batch(x, y), replace(draws(state()), progress=progress))

    # D(x) = w.x + b. The critic minimises mean softplus(-(D(x) - D(y))) + gamma / 2 (|w|^2 + |w|^2), of which the first
    # has the gradient -mean sigma(-(D(x) - D(y))) (x - y), and the second 2 gamma w; b cancels.
    gaps = (x - y) @ w[0]
    slopes = torch.sigmoid(-gaps)
    half_gamma = Ramp(**METHOD["regularisers"][0]["weight"]).at(progress)
    expected = -(slopes[:, None] * (x - y)).mean(0) + 2 * (2 * half_gamma) * w[0]
    total = sum(play.critic.values(), torch.zeros(()))
    (of_w, of_b) = torch.autograd.grad(total, [w, bias], retain_graph=True, allow_unused=True)
    torch.testing.assert_close(of_w[0], expected)
    assert of_b is None or torch.allclose(of_b, torch.zeros(1), atol=1e-7)
    assert {name: float(play.critic[name].detach()) for name in ("penalty", "penalty1")} == pytest.approx(
        dict.fromkeys(("penalty", "penalty1"), half_gamma * float(w.detach().square().sum()))
    )

    # The generator minimises mean softplus(-(D(y) - D(x))): at y_i, -sigma(D(x_i) - D(y_i)) w / n.
    (of_y,) = torch.autograd.grad(play.generator, [y])
    torch.testing.assert_close(of_y, -torch.sigmoid(gaps)[:, None] * w / 5)


def test_gamma_falls_to_a_tenth_and_both_penalties_have_the_same() -> None:
    real, fake = METHOD["regularisers"]
    assert (real["where"], fake["where"], real["centre"], fake["centre"]) == ("real", "fake", 0.0, 0.0)
    assert real["weight"] == fake["weight"]
    assert real["weight"]["end"] == pytest.approx(real["weight"]["start"] / 10)
    assert "every" not in {*real, *fake}  # at every step
