"""The rules by which the report speaks, on trajectories made for them."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from relation_gan.gan.theory import VariantConfig
from relation_gan.pipelines.dirac import figures, report
from relation_gan.pipelines.dirac.results import ADAPTIVE, Run, by_variant, pairs

T = 0.1 * np.arange(1001)
CONVERGED, GROWING, RESTING = np.exp(-0.1 * T), np.exp(0.02 * T), 0.5 + 0.5 * np.exp(-T)
NEAR_REST = 0.02 + 0.98 * np.exp(-T)
KEEPING = 1 + 0.2 * np.sin(T)


def variant(
    title: str,
    free: np.ndarray,
    damped: np.ndarray,
    paper: bool | None = None,
    coarse: np.ndarray | None = None,
    corrects: str = "",
) -> list[Run]:
    """The runs of a variant whose generator moves along the first axis at these distances."""
    config = VariantConfig(title=title, flow={"name": "wgan"}, phi=(0.1, 0.2), paper=paper, corrects=corrects)

    def run(distances: np.ndarray, solver: str, step: float | None, damping: float) -> Run:
        theta = np.stack([distances, np.zeros_like(distances)], axis=1)
        return Run("a system", config, solver, step, damping, 0.1, theta)

    return [
        run(free if coarse is None else coarse, "Euler 0.1", 0.1, 1.0),
        run(damped, "Euler 0.1", 0.1, 0.9),
        run(free, ADAPTIVE, None, 1.0),
        run(damped, ADAPTIVE, None, 0.9),
    ]


class Page(HTMLParser):
    """Every element of a page with its attributes, and the text outside of scripts and styles."""

    def __init__(self, source: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += "" if self.elements and self.elements[-1][0] in ("script", "style") else data

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", {}))


def render(runs: list[Run]) -> str:
    return report.render("a study", runs, np.zeros((4, 4, 3), np.uint8), {"command": "kedro run", "commit": "<b>1</b>"})


def test_a_variant_is_classified_by_its_most_exact_solver() -> None:
    runs = variant("A", CONVERGED, GROWING)
    assert [(run.solver, run.damping) for run in pairs(runs)[0]] == [(ADAPTIVE, 1.0), (ADAPTIVE, 0.9)]
    finest = [run for run in runs if run.solver != ADAPTIVE]
    assert [run.step for run in pairs(finest)[0]] == [0.1, 0.1]


@pytest.mark.parametrize(
    ("paper", "free", "expected"),
    [
        (True, CONVERGED, "holds"),
        (True, RESTING, "does not hold"),
        (False, CONVERGED, "does not hold"),
        (False, GROWING, "holds"),
        (None, CONVERGED, "not in the paper"),
    ],
)
def test_the_papers_word_is_held_against_the_undamped_run(paper: bool | None, free: np.ndarray, expected: str) -> None:
    assert report.verdict(pairs(variant("A", free, CONVERGED, paper))[0]) == expected


def test_endings() -> None:
    runs = [*variant("A", CONVERGED, RESTING), *variant("B", GROWING, KEEPING)]
    # RESTING ends at .5; exp(.02 x 100) = 7.4; KEEPING's last peak before t = 100 is 1.2.
    assert [report.ending(run) for pair in pairs(runs) for run in pair] == [
        "converges",
        "comes to rest at .50",
        "grows to 7.4",
        "keeps a distance of up to 1.2",
    ]


def test_number() -> None:
    assert [report.number(value) for value in (0.0054321, 12.34, 4.46e-9, -0.1, 1.0, float("nan"))] == [
        *(".0054", "12.3", "4.5e-09", "-.10", "1.0", "–"),
    ]


def test_lead_counts_what_converges_and_answers_the_claim() -> None:
    text = report.lead([*variant("A", CONVERGED, CONVERGED), *variant("B", CONVERGED, RESTING), *relation(GROWING)])
    assert text.startswith(
        "Of 3 variants, 2 converge (A and B) without the factor 0.9ᵗ on the generator’s speed, and 1"
    )
    assert "1 converges (A) with it." in text
    assert text.endswith("The paper’s claim that Relation GAN converges does not hold for “R”.")
    assert report.lead(relation(CONVERGED)).endswith("converges holds for “R”.")
    assert "none converges without" in report.lead(variant("A", GROWING, RESTING))
    assert "claim" not in report.lead(variant("A", GROWING, RESTING))


def relation(free: np.ndarray, damped: np.ndarray = NEAR_REST) -> list[Run]:
    return variant("R", free, damped, paper=True)


def test_nearness_that_goes_with_the_damping_and_a_correction_is_laid_to_both() -> None:
    corrected = [*variant("R2", GROWING, RESTING, corrects="the sign"), *variant("R3", KEEPING, KEEPING, corrects="c")]
    (text, *_) = report.findings([*relation(KEEPING), *corrected])
    assert text.startswith("R: with the factor 0.9ᵗ the generator comes to rest at .020, 2.0% of its first distance; ")
    assert "With the sign put right, it comes to rest at .50 with the factor, and grows to 7.4 without." in text
    assert "With c also put right, it keeps a distance of up to 1.2 with the factor" in text
    assert text.endswith("That it ends near 0 is owed to the factor 0.9ᵗ and the error in the sign, not to the loss.")


def test_nearness_that_stays_is_laid_to_nothing() -> None:
    corrected = variant("R2", CONVERGED, NEAR_REST, corrects="the sign")
    (text, *_) = report.findings([*relation(CONVERGED, CONVERGED), *corrected])
    assert "R2" not in text and "owed" in text  # the correction alone takes its end from 0 to .02
    (text, *_) = report.findings([*relation(CONVERGED), *corrected])
    assert "owed" not in text


def test_a_run_that_ends_far_away_is_laid_to_nothing() -> None:
    (text, *_) = report.findings([*relation(GROWING, RESTING), *variant("R2", GROWING, GROWING, corrects="the sign")])
    assert "owed" not in text


def test_what_converges_undamped_is_said_with_its_rate() -> None:
    said = report.findings([*variant("A", CONVERGED, RESTING, paper=False), *variant("B", CONVERGED, CONVERGED)])
    # The flow of plain WGAN, which stands behind every run here, has a rate of 0.
    assert said[0] == (
        "Against the paper: A converges without the damping, at the rate -0.1000 (its linearised flow: 0.0000); with "
        "it, it comes to rest at .50."
    )
    assert said[1].startswith("Not in the paper: B converges") and said[1].endswith("0.0000).")
    assert not any("Against" in text for text in report.findings(variant("A", GROWING, RESTING, paper=False)))


def test_a_generator_that_the_damping_stopped_is_no_convergence() -> None:
    runs = [*variant("A", KEEPING, RESTING), *variant("B", RESTING, RESTING), *variant("C", CONVERGED, CONVERGED)]
    expected = "The factor 0.9ᵗ brings 2 of the 3 generators to rest away from the data, 1 of which would move on"
    assert any(text.startswith(expected) for text in report.findings(runs))
    assert not any("to rest away" in text for text in report.findings(variant("B", RESTING, RESTING)))


def test_an_error_of_the_step_is_named() -> None:
    (text,) = report.findings([*variant("A", KEEPING, GROWING, coarse=5 * KEEPING), *variant("B", KEEPING, GROWING)])
    assert text.startswith("Euler’s step of 0.1 adds an error") and text.endswith("others: A 6.0 instead of 1.2.")


def test_table_has_a_row_a_run() -> None:
    table = report.table([*variant("A", CONVERGED, RESTING, paper=False), *variant("B", GROWING, KEEPING)])
    assert list(table["variant"]) == ["A"] * 4 + ["B"] * 4
    assert list(table["paper"]) == ["does not converge"] * 4 + [""] * 4
    assert table.loc[2, "rate"] == pytest.approx(-0.1)
    assert table.loc[2, "end"] == pytest.approx(np.exp(-0.1 * 90.1))  # the last 100 of 1,001 times start at 90.1
    # Plain WGAN turns; Euler's step of .1 makes it grow by log(1.01) / .2; a damped flow has no eigenvalue.
    assert list(table["expected_rate"][:3]) == pytest.approx([np.log(1.01) / 0.2, np.nan, 0], nan_ok=True)


def test_measures_are_flat_and_named_after_the_variant() -> None:
    found = report.measures(variant("WGAN-GP, centre 0", CONVERGED, RESTING))
    assert found.keys() == {f"wgan_gp_centre_0.{way}.{key}" for way in ("free", "damped") for key in ("end", "rate")}
    assert found["wgan_gp_centre_0.free.rate"] == pytest.approx(-0.1)


def test_summary_is_at_most_100_columns_wide() -> None:
    runs = [*variant("A " * 60, GROWING, KEEPING, paper=False), *variant("B", CONVERGED, RESTING, paper=True)]
    lines = report.summary(runs).splitlines()
    assert max(map(len, lines)) == 100
    assert report.summary(variant("B", CONVERGED, RESTING, paper=True)).splitlines()[1].split("  ") == [
        *("B", "converges", "converges", "comes to rest at .50")
    ]


def test_page_loads_nothing_and_escapes_what_it_is_given() -> None:
    source = render([*variant("<i>A</i>", GROWING, KEEPING, paper=True), *variant("B", CONVERGED, RESTING)])
    page = Page(source)
    assert not any(tag in ("link", "i", "b") for tag, _ in page.elements)
    assert not any("src" in of for tag, of in page.elements if tag == "script")
    assert all(str(of["src"]).startswith("data:image/png") for tag, of in page.elements if tag == "img")
    assert source.count("* plotly.js v") == 1 and "@import" not in source
    assert "<b>1</b>" in page.text and "<i>A</i>" in page.text
    assert (
        report.lead([*variant("<i>A</i>", GROWING, KEEPING, paper=True), *variant("B", CONVERGED, RESTING)])
        in page.text
    )


def test_page_has_two_plots_a_variant_and_a_row_a_run() -> None:
    source = render([*variant("A", GROWING, KEEPING, paper=True), *variant("B", CONVERGED, RESTING)])
    ids = [str(of["id"]) for tag, of in Page(source).elements if tag == "div" and "id" in of]
    assert [name for name in ids if re.match("plane|distance", name)] == [
        "plane-0",
        "distance-0",
        "plane-1",
        "distance-1",
    ]
    assert source.count('<td class="warn">does not hold</td>') == 1
    assert source.count('<td class="status">') == 8


def test_plane_draws_both_ways_from_the_start_to_the_data() -> None:
    traces = list(figures.plane(pairs(variant("A", GROWING, RESTING))[0]).data)
    assert [trace.legendgroup for trace in traces] == ["free", "damped", None, None]
    assert traces[0].x == pytest.approx(GROWING, rel=1e-6) and traces[1].x == pytest.approx(RESTING, rel=1e-6)
    assert list(traces[2].x) == [1] and list(traces[3].x) == [0]
    assert traces[0].text[15] == "1.5"


def test_distances_are_drawn_for_every_solver() -> None:
    runs = by_variant(variant("A", GROWING, RESTING, coarse=KEEPING))["A"]
    traces = list(figures.distances(runs).data)
    assert [(trace.legendgroup, trace.line.dash) for trace in traces] == [
        *(("free", "dot"), ("damped", "dot"), ("free", "solid"), ("damped", "solid"))
    ]
    assert traces[0].y == pytest.approx(KEEPING[::2], rel=1e-6)
    assert traces[0].dx == pytest.approx(0.2)


def test_the_field_of_wgan_is_a_turn() -> None:
    theta, phi = np.meshgrid([-1.0, 0.5], [0.25, 2.0])
    u, v = figures.slice_field(pairs(variant("A", GROWING, RESTING))[0], theta, phi)
    assert (u == phi).all() and (v == -theta).all()


def test_pictures_have_a_panel_a_variant() -> None:
    runs = [run for title in "ABCDE" for run in variant(title, GROWING, RESTING)]
    one_row, two_rows = figures.trajectories(runs[:16]), figures.trajectories(runs)
    assert one_row.dtype == np.uint8 and one_row.shape[2] == 3
    assert two_rows.shape[:2] == (2 * one_row.shape[0], one_row.shape[1])
    # The second row has one panel; what is right of it stays white.
    half = two_rows[one_row.shape[0] + 20 :, one_row.shape[1] // 2 :]
    assert (half == 255).all() and not (one_row[:, one_row.shape[1] // 2 :] == 255).all()
