"""Figures of the page: images as data URIs, curves over training, and how evenly the modes are covered."""

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from PIL import Image, ImageColor

from relation_gan.analysis.comparison import Swept
from relation_gan.analysis.measures import measure
from relation_gan.analysis.results import Part, RunResult
from relation_gan.gan import drawing
from relation_gan.gan.drawing import image_grid
from relation_gan.gan.scoring.panels import Counts

# Okabe and Ito's colours without black and yellow, which vanish on a dark and on a light page, and two more.
PALETTE = ("#0a7bc2", "#e08e00", "#009e73", "#cc6fa3", "#d55e00", "#4fb0e8", "#8f7ad1", "#96952f")
GREY, MISSING = drawing.GREY, "#b3005e"
MAX_POINTS, MAX_TOTAL = 1000, 20_000
"""Points of one line, and, where they are many, of all lines of a figure."""
MARKED = 30
"""Up to so many runs, the points of score curves are marked."""
SIDE, SMALL_SIDE = 320, 240
"""Pixels along each side of an image of points, and of the many frames of many films."""


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
    return _encode(Image.fromarray(array), "PNG")


def preview(images: np.ndarray) -> np.ndarray:
    """A grid of the first 64 images (n, C, H, W), or of the first 16 if they are large."""
    return image_grid(images[:64], 8) if images.shape[-1] <= 64 else image_grid(images[:16], 4)


def data_uri(images: np.ndarray, columns: int = 0, missing: Sequence[int] = ()) -> str:
    """Images for a page, in rows of `columns`, or their preview: exact for small ones, compressed for photographs.

    Args:
        missing: places that hold no image, and are grey.
    """
    if missing:
        images = images.copy()
        images[list(missing)] = drawing.BORDER
    grid = Image.fromarray(image_grid(images, columns) if columns else preview(images))
    if images.shape[-1] < 64:
        return _uri("png", _encode(grid, "PNG"))
    return _uri("jpeg", _encode(grid, "JPEG", quality=90, subsampling=0))


def point_uri(image: Image.Image) -> str:
    """An image of points for a page."""
    return _uri("png", _encode(image, "PNG"))


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _encode(image: Image.Image, format: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def curves(
    part: Part,
    of: Literal["history", "curve"],
    dashes: Mapping[str, str],
    log: bool = False,
    real: float | None = None,
) -> go.Figure:
    """Columns of the logged rows, or of the scores over training, against the step; without traces if no run has any.

    A cross ends the line of a run that diverged.

    Args:
        dashes: the columns to draw, and the dash of each one's line.
        real: what real data scores, drawn as a dotted line.
    """
    figure, palette = blank(), colours(part.methods)
    limit = max(20, min(MAX_POINTS, MAX_TOTAL // max(1, len(part.runs) * len(dashes))))
    # Marks of very many lines hide the lines, and take a browser long.
    size = 5 if of == "curve" and len(part.runs) <= MARKED else 0
    last, hovered = 0, "%{fullData.name}<br>"
    for run in part.runs:
        for column, dash in dashes.items():
            rows = [row for row in (run.curve if of == "curve" else run.history.rows) if column in row]
            if not rows:
                continue
            # Thinned from the end, so that the last row stays.
            rows = rows[:: -math.ceil(len(rows) / limit)][::-1]
            last = max(last, rows[-1]["step"])
            figure.add_scatter(
                x=np.array([row["step"] for row in rows]),
                y=np.array([row[column] for row in rows]),
                line={"color": palette[run.method], "dash": dash, "width": 2 if of == "curve" else 1.4},
                **_markers(len(rows), size, run.history.status == "diverged"),
                legendgroup=run.method,
                name=html.escape(f"{run.method}, seed {run.seed}"),
                hovertemplate=f"{hovered}{html.escape(column)} %{{y:.4~g}} at step %{{x:,}}<extra></extra>",
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


def _markers(n: int, size: int, diverged: bool) -> dict[str, Any]:
    """How the n points of a line are marked."""
    if not size and not diverged:
        return {"mode": "lines"}
    sizes, symbols = [size] * n, ["circle"] * n
    if diverged:
        sizes[-1], symbols[-1] = 10, "x"
    return {"mode": "lines+markers", "marker": {"size": sizes, "symbol": symbols, "line": {"width": 0}}}


def sweep(of: Swept, palette: Mapping[str, str]) -> go.Figure:
    """A measure over a parameter: means with standard deviations, and a cross on top where no run finished."""
    figure, factor = blank(), measure(of.measure).factor
    for method in of.lines:
        values, summaries, lost = of.points(method)
        spreads = [factor * np.nan_to_num(summary.deviation) for summary in summaries]
        figure.add_scatter(
            x=values,
            y=[factor * summary.mean for summary in summaries],
            error_y={"array": spreads, "thickness": 1.4, "width": 5},
            mode="lines+markers",
            line={"color": palette[method], "width": 2},
            marker={"size": 7},
            text=[f"{summary.n} of {summary.runs} seeds" for summary in summaries],
            name=html.escape(method),
            hovertemplate="%{fullData.name}<br>%{y:.4~g} at %{x}, %{text}<extra></extra>",
        )
        if lost:
            figure.add_scatter(
                x=lost,
                y=[1] * len(lost),
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
    even, found = counts.mean(), counts > 0
    share[row[found], column[found]] = np.log2(counts[found] / even)
    missing[row[~found], column[~found]] = 1
    text[row, column] = [_against_even(name, n, even, "<br>") for name, n in zip(names, counts, strict=True)]

    figure = blank()
    cells = {"text": text, "hovertemplate": "%{text}<extra></extra>", "hoverongaps": False, "xgap": 1, "ygap": 1}
    scale = ["#e69f00", "#f3cf85", "#e4e4e2", "#7fb2dc", "#005a9c"]
    bar = {"orientation": "h", "y": -0.02, "yanchor": "top", "thickness": 10, "len": 0.8, "outlinewidth": 0}
    ticks = {"tickvals": [-2, -1, 0, 1, 2], "ticktext": ["¼ or less", "½", "even", "2×", "4× or more"]}
    figure.add_heatmap(z=share, zmin=-2, zmax=2, colorscale=scale, colorbar={**bar, **ticks}, **cells)
    figure.add_heatmap(z=missing, colorscale=[MISSING, MISSING], showscale=False, **cells)
    for digit in range(10) if digits else ():
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
    bars = [
        (float(n / top), bool(n == 0), _against_even(f"mode {mode}", n, even, ": ")) for mode, n in enumerate(counts)
    ]
    return float(even / top), bars


def _against_even(name: str, n: int, even: float, between: str) -> str:
    return f"{name}{between}{n:,} samples, {even:.3g} if even"


def mode_ranks(part: Part) -> go.Figure:
    """Each run's samples a mode against an even share, from its most to its least frequent mode.

    A line ends where the modes are missing. The dotted line is what even sampling of as many samples gives.
    """
    figure, palette = blank(), colours(part.methods)
    counts = np.zeros(0)
    for run in part.runs:
        if run.mode_counts.sum():
            counts = run.mode_counts
            name = html.escape(f"{run.method}, seed {run.seed}")
            _add_ranks(figure, counts, name, palette[run.method], "solid", run.method)
    if figure.data:
        even = np.random.default_rng(0).multinomial(int(counts.sum()), np.full(len(counts), 1 / len(counts)))
        _add_ranks(figure, even, "even sampling", GREY, "dot")
    values = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 10, 30, 100]
    texts = ["1/20", "1/10", "¼", "½", "even", "2×", "4×", "10×", "30×", "100×"]
    figure.update_xaxes(title_text="modes, from the most to the least frequent", rangemode="tozero")
    figure.update_yaxes(type="log", tickvals=values, ticktext=texts)
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


def blank() -> go.Figure:
    """A figure without traces. The page colours text and lines for light and dark; what is set is legible on both."""
    axis = {"gridcolor": "rgba(128,128,128,.25)", "zeroline": False, "automargin": True, "title_font_size": 13}
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
