from typing import Any

import pytest
from pydantic import ValidationError

from relation_gan.config.setting import has, overrides, value, with_setting
from relation_gan.gan.run import RunConfig
from tests.gan.test_run import run

R1 = {"name": "gradient_penalty", "where": "real", "weight": 0.5}
R2 = {"name": "gradient_penalty", "where": "fake", "centre": 0.0, "weight": 0.25}
CLIP = {"name": "weight_clip", "limit": 0.1}
WGAN_GP = {"name": "gradient_penalty", "where": "interpolates", "centre": 1.0, "weight": 10.0}
RELATION = {"name": "relation", "form": "eq6", "margin": {"kind": "mse", "base": 1.0, "scale": 0.01}}


def relation(*regularisers: dict[str, Any]) -> RunConfig:
    return run(loss=RELATION, regularisers=list(regularisers))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("training.lr_critic", 0.01),
        ("training.betas.1", 0.9),
        ("training.decay_to", 0.0),
        ("loss.margin.base", 1.0),
        ("loss.pairings", None),  # an option of the loss that the run leaves at its default
        ("regularisers.r1.weight", 0.5),
        ("regularisers.r1.every", None),
        ("regularisers.r2.weight", 0.25),
        ("regularisers.gradient_penalty.weight", 0.5),  # the first of that name
        ("regularisers.weight_clip.limit", 0.1),
        ("critic.width", 4),
        ("generator.latent", 4),
    ],
)
def test_a_run_has_a_hyper_parameter_at_a_path(path: str, expected: Any) -> None:
    of = relation(R1, R2, CLIP)
    assert has(of, path)
    assert value(of, path) == expected
    new = 0.75 if path != "loss.pairings" else 2
    if path.startswith(("critic", "generator")):
        new = 8
    assert value(with_setting(of, {path: new}), path) == new
    assert value(of, path) == expected  # the run itself is what it was


@pytest.mark.parametrize(
    "path",
    [
        *("training", "training.lr", "training.steps", "training.betas.2", "training.lr_critic.x", "loss.margin.bas"),
        *("loss.name", "loss.weight", "regularisers.r1", "regularisers.wgan_gp.weight", "regularisers.r1.wait"),
        *("critic.depth", "data.size", "seed", "classifier.width"),
    ],
)
def test_what_a_run_lacks_or_a_budget_says_is_no_hyper_parameter(path: str) -> None:
    of = relation(R1)
    assert not has(of, path) and value(of, path) is None
    with pytest.raises(ValueError, match=f"method 'm' has no '{path}'"):
        with_setting(of, {path: 1})


def test_penalties_go_by_their_papers() -> None:
    of = relation(WGAN_GP, R1)
    assert value(of, "regularisers.wgan_gp.weight") == 10.0
    assert value(of, "regularisers.r1.weight") == 0.5
    assert not has(of, "regularisers.r2.weight") and not has(of, "regularisers.dragan.weight")


def test_a_value_that_the_run_refuses_is_refused() -> None:
    with pytest.raises(ValidationError, match="lr_critic"):
        with_setting(run(), {"training.lr_critic": -1.0})


def test_overrides_have_what_a_setting_changes_and_the_whole_list_of_regularisers() -> None:
    setting = {"training.betas.1": 0.99, "loss.margin.base": 2.0, "regularisers.r1.weight": 3.0, "critic.width": 8}
    assert overrides(with_setting(relation(CLIP, R1), setting), setting) == {
        "training": {"betas": [0.0, 0.99]},
        "loss": {"margin": {"kind": "mse", "base": 2.0, "scale": 0.01}},
        "regularisers": [CLIP, {**R1, "weight": 3.0}],
        "critic": {"width": 8},
    }
