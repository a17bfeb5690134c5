"""The figures of a study for papers: curves, sweeps and samples, as images on white."""

import math
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from relation_gan.analysis.comparison import Swept, swept
from relation_gan.analysis.measures import label, logarithmic, measure, scale_kid
from relation_gan.analysis.results import Part, StudyResult
from relation_gan.gan import drawing
from relation_gan.pipelines.reporting.figures import GREY, SIDE, by_method, colours, preview, shown_run

DPI = 200


def figures(study: StudyResult) -> dict[str, np.ndarray]:
    """Images by the names of their files, uint8 (H, W, 3)."""
    made: dict[str, np.ndarray] = {}
    for part in study.parts:
        for name in dict.fromkeys(name for run in part.runs for row in run.curve for name in scale_kid(row)):
            if name != "step" and not name.startswith("raw_"):
                made[f"curve_{part.dataset}_{name}"] = curve(part, name)
        made[f"samples_{part.dataset}_real"] = _samples(part, part.real, GREY)
        palette = colours(part.methods)
        for method, runs in by_method(part).items():
            if len(samples := shown_run(runs).samples):
                made[f"samples_{part.dataset}_{method}"] = _samples(part, samples, palette[method])
    for of in swept(study):
        name = "_".join(filter(None, (of.experiment.name, of.dataset, of.over, of.measure)))
        made[f"sweep_{name}".replace(".", "_")] = sweep(of)
    return made


def curve(part: Part, name: str) -> np.ndarray:
    """A score over training: a line a method, the mean of its seeds that finished, in a band of one deviation."""
    figure, axes = _axes()
    palette = colours(part.methods)
    known = measure(name)
    factor = known.factor if known else 1
    for method, runs in by_method(part).items():
        n = sum(run.finished for run in runs)
        named = method if n == len(runs) else f"{method} ({n} of {len(runs)} finished)"
        points: dict[float, list[float]] = {}
        for run in runs:
            for row in run.curve if run.finished else ():
                if name in (shown := scale_kid(row)):
                    points.setdefault(row["step"], []).append(factor * shown[name])
        if not n:
            axes.plot([], [], color=palette[method], label=named)
        if not points:
            continue
        steps = sorted(points)
        means = np.array([np.mean(points[step]) for step in steps])
        spread = np.array([np.std(points[step], ddof=1) if len(points[step]) > 1 else 0.0 for step in steps])
        axes.plot(steps, means, color=palette[method], label=named, linewidth=1.6)
        axes.fill_between(steps, means - spread, means + spread, color=palette[method], alpha=0.18, linewidth=0)
    if logarithmic(name):
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    axes.set(xlabel="step", ylabel=fill(label(name), 30))
    return _drawn(figure, axes)


def sweep(of: Swept) -> np.ndarray:
    """A score over a parameter, with the deviation over seeds."""
    figure, axes = _axes()
    palette = colours(of.lines)
    known = measure(of.measure)
    factor = known.factor if known else 1
    for method, line in of.lines.items():
        there = [(value, summary) for value, summary in line if summary.n]
        spreads = [0 if math.isnan(summary.deviation) else factor * summary.deviation for _, summary in there]
        means = [factor * summary.mean for _, summary in there]
        axes.errorbar(
            [value for value, _ in there], means, spreads, color=palette[method], label=method, marker="o", capsize=3
        )
        for value, summary in line:
            if not summary.n:
                axes.axvline(value, color=palette[method], linestyle=":", label=f"{method}: none finished")
    if of.logarithmic:
        axes.set_xscale("log")
    axes.set(xlabel=of.over, ylabel=fill(label(of.measure), 30))
    return _drawn(figure, axes)


def _samples(part: Part, samples: np.ndarray, colour: str) -> np.ndarray:
    """Images at twice their size where they are small; points as a cloud over real ones."""
    if part.of_points:
        return drawing.on_white(drawing.cloud(samples, part.real, part.box, colour, 2 * SIDE))
    grid = preview(samples)
    scale = 2 if samples.shape[-1] < 64 else 1
    return grid.repeat(scale, 0).repeat(scale, 1)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 3.2), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _drawn(figure: Figure, axes: Axes) -> np.ndarray:
    handles, names = axes.get_legend_handles_labels()
    figure.set_figheight(max(3.2, 0.17 * len(names) + 0.4))
    legend = axes.legend(handles, names, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
