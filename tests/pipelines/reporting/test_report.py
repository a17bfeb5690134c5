import base64
import io
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image
from torch import Tensor

from relation_gan.analysis import comparison, measures
from relation_gan.analysis.results import DatasetResult, Part, PublishedValue, RunResult, StudyResult, Sweep
from relation_gan.gan import drawing
from relation_gan.gan.scoring.panels import SAMPLES, Counts, Density, Images, Landscape, Panel, Points
from relation_gan.pipelines.reporting import figures, paper_figures, report, sections, tables
from tests.pipelines.helpers import history
from tests.pipelines.reporting import helpers


def lead(study: StudyResult) -> str:
    """What stands above everything else."""
    return " ".join([report.headline(study), *report.results(study)])


DIGITS = DatasetResult(
    "digits",
    [Images(SAMPLES, "a note", "Real images", torch.full((64, 3, 8, 8), 200, dtype=torch.uint8))],
    {"confidence": 0.985, "reverse_kl": 0.0192, "curve_reverse_kl": 0.1, "classifier_accuracy": 0.978},
)


def images(n: int, channels: int = 3, seed: int = 0) -> Images:
    """The panel of `n` samples."""
    drawn = np.random.default_rng(seed).integers(0, 256, (n, channels, 8, 8), np.uint8)
    return Images(SAMPLES, "a note", "", torch.from_numpy(drawn))


def counts(*of: int, base: int = 0) -> Counts:
    return Counts("Mode coverage", "a note", "", torch.tensor(of), base)


def with_panels(run: RunResult, *panels: Panel) -> RunResult:
    """The run with other panels of the same headings, and further ones."""
    headings = {panel.heading for panel in panels}
    return replace(run, panels=[*(panel for panel in run.panels if panel.heading not in headings), *panels])


def finished(method: str = "relation_gan", seed: int = 0, channels: int = 3, **scores: float) -> RunResult:
    rng = np.random.default_rng(seed)
    rows = [{"step": step, "seconds": step / 10, "critic_loss": 1.0, "penalty": 0.1} for step in (10, 20, 30)]
    return RunResult(
        "digits",
        method,
        seed,
        {"modes": 900.0, "reverse_kl": 0.5, **scores},
        history(step=30, steps=30, seconds=240.0, rows=rows),
        [{"step": 20, "modes": 500, "raw_modes": 400}, {"step": 30, "modes": 900, "raw_modes": 800}],
        rng.integers(0, 256, (2, 64, channels, 8, 8), np.uint8),
        [images(70, channels, seed), counts(*rng.integers(1, 50, 1000).tolist(), base=10)],
        [0, 30],
    )


def diverged(method: str = "vanilla", seed: int = 0) -> RunResult:
    rows = [{"step": 10, "seconds": 1.0, "critic_loss": 1.0}, {"step": 20, "seconds": 2.0}]
    of = history(status="diverged", step=1020, steps=3000, rows=rows)
    return RunResult("digits", method, seed, {}, of, [], np.zeros((1, 64, 3, 8, 8), np.uint8), [], [0])


def failed(method: str = "wgan", seed: int = 0, channels: int = 3, error: str = "out of memory") -> RunResult:
    of = history(status="failed", step=0, steps=30, seconds=0.0, error=error)
    return RunResult("digits", method, seed, {}, of, [], np.zeros((0, 64, channels, 8, 8), np.uint8))


def study(*runs: RunResult, channels: int = 3, **provenance: str) -> StudyResult:
    real = Images(SAMPLES, "a note", "Real images", torch.full((64, channels, 8, 8), 200, dtype=torch.uint8))
    data = {run.dataset: replace(DIGITS, name=run.dataset, panels=[real]) for run in runs}
    return StudyResult("a study", list(runs), data, {"command": "kedro run", **provenance})


def with_data(of: StudyResult, **changes: Any) -> StudyResult:
    """The study with other facts of its data sets."""
    return replace(of, datasets={name: replace(data, **changes) for name, data in of.datasets.items()})


def part(*runs: RunResult) -> Part:
    (only,) = study(*runs).parts
    return only


def traces(figure: go.Figure) -> list[Any]:
    return list(figure.data)


class Page(HTMLParser):
    """Every element of a page with its attributes, and the text outside of scripts and styles."""

    def __init__(self, source: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.table = ""
        self.cells: list[tuple[str, str | None, str]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.table = str(dict(attrs).get("class")) if tag == "table" else self.table

    def handle_data(self, data: str) -> None:
        self.text += "" if self.elements and self.elements[-1][0] in ("script", "style") else data

        if self.elements and self.elements[-1][0] == "td":
            self.cells.append((self.table, self.elements[-1][1].get("class"), data))

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", {}))

    def headline(self, first: int, last: int) -> list[tuple[str | None, str]]:
        """The class and the text of some cells of the tables that set real data next to the methods."""
        return [(kind, text) for table, kind, text in self.cells if table.startswith("headline")][first:last]

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_table_has_a_row_a_run_and_known_scores_first():
    scores: dict[str, Any] = {
        "novelty": 7.0,
        "seconds": 9.0,
        "raw_modes": 880.0,
        "raw_kid_classifier": 0.002,
        "fid_classifier": 3.0,
    }
    table = tables.runs(study(finished(**scores, kid_classifier=0.0015), diverged()))
    assert list(table.columns) == [
        *("dataset", "method", "seed", "status"),
        *("modes", "reverse_kl", "fid_classifier", "kid_classifier_x1000", "raw_modes", "raw_kid_classifier_x1000"),
        *("seconds", "novelty"),
        *("commit", "configuration", "data_sha256", "mlflow_run"),
    ]
    assert table.loc[0, "kid_classifier_x1000"] == pytest.approx(1.5)
    assert table.loc[0, "raw_kid_classifier_x1000"] == pytest.approx(2)
    assert list(table["status"]) == ["finished", "diverged"]
    assert table.iloc[1, 4:-4].isna().all()


def test_a_score_already_thousandfold_is_left_alone():
    assert tables.runs(study(finished(kid_classifier_x1000=1.5))).loc[0, "kid_classifier_x1000"] == 1.5


def test_summary_gives_mean_and_deviation_over_the_finished_seeds():
    runs = [finished(seed=0, modes=900, reverse_kl=0.5), finished(seed=1, modes=910, reverse_kl=0.7)]
    lines = report.summary(study(*runs, diverged("relation_gan", 2))).splitlines()
    assert lines[0].split() == ["method", "seed", "status", "modes", "reverse", "KL"]
    assert lines[1].split() == ["relation_gan", "0", "finished", "900", "0.500"]
    # Two values lie half their difference from the mean; with n - 1 the deviation is their difference / sqrt(2).
    assert lines[4].split() == ["relation_gan", "mean", "2", "of", "3", "905±7", "0.600±0.141"]
    assert lines[5] == "relation_gan, seed 2: diverged at step 1,020 of 3,000"
    assert lines[6] == "real data: confidence 0.985, reverse KL floor 0.019"


def test_summary_of_one_seed_has_no_mean():
    assert "±" not in report.summary(study(finished()))


def test_summary_is_at_most_100_columns_wide():
    low: dict[str, Any] = {
        "modes": 700,
        "modes_10": 600,
        "reverse_kl": 5.0,
        "confidence": 0.1,
        "fid_classifier": 900,
        "ms_per_step": 800,
    }
    high: dict[str, Any] = {
        "modes": 999,
        "modes_10": 999,
        "reverse_kl": 6.9,
        "confidence": 0.9,
        "fid_classifier": 999,
        "ms_per_step": 999,
    }
    runs = [finished("a_method_of_a_very_long_name_" * 4, seed, **scores) for seed, scores in enumerate((low, high))]
    lines = report.summary(study(*runs, failed(error="why? " * 50))).splitlines()
    assert max(map(len, lines)) == 100
    assert lines[1].startswith("a_meth")


def test_number():
    assert measures.number("reverse_kl", 0.0192) == "0.019"
    assert measures.number("kid_classifier_x1000", -0.05) == "−0.05"
    assert measures.number("raw_modes", 1000) == "1,000"
    assert measures.number("kid_classifier_x1000", -8_879_231.5) == "−8.88e6"
    assert measures.number("novelty", 12.34567) == "12.35"
    assert measures.number("modes", float("nan")) == "–"


def test_lead_names_the_most_even_method_and_the_floor():
    text = lead(study(finished("a", reverse_kl=0.7), finished("b", reverse_kl=0.3, modes=950), failed()))
    assert text.startswith("3 methods were trained on digits; of 3 runs, 2 finished. Of these, b covers")
    assert "950 of the 1,000 modes, with a reverse KL of 0.300" in text
    assert "scores 0.019." in text


def test_lead_of_one_run():
    text = lead(study(finished()))
    assert text.startswith("relation_gan was trained on digits for 30 steps in 4 minutes. Its samples show 900")
    assert " The samples of relation_gan show 900" in lead(study(finished(), failed()))
    assert lead(study(failed())).startswith("wgan was trained on digits: failed at step 0: out of memory.")


def test_page_loads_nothing_and_holds_plotly_once():
    source = report.render(study(finished(), finished(seed=1), diverged()))
    page = Page(source)
    assert page.all("link") == []
    assert all("src" not in script for script in page.all("script"))
    assert page.all("img") and all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert all(str(of.get("href", "#")).startswith("#") for _, of in page.elements)
    assert "default-src 'none'" in page.all("meta")[2]["content"]
    assert "@import" not in source and "url(http" not in source
    assert source.count("* plotly.js v") == 1


def test_page_without_curves_has_no_plotly():
    assert "plotly.js v" not in report.render(study(failed()))


def test_page_escapes_what_it_is_given():
    runs = [finished("<b>x"), failed(error="<script>alert(1)</script>")]
    source = report.render(study(*runs, note="<i>y\nz"))
    page = Page(source)
    assert page.all("b") == [] and page.all("i") == []
    assert "<b>x" in page.text and "<i>y" in page.text and "<script>alert(1)</script>" in page.text
    assert "<script>alert" not in source


def test_page_names_runs_that_did_not_finish():
    page = Page(report.render(study(finished(), diverged(), failed())))
    assert page.text.count("diverged at step 1,020 of 3,000") == 2  # once on top, once in the table
    assert page.text.count("failed at step 0: out of memory") == 2
    assert "No samples: the run failed." in page.text


def test_headline_sets_real_data_next_to_each_method_and_marks_the_best():
    page = Page(report.render(study(finished("a", reverse_kl=0.7), finished("b", reverse_kl=0.3), failed("c"))))
    # The second row of the headline, after that of the modes, has a cell for real data and one for each method.
    assert page.headline(4, 8) == [("real", "0.019"), (None, "0.700"), ("best", "0.300"), (None, "–")]


def test_page_shows_each_kept_step():
    page = Page(report.render(study(finished(), diverged())))
    frames = [image for image in page.all("img") if "data-step" in image]
    assert [(frame["data-step"], "hidden" in frame) for frame in frames] == [("0", True), ("30", False), ("0", False)]
    assert next(of for of in page.all("input") if of["type"] == "range")["data-steps"] == "0 30"


def test_page_of_grey_images_with_unknown_scores():
    run = finished(channels=1, novelty=7.25)
    page = Page(report.render(study(run, failed(channels=1), channels=1)))
    assert "novelty" in page.text and "7.25" in page.text


def test_chips_name_the_groups_of_the_curves():
    of = study(finished("<b>x"), finished("y"))
    (only,) = of.parts
    chips = [box["data-group"] for box in Page(report.render(of)).all("input") if box["type"] == "checkbox"]
    assert chips == ["<b>x", "y"]
    assert {trace.legendgroup for trace in traces(figures.curves(only, "curve", {"modes": "solid"}))} == set(chips)


def test_image_grid_places_images_between_borders():
    images = np.arange(1, 4, dtype=np.uint8)[:, None, None, None] * np.ones((3, 1, 2, 3), np.uint8)
    grid = drawing.image_grid(images, columns=2)
    b = drawing.BORDER
    expected = [
        [b, b, b, b, b, b, b, b, b],
        [b, 1, 1, 1, b, 2, 2, 2, b],
        [b, 1, 1, 1, b, 2, 2, 2, b],
        [b, b, b, b, b, b, b, b, b],
        [b, 3, 3, 3, b, b, b, b, b],
        [b, 3, 3, 3, b, b, b, b, b],
        [b, b, b, b, b, b, b, b, b],
    ]
    assert grid.dtype == np.uint8
    assert grid.tolist() == np.repeat(np.array(expected)[..., None], 3, 2).tolist()


def test_image_grid_keeps_channels_and_orientation():
    image = np.arange(12, dtype=np.uint8).reshape(1, 3, 2, 2)
    assert (drawing.image_grid(image, 1)[1:3, 1:3] == image[0].transpose(1, 2, 0)).all()


def test_image_grid_refuses_other_channels():
    with pytest.raises(ValueError, match=r"1 or 3 channels, got shape \(4, 2, 8, 8\)"):
        drawing.image_grid(np.zeros((4, 2, 8, 8), np.uint8), 2)


def test_png_bytes_are_exact():
    array = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(figures.png_bytes(array)))) == array).all()


def test_samples_figure_shows_real_images_at_the_left():
    image = paper_figures.samples_figure(study(finished(), failed()))
    scale = round(480 / 73)  # eight images of 8 pixels and nine borders
    side = 73 * scale
    assert image.dtype == np.uint8
    assert image.shape == (side + 44 + 24, 3 * (side + 24) + 24, 3)
    inner = image[44 : 44 + side, 24 : 24 + side]
    expected = drawing.image_grid(np.full((64, 3, 8, 8), 200, np.uint8), 8).repeat(scale, 0).repeat(scale, 1)
    assert (inner == expected).all()


def test_curves_mark_a_divergence_and_draw_the_real_score():
    figure = figures.curves(part(finished(), diverged()), "history", {"critic_loss": "solid"}, log=True, real=0.25)
    good, bad, real = traces(figure)
    assert list(good.x) == [10, 20, 30] and good.mode == "lines"
    assert list(bad.x) == [10] and list(bad.marker.symbol) == ["x"]
    assert list(real.y) == [0.25, 0.25] and list(real.x) == [0, 30]
    assert figure.to_dict()["layout"]["yaxis"]["type"] == "log"
    assert good.line.color != bad.line.color


def test_curves_dash_the_raw_weights():
    figure = figures.curves(part(finished()), "curve", {"modes": "solid", "raw_modes": "dash"})
    averaged, raw = traces(figure)
    assert (averaged.line.dash, list(averaged.y)) == ("solid", [500, 900])
    assert (raw.line.dash, list(raw.y)) == ("dash", [400, 800])


def test_curves_of_nothing_are_empty():
    assert traces(figures.curves(part(failed()), "curve", {"modes": "solid"}, real=1.0)) == []


def test_long_histories_are_thinned_and_keep_their_end():
    run = finished()
    run.history.rows[:] = [{"step": step, "critic_loss": 0.0} for step in range(1, 2502)]
    (trace,) = traces(figures.curves(part(run), "history", {"critic_loss": "solid"}))
    assert len(trace.x) <= figures.MAX_POINTS and trace.x[-1] == 2501


def test_mode_map_puts_each_mode_in_its_cell():
    found = [10] * 1000
    found[712], found[713] = 0, 20
    share, missing = (np.array(trace.z, float) for trace in traces(figures.mode_map(counts(*found, base=10))))
    # Red 7 is the third panel of the second row; green 1 its second row; blue 2 its third column.
    row, column = 12 + 1, 2 * 11 + 2
    assert np.isnan(share[row, column]) and missing[row, column] == 1
    assert np.nansum(missing) == 1
    assert share[row, column + 1] == pytest.approx(np.log2(20 / (10 * 998 + 20) * 1000))
    assert np.isfinite(share).sum() == 999


def test_mode_map_of_few_modes():
    share, missing = (np.array(trace.z, float) for trace in traces(figures.mode_map(counts(4, 0, 2, 2, 2))))
    assert share.shape == (2, 3)
    assert share[0, 0] == 1 and missing[0, 1] == 1 and np.isnan(share[1, 2]) and np.isnan(missing[1, 2])


def test_mode_ranks_end_where_modes_are_missing():
    run = with_panels(finished(), counts(0, 60, 20, 20))
    line, even = traces(figures.mode_ranks(part(run)))
    assert list(line.x) == [1, 2, 3] and line.y == pytest.approx([2.4, 0.8, 0.8])
    assert len(even.x) == 4


def test_first_seed_with_samples_is_shown():
    runs = [failed("a", 0), finished("a", 1)]
    assert figures.shown_run(runs) is runs[1]
    assert figures.shown_run(runs[:1]) is runs[0]


def test_each_data_set_is_a_part_of_the_study_in_which_a_method_keeps_its_colour():
    other = replace(finished("b"), dataset="letters")
    first, second = study(finished("a"), finished("b"), other).parts
    assert (first.dataset, second.dataset) == ("digits", "letters")
    assert (list(first.by_method), list(second.by_method)) == (["a", "b"], ["b"])
    lines = [traces(figures.curves(part, "curve", {"modes": "solid"})) for part in (first, second)]
    assert lines[0][1].line.color == lines[1][0].line.color != lines[0][0].line.color


def test_colours_differ_up_to_24_methods():
    colours = figures.colours(str(i) for i in range(25))
    assert len(set(colours.values())) == 24
    assert colours["0"] == colours["24"] == figures.PALETTE[0]
    # 30 % towards black, and 40 % towards white: #0a7bc2 is 10, 123, 194.
    assert colours["8"] == f"#{round(7.0):02x}{round(86.1):02x}{round(135.8):02x}"
    assert colours["16"] == f"#{round(108.0):02x}{round(175.8):02x}{round(218.4):02x}"


def of_images(method: str = "relation_gan", seed: int = 0, suffix: str = "_efficientnet_lite0", **more: float) -> Any:
    """A run on images, with the distances that its evaluation gives."""
    kernel = more.pop("kernel", 0.0125)
    scores = {f"kid{suffix}": kernel, f"kid{suffix}_std": 0.001, f"raw_kid{suffix}": 0.02, **more}
    curve = [{"step": 20, f"kid{suffix}": 0.03, f"raw_kid{suffix}": 0.05}, {"step": 30, f"kid{suffix}": kernel}]
    return replace(finished(method, seed), scores=scores, curve=curve, panels=[images(70, seed=seed)])


def study_of_images(*runs: RunResult, **reference: float) -> StudyResult:
    return with_data(study(*runs), reference=reference)


def test_kernel_distances_of_images_stand_a_thousandfold_in_the_table():
    frame = tables.runs(study_of_images(of_images(fid_efficientnet_lite0=9.5, ms_per_step=3.0)))
    name = "efficientnet_lite0"
    assert list(frame.columns[4:-4]) == [
        *(f"fid_{name}", f"kid_{name}_x1000", f"kid_{name}_std_x1000", f"raw_kid_{name}_x1000", "ms_per_step")
    ]
    assert frame.iloc[0, 4:-4].tolist() == pytest.approx([9.5, 12.5, 1.0, 20.0, 3.0])
    frame = tables.runs(study_of_images(of_images(suffix="", fid=9.5)))
    assert list(frame.columns[4:-4]) == ["fid", "kid_x1000", "kid_std_x1000", "raw_kid_x1000"]
    assert frame.iloc[0, 4:-4].tolist() == pytest.approx([9.5, 12.5, 1.0, 20.0])


@pytest.mark.parametrize(
    ("suffix", "short"), [("_efficientnet_lite0", ("FD(EN0)", "1000·KD(EN0)")), ("", ("FID", "1000·KID"))]
)
def test_the_summary_of_images_has_their_distances_and_the_floor_of_held_out_ones(suffix: str, short: tuple[str, str]):
    more: Any = {f"fid{suffix}": 9.5}
    runs = [of_images("a", suffix=suffix, **more), of_images("b", suffix=suffix, kernel=-0.0001)]
    floor = {f"kid{suffix}": 0.00005, f"kid{suffix}_std": 0.001, f"fid{suffix}": 4.0}
    lines = report.summary(study_of_images(*runs, **floor)).splitlines()
    assert lines[0].split() == ["method", "seed", "status", *short]
    # 1,000 times 0.0125 and -0.0001; b has too few samples for a Fréchet distance.
    assert lines[1].split() == ["a", "0", "finished", "9.50", "12.50"]
    assert lines[2].split() == ["b", "0", "finished", "–", "−0.10"]
    assert lines[3] == f"real data: {short[1]} floor 0.05"
    assert len(report.summary(study_of_images(*runs)).splitlines()) == 3


def test_the_lead_on_images_names_the_nearest_method_and_what_held_out_ones_score():
    runs = [of_images("a", kernel=0.04), of_images("b", 0, kernel=0.02), of_images("b", 1, kernel=0.03)]
    text = lead(study_of_images(*runs, kid_efficientnet_lite0=0.0002))
    # Of b, the mean is 25 and the deviation 10 / sqrt(2).
    assert text == (
        "2 methods were trained on digits; of 3 runs, all finished. Of these, b comes nearest to the real images: its "
        "samples are at a kernel distance of 25.00 ± 7.07 / 1,000 from real images, on the features of "
        "EfficientNet-Lite0; held-out real images score 0.20."
    )
    text = lead(study_of_images(of_images(suffix="", kernel=0.04)))
    assert text == (
        "relation_gan was trained on digits for 30 steps in 4 minutes. Its samples are at a kernel distance of "
        "40.00 / 1,000 from real images, on the features of Inception."
    )


def test_a_page_of_images_has_the_distances_and_no_modes():
    runs = [of_images("a", kernel=0.04), of_images("b", kernel=0.02), failed("c")]
    of = study_of_images(*runs, kid_efficientnet_lite0=0.0002, fid_efficientnet_lite0=4.0)
    source = report.render(of)
    page = Page(source)
    # The only row of the headline: real data, and a cell a method.
    assert page.headline(0, 4) == [("real", "0.20"), (None, "40.00"), ("best", "20.00"), (None, "–")]
    assert "Kernel distance, features of EfficientNet-Lite0, × 1,000" in page.text
    assert "not comparable with published KID" in page.text
    assert page.text.count("Kernel distance, features of EfficientNet-Lite0, × 1,000") > 2  # one of a curve
    for absent in ("Modes by frequency", "Kernel distance, Inception", "Mode coverage", "classifier"):
        assert absent not in page.text


def test_the_curve_of_images_is_drawn_with_the_floor_of_held_out_ones():
    of = study_of_images(of_images(), kid_efficientnet_lite0=0.0002)
    name = "kid_efficientnet_lite0"
    dashes = {name: "solid", f"raw_{name}": "dash"}
    (only,) = of.parts
    averaged, raw, real = traces(figures.curves(only, "curve", dashes, real=only.data.reference[name]))
    assert (list(averaged.y), list(raw.y), list(real.y)) == ([0.03, 0.0125], [0.05], [0.0002] * 2)


def test_a_study_of_digits_and_images_describes_each_by_its_own_measure():
    digits = with_data(study(finished("a")), reference={"reverse_kl": 0.02})
    faces = replace(of_images("a"), dataset="faces")
    others = with_data(study(faces), reference={"kid_efficientnet_lite0": 0.0002})
    mixed = replace(digits, runs=[*digits.runs, faces], datasets=digits.datasets | others.datasets)
    text = lead(mixed)
    assert "On digits, a: its samples show 900 of the 1,000 modes" in text
    assert "the same number of real images scores 0.020. On faces, a: its samples are at a kernel distance of" in text
    assert text.endswith("held-out real images score 0.20.")
    first, second = report.summary(mixed).split("\n\n")
    assert "modes" in first and "modes" not in second
    assert second.endswith("floor 0.20")


def test_photographs_are_compressed():
    uri = figures.data_uri(np.zeros((64, 3, 128, 128), np.uint8))
    assert uri.startswith("data:image/jpeg;base64,")
    assert figures.data_uri(np.zeros((64, 3, 32, 32), np.uint8)).startswith("data:image/png;base64,")


BOX = [-4.0, 4.0, -4.0, 4.0]


def point_panels(points: Tensor, caption: str = "") -> list[Panel]:
    return [Points(SAMPLES, "a note", caption, points), Density("Sample density", "a note", caption, points)]


def of_points(method: str = "relation_gan", seed: int = 0, dataset: str = "ring", **scores: float) -> RunResult:
    rng = np.random.default_rng(seed)
    points = torch.from_numpy(rng.normal(size=(2000, 2)).astype(np.float32))
    heights = torch.from_numpy(rng.normal(size=(8, 8)))
    landscape = Landscape("Critic’s landscape", "a note", "", points, heights)
    measures = {"modes": 4.0, "high_quality": 0.875, "kl": 0.25, "sliced_wasserstein": 0.0625, **scores}
    curve = [{"step": 30, "high_quality": 0.875, "kl": 0.25, "sliced_wasserstein": 0.0625}]
    return replace(
        finished(method, seed),
        dataset=dataset,
        scores=measures,
        curve=curve,
        grids=rng.normal(size=(2, 1024, 2)).astype(np.float32),
        panels=[*point_panels(points), landscape, counts(1500, 0, 500, 0)],
    )


def failed_on_points(method: str = "wgan", dataset: str = "ring") -> RunResult:
    return replace(failed(method), dataset=dataset, grids=np.zeros((0, 64, 2)))


def study_of_points(*runs: RunResult) -> StudyResult:
    real = torch.from_numpy(np.random.default_rng(9).normal(size=(2000, 2)).astype(np.float32))
    reference = {"modes": 4.0, "high_quality": 0.989, "kl": 0.001, "sliced_wasserstein": 0.01, "curve_kl": 0.002}
    data = {run.dataset: DatasetResult(run.dataset, point_panels(real, "Real points"), reference, BOX) for run in runs}
    return StudyResult("p", list(runs), data, {})


def test_points_are_described_by_their_own_measures():
    of = study_of_points(of_points("a", kl=0.5), of_points("b"))
    assert report.summary(of).splitlines() == [
        "method  seed  status    modes  high %      KL  sliced W",
        "a          0  finished      4    87.5  0.5000    0.0625",
        "b          0  finished      4    87.5  0.2500    0.0625",
        "real data: high quality % 98.9, KL floor 0.0010, sliced W floor 0.0100",
    ]
    text = lead(of)
    assert "Of these, b covers the modes most evenly: its samples find 4 of the 4 modes, 87.5 % of them near" in text
    assert "with a KL of 0.2500 to an even spread; the same number of real points scores 0.0010." in text


def test_points_without_modes_are_described_by_their_distance():
    run = of_points()
    bare = replace(run, scores={"sliced_wasserstein": 0.0625}, panels=run.panels[:2])
    text = lead(study_of_points(bare))
    assert "Its samples are at a sliced Wasserstein distance of 0.0625 from real points; the same number of" in text
    page = Page(report.render(study_of_points(bare)))
    assert "Mode coverage" not in page.text


def test_a_study_of_several_data_sets_names_each():
    of = study_of_points(
        of_points("a", kl=0.5), of_points("b"), of_points("a", dataset="grid"), failed_on_points("b", "grid")
    )
    text = lead(of)
    assert text.startswith(
        "2 methods were trained on ring and grid; of 4 runs, 3 finished. On ring, b comes first: its samples"
    )
    assert "On grid, a: its samples" in text
    first, second = report.summary(of).split("\n\n")
    assert first.startswith("ring\nmethod") and second.startswith("grid\nmethod")
    assert "b, seed 0: failed" in second and "failed" not in first
    page = Page(report.render(of))
    assert len(page.all("section")) == 2
    assert page.text.count("Real and generated") == 2
    assert "grid: b, seed 0: failed at step 0: out of memory" in page.text
    assert sum(of["type"] == "range" for of in page.all("input")) == 2


def test_a_page_of_points_shows_clouds_densities_films_landscapes_and_bars():
    page = Page(report.render(study_of_points(of_points("a"), of_points("b"), failed_on_points())))
    shown = [image["alt"] for image in page.all("img")]
    assert shown == [
        *(f"Real and generated, {of}" for of in ("real data", "a", "b")),
        *(f"samples of {method} at step {step}" for method in "ab" for step in (0, 30)),
        *(f"Sample density, {of}" for of in ("real data", "a", "b")),
        *(f"Critic’s landscape, {of}" for of in "ab"),
    ]
    assert "No samples: the run failed." in page.text
    assert [bar["title"] for bar in page.all("i")][:2] == [
        "mode 0: 1,500 samples, 500 if even",
        "mode 1: 0 samples, 500 if even",
    ]
    assert [bar.get("class") for bar in page.all("i")][:4] == [None, "missing", None, "missing"]


def test_many_methods_stand_in_rows():
    few, many = (
        Page(report.render(study_of_points(*(of_points(f"m{i}") for i in range(n))))) for n in (sections.MANY, 7)
    )
    rows = {"class": "headline rows"}
    assert rows not in few.all("table") and rows in many.all("table")
    # A row of real data, and one a method; a cell a measure: modes, high quality, KL, sliced Wasserstein.
    assert many.headline(0, 8) == [
        *(("real", "4"), ("real", "98.9"), ("real", "0.0010"), ("real", "0.0100")),
        *((None, "4"), (None, "87.5"), (None, "0.2500"), (None, "0.0625")),  # all methods score the same
    ]
    assert any("none" in (button.get("class") or "") for button in many.all("button"))


def test_what_lies_outside_the_image_is_counted():
    run = of_points()
    run.samples[:100] = 9.0
    page = Page(report.render(study_of_points(run)))
    assert f"{np.mean(np.abs(run.samples).max(1) > 4):0.1%} lie outside the figure" in page.text


def test_mode_bars_are_scaled_by_the_highest_or_twice_an_even_share():
    # 40 samples of 4 modes, 10 if even: below 20 the bars are fractions of 20.
    even, bars = figures.mode_bars(np.array([15, 10, 15, 0]))
    assert even == 0.5
    assert [(height, gone) for height, gone, _ in bars] == [(0.75, False), (0.5, False), (0.75, False), (0.0, True)]
    assert [height for height, *_ in figures.mode_bars(np.array([40, 0]))[1]] == [1, 0]


def test_samples_figure_of_points_has_a_column_a_method_and_two_rows_a_data_set():
    of = study_of_points(of_points("a"), of_points("a", dataset="grid"))
    image = paper_figures.samples_figure(of)
    assert image.shape == (4 * (figures.SIDE + 30) + 16, 2 * (figures.SIDE + 16) + 16, 3)
    cloud = image[30 : 30 + figures.SIDE, 2 * 16 + figures.SIDE : 2 * (16 + figures.SIDE)]
    run, (first, _) = of.runs[0], of.parts
    expected = drawing.cloud(run.samples, first.real, first.data.box, figures.PALETTE[0], figures.SIDE)
    assert (cloud == drawing.on_white(expected)).all()


def test_samples_figure_of_many_methods_has_them_in_rows():
    image = paper_figures.samples_figure(study_of_points(*(of_points(f"m{i}") for i in range(8)), failed_on_points()))
    # Ten times a cloud and a density, three methods a row.
    assert image.shape == (4 * (figures.SMALL_SIDE + 30) + 16, 6 * (figures.SMALL_SIDE + 16) + 16, 3)


def test_samples_figure_of_images_and_points_has_one_below_the_other():
    both = study(finished("a"))
    points = study_of_points(of_points("a"))
    mixed = replace(both, runs=[*both.runs, *points.runs], datasets=both.datasets | points.datasets)
    heights = [paper_figures.samples_figure(of).shape[0] for of in (both, points, mixed)]
    assert heights[0] + heights[1] == heights[2]
    assert "digits" in lead(mixed) and "ring" in lead(mixed)


def test_lines_of_very_many_runs_are_thinned_and_not_marked():
    rows = [{"step": step, "critic_loss": 0.0} for step in range(1, 1001)]
    runs = [replace(finished(seed=seed), history=history(step=1000, rows=rows)) for seed in range(40)]
    lines = traces(figures.curves(part(*runs), "history", {"critic_loss": "solid"}))
    assert sum(len(line.x) for line in lines) <= figures.MAX_TOTAL
    assert all(line.x[-1] == 1000 for line in lines)
    assert traces(figures.curves(part(*runs), "curve", {"modes": "solid"}))[0].mode == "lines"
    assert traces(figures.curves(part(*runs[:2]), "curve", {"modes": "solid"}))[0].mode == "lines+markers"


def completed(method: str, seed: int, psnr: float) -> RunResult:
    """A run that completed three images of which a quarter was hidden."""
    scores: Any = {"psnr_25": psnr, "ssim_25": 0.5, "occluded_psnr_25": 19.18, "occluded_ssim_25": 0.64}
    shown = torch.full((9, 3, 8, 8), 50, dtype=torch.uint8)
    rows = ["original", "25 % hidden", "25 % completed"]
    run = of_images(method, seed, **scores, contextual_25=12.34, perceptual_25=-0.5)
    return with_panels(run, Images("Inpainting", "a note", "", shown, 3, rows))


def test_scores_by_a_share_stand_in_tables_of_their_own_by_measure():
    runs = [completed("gogan", 0, 20.0), completed("gogan", 1, 21.0), completed("wgan", 0, 18.5), diverged("vanilla")]
    (psnr, shares, rows), (_, _, ssim), (_, _, contextual), _ = sections._tables(part(*runs))
    assert psnr.better == "higher" and shares == ["25"]
    # 20 and 21 have a standard deviation of 0.71.
    assert rows == {"occluded": ["19.18"], "gogan": ["20.50 ± 0.71"], "wgan": ["18.50"], "vanilla": ["–"]}
    assert ssim["occluded"] == ["0.6400"] and "occluded" not in contextual


def test_inpainting_is_shown_and_its_scores_are_left_out_of_the_table_of_all_runs():
    page = Page(report.render(study_of_images(completed("gogan", 0, 20.0))))
    assert "Inpainting" in page.text and "25 % completed" in page.text
    assert "psnr" not in page.text.replace("\u200b", "")
    assert "psnr_25" in tables.runs(study_of_images(completed("gogan", 0, 20.0))).columns
    assert "Inpainting" not in Page(report.render(study_of_images(of_images()))).text


def diagnosed(**scores: Any) -> RunResult:
    """A run with four panels under one heading."""
    shown = torch.full((48, 3, 8, 8), 7, dtype=torch.uint8)
    panels = [Images("Nearest neighbours", "a note", f"Caption {i}", shown, 6) for i in range(4)]
    return with_panels(of_images(**scores), *panels)


def test_several_panels_of_a_run_stand_under_its_name_and_copies_are_warned_of():
    honest = Page(report.render(study_of_images(diagnosed(memorised_pixels=0.012, memorised_features=0.09))))
    assert honest.text.count("Nearest neighbours") == 1
    assert all(f"Caption {i}" in honest.text for i in range(4))
    assert "of its samples are like copies" not in honest.text
    copying = report.render(study_of_images(diagnosed(memorised_pixels=0.35, memorised_features=0.09)))
    assert "relation_gan, seed 0: 35% of its samples are like copies of training images, by their pixels" in copying


def test_places_without_an_image_are_grey():
    shown = np.full((12, 1, 8, 8), 200, np.uint8)
    uri = figures.data_uri(shown, 4, missing=[5, 6, 7, 8, 9, 10, 11])
    grid = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    # Three rows and four columns of 8 pixels and a border of one around each.
    assert grid.shape == (3 * 9 + 1, 4 * 9 + 1, 3)
    for row, found in enumerate([4, 1, 0]):
        centres = grid[row * 9 + 4, 4::9, 0]
        assert centres.tolist() == [200] * found + [drawing.BORDER] * (4 - found)


def test_rows_of_a_panel_have_their_labels_and_real_data_stands_first():
    def by_class(shares: str, caption: str = "") -> Images:
        rows = [f"class {n} {share}%" for n, share in enumerate(shares.split())]
        return Images("By class", "a note", caption, torch.zeros(6, 1, 8, 8, dtype=torch.uint8), 2, rows)

    source = study(with_panels(finished(), by_class("75.0 25.0 0.0")), diverged())
    of = source.datasets["digits"]
    source = with_data(source, panels=[*of.panels, by_class("25.0 25.0 50.0", "Real images, held out")])
    page = Page(report.render(source))
    text = page.text[page.text.index("By class") :]
    places = [text.index(what) for what in ("Real images, held out", "class 2 50.0%", "class 0 75.0%", "class 2 0.0%")]
    assert places == sorted(places)
    alts = [image["alt"] for image in page.all("img") if image["alt"].startswith("By class")]
    assert alts == ["By class, real data", "By class, relation_gan"]  # none of the diverged run
    assert "is right on 97.8% of real images." in page.text
    assert "By class" not in Page(report.render(study(finished()))).text


def test_a_panel_that_no_report_draws_is_an_error():
    class Other(Panel):
        pass

    with pytest.raises(TypeError, match="no report draws a Other; add it to"):
        report.render(study(with_panels(finished(), Other("Heading", "", ""))))


def held_against(*extra: RunResult) -> StudyResult:
    """A study of an experiment with claims, published figures and a sweep."""
    claim = {"study": "s", "experiment": "T", "says": "<b>a</b> is best (Table 1).", "tested_on": ["digits"]}
    claims = {
        "T-1": {**claim, "best": {"methods": ["a"], "rivals": ["b"], "by": "fid"}},
        "T-2": {**claim, "best": {"methods": ["b"], "rivals": ["a"], "by": "fid"}},
        "T-3": {**claim, "tested_on": ["cifar10"], "best": {"methods": ["a"], "rivals": ["b"], "by": "fid"}},
    }
    notes = [("a", 9.5, ""), ("b", 19.0, "doubtful: a misprint"), ("elsewhere", 3.0, "")]
    published = [
        PublishedValue("T", "digits", method, "fid", value, 0.5, "standard", note) for method, value, note in notes
    ]
    runs = [*helpers.seeds("a", 10.0, 11.0, 12.0), *helpers.seeds("b", 20.0, 21.1, 22.0), *extra]
    sweep = Sweep("m", "loss.weight", {"a": 1.0, "b": 2.0, "c": 3.0})
    return helpers.study(runs, "reduced", claims=claims, published=published, sweeps=[sweep])


def test_the_page_begins_with_verdicts_and_the_rules_they_follow():
    page = Page(report.render(held_against()))
    assert [of["class"] for of in page.all("li") if of.get("class")] == ["good", "bad", "open"]
    assert (
        "3 claims of the paper: 1 reproduced, 1 not reproduced, 1 not testable at this budget (reduced)." in page.text
    )
    assert "<b>a</b> is best" in page.text and page.all("b") == []
    assert "An indication, no verdict: On digits, by FID: it holds: a is better than b by 10.03" in page.text
    assert "is reproduced if A is better than each with corrected p < 0.05" in page.text.replace("\n", " ")
    headings = [name for name in ("Does it reproduce?", "Published and ours", "Against the main", "Over a parameter")]
    places = [page.text.rindex(heading) for heading in [*headings, "Real and generated", "Where this comes from"]]
    assert places == sorted(places)
    led = {of["href"].removeprefix("#") for of in page.all("a")}
    assert {"verdicts", "provenance"} <= led <= {of.get("id") for _, of in page.elements}


def test_the_page_sets_the_published_and_ours():
    cells = [cell for table, _, cell in Page(report.render(held_against())).cells if table == "runs published"]
    # Published, ours, interval (t is 4.30, the error 1 / sqrt(3)), seeds, difference.
    assert [cell.strip() for cell in cells[:5]] == ["9.50 ± 0.50", "11.00 ± 1.00", "[8.52, 13.48]", "3", "+1.50"]
    page = Page(report.render(held_against()))
    assert "doubtful: a misprint" in page.text and {"class": "few", "title": "doubtful: a misprint"} in page.all("sup")


def test_the_page_compares_with_the_main_method():
    cells = [
        (kind, cell) for table, kind, cell in Page(report.render(held_against())).cells if table == "runs compared"
    ]
    texts = [cell.strip() for _, cell in cells if cell.strip()]
    assert texts[:4] == ["11.00 ± 1.00", "[8.52, 13.48]", "3", "1.0"]
    assert texts[4:] == ["21.03 ± 1.00", "[18.55, 23.52]", "3", "+10.03", "[9.89, 10.18]", "< 0.001", "2.0"]
    assert ("best", "11.00 ± 1.00") in cells and ("best", "< 0.001") in cells


def test_what_did_not_finish_is_counted_next_to_the_mean():
    source = report.render(held_against(*helpers.seeds("c", 30.0, 31.0, None)))
    assert [cell for table, kind, cell in Page(source).cells if kind == "few"][:2] == ["2 of 3", "2 of 3"]


def test_a_sweep_is_drawn_with_its_deviations_and_a_cross_where_nothing_finished():
    of = held_against(*helpers.seeds("c", None, None, None))
    (curve,) = comparison.swept(of)
    line, gone = traces(figures.sweep(curve, {"m": "#000000"}))
    assert (list(line.x), list(line.y)) == ([1.0, 2.0], [11.0, pytest.approx(63.1 / 3)])
    assert list(line.error_y.array) == pytest.approx([1.0, np.std([20, 21.1, 22], ddof=1)])
    assert (list(gone.x), gone.marker.symbol) == ([3.0], "x")
    page = Page(report.render(of))
    assert "T: Table, digits: loss.weight" in page.text
    assert [of["id"] for of in page.all("div") if str(of.get("id", "")).startswith("sweep")] == ["sweep-0-0"]


def test_the_foot_leads_from_each_run_to_what_made_it():
    of = held_against()
    runs = [replace(run, configuration="c" * 64, mlflow_run="7f") for run in of.runs[:1]] + of.runs[1:]
    cells = [cell for table, _, cell in Page(report.render(replace(of, runs=runs))).cells if table == "runs lineage"]
    assert [cell for cell in cells if cell.strip()][:5] == ["a", "digits", "0", "finished", "60"]
    source = report.render(replace(of, runs=runs))
    assert f'<code title="{"c" * 64}">{"c" * 12}</code>' in source and "<code>7f</code>" in source
    assert source.count("<code>–</code>") == len(runs) - 1  # of those that were not tracked


def test_the_summary_ends_with_the_verdicts():
    lines = report.summary(held_against()).splitlines()
    assert lines[-4].startswith("3 claims of the paper: 1 reproduced, 1 not reproduced")
    assert [line[:7] for line in lines[-3:]] == ["  ✓ T-1", "  ✗ T-2", "  ? T-3"]
    assert max(map(len, lines)) <= 100
    assert "claim" not in report.summary(study(finished()))


def test_a_plain_study_has_no_verdicts_and_no_published_figures():
    text = Page(report.render(study(finished("a"), finished("b")))).text
    assert "Against the main method" in text
    for absent in ("Does it reproduce?", "Published and ours", "Over a parameter"):
        assert absent not in text
    assert "Against the main method" not in Page(report.render(study(finished("a")))).text
