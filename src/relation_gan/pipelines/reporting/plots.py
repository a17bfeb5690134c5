"""Interactive plots of one data set's runs over training."""

import plotly.graph_objects as go

from relation_gan.analysis.measures import HEADLINE, better, label, measure, scale_kid
from relation_gan.analysis.results import Part
from relation_gan.pipelines.reporting import figures

WEIGHTS = "Solid: the EMA weights; dashed: the last ones."
OBSERVED = (
    (
        "Critic’s loss",
        "Losses of different methods have different zeros: compare shapes, not heights.",
        ("critic_loss",),
    ),
    ("Generator’s loss", "It need not fall while the samples improve.", ("generator_loss",)),
    (
        "Critic’s scores",
        "Solid: real data (or real pairs); dashed: real with fake, or the stage before; dotted: fake.",
        ("score_real", "score_real_real", "", "score_real_fake", "score_before", "", "score_fake", "score_fake_fake"),
    ),
    (
        "Critic’s features",
        "Mean length of the features of real (solid) and fake data (dotted); dashed: between the two means.",
        ("feature_length_real", "", "feature_distance", "", "feature_length_fake"),
    ),
    (
        "Open hinges",
        "The share of scores on which the margin still acts; dashed: that of the ranking.",
        ("active", "", "active_rank"),
    ),
)
"""Plots of what is logged: the title, how to read it, and columns; each empty name leads to the next dash."""
DASHES = ("solid", "dash", "dot")


def curves(part: Part, index: int) -> list[tuple[str, str, str]]:
    """(title, how to read it, HTML) of the curves that have anything to show."""
    found = [_score(part, name) for name in _scored(part)]
    note = "A line ends where the modes are missing. Dotted: even sampling."
    found.append(("Modes by frequency", note, figures.mode_ranks(part)))
    found += [(title, note, figures.curves(part, "history", _dashes(names))) for title, note, names in OBSERVED]
    if part.of_points:
        largest = figures.curves(part, "history", {"fake_max": "solid"}, log=True)
        found.append(("Largest coordinate of a batch", "It grows without bound where a generator runs away.", largest))
    logged = {name for run in part.runs for row in run.history.rows for name in row}
    penalties = sorted(name for name in logged if name.startswith("penalty"))
    drawn = figures.curves(part, "history", {name: DASHES[i % 3] for i, name in enumerate(penalties)})
    found.append(("Penalties", "What the regularisers add to the critic’s loss.", drawn))
    there = [(title, note, figure) for title, note, figure in found if figure.data]
    return [(title, note, as_html(figure, f"plot-{index}-{i}")) for i, (title, note, figure) in enumerate(there)]


def _scored(part: Part) -> list[str]:
    """The scores over training that sum up a data set, in the order of tables."""
    names = {name for run in part.runs for row in run.curve for name in row}
    shown = {next(iter(scale_kid({name: 0.0}))): name for name in names}
    return [shown[name] for name in HEADLINE if name in shown and name != "modes_10"]


def _score(part: Part, name: str) -> tuple[str, str, go.Figure]:
    reference, shown = part.data.reference, next(iter(scale_kid({name: 0.0})))
    real = None if name == "modes" else reference.get(f"curve_{name}", reference.get(name))
    dashes = {name: "solid", f"raw_{name}": "dash"}
    figure = figures.curves(part, "curve", dashes, log=measure(name).logarithmic, real=real)
    if measure(shown).factor == 100:
        figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    fewer = "A point has fewer samples than the score, and a higher floor. " if better(shown) == "lower" else ""
    return label(shown), f"{better(shown).capitalize()} is better. {fewer}{WEIGHTS}", figure


def _dashes(names: tuple[str, ...]) -> dict[str, str]:
    return {name: DASHES[names[:i].count("")] for i, name in enumerate(names) if name}


def as_html(figure: go.Figure, name: str) -> str:
    """A plot for a page that loads plotly once."""
    return figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displayModeBar": False, "responsive": True}
    )
