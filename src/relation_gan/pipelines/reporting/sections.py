"""What the page shows of one data set: panels by their headings, films of the training, and headline scores."""

import math
import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from relation_gan.analysis.measures import COMPLETED, HEADLINE, MEASURES, number, scale_kid, spread
from relation_gan.analysis.results import Part, RunResult
from relation_gan.gan import drawing
from relation_gan.gan.scoring.panels import Counts, Density, Images, Landscape, Panel, Points
from relation_gan.pipelines.reporting import figures, plots

BARS = 100
"""Modes that are drawn as bars; more of them as a map."""
MANY = 6
"""More methods than this stand in rows instead of columns, and above small images."""


class Drawn(NamedTuple):
    """A figure of the page: an image, bars or a plot."""

    method: str
    """Empty for real data."""
    run: RunResult | None
    caption: str
    uri: str = ""
    rows: list[str] | None = None
    """The label of each row of the image."""
    bars: tuple[float, list[tuple[float, bool, str]]] | None = None
    plot: str = ""


class PanelSection(NamedTuple):
    """All panels of one heading."""

    heading: str
    note: str
    figures: list[Drawn]
    folded: bool
    """Whether a run has several of them, which stand under its name."""


def section(part: Part, columns: list[str], index: int) -> dict[str, Any]:
    """What the page shows of one data set.

    Args:
        columns: the scores that runs have.
        index: of the data set, which names its plots.
    """
    films, panels, drawn = _films(part), _panel_sections(part, index), plots.curves(part, index)
    many, points = len(part.by_method) > MANY, part.of_points
    return {
        "part": part,
        "image": "points" if points else "small" if part.real.shape[3] < 64 else "photograph",
        "many": many,
        "cards": [_card(name, part) for name in headline(part) or columns[:6]],
        "seeds": {method: _seeds(runs) for method, runs in part.by_method.items()},
        "width": _width(part) // (2 if many and not points else 1),
        "column": (180 if many else 236) if points else 233 if many else 420,
        "panels": panels,
        "tables": _tables(part),
        "films": films,
        "real": panels[0].figures[0].uri if panels and panels[0].figures[0].run is None else "",
        "steps": sorted({step for _, frames in films.values() for step, _ in frames}),
        "plots": drawn,
        "drawn": bool(drawn) or any(figure.plot for each in panels for figure in each.figures),
    }


def _panel_sections(part: Part, index: int) -> list[PanelSection]:
    """The headings in the order of their panels, those of real data first."""
    shown = [figures.shown_run(runs) for runs in part.by_method.values()]
    owners: list[tuple[RunResult | None, Panel]] = [(None, panel) for panel in part.data.panels]
    owners += [(run, panel) for run in shown for panel in run.panels]
    found = []
    for heading in dict.fromkeys(panel.heading for _, panel in owners):
        own = [owner for owner in owners if owner[1].heading == heading]
        methods = [run.method for run, _ in own if run]
        name = f"panel-{index}-{len(found)}"
        drawn = [_draw(run, panel, part, f"{name}-{i}") for i, (run, panel) in enumerate(own)]
        if heading == part.data.panels[0].heading:
            drawn += [Drawn(run.method, run, "") for run in shown if run.method not in methods]
        found.append(PanelSection(heading, own[0][1].note, drawn, len(methods) > len(set(methods))))
    return found


def _draw(run: RunResult | None, panel: Panel, part: Part, name: str) -> Drawn:
    method = run.method if run else ""
    colour = figures.colours(part.methods)[method] if run else figures.GREY
    scene, caption = (part.real, part.data.box, colour, figures.SIDE), panel.caption
    match panel:
        case Counts() if len(panel.counts) > BARS:
            missing = int((panel.counts == 0).sum())
            caption = f"{missing:,} of {len(panel.counts):,} modes missing"
            return Drawn(method, run, caption, plot=plots.as_html(figures.mode_map(panel), name))
        case Counts():
            return Drawn(method, run, caption, bars=figures.mode_bars(panel.counts.numpy()))
        case Images():
            uri = figures.data_uri(panel.images.numpy(), panel.columns, panel.missing)
            return Drawn(method, run, caption, uri, panel.rows or None)
        case Landscape():
            image = drawing.landscape(panel.heights.numpy(), panel.points.numpy(), *scene)
        case Density():
            image = drawing.density(panel.points.numpy(), *scene)
        case Points():
            image = drawing.cloud(panel.points.numpy(), *scene)
            if (share := drawing.outside(panel.points.numpy(), part.data.box)) >= 0.0005:
                caption = f"{caption} {share:.1%} lie outside the figure".strip()
        case _:
            raise TypeError(f"no report draws a {type(panel).__name__}; add it to pipelines/reporting/sections.py")
    return Drawn(method, run, caption, figures.point_uri(image))


def _tables(part: Part) -> list[tuple[Any, list[str], dict[str, list[str]]]]:
    """(measure, shares, cells of each row) of the scores that depend on a share, such as that which is hidden."""
    found = []
    for name, measure in COMPLETED.items():
        names = {of for run in part.runs for of in run.scores if of.startswith(f"{name}_") and of != f"{name}_std"}
        shares = sorted((of.removeprefix(f"{name}_") for of in names), key=int)
        if shares:
            rows = {method: _by_share(finished(runs), name, shares) for method, runs in part.by_method.items()}
            occluded = _by_share(part.runs[:1], f"occluded_{name}", shares)
            rows = rows if set(occluded) == {"–"} else {"occluded": occluded, **rows}
            found.append((measure, shares, rows))
    return found


def _by_share(runs: list[RunResult], prefix: str, shares: list[str]) -> list[str]:
    names = [f"{prefix}_{share}" for share in shares]
    return [spread(name, values(runs, name)) for name in names]


def headline(part: Part) -> list[str]:
    """The scores that a data set is summed up by."""
    return [name for name in HEADLINE if values(part.runs, name)]


def finished(runs: list[RunResult]) -> list[RunResult]:
    """Those of the runs that did."""
    return [run for run in runs if run.finished]


def values(runs: Iterable[RunResult], name: str) -> list[float]:
    """A score of each run that has it."""
    return [run.shown[name] for run in runs if name in run.shown]


def _seeds(runs: list[RunResult]) -> str:
    n = len(finished(runs))
    if len(runs) == 1:
        return f"seed {runs[0].seed}" if n else runs[0].history.status
    return f"{len(runs)} seeds" if n == len(runs) else f"{n} of {len(runs)} seeds finished"


def _card(name: str, part: Part) -> dict[str, Any]:
    """A row of the headline: a score of real data (under no name) and of each method's finished runs; the best ones."""
    of = {method: values(finished(runs), name) for method, runs in part.by_method.items()}
    means = {method: statistics.mean(found) for method, found in of.items() if found}
    measure = MEASURES.get(name)
    pick = {"higher": max, "lower": min}.get(measure.better) if measure else None
    best = pick(means.values()) if pick and len(set(means.values())) > 1 else None
    real = number(name, scale_kid(part.data.reference).get(name, math.nan))
    return {
        "label": measure.label if measure else name,
        "better": measure.better if measure else "",
        "texts": {"": real, **{method: spread(name, found) for method, found in of.items()}},
        "best": [method for method, mean in means.items() if mean == best],
    }


def _width(part: Part) -> int:
    """Pixels of a figure: of images, a whole multiple of the grid's own width, so that small ones stay even."""
    if part.of_points:
        return figures.SIDE
    width = figures.preview(part.real).shape[1]
    return width * max(1, round(480 / width))


def _films(part: Part) -> dict[str, tuple[RunResult, list[tuple[int, str]]]]:
    """What fixed inputs gave over training, of each method."""
    side = figures.SIDE if len(part.by_method) <= MANY else figures.SMALL_SIDE
    palette = figures.colours(part.methods)
    films = {}
    for method, runs in part.by_method.items():
        run = figures.shown_run(runs)
        if len(run.grids):
            frames = zip(run.grid_steps, run.grids, strict=True)
            films[method] = (run, [(step, _frame(part, grid, palette[method], side)) for step, grid in frames])
    return films


def _frame(part: Part, samples: np.ndarray, colour: str, side: int) -> str:
    if not part.of_points:
        return figures.data_uri(samples)
    return figures.point_uri(drawing.cloud(samples, part.real, part.data.box, colour, side))
