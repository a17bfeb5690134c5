"""The figures of a study as image files on white: the sheet of samples, and for papers curves, sweeps and samples."""

import math
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from relation_gan.analysis.comparison import Swept, swept
from relation_gan.analysis.measures import label, measure, scale_kid
from relation_gan.analysis.results import Part, RunResult, StudyResult
from relation_gan.gan import drawing
from relation_gan.pipelines.reporting.figures import GREY, SIDE, SMALL_SIDE, colours, preview, shown_run

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
        for method, runs in part.by_method.items():
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
    for method, runs in part.by_method.items():
        done = [run for run in runs if run.finished]
        named = method if len(done) == len(runs) else f"{method} ({len(done)} of {len(runs)} finished)"
        rows = [scale_kid(row) for run in done for row in run.curve]
        scores = pd.DataFrame(rows, columns=["step", name], dtype=float).dropna()
        if scores.empty and done:
            continue
        means, spreads = (measure(name).factor * scores.groupby("step")[name].agg(of) for of in ("mean", "std"))
        low, high = means - spreads.fillna(0), means + spreads.fillna(0)
        axes.plot(means.index, means, color=palette[method], label=named, linewidth=1.6)
        axes.fill_between(means.index, low, high, color=palette[method], alpha=0.18, linewidth=0)
    if measure(name).logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    axes.set(xlabel="step", ylabel=fill(label(name), 30))
    return _drawn_with_legend(figure, axes)


def sweep(of: Swept) -> np.ndarray:
    """A score over a parameter, with the deviation over seeds."""
    figure, axes = _axes()
    factor = measure(of.measure).factor
    for method, colour in colours(of.lines).items():
        values, summaries, lost = of.points(method)
        means = [factor * summary.mean for summary in summaries]
        spreads = [factor * np.nan_to_num(summary.deviation) for summary in summaries]
        axes.errorbar(values, means, spreads, color=colour, label=method, marker="o", capsize=3)
        for value in lost:
            axes.axvline(value, color=colour, linestyle=":", label=f"{method}: none finished")
    if of.logarithmic:
        axes.set_xscale("log")
    axes.set(xlabel=of.over, ylabel=fill(label(of.measure), 30))
    return _drawn_with_legend(figure, axes)


def _samples(part: Part, samples: np.ndarray, colour: str) -> np.ndarray:
    """Images at twice their size where they are small; points as a cloud over real ones."""
    if part.of_points:
        return drawing.on_white(drawing.cloud(samples, part.real, part.data.box, colour, 2 * SIDE))
    return _scaled(preview(samples), 2 if samples.shape[-1] < 64 else 1)


def _scaled(image: np.ndarray, times: int) -> np.ndarray:
    return image.repeat(times, 0).repeat(times, 1)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 3.2), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _drawn_with_legend(figure: Figure, axes: Axes) -> np.ndarray:
    handles, names = axes.get_legend_handles_labels()
    figure.set_figheight(max(3.2, 0.17 * len(names) + 0.4))
    legend = axes.legend(handles, names, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return _drawn(figure)


def _drawn(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def samples_figure(study: StudyResult) -> np.ndarray:
    """Real data, then samples of each method, as titled panels: uint8 (H, W, 3).

    Of points, a cloud and a heat map on each data set; up to six methods stand side by side.
    """
    images, points = ([part for part in study.parts if part.of_points is kind] for kind in (False, True))
    sheets = [_image_panels(part, len(study.parts) > 1) for part in images]
    if points:
        sheets.append(_point_panels(points))
    width = max(sheet.shape[1] for sheet in sheets)
    white = [np.pad(s, ((0, 0), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in sheets]
    return np.concatenate(white)


def _image_panels(part: Part, named: bool) -> np.ndarray:
    shown = {"real": part.real}
    for run in map(shown_run, part.by_method.values()):
        shown[f"{run.method}, seed {run.seed}"] = _samples_or_none(part, run)
    blank = np.full((64, *part.real.shape[1:]), 255, np.uint8)
    height, width, _ = preview(blank).shape
    # The panels are placed by the pixel, for any other scale than a whole one would make the small images uneven.
    scale = max(1, round(480 / width))
    panels = [
        (
            f"{part.dataset}: {title}" if named else title,
            _scaled(preview(samples), scale) if len(samples) else np.empty((0, 0, 3), np.uint8),
        )
        for title, samples in shown.items()
    ]
    return _sheet(panels, (height * scale, width * scale), columns=min(len(panels), 4), gap=24, head=44, size=15)


def _point_panels(parts: list[Part]) -> np.ndarray:
    """Clouds and heat maps of each data set, a column a method, or, where methods are many, a row."""
    palette = {"real": GREY, **colours(parts[0].methods)}
    across = len(palette) <= 7
    side = SIDE if across else SMALL_SIDE
    blocks: list[list[tuple[str, np.ndarray]]] = []
    for method, colour in palette.items():
        block: list[tuple[str, np.ndarray]] = []
        for part in parts:
            run = shown_run(part.by_method[method]) if method in part.by_method else None
            samples = part.real if method == "real" else _samples_or_none(part, run)
            name = f"{method}, seed {run.seed}" if run else method
            for title, draw in ((name, drawing.cloud), ("", drawing.density)):
                image = drawing.on_white(draw(samples, part.real, part.data.box, colour, side))
                named = f"{part.dataset}: {title}" if title and len(parts) > 1 else title
                block.append((named, image if len(samples) else image[:, :0]))
        blocks.append(block)
    if across:
        panels, columns = [panel for row in zip(*blocks, strict=True) for panel in row], len(blocks)
    else:
        panels, columns = [panel for block in blocks for panel in block], len(blocks[0]) * max(1, 3 // len(parts))
    return _sheet(panels, (side, side), columns=columns, gap=16, head=30, size=11)


def _samples_or_none(part: Part, run: RunResult | None) -> np.ndarray:
    return run.samples if run and len(run.samples) else part.real[:0]


def _sheet(
    panels: list[tuple[str, np.ndarray]], shape: tuple[int, int], columns: int, gap: int, head: int, size: int
) -> np.ndarray:
    """Titled images, uint8 (h, w, 3) with w the shape's, in rows on white."""
    height, width = shape
    rows, dpi = math.ceil(len(panels) / columns), 100
    total = (columns * (width + gap) + gap, rows * (height + head) + gap)
    figure = Figure(figsize=(total[0] / dpi, total[1] / dpi), dpi=dpi, facecolor="white")
    for i, (title, image) in enumerate(panels):
        left, top = gap + i % columns * (width + gap), head + i // columns * (height + head)
        axes = figure.add_axes((left / total[0], 1 - (top + height) / total[1], width / total[0], height / total[1]))
        axes.set_axis_off()
        axes.set_title(title, fontsize=size, loc="left", pad=6, parse_math=False)
        if image.shape[1] == width:
            axes.imshow(image, interpolation="none", extent=(0, width, image.shape[0], 0), aspect="auto")
            axes.set(xlim=(0, width), ylim=(height, 0))
        else:
            axes.text(0.5, 0.5, "no samples", fontsize=size, ha="center", va="center", color="grey")
    return _drawn(figure)
