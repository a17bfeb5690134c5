"""What holds for every registered regulariser."""

from typing import Any

import pytest
import torch

from relation_gan.gan import regularisers
from relation_gan.gan.loop import train_step
from tests.gan.helpers import FEEDS, ORDERS, RELATION, generation, state

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "gradient_penalty": [
        {"where": where, "weight": 10.0, "centre": 1.0} for where in ("real", "fake", "interpolates", "dragan")
    ],
    "weight_clip": [{"limit": 0.01}],
}
CASES = [
    pytest.param({"name": name, **options}, id=f"{name}-{options.get('where', '')}")
    for name in regularisers.names()
    for options in OPTIONS[name]
]


def critic(loss: dict[str, Any], *terms: dict[str, Any], order: str) -> torch.Tensor:
    """The weights of a critic after two steps."""
    s = state(loss, *terms, order=order)
    for _ in range(2):
        assert all(value.isfinite() for value in train_step(s, FEEDS).values())
    return torch.cat([p.detach().flatten() for p in generation(s).adversary.critic.parameters()])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("loss", [RELATION, {"name": "wgan"}], ids=["pair", "score"])
@pytest.mark.parametrize("term", CASES)
def test_every_regulariser_changes_what_a_critic_learns_and_nothing_random(
    term: dict[str, Any], loss: dict[str, Any], order: str
) -> None:
    changed = critic(loss, term, order=order)
    assert torch.equal(changed, critic(loss, term, order=order))
    assert not torch.equal(changed, critic(loss, order=order))
