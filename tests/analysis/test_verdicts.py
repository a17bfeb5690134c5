from pathlib import Path
from typing import Any

import pytest
import yaml

from relation_gan.analysis.claims import read_claims
from relation_gan.analysis.results import Experiment, RunResult, Sweep
from relation_gan.analysis.verdicts import OPEN, REFUTED, REPRODUCED, Verdict, verdicts
from tests.pipelines.reporting.helpers import run, seeds, study

BEST = {"best": {"methods": ["a"], "rivals": ["b", "c"], "by": "fid"}}
LAMBDA = Sweep("a", "loss.weight", {"a_1": 1.0, "a_2": 2.0, "a_3": 3.0})


def verdict(runs: list[RunResult], rule: dict[str, Any], on: Any = ("digits",), **options: Any) -> Verdict:
    claims = {"T-1": {"study": "s", "experiment": "T", "says": "It is so.", "tested_on": on, **rule}}
    claims["T-1"]["tested_on"] = on if isinstance(on, dict) else list(on)
    (only,) = verdicts(study(runs, claims=claims, **options))
    return only


def best(a: list[float | None], b: list[float | None], c: list[float | None], **options: Any) -> Verdict:
    return verdict([*seeds("a", *a), *seeds("b", *b), *seeds("c", *c)], BEST, **options)


def test_better_than_every_rival_is_reproduced():
    of = best([10.0, 11.0, 12.0], [20.0, 21.1, 22.0], [30.0, 31.0, 32.1])
    # Differences of 10, 10.1 and 10 have the error 0.0333, so that t is 301 and p about 1 / 301^2; twice that of two.
    assert of.verdict == REPRODUCED
    assert of.why == ("On digits, by FID: a is better than b by 10.03 (p < 0.001), c by 20.03 (p < 0.001).")
    assert of.indication == ""


def test_worse_than_a_rival_is_not_reproduced():
    of = best([10.0, 11.0, 12.0], [5.0, 6.1, 7.0], [30.0, 31.0, 32.1])
    assert of.verdict == REFUTED and "a is worse than b by 4.97 (p < 0.001)" in of.why


def test_what_the_seeds_do_not_decide_is_open():
    # 10, 1 and 4 less: mean 5, deviation sqrt(21), error 2.65, t = 1.89, p = 1 - 1.89 / sqrt(2 + 1.89^2) = 0.2.
    of = best([10.0, 10.0, 10.0], [20.0, 11.0, 14.0], [30.0, 31.0, 32.1])
    assert of.verdict == OPEN
    assert "the seeds do not decide: a is better than b by 5.00 (p = 0.199)" in of.why


def test_p_is_corrected_for_the_number_of_rivals():
    # 4, 5 and 6 less: t = 5 sqrt(3) = 8.66, p = 1 - 8.66 / sqrt(2 + 75) = 0.0131; of five rivals, five times that.
    a, b = [10.0, 10.0, 10.0], [14.0, 15.0, 16.0]
    alone = {"best": {"methods": ["a"], "rivals": ["b"], "by": "fid"}}
    assert verdict([*seeds("a", *a), *seeds("b", *b)], alone).verdict == REPRODUCED
    rivals = ["b", "c", "d", "e", "f"]
    among = {"best": {"methods": ["a"], "rivals": rivals, "by": "fid"}}
    of = verdict([*seeds("a", *a), *(run for name in rivals for run in seeds(name, *b))], among)
    assert of.verdict == OPEN and of.why.count("(p = 0.065)") == 5


def test_more_is_better_of_some_measures():
    claim = {"best": {"methods": ["a"], "rivals": ["b"], "by": "modes"}}
    more, fewer = seeds("a", 900, 901, 903, by="modes"), seeds("b", 800, 800, 800, by="modes")
    assert verdict([*more, *fewer], claim).verdict == REPRODUCED
    claim = {"best": {"methods": ["b"], "rivals": ["a"], "by": "modes"}}
    assert verdict([*more, *fewer], claim).verdict == REFUTED


def test_a_method_of_which_no_run_finished_is_not_reproduced():
    of = best([None, None, None], [20.0, 21.0, 22.0], [30.0, 31.0, 32.0])
    assert (of.verdict, of.why) == (REFUTED, "On digits, by FID: no run of a finished.")


def test_a_rival_of_which_no_run_finished_is_beaten():
    assert best([10.0, 11.0, 12.0], [None, None, None], [30.0, 31.0, 32.1]).verdict == REPRODUCED
    none = [None, None, None]
    assert best([10.0, 11.0, 12.0], none, none).verdict == REPRODUCED
    of = best([10.0, 11.0, None], none, none)
    assert of.verdict == OPEN and "1 of 3 runs of a diverged" in of.why


def test_seeds_that_diverged_stand_in_the_way_of_a_verdict_and_are_named():
    a, b, c = [10.0, 11.0, 12.0, None], [20.0, 21.1, 22.0, 20.0], [30.0, 31.0, 32.1, 30.0]
    of = best(a, b, c)
    assert of.verdict == OPEN and of.why.endswith("c by 20.03 (p < 0.001); 1 of 4 runs of a diverged.")
    assert best(b, a, c).verdict == REFUTED  # what is worse stays so
    assert best([*a[:3], 10.0], [*b[:3], None], c).verdict == REPRODUCED  # a rival gains nothing by diverging


def test_a_failure_of_the_machine_is_no_result():
    failed = [run("a", seed, status="failed") for seed in range(3)]
    others = [*seeds("b", 20.0, 21.0, 22.0), *seeds("c", 30.0, 31.0, 32.0)]
    of = verdict([*failed, *others], BEST)
    assert (of.verdict, of.why) == (OPEN, "On digits, by FID: there are no scores of a.")
    of = verdict([*seeds("a", 10.0, 11.0), run("a", 2, status="failed"), *others], BEST)
    assert (of.verdict, of.why) == (OPEN, "On digits, by FID: a ran with fewer than 3 seeds.")


@pytest.mark.parametrize(
    ("b", "why"),
    [
        ([20.0, 21.0], "b ran with fewer than 3 seeds."),
        ([20.0, 21.1, None], "fewer than 3 seeds finished of both a and b"),
        ([], "there are no scores of b."),
    ],
)
def test_too_few_seeds_decide_nothing(b: list[float | None], why: str):
    of = best([10.0, 11.0, 12.0], b, [30.0, 31.0, 32.1])
    assert of.verdict == OPEN and why in of.why


def test_other_data_gives_an_indication_and_no_verdict():
    of = best([10.0, 11.0, 12.0], [20.0, 21.1, 22.0], [30.0, 31.0, 32.1], on=["cifar10", "celeba"])
    assert (of.verdict, of.why) == (OPEN, "No run is on cifar10 or celeba.")
    assert of.indication.startswith("On digits, by FID: it holds: a is better than b by 10.03")


def test_a_related_measure_gives_an_indication_and_no_verdict():
    scores = {"a": (1.0, 2.0, 3.1), "b": (0.0, 1.0, 2.0), "c": (9.0, 9.0, 9.0)}
    runs = [run for method, values in scores.items() for run in seeds(method, *values, by="fid_classifier")]
    of = verdict(runs, BEST)
    assert (of.verdict, of.why) == (OPEN, "No run on digits has FID.")
    assert "by Fréchet distance, features of the classifier: it does not hold: a is worse than b" in of.indication


def test_how_the_data_differs_is_said():
    of = best([10.0, 11.0, 12.0], [20.0, 21.1, 22.0], [30.0, 31.0, 32.1], on={"digits": "fewer of them"})
    assert of.why.startswith("On digits (fewer of them), by FID: ")


def test_on_several_data_sets_one_refutation_refutes():
    good = {"a": (10.0, 11.0, 12.0), "b": (20.0, 21.1, 22.0), "c": (30.0, 31.0, 32.1)}
    bad = {**good, "b": (0.0, 1.1, 2.0)}
    open_ = {**good, "b": (20.0, 10.0, 14.0)}

    def on(**datasets: dict[str, tuple[float, ...]]) -> str:
        runs = [r for name, of in datasets.items() for m, v in of.items() for r in seeds(m, *v, dataset=name)]
        return verdict(runs, BEST, on=list(datasets)).verdict

    assert on(x=good, y=good) == REPRODUCED
    assert on(x=good, y=bad, z=open_) == REFUTED
    assert on(x=good, y=open_) == OPEN


def test_of_several_data_sets_one_needs_a_smaller_p_to_refute():
    # 4, 5 and 6 more than b: p is 0.0131, as above, which Holm's method leaves as the larger of two; times four, 0.052.
    a, b, c = (14.0, 15.0, 16.0), (10.0, 10.0, 10.0), (30.0, 31.0, 32.1)

    def on(*datasets: str) -> str:
        runs = [r for name in datasets for m, v in (("a", a), ("b", b), ("c", c)) for r in seeds(m, *v, dataset=name)]
        return verdict(runs, BEST, on=list(datasets)).verdict

    assert (on("x", "y", "z"), on("w", "x", "y", "z")) == (REFUTED, OPEN)


def test_smoke_runs_and_experiments_that_are_not_run_test_nothing():
    runs = ([10.0, 11.0, 12.0], [20.0, 21.1, 22.0], [30.0, 31.0, 32.1])
    assert best(*runs, budget="smoke").why == "Smoke runs last seconds and test nothing."
    assert best(*runs, experiments=[Experiment("T", "", [], ["a"])]).why == "T is not run at this budget."
    assert best(*runs, experiments=[Experiment("U", "", ["digits"], ["a"])]).why == "T is not part of this study."
    assert best(*runs, experiments=[]).verdict == REPRODUCED  # A study without experiments is one of all its runs.


def test_claims_about_other_studies_are_left_out():
    claims = {"T-1": {"study": "other", "says": "It is so.", "tested_on": ["digits"], **BEST}}
    assert verdicts(study(seeds("a", 1.0), claims=claims)) == []


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ([8, 8, 8], REPRODUCED),
        ([7, 6, 7], REFUTED),
        ([8, 7, 8], OPEN),
        ([8, 8, 8, None], OPEN),
        ([8, 8, None], OPEN),
        ([None, None, None], REFUTED),
    ],
)
def test_a_value_is_reached_with_every_seed_with_none_or_undecided(modes: list[float | None], expected: str):
    claim = {"reaches": {"methods": ["a"], "by": "modes", "value": 8}}
    assert verdict(seeds("a", *modes, by="modes"), claim).verdict == expected


def test_less_training_than_the_papers_cannot_refute_that_a_value_is_reached():
    claim = {"reaches": {"methods": ["a"], "by": "modes", "value": 8}}
    of = verdict(seeds("a", 7, 6, 7, by="modes"), claim, budget="reduced")
    assert of.verdict == OPEN and of.why.endswith(
        "a reaches 8 with 0 of 3 seeds (7, 6, 7), after less training than the paper's."
    )
    assert verdict(seeds("a", 8, 8, 8, by="modes"), claim, budget="reduced").verdict == REPRODUCED
    assert verdict(seeds("a", None, None, None, by="modes"), claim, budget="reduced").verdict == REFUTED
    assert "(8, 8, 8, diverged)" in verdict(seeds("a", 8, 8, 8, None, by="modes"), claim).why


def test_a_value_of_other_data_is_no_indication():
    claim = {"reaches": {"methods": ["a"], "by": "modes", "value": 8}}
    assert verdict(seeds("a", 25, 25, 25, by="modes"), claim, on=["ring8"]).indication == ""


def test_a_value_that_should_be_low_is_reached_from_above():
    claim = {"reaches": {"methods": ["a"], "by": "fid", "value": 10}}
    assert verdict(seeds("a", 9.0, 10.0, 8.0), claim).verdict == REPRODUCED
    assert verdict(seeds("a", 11.0, 12.0, 11.0), claim).verdict == REFUTED


def swept(rule: dict[str, Any], **values: list[float | None]) -> Verdict:
    return verdict([r for method, of in values.items() for r in seeds(method, *of)], rule, sweeps=[LAMBDA])


def test_a_sweep_is_best_at_a_value():
    at = {"best_at": {"method": "a", "over": "loss.weight", "low": 1.5, "high": 2.0, "by": "fid"}}
    a_1, a_2, a_3 = [20.0, 21.1, 22.0], [10.0, 11.0, 12.0], [30.0, 31.0, 32.1]
    assert swept(at, a_1=a_1, a_2=a_2, a_3=a_3).verdict == REPRODUCED
    assert swept(at, a_1=a_2, a_2=a_1, a_3=a_3).verdict == REFUTED
    assert swept(at, a_1=a_1, a_2=[None] * 3, a_3=a_3).verdict == REFUTED
    nowhere = {"best_at": {**at["best_at"], "low": 5.0, "high": 6.0}}
    assert swept(nowhere, a_1=a_1).why.endswith("a was not run at these and at other values of loss.weight.")


def test_of_several_values_the_best_one_stands_for_the_claim():
    at = {"best_at": {"method": "a", "over": "loss.weight", "low": 1.0, "high": 2.0, "by": "fid"}}
    of = swept(at, a_1=[20.0, 21.1, 22.0], a_2=[10.0, 11.0, 12.0], a_3=[30.0, 31.0, 32.1])
    assert of.verdict == REPRODUCED and "a_2 is better than a_3" in of.why and "a_1" not in of.why


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ([20.0, 22.0, 24.0], REPRODUCED),  # 22 is twice 11
        ([20.0, 21.9, 24.0], REFUTED),
        ([None, None, None], REPRODUCED),
        ([None, None, 24.0], REPRODUCED),
        ([None, None, 12.0], OPEN),
        ([50.0], OPEN),
    ],
)
def test_a_sweep_collapses_above_a_value(above: list[float | None], expected: str):
    rule = {"collapses": {"method": "a", "over": "loss.weight", "above": 2.0, "by": "fid"}}
    of = swept(rule, a_1=[20.0, 21.0, 22.0], a_2=[10.0, 11.0, 12.0], a_3=above)
    assert of.verdict == expected


def test_a_collapse_that_comes_earlier_is_not_that_of_the_claim():
    rule = {"collapses": {"method": "a", "over": "loss.weight", "above": 2.0, "by": "fid"}}
    collapsed = [100.0, 101.0, 102.0]
    of = swept(rule, a_1=[10.0, 11.0, 12.0], a_2=collapsed, a_3=collapsed)
    assert of.verdict == OPEN and of.why.endswith("is 11.00, at 1; 2 gives 101.00, 3 gives 101.00.")


def test_a_collapse_of_a_measure_that_should_be_high():
    rule = {"collapses": {"method": "a", "over": "loss.weight", "above": 1.0, "by": "modes", "times": 4}}

    def modes(*above: float) -> str:
        runs = [*seeds("a_1", 8, 8, 8, by="modes"), *(r for m in ("a_2", "a_3") for r in seeds(m, *above, by="modes"))]
        return verdict(runs, rule, sweeps=[LAMBDA]).verdict

    assert modes(2, 2, 2) == REPRODUCED
    assert modes(2, 3, 2) == REFUTED


def test_the_claims_of_the_project_can_be_read_and_name_its_methods():
    base = Path(__file__).parents[2] / "conf" / "base" / "parameters"
    claims = read_claims(yaml.safe_load((base / "claims.yml").read_text())["claims"])
    methods = yaml.safe_load((base / "methods.yml").read_text())["methods"]
    for claim in claims.values():
        of = claim.rule.model_dump()
        named = [*of.get("methods", []), *of.get("rivals", []), *([of["method"]] if "method" in of else [])]
        assert set(named) <= set(methods)
    assert {claim.study for claim in claims.values()} == {
        *("study_relation_gan", "study_relativistic", "study_triplet_gan", "study_dmgan", "study_gogan")
    }
