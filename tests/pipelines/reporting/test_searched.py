from dataclasses import replace

from relation_gan.analysis.results import Sweep
from relation_gan.pipelines.reporting import searched
from tests.pipelines.reporting.helpers import seeds, study

FOUND = {
    **{"search": "search_ring", "objective": "kl", "trials": 3, "seconds": 8.0, "steps": None, "seed": 100},
    **{"trial": 1, "score": 0.5, "finished": 2},
}
SEARCHED = "searched in 3 trials of up to 8 CPU seconds each, 2 finished"


def test_a_line_says_of_every_method_whether_it_was_searched() -> None:
    of = study([*seeds("a", 1.0, 2.0), *seeds("b", 1.0), *seeds("a", 1.0, dataset="other")])
    of = replace(of, design=replace(of.design, searched={"digits": {"a": FOUND, "absent": FOUND}}))
    lines = searched.lines(of)
    assert [line[:2] for line in lines] == [("digits", "a"), ("digits", "b"), ("other", "a")]
    assert [how.startswith(SEARCHED) for _, _, how in lines] == [True, False, False]
    assert [how for _, _, how in lines[1:]] == ["not searched", "not searched"]


def test_what_is_swept_has_the_setting_that_was_found_for_its_method() -> None:
    sweep = Sweep("a", "loss.weight", {"a_weight_1": 1})
    of = study([*seeds("a_weight_1", 1.0), *seeds("b", 1.0)], sweeps=[sweep])
    plain = searched.lines(of)
    assert [how for _, _, how in plain] == ["not searched", "not searched"]
    of = replace(of, design=replace(of.design, searched={"digits": {"a": FOUND}}))
    how = searched.lines(of)[0][2]
    assert how.startswith(f"as a, {SEARCHED}") and how.endswith("; then loss.weight was swept")
