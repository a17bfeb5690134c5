"""What a search says of its methods: a page, a table, and a text for the terminal."""

import math
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from relation_gan.analysis.measures import better, joined, label, number
from relation_gan.analysis.search import SearchResult, Trial, budget
from relation_gan.pipelines.reporting.plots import as_html
from relation_gan.pipelines.reporting.report import SUMMARY_WIDTH
from relation_gan.pipelines.search import figures
from relation_gan.pipelines.search.tuned import usage
from relation_gan.pipelines.shared import template


def table(results: list[SearchResult]) -> pd.DataFrame:
    """One row a trial."""
    return pd.DataFrame(
        {"dataset": of.dataset, "method": of.method, "trial": trial.number, "seed": trial.seed, "state": trial.state}
        | {"steps": trial.steps, "seconds": trial.seconds, "scoring_seconds": trial.scoring_seconds}
        | {"objective": of.objective, "score": math.nan if trial.score is None else trial.score}
        | {f"rung_{percent}": score for percent, score in trial.rungs.items()}
        | trial.setting
        | trial.scores
        for of in results
        for trial in of.trials
    )


def lead(results: list[SearchResult]) -> str:
    """What was done, in a sentence."""
    first = results[0]
    methods = f"{len(results)} methods were" if len(results) > 1 else f"{first.method} was"
    cost = f"{first.asked} trials of up to {budget(first.budget_seconds, first.budget_steps)}"
    each = ", each" if len(results) > 1 else ""
    return f"{methods} searched on {first.dataset}{each} in {cost}, by {label(first.objective)}."


def finding(of: SearchResult) -> str:
    """What came of a method's search, in a sentence or two."""
    counts = ", ".join(f"{n} {state}" for state, n in of.count.most_common())
    took = f"{duration(of.seconds)} of training"
    if of.best is None:
        return f"{of.method}: none of {len(of.trials)} trials finished ({counts}; {took})."
    found = f"{of.method}: {number(of.objective, of.best.score or 0.0)} by trial {of.best.number} ({counts}; {took})"
    own = own_trial(of)
    if own is of.best:
        return f"{found}, which has the method’s own setting."
    if own is not None:
        return f"{found}; its own setting, trial 0, has {number(of.objective, own.score or 0.0)}."
    return f"{found}."


def own_trial(of: SearchResult) -> Trial | None:
    """The finished trial with the method's own values, where one had them."""
    first = of.trials[0] if of.trials else None
    same = first and first.score is not None and all(of.own[path] == value for path, value in first.setting.items())
    return first if same else None


def duration(seconds: float) -> str:
    return f"{seconds:,.0f} CPU seconds" if seconds < 120 else f"{seconds / 60:,.1f} CPU minutes"


def summary(search: str, results: list[SearchResult]) -> str:
    """The text for the terminal."""
    lines = [lead(results), *(f"  {finding(of)}" for of in results)]
    wrapped = ["\n".join(textwrap.wrap(line, SUMMARY_WIDTH, subsequent_indent="    ")) for line in lines]
    wrapped += [
        "",
        f"conf/tuned/{search}.yml has the best settings; with the same --env:",
        f"  kedro run {usage(results)}",
    ]
    return "\n".join(wrapped)


def allowed(of: dict[str, Any]) -> str:
    """A range in words: `0.0001 to 0.01, log`, `1, 4 or 16`."""
    if "choices" in of:
        return joined([shown(choice) for choice in of["choices"]], "or")
    ends = f"{of['low']:g} to {of['high']:g}"
    return ends + (", log" if of.get("log") else "") + (", whole" if of.get("integer") else "")


def shown(value: Any) -> str:
    """A value of a parameter; a dash where a method leaves it to a default."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def parameters(of: SearchResult) -> list[dict[str, Any]]:
    """A row a parameter, those that matter most first."""
    best = of.best.setting if of.best else {}
    return [
        {
            "path": path,
            "range": allowed(of.ranges[path]),
            "own": shown(of.own.get(path)),
            "best": shown(best.get(path)),
            "share": f"{of.sensitivity[path]:.0%}" if path in of.sensitivity else "–",
        }
        for path in by_share(of)
    ]


def by_share(of: SearchResult) -> list[str]:
    """The parameters, those that explain most of the score first."""
    return sorted(of.ranges, key=lambda path: -of.sensitivity.get(path, 0.0))


def render(search: str, results: list[SearchResult], provenance: dict[str, str]) -> str:
    """One HTML page that needs nothing else: scripts and images are inside, and it loads nothing."""
    page = template(Path(__file__).parent, "search.html.j2")
    colours = figures.colours(results)
    sections = [
        {
            "of": of,
            "parameters": parameters(of),
            "history": as_html(figures.history(of, colours[of.method]), f"history-{i}"),
            "plots": [
                (path, as_html(figures.over(of, path, colours[of.method]), f"over-{i}-{k}"))
                for k, path in enumerate(by_share(of))
            ],
        }
        for i, of in enumerate(results)
    ]
    return page.render(
        search=search,
        first=results[0],
        lead=lead(results),
        findings=[finding(of) for of in results],
        usage=usage(results),
        sections=sections,
        colours=colours,
        provenance={**provenance, "data SHA-256": results[0].data_sha256},
        plotly=get_plotlyjs(),
        **{"better": better, "label": label, "number": number, "shown": shown, "duration": duration},
        **{"own_trial": own_trial, "budget": budget, "nan": math.nan},
    )
