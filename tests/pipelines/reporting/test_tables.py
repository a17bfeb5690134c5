import re

import numpy as np
import pytest

from relation_gan.analysis.results import PublishedValue, StudyResult, Sweep
from relation_gan.pipelines.reporting import nodes, paper_figures, tables
from tests.pipelines.reporting.helpers import run, seeds, study

CLAIM = {"study": "s", "experiment": "T", "says": "a is best (Table 1).", "tested_on": ["digits"]}
CLAIMS = {
    "T-1": {**CLAIM, "best": {"methods": ["a"], "rivals": ["b"], "by": "fid"}},
    "T-2": {**CLAIM, "reaches": {"methods": ["a"], "by": "modes", "value": 10}},
}
FIGURES = [
    PublishedValue("T", "digits", "a", "fid", 9.5, 0.5, "standard", ""),
    PublishedValue("T", "digits", "b", "fid", 9.0, 0.5, "standard", "doubtful: a misprint"),
]


@pytest.fixture
def result() -> StudyResult:
    runs = [*seeds("a", 10.0, 11.0, 12.0), *seeds("b", 20.0, 21.1, None), *seeds("c_1", 30.0, 31.0, 32.1)]
    return study(runs, claims=CLAIMS, published=FIGURES, sweeps=[Sweep("c", "loss.x", {"c_1": 1.0})])


def test_each_run_leads_to_what_made_it(result: StudyResult):
    frame = tables.runs(result)
    assert list(frame.columns) == [
        *("dataset", "method", "seed", "status", "fid", "commit", "configuration", "data_sha256", "mlflow_run")
    ]
    assert set(frame["data_sha256"]) == {"0" * 64}


def test_verdicts_are_a_row_a_claim(result: StudyResult):
    frame = tables.verdict_table(result)
    assert list(frame["claim"]) == ["T-1", "T-2"]
    assert frame["why"][0] == "On digits, by FID: fewer than 3 seeds finished of both a and b."
    assert frame["why"][1] == "No run on digits has Modes."
    assert list(tables.verdict_table(study(seeds("a", 1.0))).columns) == list(frame.columns)


def test_statistics_are_a_row_a_method(result: StudyResult):
    frame = tables.statistics_table(result).set_index("method")
    assert (frame.loc["a", "mean"], frame.loc["a", "deviation"], frame.loc["a", "n"]) == (11.0, 1.0, 3)
    # 20 less 10 and 21.1 less 11.
    assert frame.loc["b", "difference"] == pytest.approx(10.05)
    assert (frame.loc["b", "n"], frame.loc["b", "runs"], frame.loc["b", "common_seeds"]) == (2, 3, 2)
    assert np.isnan(frame.loc["a", "difference"]) and frame.loc["a", "compared_with"] == ""
    assert frame.loc["c_1", "p_corrected"] >= frame.loc["c_1", "p"]


def test_statistics_for_latex(result: StudyResult):
    text = tables.statistics_latex(result)
    assert r"a & \textbf{11.00 $\pm$ 1.00} \\" in text
    # Two seeds, 10 and 10.1 more: t is 201, p with one degree of freedom 2 / (201 pi) = 0.003.
    assert r"b & 20.55 $\pm$ 0.78* (2 of 3) \\" in text
    assert r"c\_1 & 31.03 $\pm$ 1.05* \\" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
    assert not re.search(r"(?<!\\)_", text) and "±" not in text


def test_published_figures_and_ours(result: StudyResult):
    frame = tables.published_table(result).set_index("method")
    assert (frame.loc["a", "paper"], frame.loc["a", "mean"], frame.loc["a", "difference"]) == (9.5, 11.0, 1.5)
    assert np.isnan(frame.loc["b", "difference"]) and frame.loc["b", "paper_note"] == "doubtful: a misprint"
    assert np.isnan(frame.loc["c_1", "paper"]) and frame.loc["c_1", "n"] == 3
    text = tables.published_latex(result)
    assert r"a & 9.50 $\pm$ 0.50 & 11.00 $\pm$ 1.00 & 3 of 3 & +1.50 \\" in text
    assert r"c\_1 & -- & 31.03 $\pm$ 1.05 & 3 of 3 & -- \\" in text


def test_what_latex_takes_for_something_else_is_escaped():
    assert tables._latex("50 % of a_b & c ≥ 1·2 ± 0.5") == r"50 \% of a\_b \& c $\geq$ 1$\cdot$2 $\pm$ 0.5"


def test_a_study_without_claims_and_figures_has_empty_tables():
    verdicts, statistics, _, published, latex = nodes.write_tables(study([run("a", fid=1.0)]))
    assert len(verdicts) == len(published) == 0 and latex == "" and len(statistics) == 1


def test_the_same_study_makes_the_same_bytes(result: StudyResult):
    page, table, image, summary = nodes.write_report(result)
    again = nodes.write_report(result)
    assert (page, summary) == (again[0], again[3])
    assert table.equals(again[1]) and (image == again[2]).all()
    first, second = paper_figures.figures(result), paper_figures.figures(result)
    assert list(first) == list(second) and all((first[name] == second[name]).all() for name in first)


def test_figures_for_papers_are_images_on_white():
    curve = [{"step": 10, "fid": 9.0, "raw_fid": 8.0}, {"step": 20, "fid": 5.0}]
    runs = [run("a", 0, fid=5.0), run("a", 1, status="diverged"), run("b", 0, fid=7.0)]
    runs[0].curve.extend(curve)
    made = paper_figures.figures(study(runs, sweeps=[Sweep("a", "loss.x", {"a": 1.0, "b": 2.0})]))
    assert set(made) == {"curve_digits_fid", "samples_digits_real", "sweep_T_digits_loss_x_fid"}
    for name, image in made.items():
        assert image.dtype == np.uint8 and image.ndim == 3 and tuple(image[0, 0]) == (255, 255, 255), name
