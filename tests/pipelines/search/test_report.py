import re

import pytest
import yaml

from relation_gan.config.search import TunedConfig
from relation_gan.pipelines.search import report
from relation_gan.pipelines.search.tuned import tuned_file
from tests.pipelines.search.helpers import result, trial

ORIGIN = {"command": "kedro run --pipeline=search", "commit": "c0ffee", "versions": "torch 2"}
OVERRIDES = {"training": {"lr_critic": 0.003}}
FOUND = result(
    trial(0, 0.5, setting={"training.lr_critic": 0.1, "regularisers.r1.weight": 0.5}),
    trial(1),
    trial(2, 0.25, overrides=OVERRIDES),
    trial(3, state="diverged", error="a loss was not finite at step 4"),
    sensitivity={"training.lr_critic": 0.25, "regularisers.r1.weight": 0.75},
)
NOTHING = result(trial(0), trial(1, state="failed", error="no memory"), method="second", asked=4)


def test_the_file_has_the_overrides_of_the_best_trial_and_how_it_was_found() -> None:
    text = tuned_file([FOUND, NOTHING], ORIGIN)
    found = TunedConfig.model_validate(yaml.safe_load(text))
    assert (found.search, found.dataset, found.trials, found.seconds, found.commit) == (
        *("search_ring", "ring", 4, 8.0, "c0ffee"),
    )
    assert found.seeds == range(100, 104)
    first, second = found.methods["first"], found.methods["second"]
    assert (first.trial, first.score, first.finished, first.overrides) == (2, 0.25, 2, OVERRIDES)
    assert (second.trial, second.score, second.finished, second.overrides) == (None, None, 0, {})
    assert "--params=tuned=search_ring,study.methods=first+second" in text.splitlines()[1]


def test_a_sentence_says_what_came_of_a_method() -> None:
    assert report.finding(FOUND) == (
        "first: 0.2500 by trial 2 (2 finished, 1 pruned, 1 diverged; 8 CPU seconds of training); its own setting, "
        "trial 0, has 0.5000."
    )
    assert report.finding(NOTHING) == (
        "second: none of 2 trials finished (1 pruned, 1 failed; 4 CPU seconds of training)."
    )
    alone = result(FOUND.trials[0])
    assert report.finding(alone).endswith(", which has the method’s own setting.")
    assert report.finding(result(trial(0, 0.5))).endswith("of training).")  # no trial has its own setting


def test_the_lead_says_what_was_done() -> None:
    assert report.lead([FOUND]) == (
        "first was searched on ring in 4 trials of up to 8 CPU seconds, by KL to even modes."
    )
    assert report.lead([FOUND, NOTHING]).startswith("2 methods were searched on ring, each in 4 trials")


def test_the_table_has_a_row_a_trial() -> None:
    table = report.table([FOUND, NOTHING])
    assert len(table) == 6
    assert list(table["score"][:3].fillna(-1)) == [0.5, -1, 0.25]
    assert {"seed", "steps", "seconds", "training.lr_critic", "kl", "state"} <= set(table.columns)


def test_the_parameters_that_matter_most_come_first() -> None:
    rows = report.parameters(FOUND)
    assert [(row["path"], row["share"]) for row in rows] == [
        ("regularisers.r1.weight", "75%"),
        ("training.lr_critic", "25%"),
    ]
    assert rows[1] == {
        "path": "training.lr_critic",
        "range": "0.001 to 0.1, log",
        "own": "0.1",
        "best": "0.003",
        "share": "25%",
    }
    assert {row["share"] for row in report.parameters(NOTHING)} == {"–"}


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ({"low": 0.001, "high": 1.0, "log": True}, "0.001 to 1, log"),
        ({"low": 1, "high": 8, "integer": True}, "1 to 8, whole"),
        ({"choices": [1, 0.5, "x"]}, "1, 0.5 or x"),
    ],
)
def test_a_range_in_words(of: dict, expected: str) -> None:
    assert report.allowed(of) == expected


def test_the_page_shows_every_method_and_trial_and_loads_nothing() -> None:
    page = report.render("search_ring", [FOUND, NOTHING], ORIGIN)
    for text in ("0.2500", "diverged: a loss was not finite at step 4", "failed: no memory", "c0ffee", "75%"):
        assert text in page
    assert page.count('class="plotly-graph-div"') == 2 * (1 + 2)  # a history and two parameters, for each method
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]', page.split("</style>")[1].rsplit("<script", 1)[0][:2000])


def test_the_summary_fits_a_terminal_and_says_what_to_type() -> None:
    text = report.summary("search_ring", [FOUND, NOTHING])
    assert max(map(len, text.splitlines())) <= report.SUMMARY_WIDTH
    assert "conf/tuned/search_ring.yml" in text
    assert "--params=tuned=search_ring,study.methods=first+second" in text
