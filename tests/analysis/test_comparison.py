import math

import pytest

from relation_gan.analysis.comparison import compared, swept
from relation_gan.analysis.results import Experiment, Sweep
from tests.pipelines.reporting.helpers import run, seeds, study


def test_methods_are_compared_with_the_main_one_by_every_measure_that_has_a_direction():
    runs = [
        run(method, seed, fid=base + seed, steps=30.0, novelty=1.0, psnr_25=20.0, occluded_psnr_25=18.0, raw_fid=9.0)
        for method, base in (("a", 10.0), ("b", 13.0))
        for seed in range(3)
    ]
    of = compared(study(runs, main="b"))
    assert [each.measure for each in of] == ["fid", "psnr_25"]
    assert [(row.method, row.comparison is None) for row in of[0].rows] == [("a", False), ("b", True)]
    first = of[0].rows[0].comparison
    assert of[0].main == "b" and first is not None and (first.difference, first.n) == (-3.0, 3)
    assert (of[0].best, [row.rank for row in of[0].rows]) == (["a"], [1.0, 2.0])
    assert of[1].best == []  # both have 20


def test_without_the_main_method_the_first_of_an_experiment_stands_for_it():
    of = compared(study([*seeds("b", 1.0, 2.0), *seeds("c", 2.0, 4.0)], main="a"))
    assert of[0].main == "b"


def test_what_diverged_is_counted_and_ranks_last():
    (of,) = compared(study([*seeds("a", 10.0, None), *seeds("b", 20.0, 21.0), *seeds("c", None, None)]))
    a, b, c = of.rows
    assert [(row.summary.n, row.summary.runs) for row in of.rows] == [(1, 2), (2, 2), (0, 2)]
    # Ranks of a: 1 and 2.5, of b: 2 and 1, of c: 3 and 2.5.
    assert (a.rank, b.rank, c.rank) == (1.75, 1.5, 2.75)
    assert of.best == ["a"] and math.isnan(c.summary.mean)


def test_ranks_are_given_on_a_data_set_and_over_all_of_an_experiment():
    runs = [
        *(*seeds("a", 1.0, dataset="x"), *seeds("b", 2.0, dataset="x")),
        *(*seeds("a", 4.0, dataset="y"), *seeds("b", 3.0, dataset="y")),
    ]
    first, second = compared(study(runs))
    assert [(row.rank, row.overall) for row in first.rows] == [(1.0, 1.5), (2.0, 1.5)]
    assert [(row.rank, row.overall) for row in second.rows] == [(2.0, 1.5), (1.0, 1.5)]


def test_experiments_have_their_own_runs():
    runs = [*seeds("a", 1.0, dataset="x"), *seeds("b", 2.0, dataset="x"), *seeds("a", 4.0, dataset="y")]
    experiments = [
        *(
            Experiment("T", "", ["x"], ["b", "a"]),
            Experiment("U", "", ["y", "z"], ["a"]),
            Experiment("V", "", [], ["a"]),
        ),
    ]
    of = study(runs, experiments=experiments)
    assert [each.name for each in of.experiments] == ["T", "U"]
    shown = [(each.experiment.name, each.dataset, [row.method for row in each.rows]) for each in compared(of)]
    assert shown == [("T", "x", ["b", "a"]), ("U", "y", ["a"])]


def test_a_sweep_is_a_line_of_means_over_the_values_in_their_order():
    sweeps = [Sweep("m", "loss.weight", {"m_2": 2.0, "m_1": 1.0, "m_9": 9.0}), Sweep("n", "loss.weight", {"n_1": 1.0})]
    runs = [*seeds("m_2", 5.0, 7.0), *seeds("m_1", 1.0, 3.0), *seeds("n_1", 8.0, None), *seeds("m_9", None, None)]
    (of,) = swept(study(runs, sweeps=sweeps))
    assert (of.over, of.measure, of.logarithmic) == ("loss.weight", "fid", False)
    assert {m: [(value, s.mean, s.n) for value, s in line] for m, line in of.lines.items()} == {
        "m": [(1.0, 2.0, 2), (2.0, 6.0, 2), (9.0, pytest.approx(math.nan, nan_ok=True), 0)],
        "n": [(1.0, 8.0, 1)],
    }


def test_values_of_several_magnitudes_are_drawn_by_their_logarithms():
    def logarithmic(*values: float) -> bool:
        methods = {f"m{i}": value for i, value in enumerate(values)}
        runs = [r for method in methods for r in seeds(method, 1.0)]
        return swept(study(runs, sweeps=[Sweep("m", "x", methods)]))[0].logarithmic

    assert logarithmic(0.1, 1.0, 10.0) and not logarithmic(1.0, 49.0) and not logarithmic(0.0, 100.0)


def test_a_sweep_over_names_keeps_their_order():
    runs = [r for method in ("m_b", "m_a") for r in seeds(method, 1.0)]
    (of,) = swept(study(runs, sweeps=[Sweep("m", "critic.merge", {"m_b": "concat", "m_a": "add"})]))
    assert [value for value, _ in of.lines["m"]] == ["concat", "add"] and not of.logarithmic
