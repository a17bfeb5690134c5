"""Figures of the Dirac GAN: trajectories in the plane, distances over time, and fields of one dimension."""

import base64
import html
import math
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from relation_gan.gan.theory.flows import Array
from relation_gan.pipelines.dirac.results import ADAPTIVE, Pair, Run, pairs
from relation_gan.pipelines.reporting.figures import GREY, PALETTE, blank, png_bytes

COLOURS = {"free": PALETTE[0], "damped": PALETTE[1]}
NAMES = {"free": "without the damping", "damped": "with it"}
DASHES = ("dot", "dash", "solid")
"""Of Euler's method at the first step size and at any other, and of the adaptive solver."""

COLUMNS = 4
FIELD = 1.5
"""The fields reach from minus this to this."""


def group(run: Run) -> str:
    """`free` or `damped`."""
    return "free" if run.damping == 1 else "damped"


def plane(pair: Pair) -> go.Figure:
    """The generator's way through the plane, from its start to the data at 0, without and with the damping."""
    figure = blank()
    for run in pair:
        # Plotly writes arrays of half the precision in half the bytes.
        x, y = run.theta.astype(np.float32).T
        figure.add_scatter(
            x=x,
            y=y,
            customdata=run.distance.astype(np.float32),
            text=[f"{i * run.interval:g}" for i in range(len(x))],
            line={"color": COLOURS[group(run)], "width": 1.4},
            legendgroup=group(run),
            name=NAMES[group(run)],
            hovertemplate="%{fullData.name}, t = %{text}<br>θ = (%{x:.3~g}, %{y:.3~g}), |θ| = %{customdata:.3~g}"
            "<extra></extra>",
        )
    start = pair.free.theta[0]
    for (x, y), symbol, name in ((start, "circle-open", "start"), ((0, 0), "cross", "the data")):
        marker = {"symbol": symbol, "size": 9, "color": GREY}
        figure.add_scatter(
            x=[x], y=[y], mode="markers", marker=marker, name=name, hovertemplate=f"{name}<extra></extra>"
        )
    figure.update_xaxes(title_text="θ₁", constrain="domain")
    figure.update_yaxes(title_text="θ₂", scaleanchor="x", constrain="domain")
    return figure


def distances(runs: list[Run]) -> go.Figure:
    """The distance to the data over time by every solver, without and with the damping."""
    figure = blank()
    for run in runs:
        euler = sorted({other.solver for other in runs} - {ADAPTIVE}, reverse=True)
        dash = DASHES[-1] if run.solver == ADAPTIVE else DASHES[min(euler.index(run.solver), 1)]
        figure.add_scatter(
            x0=0,
            dx=2 * run.interval,
            y=run.distance[::2].astype(np.float32),
            line={"color": COLOURS[group(run)], "width": 1.4, "dash": dash},
            legendgroup=group(run),
            name=f"{html.escape(run.solver)}, {NAMES[group(run)]}",
            hovertemplate="%{fullData.name}<br>|θ| = %{y:.3~g} at t = %{x:.4~g}<extra></extra>",
        )
    figure.update_xaxes(title_text="t", rangemode="tozero")
    values = np.concatenate([run.distance for run in runs])
    decades = np.log10(np.nanmax(values) / np.nanmin(values))
    # Plotly labels the 2 and the 5 between decades without their power of ten.
    ticks = [k * 10.0**n for n in range(-12, 6) for k in ((1, 2, 5) if decades < 3 else (1,))]
    figure.update_yaxes(type="log", title_text="|θ|", tickvals=ticks, exponentformat="power")
    return figure


def trajectories(runs: list[Run]) -> np.ndarray:
    """Every variant's way through the plane as small multiples: uint8 (H, W, 3)."""

    def draw(axes: Axes, pair: Pair) -> None:
        for run in pair:
            axes.plot(run.theta[:, 0], run.theta[:, 1], color=COLOURS[group(run)], lw=0.9)
        axes.plot(pair.free.theta[0, 0], pair.free.theta[0, 1], "o", mfc="none", color="black", ms=5)
        axes.plot(0, 0, "+", color="black", ms=9, mew=1.5)
        axes.set_aspect("equal", "datalim")
        for y, word, run in ((-0.16, "undamped", pair.free), (-0.27, "damped", pair.damped)):
            axes.text(0, y, f"{word}: {run.outcome}", color=COLOURS[group(run)], transform=axes.transAxes, fontsize=9)

    return _panels(pairs(runs), draw)


def fields(runs: list[Run]) -> np.ndarray:
    """Every variant's flow where both points lie on one axis, as stream lines: uint8 (H, W, 3).

    The step before is taken to be the present one, as in the limit of small steps. Colour is speed.
    """
    theta, phi = (FIELD * axis for axis in np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 60)))

    def draw(axes: Axes, pair: Pair) -> None:
        u, v = slice_field(pair, theta, phi)
        axes.axvline(0, color="black", lw=0.6)
        axes.streamplot(
            theta, phi, u, v, color=np.hypot(u, v), cmap="viridis_r", density=0.9, linewidth=0.8, arrowsize=0.7
        )
        axes.set(xlim=(-FIELD, FIELD), ylim=(-FIELD, FIELD), aspect="equal", xlabel="θ", ylabel="φ")

    return _panels(pairs(runs), draw)


def slice_field(pair: Pair, theta: Array, phi: Array) -> tuple[Array, Array]:
    """Speeds of theta and phi, any shape, on one axis of the plane. Every flow stays on an axis once it is there."""
    on_axis, critic = (np.stack([values, np.zeros_like(values)], -1) for values in (theta, phi))
    speeds = pair.free.flow(on_axis, critic, on_axis)
    return speeds.theta[..., 0], speeds.phi[..., 0]


def data_uri(image: np.ndarray) -> str:
    """An image (H, W, 3) for a page."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(image)).decode()}"


def _panels(of: list[Pair], draw: Callable[[Axes, Pair], None]) -> np.ndarray:
    rows = math.ceil(len(of) / COLUMNS)
    figure = Figure(figsize=(3 * COLUMNS, 3.3 * rows), dpi=90, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for i, pair in enumerate(of):
        axes = figure.add_subplot(rows, COLUMNS, i + 1)
        axes.set_title(pair.variant.title, fontsize=10, loc="left", parse_math=False)
        axes.tick_params(labelsize=7)
        axes.locator_params(nbins=5)
        draw(axes, pair)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
