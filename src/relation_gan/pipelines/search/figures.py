"""Plots of a search: the score over trials, and over each parameter."""

import plotly.graph_objects as go

from relation_gan.analysis.measures import better, label, measure
from relation_gan.analysis.search import SearchResult, Trial
from relation_gan.pipelines.reporting.figures import GREY, PALETTE, blank

HEIGHT = 240
OVER = "%{customdata}<br>%{y:.4~g}<extra></extra>"


def history(of: SearchResult, colour: str) -> go.Figure:
    """The score of each trial, and the best so far. Trials that were pruned stand where they were when they stopped."""
    figure = _of_scores(of)
    _points(figure, of.trials, [trial.number for trial in of.trials], of.objective, colour)
    pick = max if better(of.objective) == "higher" else min
    scored = [trial for trial in of.trials if trial.score is not None]
    so_far = [pick(trial.score or 0.0 for trial in scored[: i + 1]) for i in range(len(scored))]
    figure.add_scatter(
        x=[trial.number for trial in scored],
        y=so_far,
        mode="lines",
        line={"color": colour, "width": 1.6, "shape": "hv"},
        hoverinfo="skip",
    )
    return figure.update_xaxes(title_text="trial")


def over(of: SearchResult, path: str, colour: str) -> go.Figure:
    """The score of each trial over one parameter; the dashed line is the method's own value."""
    figure, log = _of_scores(of), bool(of.ranges[path].get("log"))
    choices = bool(of.ranges[path].get("choices"))
    values = [trial.setting[path] for trial in of.trials]
    _points(figure, of.trials, [str(value) for value in values] if choices else values, of.objective, colour)
    own = of.own.get(path)
    if choices:
        figure.update_xaxes(
            type="category", categoryorder="array", categoryarray=list(map(str, of.ranges[path]["choices"]))
        )
    else:
        figure.update_xaxes(type="log" if log else "linear", tickformat="~g")
        if isinstance(own, int | float) and (own > 0 or not log):
            figure.add_vline(x=own, line={"color": GREY, "width": 1, "dash": "dash"})
    return figure.update_xaxes(title_text=path)


def colours(results: list[SearchResult]) -> dict[str, str]:
    """One colour a method."""
    return {of.method: PALETTE[i % len(PALETTE)] for i, of in enumerate(results)}


def _of_scores(of: SearchResult) -> go.Figure:
    figure = blank()
    figure.update_yaxes(
        title_text=label(of.objective), type="log" if measure(of.objective).logarithmic else "linear", tickformat="~g"
    )
    return figure.update_layout(height=HEIGHT)


def _points(figure: go.Figure, trials: list[Trial], x: list, objective: str, colour: str) -> None:
    for finished in (False, True):
        shown = [i for i, of in enumerate(trials) if (of.score is not None) is finished and objective in of.scores]
        figure.add_scatter(
            x=[x[i] for i in shown],
            y=[trials[i].scores[objective] for i in shown],
            customdata=[f"trial {trials[i].number}, {trials[i].state}" for i in shown],
            mode="markers",
            marker={
                "color": colour if finished else GREY,
                "size": 7,
                "symbol": "circle" if finished else "x-thin-open",
            },
            hovertemplate=OVER,
        )
