"""Which generator of a study is the best, and what is said of it."""

from dataclasses import replace
from typing import Any

from relation_gan.analysis.results import RunResult, StudyResult
from relation_gan.pipelines.reporting.cards import best_generators
from tests.gan.test_run import run as run_config
from tests.pipelines.reporting.helpers import run, study

PROVENANCE = {
    "command": "kedro run --pipeline=study",
    "data": "ring8: drawn online: a ring; digits: of a package",
    "commit": "abc",
    "uncommitted changes": "no",
    "versions": "torch 2",
}


def trained(method: str, seed: int = 0, **options: Any) -> RunResult:
    """A run with a configuration, as the card paper_figures it."""
    made = run(method, seed, **options)
    networks = {"generator": {"name": "mlp_generator", "latent": 3, "classes": 2}}
    config = run_config(title=f"The {method}", networks=networks)
    return replace(made, history=made.history.model_copy(update={"config": config}))


def of(*runs: RunResult) -> StudyResult:
    made, reference = study(runs), {"digits": {"fid_classifier": 0.5}, "ring8": {"kl": 0.001}}
    data = {name: replace(data, reference=reference[name]) for name, data in made.datasets.items()}
    return replace(made, provenance=PROVENANCE, datasets=data)


def test_the_best_of_each_data_set_is_that_of_its_deciding_score() -> None:
    found = best_generators(
        of(
            trained("vanilla", 0, fid_classifier=9.0, confidence=0.9),
            trained("vanilla", 1, fid_classifier=3.0, confidence=0.1),
            trained("lsgan", 0, dataset="ring8", kl=0.2, fid_classifier=1.0),
            trained("lsgan", 1, dataset="ring8", kl=0.1, fid_classifier=2.0),
        )
    )
    assert {name: (best["run"], best["measure"], best["score"]) for name, best in found.items()} == {
        "digits": ("digits.vanilla.seed1", "fid_classifier", 3.0),
        "ring8": ("ring8.lsgan.seed1", "kl", 0.1),
    }


def test_runs_that_did_not_finish_or_were_not_scored_are_not_chosen() -> None:
    lost = trained("vanilla", 0, status="diverged", fid_classifier=1.0)
    assert best_generators(of(lost, trained("lsgan", fid_classifier=2.0)))["digits"]["run"] == "digits.lsgan.seed0"
    assert best_generators(of(lost, trained("lsgan", confidence=0.5))) == {}


def test_the_card_says_what_it_is_how_good_and_where_from() -> None:
    runs = [trained("vanilla", 0, fid_classifier=9.0), trained("vanilla", 1, fid_classifier=3.0, seconds=7.0)]
    card = best_generators(of(*runs))["digits"]["card"]
    assert card.startswith("# a study.digits\n\nThe generator of **The vanilla** (`digits.vanilla.seed1`)")
    assert "the best of 2 finished runs" in " ".join(card.split())
    assert "| 3.00 | 0.50 |" in card and "seconds" not in card  # its cost is no quality
    assert "np.random.randn(64, 5)" in card  # three numbers and two classes
    assert "- data: digits: of a package; SHA-256 " + "0" * 64 in card
    assert "commit: abc (uncommitted changes: no); torch 2" in card
    assert "title: The vanilla" in card


def test_the_card_says_how_to_load_it() -> None:
    card = best_generators(of(trained("vanilla", fid_classifier=1.0)))["digits"]["card"]
    assert 'load_model("models:/a study.digits@best")' in card
