"""Numbers that change over a training."""

import math
from typing import Any

import pytest

from relation_gan.gan.ramp import Ramp, at, ends, in_words


def test_a_line_goes_from_start_to_end_over_its_share_of_the_steps_and_stays_there() -> None:
    ramp = Ramp(start=2.0, end=1.0, over=0.5)
    # A quarter of the steps is half of the way.
    assert [ramp.at(progress) for progress in (0, 0.25, 0.5, 0.75, 1)] == [2.0, 1.5, 1.0, 1.0, 1.0]
    assert Ramp(start=0.0, end=0.3).at(1 / 3) == pytest.approx(0.1)


def test_a_cosine_is_r3gans() -> None:
    ramp = Ramp(start=2e-4, end=5e-5, over=0.08, shape="cosine")
    for progress in (0.0, 0.01, 0.02, 0.04, 0.07, 0.08, 0.5):
        # Its code: decay = (1 + cos(pi n / N)) / 2, base + (1 - decay) (final - base), and final after N images.
        decay = (1 + math.cos(math.pi * progress / 0.08)) / 2
        expected = 2e-4 + (1 - decay) * (5e-5 - 2e-4) if progress < 0.08 else 5e-5
        assert ramp.at(progress) == pytest.approx(expected, rel=1e-12)
    assert (ramp.at(0), ramp.at(0.08), ramp.at(1)) == (2e-4, 5e-5, 5e-5)
    assert ramp.at(0.04) == pytest.approx((2e-4 + 5e-5) / 2)


def test_a_plain_number_is_the_same_at_all_times() -> None:
    assert [at(0.3, progress) for progress in (0.0, 0.5, 1.0)] == [0.3, 0.3, 0.3]
    assert (ends(0.3), ends(Ramp(start=1, end=2))) == ((0.3, 0.3), (1.0, 2.0))


def test_what_a_schedule_is_called() -> None:
    assert in_words({"start": 2.0, "end": 0.2}) == "2.0 to 0.2"
    assert in_words({"end": 0.2, "start": 2.0, "over": 0.5, "shape": "cosine"}) == "2.0 to 0.2, over 0.5, shape cosine"
    assert (in_words(0.5), in_words("mean")) == (0.5, "mean")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 1}, "end\n.*Field required"),
        ({"start": 1, "end": math.inf}, "end\n.*finite number"),
        ({"start": 1, "end": 2, "over": 0}, "over\n.*greater than 0"),
        ({"start": 1, "end": 2, "over": 1.5}, "over\n.*less than or equal to 1"),
        ({"start": 1, "end": 2, "shape": "step"}, "shape\n.*'linear' or 'cosine'"),
    ],
)
def test_what_is_no_schedule_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ramp(**options)
