import numpy as np
import pytest

from relation_gan.gan.theory import measures

T = 0.1 * np.arange(2001)


def along_x(distances: np.ndarray) -> np.ndarray:
    return np.stack([distances, np.zeros_like(distances)], axis=1)


def test_distance() -> None:
    assert measures.distance(np.array([[3.0, 4.0], [0.0, -2.0]])) == pytest.approx([5, 2])


def test_tail_is_the_last_tenth() -> None:
    assert list(measures.tail(np.arange(40))) == [36, 37, 38, 39]
    assert list(measures.tail(np.arange(5))) == [4]


def test_rate_of_an_oscillation_is_that_of_its_peaks() -> None:
    # Through its zeros the logarithm falls without bound; the peaks of |sin| fall by exp(-.03 t).
    assert measures.rate(0.1, np.exp(-0.03 * T) * np.abs(np.sin(T)) + 1e-12) == pytest.approx(-0.03, abs=2e-4)


def test_rate_without_peaks_is_that_of_all_points() -> None:
    assert measures.rate(0.1, 5 * np.exp(0.02 * T)) == pytest.approx(0.02)


def test_rate_looks_at_the_second_half_only() -> None:
    assert measures.rate(0.1, np.where(T < 100, np.exp(-T), np.exp(-100 - 0.01 * (T - 100)))) == pytest.approx(-0.01)


def test_there_is_no_rate_at_0_or_without_numbers() -> None:
    assert np.isnan(measures.rate(0.1, np.zeros(10)))
    assert np.isnan(measures.rate(0.1, np.full(10, np.inf)))


def test_eulers_method_makes_a_circle_grow() -> None:
    # |1 + .1 i| = sqrt(1.01)
    assert measures.expected_rate(1j, 0.1) == pytest.approx(np.log(1.01) / 0.2)
    assert measures.expected_rate(1j, None) == 0


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        # exp(-.03 x 180) = .0045 is below 1 % of the start; exp(-.015 x 180) = .067 is not, but exp(-1.5) over the
        # half is a fall of more than a tenth, and the last tenth alone goes on by .017.
        (np.exp(-0.03 * T), "converges"),
        (np.exp(-0.015 * T), "shrinks"),
        (np.exp(0.02 * T), "grows"),
        # exp(.0005 x 100) = 1.05 is a change of less than a tenth.
        (np.exp(0.0005 * T) * (1.5 + np.sin(T)), "keeps a distance"),
        (0.3 + 0.7 * np.exp(-0.1 * T), "comes to rest"),
        # One point at 0 at the end does not make it converge.
        (np.append(np.full(2000, 1.0), 0.0), "keeps a distance"),
        (np.append(np.ones(2000), np.nan), "diverges"),
    ],
)
def test_outcome(distances: np.ndarray, expected: str) -> None:
    assert measures.outcome(0.1, along_x(distances)) == expected


def test_going_round_at_one_distance_is_no_rest() -> None:
    assert measures.outcome(0.1, np.stack([np.cos(T), np.sin(T)], axis=1)) == "keeps a distance"
