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
    "mode_seeking": [{"weight": 1.0}],
    "weight_clip": [{"limit": 0.01}],
}
CASES = [
    pytest.param({"name": name, **options}, id=f"{name}-{options.get('where', '')}")
    for name in regularisers.names()
    for options in OPTIONS[name]
]


FLOATS = [
    pytest.param({"name": name, **OPTIONS[name][0]}, option, id=f"{name}-{option}")
    for name in regularisers.names()
    for option, parameter in regularisers.options(name).items()
    if parameter.annotation is float
]


@pytest.mark.parametrize(("term", "option"), FLOATS)
def test_every_number_of_a_regulariser_may_change_over_the_training(term: dict[str, Any], option: str) -> None:
    name, number = term["name"], term[option]
    changing = regularisers.create(**{**term, option: {"start": number, "end": 3 * number, "over": 0.5}})
    # A quarter of the training is half of the way: 2 times the number.
    for progress, factor in ((0.0, 1), (0.25, 2), (0.5, 3), (1.0, 3)):
        now = changing.at(progress)
        assert type(now) is type(regularisers.create(**term)), name
        assert vars(now)[option] == pytest.approx(factor * number)
    assert (changing.every, changing.at_real) == (now.every, now.at_real)
    plain = regularisers.create(**term)
    assert plain.at(0.5) is plain


@pytest.mark.parametrize(("term", "option"), FLOATS)
def test_a_training_meets_the_number_of_each_step(term: dict[str, Any], option: str) -> None:
    name, number = term["name"], term[option]
    changing = {**term, option: {"start": number, "end": 3 * number}}
    s = state({"name": "wgan"}, changing, steps=2)
    train_step(s, FEEDS)
    # Half of the training is done: the second step is one with 2 times the number.
    plain = state({"name": "wgan"}, {**term, option: 2 * number}, steps=2)
    plain.load_tensors({key: value.clone() for key, value in s.tensors().items()})
    plain.step = s.step
    for each in (s, plain):
        train_step(each, FEEDS)
    ends = [torch.cat([p.flatten() for p in generation(each).adversary.critic.parameters()]) for each in (s, plain)]
    torch.testing.assert_close(*ends, msg=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"weight": 1.0, "every": {"start": 1, "end": 4}},
            r"regulariser 'gradient_penalty': every cannot change .* one value \(those that can: weight, centre\)",
        ),
        (
            {"weight": {"start": 1.0}},
            r"weight \{'start': 1.0\} is no schedule \(end: field required\); give one number, or",
        ),
        ({"weight": {"start": 1.0, "end": -1.0}}, "weight -1.0 and centre 0.0 must not be negative"),
        ({"wait": {"start": 1.0, "end": 2.0}}, "has no option 'wait'; its options are: weight"),
    ],
)
def test_a_wrong_schedule_of_a_regulariser_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regularisers.create("gradient_penalty", **options)


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
