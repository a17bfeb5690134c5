"""What a study says: a table, a summary for the terminal, and one page for people."""

import math
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from relation_gan.pipelines.reporting import figures
from relation_gan.pipelines.reporting.results import RunResult, StudyResult

SUMMARY_WIDTH = 100


@dataclass(frozen=True)
class Measure:
    """How a score is named, printed and read."""

    label: str
    short: str
    decimals: int
    better: str
    """`higher`, `lower`, or nothing where neither is."""
    note: str


QUALITY = {
    "modes": Measure(
        "Modes",
        "modes",
        0,
        "higher",
        "How many modes appear at least once among the samples. Weak when alone: one lucky or unreadable sample "
        "is enough to count a mode.",
    ),
    "modes_10": Measure(
        "Modes, ten times or more",
        "≥10",
        0,
        "higher",
        "How many modes appear at least ten times, which noise rarely achieves.",
    ),
    "reverse_kl": Measure(
        "Reverse KL",
        "reverse KL",
        3,
        "lower",
        "KL(samples ‖ even spread over the modes), in nats. A finite sample never reaches 0: what as many real "
        "images score is the floor.",
    ),
    "confidence": Measure(
        "Judge’s confidence",
        "confidence",
        3,
        "higher",
        "Mean probability that the judge, a classifier trained on real images, gives to the class it names. Low for "
        "smudges; says nothing about variety.",
    ),
    "entropy": Measure(
        "Entropy of the classes",
        "entropy",
        3,
        "higher",
        "Of the shares of the classes, in nats; an even spread has the logarithm of their number.",
    ),
    "l2": Measure("Distance to even classes", "L2", 4, "lower", "Euclidean distance of the class shares to even ones."),
    "l2_squared": Measure("The same, squared", "L2²", 5, "lower", "Papers print one or the other as “L2”."),
    "fid_judge": Measure(
        "Fréchet distance, judge’s features",
        "FID(judge)",
        2,
        "lower",
        "Between features of real and generated images in the judge. Not Inception’s FID, and not comparable with "
        "any published FID.",
    ),
    "kid_judge_x1000": Measure(
        "Kernel distance, judge’s features, × 1,000",
        "KID(judge)",
        2,
        "lower",
        "As the Fréchet distance, but unbiased in the number of samples; not comparable with published KID.",
    ),
    "kid_judge_std_x1000": Measure(
        "Spread of the kernel distance, × 1,000", "±KID", 2, "", "Over subsets of one run’s samples, not over seeds."
    ),
}
COST = {
    "seconds": Measure("Training time, seconds", "seconds", 0, "lower", "Wall time, on the device named below."),
    "steps_per_second": Measure("Steps a second", "steps/s", 1, "higher", "Depends on the machine and its load."),
    "ms_per_step": Measure(
        "Milliseconds a step", "ms/step", 1, "lower", "Of training; depends on the machine and its load."
    ),
    "steps": Measure("Steps", "steps", 0, "", "Generator updates."),
}
MEASURES = QUALITY | COST
HEADLINE = ("modes", "modes_10", "reverse_kl", "confidence", "fid_judge", "ms_per_step")


def table(study: StudyResult) -> pd.DataFrame:
    """One row a run; a score that a run lacks is NaN, and scores of unknown name come last.

    Kernel distances are small, and stand a thousandfold under `..._x1000`.
    """
    rows = [
        {"dataset": run.dataset, "method": run.method, "seed": run.seed, "status": run.history["status"]}
        | _thousandfold(run.scores)
        for run in study.runs
    ]
    frame = pd.DataFrame(rows)
    return frame.reindex(columns=[*frame.columns[:4], *sorted(frame.columns[4:], key=_rank)])


def _thousandfold(scores: dict[str, float]) -> dict[str, float]:
    small = re.compile(r"(raw_)?kid_(?!.*_x1000$)")
    return {
        f"{name}_x1000" if small.match(name) else name: 1000 * value if small.match(name) else value
        for name, value in scores.items()
    }


def _rank(name: str) -> tuple[int, int]:
    raw, stem = name.startswith("raw_"), name.removeprefix("raw_")
    if stem in QUALITY:
        return int(raw), list(QUALITY).index(stem)
    return (2, list(COST).index(name)) if name in COST else (3, 0)


def number(name: str, value: float) -> str:
    """A score as it is printed: `.019`, `994`, `1,203.5`; a dash where there is none."""
    if math.isnan(value):
        return "–"
    measure = MEASURES.get(name.removeprefix("raw_"))
    text = f"{value:,.{measure.decimals}f}" if measure else f"{value:,.4g}"
    return re.sub(r"^(-?)0\.", r"\1.", text)


def spread(name: str, values: list[float], between: str = " ± ") -> str:
    """Mean ± standard deviation (n - 1) of several values, the value of one, a dash for none."""
    if len(values) < 2:
        return number(name, values[0] if values else math.nan)
    return number(name, statistics.mean(values)) + between + number(name, statistics.stdev(values))


def outcome(run: RunResult) -> str:
    """How a run ended, with the step at which it diverged or the error by which it failed."""
    status, history = run.history["status"], run.history
    if status == "diverged":
        return f"diverged at step {history['step']:,} of {history['steps']:,}"
    if status == "failed":
        return f"failed at step {history.get('step') or 0:,}: {history.get('error') or 'no message'}"
    return status


def summary(study: StudyResult) -> str:
    """The table for the terminal, at most 100 columns wide; below it, why runs ended early, and what real data scores.

    Means are over the seeds that finished.
    """
    columns = [name for name in HEADLINE if any(name in run.scores for run in study.runs)]
    lines = [["method", "seed", "status", *(MEASURES[name].short for name in columns)]]
    for method, runs in figures.by_method(study).items():
        for run in runs:
            lines.append([method, str(run.seed), run.history["status"], *(_cell(run, name) for name in columns)])
        finished = _finished(runs)
        if len(runs) > 1 and finished:
            scores = [spread(name, _values(finished, name), "±") for name in columns]
            lines.append([method, "mean", f"{len(finished)} of {len(runs)}", *scores])
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    widths[0] = max(6, min(widths[0], SUMMARY_WIDTH - sum(widths[1:]) - 2 * len(widths[1:])))
    printed = [
        "  ".join(
            # The texts stand to the left, the numbers to the right.
            [_short(line[0], widths[0]).ljust(widths[0]), line[1].rjust(widths[1]), line[2].ljust(widths[2])]
            + [cell.rjust(width) for cell, width in zip(line[3:], widths[3:], strict=True)]
        ).rstrip()
        for line in lines
    ]
    ends = [
        f"{method}, seed {run.seed}: {outcome(run)}"
        for method, runs in figures.by_method(study).items()
        for run in runs
        if run.history["status"] != "finished"
    ]
    return "\n".join([*printed, *(_short(" ".join(end.split()), SUMMARY_WIDTH) for end in ends), *_real_line(study)])


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _real_line(study: StudyResult) -> list[str]:
    names = {"confidence": "confidence", "reverse_kl": "reverse KL floor"}
    told = [f"{text} {number(name, study.reference[name])}" for name, text in names.items() if name in study.reference]
    return [f"real data: {', '.join(told)}"] if told else []


def _finished(runs: list[RunResult]) -> list[RunResult]:
    return [run for run in runs if run.history["status"] == "finished"]


def _values(runs: list[RunResult], name: str) -> list[float]:
    return [scores[name] for scores in (_thousandfold(run.scores) for run in runs) if name in scores]


def render(study: StudyResult) -> str:
    """One HTML page that needs nothing else: scripts and pictures are inside, and it loads nothing."""
    frame = table(study)
    columns = list(frame.columns[4:])
    headline = [name for name in HEADLINE if name in columns] or columns[:6]
    groups, films = figures.by_method(study), _films(study)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        study=study,
        lead=lead(study),
        groups=groups,
        colours=figures.colours(study),
        unfinished=[(run, outcome(run)) for run in study.runs if run.history["status"] != "finished"],
        cards=[_card(name, study) for name in headline],
        seeds={method: _seeds(runs) for method, runs in groups.items()},
        real=figures.data_uri(study.real),
        samples={
            method: (run, figures.data_uri(run.samples) if len(run.samples) else None)
            for method, run in ((method, figures.pictured(runs)) for method, runs in groups.items())
        },
        films=films,
        steps=sorted({step for _, frames in films.values() for step, _ in frames}),
        width=_width(study),
        plots=_plots(study),
        maps=[
            (method, run, _html(figures.mode_map(run), f"modes-{i}"), int((run.mode_counts == 0).sum()))
            for i, (method, run) in enumerate((method, figures.pictured(runs)) for method, runs in groups.items())
            if run.mode_counts.sum()
        ],
        columns=columns,
        rows=[
            (method, run, outcome(run), [_cell(run, name) for name in columns])
            for method, runs in groups.items()
            for run in runs
        ],
        measures={name: MEASURES[name] for name in columns if name in MEASURES},
        raw=any(name.startswith("raw_") for name in columns),
        plotly=get_plotlyjs(),
    )


def lead(study: StudyResult) -> str:
    """The result in a few plain sentences."""
    groups = figures.by_method(study)
    finished = _finished(study.runs)
    datasets = " and ".join(dict.fromkeys(run.dataset for run in study.runs))
    if len(study.runs) == 1:
        run = study.runs[0]
        told = [f"{run.method} was trained on {datasets}: {outcome(run)}."]
        if finished:
            seconds = run.history["seconds"]
            time = f"{seconds:,.0f} seconds" if seconds < 100 else f"{seconds / 60:,.0f} minutes"
            told = [f"{run.method} was trained on {datasets} for {run.history['step']:,} steps in {time}."]
    else:
        many = "all finished" if len(finished) == len(study.runs) else f"{len(finished)} finished"
        one_method = f"{len(groups)} methods were" if len(groups) > 1 else f"{next(iter(groups))} was"
        told = [f"{one_method} trained on {datasets}; of {len(study.runs)} runs, {many}."]
    scored = {method: _finished(runs) for method, runs in groups.items() if _values(_finished(runs), "reverse_kl")}
    if scored:
        best = min(scored, key=lambda method: statistics.mean(_values(scored[method], "reverse_kl")))
        modes = spread("modes", _values(scored[best], "modes"))
        subject = "Its samples" if len(groups) == 1 else f"The samples of {best}"
        if len(scored) > 1:
            subject = f"Of these, {best} covers the modes most evenly: its samples"
        told.append(
            f"{subject} show {modes} of the {len(scored[best][0].mode_counts):,} modes, with a reverse KL of "
            f"{spread('reverse_kl', _values(scored[best], 'reverse_kl'))} to an even spread"
            + (
                f"; the same number of real images scores {number('reverse_kl', study.reference['reverse_kl'])}."
                if "reverse_kl" in study.reference
                else "."
            )
        )
    if "judge_accuracy" in study.reference:
        told.append(
            f"The judge that names the modes is right on {study.reference['judge_accuracy']:.1%} of real images."
        )
    return " ".join(told)


def _seeds(runs: list[RunResult]) -> str:
    finished = _finished(runs)
    if len(runs) == 1:
        return f"seed {runs[0].seed}" if finished else runs[0].history["status"]
    return f"{len(runs)} seeds" if len(finished) == len(runs) else f"{len(finished)} of {len(runs)} seeds finished"


def _card(name: str, study: StudyResult) -> dict[str, Any]:
    """A row of the headline: a score of each method's finished runs, of real data, and which is best."""
    values = {method: _values(_finished(runs), name) for method, runs in figures.by_method(study).items()}
    means = {method: statistics.mean(of) for method, of in values.items() if of}
    measure = MEASURES.get(name)
    pick = {"higher": max, "lower": min}.get(measure.better) if measure else None
    return {
        "label": measure.label if measure else name,
        "better": measure.better if measure else "",
        "texts": {method: spread(name, of) for method, of in values.items()},
        "best": pick(means.values()) if pick and len(means) > 1 else None,
        "means": means,
        "real": number(name, _thousandfold(study.reference).get(name, math.nan)),
    }


def _cell(run: RunResult, name: str) -> str:
    return number(name, _thousandfold(run.scores).get(name, math.nan))


def _width(study: StudyResult) -> int:
    """Pixels for a grid: a whole multiple of its own width, so that small images stay even."""
    width = figures.preview(study.real).shape[1]
    return width * max(1, round(480 / width))


def _films(study: StudyResult) -> dict[str, tuple[RunResult, list[tuple[int, str]]]]:
    films = {}
    for method, runs in figures.by_method(study).items():
        run = figures.pictured(runs)
        frames = zip(run.history.get("grid_steps", []), run.grids, strict=True)
        if len(run.grids):
            films[method] = (run, [(step, figures.data_uri(grid)) for step, grid in frames])
    return films


def _plots(study: StudyResult) -> list[tuple[str, str, str]]:
    """(title, how to read it, HTML) of the curves that have anything to show."""
    averaged = "Solid: the averaged weights, which are served; dashed: the raw ones."
    reference = study.reference
    figure: dict[tuple[str, str], go.Figure] = {
        ("Modes found", averaged): figures.curves(study, "curve", {"modes": "solid", "raw_modes": "dash"}),
        (
            "Reverse KL",
            f"Lower is more even. A point has fewer samples than the score, and a higher floor. {averaged}",
        ): figures.curves(
            study,
            "curve",
            {"reverse_kl": "solid", "raw_reverse_kl": "dash"},
            log=True,
            real=reference.get("curve_reverse_kl"),
        ),
        ("Judge’s confidence", averaged): figures.curves(
            study, "curve", {"confidence": "solid", "raw_confidence": "dash"}, real=reference.get("confidence")
        ),
        ("Modes by frequency", "A line ends where the modes are missing. Dotted: even sampling."): figures.mode_ranks(
            study
        ),
        ("Critic’s loss", "Losses of different methods have different zeros: compare shapes, not heights."): (
            figures.curves(study, "history", {"critic_loss": "solid"})
        ),
        ("Generator’s loss", "It need not fall while the pictures improve."): figures.curves(
            study, "history", {"generator_loss": "solid"}
        ),
        (
            "Critic’s scores",
            "Solid: real images (or real pairs); dashed: real with fake; dotted: fake.",
        ): figures.curves(
            study,
            "history",
            {
                "score_real": "solid",
                "score_fake": "dot",
                "score_real_real": "solid",
                "score_real_fake": "dash",
                "score_fake_fake": "dot",
            },
        ),
        ("Penalties", "What the regularisers add to the critic’s loss."): figures.curves(
            study, "history", _penalties(study)
        ),
    }
    drawn = [(title, note, of) for (title, note), of in figure.items() if of.data]
    return [(title, note, _html(of, f"plot-{i}")) for i, (title, note, of) in enumerate(drawn)]


def _penalties(study: StudyResult) -> dict[str, str]:
    names = {name for run in study.runs for row in run.history["rows"] for name in row if name.startswith("penalty")}
    dashes = ("solid", "dash", "dot")
    return {name: dashes[i % len(dashes)] for i, name in enumerate(sorted(names))}


def _html(figure: go.Figure, name: str) -> str:
    return figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displayModeBar": False, "responsive": True}
    )
