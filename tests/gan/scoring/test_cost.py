from typing import Any

import pytest

from relation_gan.gan import networks
from relation_gan.gan.history import History
from relation_gan.gan.scoring import Subject
from tests.gan.scoring.helpers import nowhere, score


def cost(kind: str = "score", **history: Any) -> dict[str, float]:
    """Of a run whose generator has 4 * 2 + 2 = 10 parameters, and its critic (2 + 1) * 3 + 3 + 1 = 13."""
    generator = networks.create("mlp_generator", dimensions=2, latent=4, widths=[])
    critic = networks.create("mlp_critic", kind=kind, dimensions=2, widths=[3], embedding=0, head=0)
    given = {"step": 4, "seconds": 2.0, "batch_size": 16, "peak_memory_mib": 100.0, **history}
    of = History(
        dataset="d", method="m", title="M", seed=0, status="finished", steps=4, device="cpu", threads=1, **given
    )
    found = {"generator": generator, "generator_raw": generator, "critic": critic}
    return score("cost", Subject({}, found, of), nowhere())[0]


@pytest.mark.parametrize(
    ("seconds", "step", "rates"),
    [
        # 4 steps in 2 seconds.
        (2.0, 4, {"steps_per_second": 2.0, "ms_per_step": 500.0, "ms_per_image": 31.25}),
        # A run that failed before its first step has no speed.
        (0.0, 0, {}),
    ],
)
def test_the_cost_by_hand(seconds: float, step: int, rates: dict[str, float]) -> None:
    sizes = {"parameters_generator": 10, "parameters_critic": 13, "peak_memory_mib": 100}
    # 4 * 2 products for a point; 2 * 3 + 3 for its score.
    products = {"multiply_adds_generator": 8, "multiply_adds_critic": 9}
    assert cost(seconds=seconds, step=step) == {"steps": step, "seconds": seconds, **sizes, **products, **rates}


def test_a_pair_costs_two_embeddings_and_a_relation() -> None:
    assert cost("pair")["multiply_adds_critic"] == 2 * 2 * 3 + 3


def test_the_first_steps_do_not_count_in_the_time_of_a_step() -> None:
    # 50 slow steps, then 100 that take 0.25 s each.
    rows = [{"step": step, "seconds": 90 + 0.25 * max(0, step - 50)} for step in (10, 50, 100, 150)]
    scores = cost(rows=rows, step=150, seconds=115.0)
    assert scores["ms_per_step"] == 250
    assert scores["ms_per_image"] == 250 / 16
