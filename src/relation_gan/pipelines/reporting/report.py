"""What a study says: a table, a summary for the terminal, and one page for people."""

import inspect
import math
import statistics
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from relation_gan.analysis.comparison import Compared, compared, swept
from relation_gan.analysis.measures import (
    COMPLETION,
    DECISIVE,
    DISTANCES,
    EXTRACTORS,
    HEADLINE,
    MEASURES,
    better,
    closest_measure,
    label,
    number,
    probability,
    scale_kid,
    signed,
    spread,
)
from relation_gan.analysis.published import published_and_ours
from relation_gan.analysis.results import Experiment, Part, RunResult, StudyResult
from relation_gan.analysis.verdicts import LEVEL, OPEN, REFUTED, REPRODUCED, Verdict, decide, verdicts
from relation_gan.gan.metrics.diagnostics import SUSPECT
from relation_gan.pipelines.reporting import figures, searched, tables
from relation_gan.pipelines.reporting.plots import as_html
from relation_gan.pipelines.reporting.sections import finished, section, values
from relation_gan.pipelines.reporting.sections import headline as headline_scores
from relation_gan.pipelines.reporting.tables import LINEAGE

SUMMARY_WIDTH, FEW = 100, 4
"""Letters of a line for the terminal, and scores that it shows even if names are cut for them."""
BARS = 100
"""Modes that are drawn as bars; more of them as a map."""
MANY = 6
"""More methods than this stand in rows instead of columns, and above small pictures."""


def outcome(run: RunResult) -> str:
    """How a run ended, with the step at which it diverged or the error by which it failed."""
    status, history = run.history.status, run.history
    if status == "diverged":
        return f"diverged at step {history.step:,} of {history.steps:,}"
    if status == "failed":
        return f"failed at step {history.step:,}: {history.error or 'no message'}"
    return status


def summary(study: StudyResult) -> str:
    """The table for the terminal, at most 100 columns wide; below it, why runs ended early, and what real data scores.

    Means are over the seeds that finished. Of several data sets, one table each. The verdicts stand at the end.
    """
    parts = study.parts
    told = ["\n".join([*([part.dataset] if len(parts) > 1 else []), *_summary(part)]) for part in parts]
    of = verdicts(study)
    told += ["\n".join([f"{_counts(of, study.design.budget)}:", *_verdict_lines(of)])] if of else []
    return "\n\n".join(told)


def _counts(of: list[Verdict], budget: str) -> str:
    """How many claims have which verdict."""
    counts = Counter(verdict.verdict for verdict in of)
    told = [f"{counts[verdict]} {verdict}" for verdict in (REPRODUCED, REFUTED, OPEN) if counts[verdict]]
    claims = "claim of the paper" if len(of) == 1 else "claims of the paper"
    return f"{len(of)} {claims}: {', '.join(told)}" + (f" ({budget})" if budget else "")


def _verdict_lines(of: list[Verdict]) -> list[str]:
    marks = {REPRODUCED: "✓", REFUTED: "✗", OPEN: "?"}
    width = max(len(verdict.name) for verdict in of)
    return [_short(f"  {marks[v.verdict]} {v.name.ljust(width)}  {v.claim.says}", SUMMARY_WIDTH) for v in of]


def _summary(part: Part) -> list[str]:
    groups = figures.by_method(part)
    columns = headline_scores(part)
    lines = _lines(groups, columns)
    # The report and the CSV file have all scores; here, names that can be told apart are worth more than the last ones.
    while len(columns) > FEW and _width_of(lines) > SUMMARY_WIDTH:
        columns.pop(-2)
        lines = _lines(groups, columns)
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
        for method, runs in groups.items()
        for run in runs
        if run.history.status != "finished"
    ]
    told = textwrap.wrap(part.data.protocol, SUMMARY_WIDTH)
    return [*printed, *(_short(" ".join(end.split()), SUMMARY_WIDTH) for end in ends), *_real_line(part), *told]


def _lines(groups: dict[str, list[RunResult]], columns: list[str]) -> list[list[str]]:
    """The cells of the table: a head, a line a run, and the means of several."""
    lines = [["method", "seed", "status", *(MEASURES[name].short for name in columns)]]
    for method, runs in groups.items():
        for run in runs:
            lines.append([method, str(run.seed), run.history.status, *(_cell(run, name) for name in columns)])
        done = finished(runs)
        if len(runs) > 1 and done:
            scores = [spread(name, values(done, name), "±") for name in columns]
            lines.append([method, "mean", f"{len(done)} of {len(runs)}", *scores])
    return lines


def _width_of(lines: list[list[str]]) -> int:
    return sum(max(len(cell) for cell in column) + 2 for column in zip(*lines, strict=True)) - 2


def _headline(part: Part) -> list[str]:
    return [name for name in HEADLINE if values(part.runs, name)]


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _real_line(part: Part) -> list[str]:
    names = {
        "confidence": "confidence",
        "reverse_kl": "reverse KL floor",
        "high_quality": "high quality %",
        "kl": "KL floor",
        "sliced_wasserstein": "sliced W floor",
    }
    names |= {name: f"{MEASURES[name].short} floor" for name in DISTANCES}
    reference = scale_kid(part.reference)
    told = [f"{text} {number(name, reference[name])}" for name, text in names.items() if name in reference]
    return [f"real data: {', '.join(told)}"] if told else []


def render(study: StudyResult) -> str:
    """One HTML page that needs nothing else: scripts and pictures are inside, and it loads nothing."""
    # What completions score stands in tables of its own.
    columns = [name for name in tables.runs(study).columns[4:] if not (COMPLETION.fullmatch(name) or name in LINEAGE)]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        study=study,
        lead=headline(study),
        results=results(study),
        colours=figures.colours(study.methods),
        unfinished=[(run, outcome(run)) for run in study.runs if run.history.status != "finished"],
        copying=[
            (run, f"{run.scores[name]:.0%} of its samples are like copies of training images, by their {space}")
            for run in study.runs
            for space in ("pixels", "features")
            if run.scores.get(name := f"memorised_{space}", 0) > SUSPECT
        ],
        verdicts=(found := verdicts(study)),
        counts=_counts(found, study.design.budget),
        level=LEVEL,
        marks={REPRODUCED: "good", REFUTED: "bad", OPEN: "open"},
        rules=inspect.cleandoc(decide.__doc__ or "").split("\n\n"),
        papers=_papers(study),
        comparisons=_comparisons(study),
        sweeps=_sweeps(study),
        sections=[section(part, columns, i) for i, part in enumerate(study.parts)],
        columns=columns,
        rows=[
            (run, outcome(run), [_cell(run, name) for name in columns])
            for part in study.parts
            for runs in figures.by_method(part).values()
            for run in runs
        ],
        measures={name: MEASURES[name] for name in columns if name in MEASURES},
        raw=any(name.startswith("raw_") for name in columns),
        searched=searched.lines(study),
        plotly=get_plotlyjs(),
        zip=zip,
        **{"number": number, "signed": signed, "probability": probability, "better": better, "label": label},
        **{"printed": tables.printed, "ours": tables.ours, "interval": tables.interval, "lineage": tables.lineage},
        differences=tables.differences,
    )


def _headed(experiment: Experiment) -> str:
    """What stands above an experiment: nothing above one without a name."""
    return ": ".join(filter(None, (experiment.name, experiment.title)))


def _papers(study: StudyResult) -> list[dict[str, Any]]:
    """Published figures and ours, by experiment and data set, with what is true of all measures once."""
    shown = []
    found = published_and_ours(study)
    for experiment in study.experiments:
        for dataset in experiment.datasets:
            of = [table for table in found if (table.experiment, table.dataset) == (experiment.name, dataset)]
            if not of:
                continue
            common = [told for told in of[0].differs if all(told in table.differs for table in of)]
            shown.append(
                {
                    "experiment": _headed(experiment),
                    "dataset": dataset,
                    "differs": common,
                    "notes": list(dict.fromkeys(f.note for t in of for row in t.rows for f in row.figures if f.note)),
                    "tables": [(table, [told for told in table.differs if told not in common]) for table in of],
                }
            )
    return shown


def _comparisons(study: StudyResult) -> list[dict[str, Any]]:
    """Each experiment on each data set: the table of the measure that counts, then the others."""
    shown = []
    found = [of for of in compared(study) if len(of.rows) > 1]
    for experiment in study.experiments:
        for dataset in experiment.datasets:
            of = [each for each in found if each.experiment == experiment and each.dataset == dataset]
            if of:
                first = _deciding(study, experiment, [each.measure for each in of])
                of.sort(key=lambda each: each.measure != first)
                head = {"experiment": _headed(experiment), "dataset": dataset, "main": of[0].main}
                several = len(experiment.datasets) > 1
                shown.append({**head, "several": several, "tables": [(each, _reach(each)) for each in of]})
    return shown


def _deciding(study: StudyResult, experiment: Experiment, measures: list[str]) -> str:
    """The measure of the experiment's claims, or else the one that counts on such data."""
    of_study = [claim for claim in study.claims.values() if claim.study == study.design.name]
    claimed = [by for claim in of_study if claim.experiment == experiment.name for by in claim.rule.by]
    wanted = [there for by in claimed if (there := closest_measure(by, measures))]
    return next((name for name in (*wanted, *DECISIVE) if name in measures), measures[0])


def _reach(of: Compared) -> float:
    """Half the width of the picture of differences: intervals of few seeds that are wider are cut off."""
    there = [abs(row.comparison.difference) for row in of.rows if row.comparison and row.comparison.n]
    return 1.25 * max([value for value in there if math.isfinite(value)], default=0) or 1.0


def _sweeps(study: StudyResult) -> list[dict[str, Any]]:
    """A plot a measure, by experiment, parameter and data set, that of the measure that counts first."""
    colours = figures.colours(study.methods)
    shown: dict[tuple[str, str, str], list[tuple[str, str, str]]] = {}
    found = swept(study)
    for i, of in enumerate(found):
        members = {sweep.method: next(iter(sweep.methods)) for sweep in of.experiment.sweeps}
        palette = {method: colours.get(method) or colours[members[method]] for method in of.lines}
        plots = shown.setdefault((_headed(of.experiment), of.over, of.dataset), [])
        note = f"{better(of.measure).capitalize()} is better."
        alike = [each for each in found if (each.experiment, each.dataset) == (of.experiment, of.dataset)]
        counts = of.measure == _deciding(study, of.experiment, [each.measure for each in alike])
        plot = (label(of.measure), note, as_html(figures.sweep(of, palette), f"sweep-{i}"))
        plots.insert(0 if counts else len(plots), plot)
    return [{"experiment": e, "over": over, "dataset": d, "plots": plots} for (e, over, d), plots in shown.items()]


def headline(study: StudyResult) -> str:
    """What was done, in a sentence."""
    done = finished(study.runs)
    parts = study.parts
    if len(study.runs) == 1:
        run = study.runs[0]
        told = [f"{run.method} was trained on {run.dataset}: {outcome(run)}."]
        if done:
            seconds = run.history.seconds
            time = f"{seconds:,.0f} seconds" if seconds < 100 else f"{seconds / 60:,.0f} minutes"
            told = [f"{run.method} was trained on {run.dataset} for {run.history.step:,} steps in {time}."]
        if not run.history.steps:
            told = [f"{run.method} was scored against {run.dataset}."]
    else:
        many = "all finished" if len(done) == len(study.runs) else f"{len(done)} finished"
        methods = study.methods
        one_method = f"{len(methods)} methods were" if len(methods) > 1 else f"{methods[0]} was"
        *others, last = [part.dataset for part in parts]
        datasets = f"{', '.join(others)} and {last}" if others else last
        told = [f"{one_method} trained on {datasets}; of {len(study.runs)} runs, {many}."]
    return " ".join(told)


def results(study: StudyResult) -> list[str]:
    """What came of it on each data set."""
    parts = study.parts
    told = (_result(part, named=len(parts) > 1) for part in parts)
    return [" ".join(of) for of in told if of]


def _result(part: Part, named: bool) -> list[str]:
    """Which method is best on a data set, by the measure that counts there, and where real data stands."""
    groups = {method: finished(runs) for method, runs in figures.by_method(part).items()}
    measure = next((name for name in DECISIVE if values(part.runs, name)), None)
    told: list[str] = []
    scored = {method: runs for method, runs in groups.items() if measure and values(runs, measure)}
    if measure and scored:
        best = min(scored, key=lambda method: statistics.mean(values(scored[method], measure)))
        scores = {name: spread(name, values(scored[best], name)) for name in ("modes", "high_quality", measure)}
        reference = scale_kid(part.reference)
        floor = number(measure, reference[measure]) if measure in reference else None
        n = len(groups[best])
        few = f" ({n} of {of} seeds)" if n < (of := len(figures.by_method(part)[best])) else ""
        subject = "Its samples" if len(groups) == 1 else f"The samples of {best}{few}"
        if len(scored) > 1:
            even = "covers the modes most evenly"
            does = even if measure in ("reverse_kl", "kl") else f"comes nearest to the real {part.noun}"
            subject = f"Of these, {best}{few} {does}: its samples"
        if named:
            subject = f"On {part.dataset}, {best}{few}{' comes first' if len(scored) > 1 else ''}: its samples"
        n_modes = f"{len(scored[best][0].mode_counts):,} modes"
        distances = {
            name: f"{subject} are at a kernel distance of {scores[measure]} / 1,000 from real images, on the features "
            f"of {title}"
            for name, title in zip(DISTANCES, ["Inception", *EXTRACTORS.values()], strict=True)
        }
        told.append(
            {
                **distances,
                "reverse_kl": f"{subject} show {scores['modes']} of the {n_modes}, with a reverse KL of "
                f"{scores[measure]} to an even spread",
                "kl": f"{subject} find {scores['modes']} of the {n_modes}, {scores['high_quality']} % of them near a "
                f"centre, with a KL of {scores[measure]} to an even spread",
                "fid_classifier": f"{subject} are at a Fréchet distance of {scores[measure]} from real images, on the "
                "classifier’s features",
                "sliced_wasserstein": f"{subject} are at a sliced Wasserstein distance of {scores[measure]} from real "
                "points",
            }[measure]
            + (f"; {_real_floor(part)} {floor}." if floor else ".")
        )
    if "classifier_accuracy" in part.reference:
        names = "modes" if len(part.runs[0].mode_counts) else "classes"
        told.append(
            f"The classifier of the {names} is right on {part.reference['classifier_accuracy']:.1%} of real images."
        )
    return told


def _real_floor(part: Part) -> str:
    """What scored the floor."""
    unseen = any(name.removesuffix("_x1000") in part.reference for name in DISTANCES)
    return "held-out real images score" if unseen else f"the same number of real {part.noun} scores"


def _cell(run: RunResult, name: str) -> str:
    return number(name, scale_kid(run.scores).get(name, math.nan))
