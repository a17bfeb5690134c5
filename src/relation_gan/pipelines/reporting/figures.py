"""Pictures of a study: samples, curves over training, and how evenly the modes are covered."""

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from relation_gan.analysis.comparison import Swept
from relation_gan.analysis.measures import measure
from relation_gan.analysis.results import Part, RunResult, StudyResult
from relation_gan.gan import drawing
from relation_gan.gan.drawing import image_grid
from relation_gan.gan.scoring.panels import Counts

# Okabe and Ito's colours without black and yellow, which vanish on a dark and on a light page, and two more.
PALETTE = ("#0a7bc2", "#e08e00", "#009e73", "#cc6fa3", "#d55e00", "#4fb0e8", "#8f7ad1", "#96952f")
GREY = drawing.GREY
MAX_POINTS, MAX_TOTAL = 1000, 20_000
"""Points of one line, and, where they are many, of all lines of a figure."""
MARKED = 30
"""Up to so many runs, the points of score curves are marked."""
SIDE, SMALL_SIDE = 320, 240
"""Pixels along each side of a picture of points, and of the many frames of many films."""


def by_method(part: Part) -> dict[str, list[RunResult]]:
    """The runs of each method, in the study's order."""
    groups: dict[str, list[RunResult]] = {}
    for run in part.runs:
        groups.setdefault(run.method, []).append(run)
    return groups


def colours(methods: Iterable[str]) -> dict[str, str]:
    """One colour a method: the palette, then darker, then lighter; they repeat after 24."""

    def shade(i: int) -> str:
        colour, (towards, amount) = PALETTE[i % 8], (("#000000", 0), ("#000000", 0.3), ("#ffffff", 0.4))[i // 8 % 3]
        mixed = zip(ImageColor.getrgb(colour), ImageColor.getrgb(towards), strict=True)
        return "#" + "".join(f"{round(a + amount * (b - a)):02x}" for a, b in mixed)

    return {method: shade(i) for i, method in enumerate(methods)}


def shown_run(runs: list[RunResult]) -> RunResult:
    """The first seed that has samples, or else the first."""
    return next((run for run in runs if len(run.samples)), runs[0])


def png_bytes(array: np.ndarray) -> bytes:
    """A PNG file of uint8 (H, W, 3)."""
    return _encode(array, "PNG")


def preview(images: np.ndarray) -> np.ndarray:
    """A grid of the first 64 images (n, C, H, W), or of the first 16 if they are large."""
    return image_grid(images[:64], 8) if images.shape[-1] <= 64 else image_grid(images[:16], 4)


def data_uri(images: np.ndarray, columns: int = 0, missing: Sequence[int] = ()) -> str:
    """Images for a page, in rows of `columns`, or their preview: exact for small ones, compressed for photographs.

    Args:
        missing: places that hold no image, and are grey.
    """
    photographs = images.shape[-1] >= 64
    if missing:
        images = images.copy()
        images[list(missing)] = drawing.BORDER
    grid = image_grid(images, columns) if columns else preview(images)
    kind = "jpeg" if photographs else "png"
    data = _encode(grid, "JPEG", quality=90, subsampling=0) if photographs else png_bytes(grid)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def point_uri(picture: Image.Image) -> str:
    """A picture of points for a page."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _encode(array: np.ndarray, format: str, **options: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, format, **options)
    return file.getvalue()


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
    panels = [("real", part.real)]
    for method, runs in by_method(part).items():
        run = shown_run(runs)
        panels.append((f"{method}, seed {run.seed}", run.samples if len(run.samples) else part.real[:0]))
    blank = np.full((64, *part.real.shape[1:]), 255, np.uint8)
    height, width, _ = preview(blank).shape
    # The panels are placed by the pixel, for any other scale than a whole one would make the small images uneven.
    scale = max(1, round(480 / width))
    shown = [
        (f"{part.dataset}: {title}" if named else title, preview(of).repeat(scale, 0).repeat(scale, 1))
        for title, of in panels
    ]
    return _sheet(shown, (height * scale, width * scale), columns=min(len(panels), 4), gap=24, head=44, size=15)


def _point_panels(parts: list[Part]) -> np.ndarray:
    """Clouds and heat maps of each data set, a column a method, or, where methods are many, a row."""
    palette = {"real": GREY, **colours(parts[0].methods)}
    across = len(palette) <= 7
    side = SIDE if across else SMALL_SIDE
    blocks: list[list[tuple[str, np.ndarray]]] = []
    for method, colour in palette.items():
        block: list[tuple[str, np.ndarray]] = []
        for part in parts:
            runs = by_method(part).get(method)
            run = shown_run(runs) if runs else None
            samples = part.real if method == "real" else run.samples if run and len(run.samples) else part.real[:0]
            name = f"{method}, seed {run.seed}" if run else method
            for title, draw in ((name, drawing.cloud), ("", drawing.density)):
                picture = drawing.on_white(draw(samples, part.real, part.box, colour, side))
                named = f"{part.dataset}: {title}" if title and len(parts) > 1 else title
                block.append((named, picture if len(samples) else picture[:, :0]))
        blocks.append(block)
    if across:
        panels, columns = [panel for row in zip(*blocks, strict=True) for panel in row], len(blocks)
    else:
        panels, columns = [panel for block in blocks for panel in block], len(blocks[0]) * max(1, 3 // len(parts))
    return _sheet(panels, (side, side), columns=columns, gap=16, head=30, size=11)


def _sheet(
    panels: list[tuple[str, np.ndarray]], shape: tuple[int, int], columns: int, gap: int, head: int, size: int
) -> np.ndarray:
    """Titled pictures, uint8 (h, w, 3) with w the shape's, in rows on white."""
    height, width = shape
    rows, dpi = math.ceil(len(panels) / columns), 100
    total = (columns * (width + gap) + gap, rows * (height + head) + gap)
    figure = Figure(figsize=(total[0] / dpi, total[1] / dpi), dpi=dpi, facecolor="white")
    for i, (title, picture) in enumerate(panels):
        left, top = gap + i % columns * (width + gap), head + i // columns * (height + head)
        axes = figure.add_axes((left / total[0], 1 - (top + height) / total[1], width / total[0], height / total[1]))
        axes.set_axis_off()
        axes.set_title(title, fontsize=size, loc="left", pad=6, parse_math=False)
        if picture.shape[1] == width:
            axes.imshow(picture, interpolation="none", extent=(0, width, picture.shape[0], 0), aspect="auto")
            axes.set(xlim=(0, width), ylim=(height, 0))
        else:
            axes.text(0.5, 0.5, "no samples", fontsize=size, ha="center", va="center", color="grey")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def curves(
    part: Part,
    of: Literal["history", "curve"],
    dashes: Mapping[str, str],
    log: bool = False,
    real: float | None = None,
) -> go.Figure:
    """Columns of the logged rows, or of the scores over training, against the step.

    A cross ends the line of a run that diverged.

    Args:
        dashes: the columns to draw, and the dash of each one's line.
        real: what real data scores, drawn as a dotted line.

    Returns:
        A figure without traces if no run has any of the columns.
    """
    figure = _figure()
    palette = colours(part.methods)
    limit = max(20, min(MAX_POINTS, MAX_TOTAL // max(1, len(part.runs) * len(dashes))))
    # Marks of very many lines hide the lines, and take a browser long.
    marked, last = of == "curve" and len(part.runs) <= MARKED, 0
    for method, runs in by_method(part).items():
        for run in runs:
            every = run.curve if of == "curve" else run.history.rows
            for column, dash in dashes.items():
                rows = [row for row in every if column in row]
                # Thinned from the end, so that the last row stays.
                rows = rows[:: -math.ceil(len(rows) / limit)][::-1] if rows else []
                if not rows:
                    continue
                last = max(last, rows[-1]["step"])
                dot, ended = 5 if marked else 0, run.history.status == "diverged"
                sizes, symbols = [dot] * len(rows), ["circle"] * len(rows)
                if ended:
                    sizes[-1], symbols[-1] = 10, "x"
                figure.add_scatter(
                    x=np.array([row["step"] for row in rows]),
                    y=np.array([row[column] for row in rows]),
                    mode="lines+markers" if dot or ended else "lines",
                    line={"color": palette[method], "dash": dash, "width": 2 if of == "curve" else 1.4},
                    marker={"size": sizes, "symbol": symbols, "line": {"width": 0}} if dot or ended else None,
                    legendgroup=method,
                    name=html.escape(f"{method}, seed {run.seed}"),
                    hovertemplate=f"%{{fullData.name}}<br>{html.escape(column)} %{{y:.4~g}} at step %{{x:,}}"
                    "<extra></extra>",
                )
    if last and real is not None:
        figure.add_scatter(
            x=[0, last],
            y=[real, real],
            mode="lines+text",
            text=["", "real data"],
            textposition="top left",
            line={"color": GREY, "dash": "dot", "width": 1.5},
            hovertemplate=f"real data: {real:.4g}<extra></extra>",
        )
    figure.update_xaxes(title_text="step", range=[0, 1.06 * last], tickformat=",")
    if log:
        # Plotly labels the 2 and the 5 between decades without their power of ten.
        figure.update_yaxes(type="log", tickvals=[k * 10.0**n for n in range(-4, 12) for k in (1, 2, 5)])
    return figure


def sweep(of: Swept, palette: Mapping[str, str]) -> go.Figure:
    """A measure over a parameter: means with standard deviations, and a cross on top where no run finished."""
    figure = _figure()
    known = measure(of.measure)
    factor = known.factor if known else 1
    for method, line in of.lines.items():
        there = [(value, summary) for value, summary in line if summary.n]
        spreads = [0 if math.isnan(summary.deviation) else factor * summary.deviation for _, summary in there]
        figure.add_scatter(
            x=[value for value, _ in there],
            y=[factor * summary.mean for _, summary in there],
            error_y={"array": spreads, "thickness": 1.4, "width": 5},
            mode="lines+markers",
            line={"color": palette[method], "width": 2},
            marker={"size": 7},
            text=[f"{summary.n} of {summary.runs} seeds" for _, summary in there],
            name=html.escape(method),
            hovertemplate="%{fullData.name}<br>%{y:.4~g} at %{x}, %{text}<extra></extra>",
        )
        if gone := [value for value, summary in line if not summary.n]:
            figure.add_scatter(
                x=gone,
                y=[1] * len(gone),
                yaxis="y2",
                mode="markers",
                marker={"symbol": "x", "size": 10, "color": palette[method]},
                name=html.escape(method),
                hovertemplate="%{fullData.name}<br>no run finished at %{x}<extra></extra>",
            )
    figure.update_xaxes(title_text=html.escape(of.over), tickformat="~g")
    if of.logarithmic:
        figure.update_xaxes(type="log", tickvals=sorted({value for line in of.lines.values() for value, _ in line}))
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1.05], "visible": False, "fixedrange": True})
    return figure


def mode_map(panel: Counts) -> go.Figure:
    """Samples in each mode against an even share, in factors of two; missing modes in a colour of their own.

    A thousand modes of three digits are ten maps, one a red digit, with green digits as rows, blue ones as columns.
    """
    counts = panel.counts.numpy()
    modes = np.arange(len(counts))
    digits = panel.base == 10 and len(counts) == 1000
    if digits:
        red, green, blue = modes // 100, modes // 10 % 10, modes % 10
        row, column = red // 5 * 12 + green, red % 5 * 11 + blue
        names = [f"red {r}, green {g}, blue {b}" for r, g, b in zip(red, green, blue, strict=True)]
    else:
        row, column = np.divmod(modes, math.ceil(math.sqrt(len(counts))))
        names = [f"mode {mode}" for mode in modes]
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    share, missing, text = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, "", object)
    even = counts.sum() / len(counts)
    found = counts > 0
    share[row[found], column[found]] = np.log2(counts[found] / even)
    missing[row[~found], column[~found]] = 1
    text[row, column] = [f"{name}<br>{n:,} samples, {even:.3g} if even" for name, n in zip(names, counts, strict=True)]

    figure = _figure()
    cells = {"text": text, "hovertemplate": "%{text}<extra></extra>", "hoverongaps": False, "xgap": 1, "ygap": 1}
    figure.add_heatmap(
        z=share,
        zmin=-2,
        zmax=2,
        colorscale=["#e69f00", "#f3cf85", "#e4e4e2", "#7fb2dc", "#005a9c"],
        colorbar={
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "thickness": 10,
            "len": 0.8,
            "outlinewidth": 0,
            "tickvals": [-2, -1, 0, 1, 2],
            "ticktext": ["¼ or less", "½", "even", "2×", "4× or more"],
        },
        **cells,
    )
    figure.add_heatmap(z=missing, colorscale=["#b3005e", "#b3005e"], showscale=False, **cells)
    if digits:
        for digit in range(10):
            position = {"x": digit % 5 * 11 + 4.5, "y": digit // 5 * 12 - 0.6}
            figure.add_annotation(text=f"red {digit}", showarrow=False, yanchor="bottom", font_size=11, **position)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain", constraintoward="top")
    figure.update_layout(margin={"l": 0, "r": 0, "t": 18, "b": 40}, height=265, dragmode=False)
    return figure


def mode_bars(counts: np.ndarray) -> tuple[float, list[tuple[float, bool, str]]]:
    """Few modes as bars: the height of an even share, then of each mode its height, whether it is missing, a text.

    Heights are fractions of the highest bar, or of twice an even share.
    """
    even = counts.mean()
    top = max(2 * even, counts.max())
    texts = [f"mode {mode}: {n:,} samples, {even:.3g} if even" for mode, n in enumerate(counts)]
    return float(even / top), [(float(n / top), bool(n == 0), text) for n, text in zip(counts, texts, strict=True)]


def mode_ranks(part: Part) -> go.Figure:
    """Each run's samples a mode against an even share, from its most to its least frequent mode.

    A line ends where the modes are missing. The dotted line is what even sampling of as many samples gives.
    """
    figure = _figure()
    palette = colours(part.methods)
    counts = np.zeros(0)
    for method, runs in by_method(part).items():
        for run in runs:
            if not run.mode_counts.sum():
                continue
            counts = run.mode_counts
            _add_ranks(figure, counts, html.escape(f"{method}, seed {run.seed}"), palette[method], "solid", method)
    if figure.data:
        even = np.random.default_rng(0).multinomial(int(counts.sum()), np.full(len(counts), 1 / len(counts)))
        _add_ranks(figure, even, "even sampling", GREY, "dot")
    ticks = {
        "1/20": 0.05,
        "1/10": 0.1,
        "¼": 0.25,
        "½": 0.5,
        "even": 1,
        "2×": 2,
        "4×": 4,
        "10×": 10,
        "30×": 30,
        "100×": 100,
    }
    figure.update_xaxes(title_text="modes, from the most to the least frequent", rangemode="tozero")
    figure.update_yaxes(type="log", tickvals=list(ticks.values()), ticktext=list(ticks))
    return figure


def _add_ranks(figure: go.Figure, counts: np.ndarray, name: str, colour: str, dash: str, group: str = "") -> None:
    found = np.sort(counts[counts > 0])[::-1]
    figure.add_scatter(
        x=np.arange(1, len(found) + 1),
        y=found * len(counts) / counts.sum(),
        line={"color": colour, "dash": dash, "width": 2},
        legendgroup=group,
        name=name,
        hovertemplate="%{fullData.name}<br>mode of rank %{x}: %{y:.3~g} times an even share<extra></extra>",
    )


def _figure() -> go.Figure:
    # The page colours text and lines for light and dark; what is set here is legible on both.
    axis = {
        "gridcolor": "rgba(128,128,128,.25)",
        "zeroline": False,
        "automargin": True,
        "title": {"font": {"size": 13}},
    }
    return go.Figure(
        layout={
            "template": "none",
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": GREY},
            "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": "#1c1d1f"}, "bordercolor": GREY, "align": "left"},
            "hovermode": "closest",
            "showlegend": False,
            "margin": {"l": 44, "r": 8, "t": 8, "b": 44},
            "height": 320,
            "xaxis": axis,
            "yaxis": axis | {"tickformat": ",~g"},
        }
    )
