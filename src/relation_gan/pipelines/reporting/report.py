"""What a study says: a table, a summary for the terminal, and one page for people."""

import inspect
import math
import statistics
import textwrap
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from plotly.offline import get_plotlyjs

from relation_gan.analysis.comparison import Compared, Swept, compared, swept
from relation_gan.analysis.measures import (
    COMPLETION,
    DECISIVE,
    DISTANCES,
    EXTRACTORS,
    MEASURES,
    better,
    closest_measure,
    joined,
    label,
    number,
    plus_minus,
    probability,
    scale_kid,
    signed,
    spread,
)
from relation_gan.analysis.published import published_and_ours
from relation_gan.analysis.results import Experiment, Part, RunResult, StudyResult
from relation_gan.analysis.verdicts import LEVEL, OPEN, REFUTED, REPRODUCED, Verdict, decide, verdicts
from relation_gan.gan.metrics.diagnostics import SUSPECT
from relation_gan.pipelines.reporting import figures, searched, sections, tables
from relation_gan.pipelines.reporting.plots import as_html
from relation_gan.pipelines.reporting.sections import finished, values
from relation_gan.pipelines.shared import template

T = TypeVar("T", Compared, Swept)
SUMMARY_WIDTH, FEW = 100, 4
"""Letters of a line for the terminal, and scores that it shows even if names are cut for them."""
FLOORS = {
    "confidence": "confidence",
    "reverse_kl": "reverse KL floor",
    "high_quality": "high quality %",
    "kl": "KL floor",
    "sliced_wasserstein": "sliced W floor",
    **{name: f"{MEASURES[name].short} floor" for name in DISTANCES},
}
"""What real data scores, as the summary names it."""
OUTCOMES = {
    "reverse_kl": "show {modes} of the {n_modes:,} modes, with a reverse KL of {score} to an even spread",
    "kl": "find {modes} of the {n_modes:,} modes, {high_quality} % of them near a centre, with a KL of {score} to an "
    "even spread",
    "fid_within_classifier": "are at a mean Fréchet distance of {score} from real images of the class that was asked "
    "for, on the classifier’s features",
    "fid_classifier": "are at a Fréchet distance of {score} from real images, on the classifier’s features",
    "sliced_wasserstein": "are at a sliced Wasserstein distance of {score} from real points",
    **{
        name: f"are at a kernel distance of {{score}} / 1,000 from real images, on the features of {title}"
        for name, title in zip(DISTANCES, ["Inception", *EXTRACTORS.values()], strict=True)
    },
}
"""What samples do, by the measure that decides."""


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
    blocks = [_summary(part) for part in study.parts]
    if len(blocks) > 1:
        blocks = [[part.dataset, *block] for part, block in zip(study.parts, blocks, strict=True)]
    if of := verdicts(study):
        blocks.append([f"{_counts(of, study.design.budget)}:", *_verdict_lines(of)])
    return "\n\n".join("\n".join(block) for block in blocks)


def _counts(of: list[Verdict], budget: str) -> str:
    """How many claims have which verdict."""
    counts = Counter(verdict.verdict for verdict in of)
    texts = [f"{counts[verdict]} {verdict}" for verdict in (REPRODUCED, REFUTED, OPEN) if counts[verdict]]
    claims = "claim of the paper" if len(of) == 1 else "claims of the paper"
    return f"{len(of)} {claims}: {', '.join(texts)}" + (f" ({budget})" if budget else "")


def _verdict_lines(of: list[Verdict]) -> list[str]:
    marks = {REPRODUCED: "✓", REFUTED: "✗", OPEN: "?"}
    width = max(len(verdict.name) for verdict in of)
    return [_short(f"  {marks[v.verdict]} {v.name.ljust(width)}  {v.claim.says}", SUMMARY_WIDTH) for v in of]


def _summary(part: Part) -> list[str]:
    columns = sections.headline(part)
    table = _columns(part, columns)
    # The report and the CSV file have all scores; here, whole names are worth more than the last ones.
    while len(columns) > FEW and _width(table) > SUMMARY_WIDTH:
        columns.pop(-2)
        table = _columns(part, columns)
    methods = max(6, SUMMARY_WIDTH - 2 - _width(table[1:]))
    table[0] = [_short(method, methods) for method in table[0]]
    aligned = []
    for i, column in enumerate(table):
        width = max(map(len, column))
        # Methods and status are texts, all else is numbers.
        aligned.append([cell.ljust(width) if i in (0, 2) else cell.rjust(width) for cell in column])
    lines = ["  ".join(cells).rstrip() for cells in zip(*aligned, strict=True)]
    lines += [
        _short(" ".join(f"{run.method}, seed {run.seed}: {outcome(run)}".split()), SUMMARY_WIDTH)
        for run in part.runs
        if not run.finished
    ]
    reference = scale_kid(part.data.reference)
    if real := [f"{text} {number(name, reference[name])}" for name, text in FLOORS.items() if name in reference]:
        lines.append(f"real data: {', '.join(real)}")
    return lines + textwrap.wrap(part.data.protocol, SUMMARY_WIDTH)


def _columns(part: Part, names: list[str]) -> list[list[str]]:
    """The columns of the table: a head, a cell a run, and the means of several."""
    rows = [["method", "seed", "status", *(MEASURES[name].short for name in names)]]
    for method, runs in part.by_method.items():
        done = finished(runs)
        for run in runs:
            rows.append([method, str(run.seed), run.history.status, *(_cell(run, name) for name in names)])
        if len(runs) > 1 and done:
            means = [spread(name, values(done, name), "±") for name in names]
            rows.append([method, "mean", f"{len(done)} of {len(runs)}", *means])
    return [list(column) for column in zip(*rows, strict=True)]


def _width(columns: list[list[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def render(study: StudyResult) -> str:
    """One HTML page that needs nothing else: scripts and images are inside, and it loads nothing."""
    # What completions score stands in tables of its own.
    scores = tables.runs(study).columns[4 : -len(tables.LINEAGE)]
    columns = [name for name in scores if not COMPLETION.fullmatch(name)]
    helpers = (plus_minus, signed, probability, better, label, tables.interval, tables.lineage, tables.differences)
    found = verdicts(study)
    return template(Path(__file__).parent, "report.html.j2").render(
        study=study,
        lead=headline(study),
        results=results(study),
        colours=figures.colours(study.methods),
        warnings=_warnings(study),
        verdicts=found,
        counts=_counts(found, study.design.budget),
        level=LEVEL,
        marks={REPRODUCED: "good", REFUTED: "bad", OPEN: "open"},
        rules=inspect.cleandoc(decide.__doc__ or "").split("\n\n"),
        papers=_papers(study),
        comparisons=_comparisons(study),
        sweeps=_sweeps(study),
        sections=[sections.section(part, columns, i) for i, part in enumerate(study.parts)],
        columns=columns,
        rows=[(run, outcome(run), [_cell(run, name) for name in columns]) for part in study.parts for run in part.runs],
        measures=[MEASURES[name] for name in columns if name in MEASURES],
        raw=any(name.startswith("raw_") for name in columns),
        searched=searched.lines(study),
        plotly=get_plotlyjs(),
        **{helper.__name__: helper for helper in helpers},
    )


def _warnings(study: StudyResult) -> list[tuple[RunResult, str]]:
    """The runs that did not finish, and those whose samples are like copies."""
    found = [(run, outcome(run)) for run in study.runs if not run.finished]
    for run in study.runs:
        for space in ("pixels", "features"):
            share = run.scores.get(f"memorised_{space}", 0)
            if share > SUSPECT:
                found.append((run, f"{share:.0%} of its samples are like copies of training images, by their {space}"))
    return found


def _headed(experiment: Experiment) -> str:
    """What stands above an experiment: nothing above one without a name."""
    return ": ".join(filter(None, (experiment.name, experiment.title)))


def _papers(study: StudyResult) -> list[dict[str, Any]]:
    """Published figures and ours, by experiment and data set, with what is true of all measures once."""
    titles = {experiment.name: _headed(experiment) for experiment in study.experiments}
    shown = []
    for (name, dataset), group in groupby(published_and_ours(study), key=lambda of: (of.experiment, of.dataset)):
        of = list(group)
        common = [text for text in of[0].differs if all(text in table.differs for table in of)]
        notes = dict.fromkeys(f.note for table in of for row in table.rows for f in row.figures if f.note)
        pairs = [(table, [text for text in table.differs if text not in common]) for table in of]
        head = {"experiment": titles[name], "dataset": dataset, "differs": common}
        shown.append({**head, "notes": list(notes), "tables": pairs})
    return shown


def _comparisons(study: StudyResult) -> list[dict[str, Any]]:
    """Each experiment on each data set: the table of the measure that counts, then the others."""
    shown = []
    found = [of for of in compared(study) if len(of.rows) > 1]
    for (experiment, dataset), group in groupby(found, key=lambda of: (of.experiment, of.dataset)):
        pairs = [(of, _reach(of)) for of in _deciding_first(study, experiment, list(group))]
        shown.append({"experiment": _headed(experiment), "dataset": dataset, "tables": pairs})
    return shown


def _sweeps(study: StudyResult) -> list[dict[str, Any]]:
    """A plot a measure, by experiment, parameter and data set, that of the measure that counts first."""
    colours = figures.colours(study.methods)
    shown = []
    for (experiment, over, dataset), group in groupby(
        swept(study), key=lambda of: (of.experiment, of.over, of.dataset)
    ):
        members = {sweep.method: next(iter(sweep.methods)) for sweep in experiment.sweeps}
        plots = []
        for i, of in enumerate(_deciding_first(study, experiment, list(group))):
            palette = {method: colours.get(method) or colours[members[method]] for method in of.lines}
            plot = as_html(figures.sweep(of, palette), f"sweep-{len(shown)}-{i}")
            plots.append((label(of.measure), f"{better(of.measure).capitalize()} is better.", plot))
        shown.append({"experiment": _headed(experiment), "over": over, "dataset": dataset, "plots": plots})
    return shown


def _deciding_first(study: StudyResult, experiment: Experiment, found: list[T]) -> list[T]:
    """Ordered so that the measure of the experiment's claims stands first, or else the one that counts on such data."""
    measures = [of.measure for of in found]
    of_study = [claim for claim in study.claims.values() if claim.study == study.design.name]
    claimed = [by for claim in of_study if claim.experiment == experiment.name for by in claim.rule.by]
    wanted = [there for by in claimed if (there := closest_measure(by, measures))]
    first = next((name for name in (*wanted, *DECISIVE) if name in measures), None)
    return sorted(found, key=lambda of: of.measure != first)


def _reach(of: Compared) -> float:
    """Half the width of the plot of differences: intervals of few seeds that are wider are cut off."""
    there = [abs(row.comparison.difference) for row in of.rows if row.comparison and row.comparison.n]
    return 1.25 * max([value for value in there if math.isfinite(value)], default=0) or 1.0


def headline(study: StudyResult) -> str:
    """What was done, in a sentence."""
    done = finished(study.runs)
    if len(study.runs) > 1:
        many = "all finished" if len(done) == len(study.runs) else f"{len(done)} finished"
        methods = study.methods
        subject = f"{len(methods)} methods were" if len(methods) > 1 else f"{methods[0]} was"
        datasets = joined([part.dataset for part in study.parts])
        return f"{subject} trained on {datasets}; of {len(study.runs)} runs, {many}."
    run = study.runs[0]
    if not run.history.steps:
        return f"{run.method} was scored against {run.dataset}."
    if not done:
        return f"{run.method} was trained on {run.dataset}: {outcome(run)}."
    seconds = run.history.seconds
    time = f"{seconds:,.0f} seconds" if seconds < 100 else f"{seconds / 60:,.0f} minutes"
    return f"{run.method} was trained on {run.dataset} for {run.history.step:,} steps in {time}."


def results(study: StudyResult) -> list[str]:
    """What came of it on each data set."""
    named = len(study.parts) > 1
    sentences = ([_best(part, named), _classifier(part)] for part in study.parts)
    return [" ".join(filter(None, of)) for of in sentences if any(of)]


def _best(part: Part, named: bool) -> str:
    """Which method is best on a data set, by the measure that counts there, and where real data stands."""
    measure = next((name for name in DECISIVE if values(part.runs, name)), None)
    groups = {method: finished(runs) for method, runs in part.by_method.items()}
    scored = {method: runs for method, runs in groups.items() if measure and values(runs, measure)}
    if not measure or not scored:
        return ""
    best = min(scored, key=lambda method: statistics.mean(values(scored[method], measure)))
    done, runs = len(groups[best]), len(part.by_method[best])
    method = f"{best} ({done} of {runs} seeds)" if done < runs else best
    if named:
        subject = f"On {part.dataset}, {method}{' comes first' if len(scored) > 1 else ''}: its samples"
    elif len(scored) > 1:
        nearest = f"comes nearest to the real {part.noun}"
        does = "covers the modes most evenly" if measure in ("reverse_kl", "kl") else nearest
        subject = f"Of these, {method} {does}: its samples"
    else:
        subject = "Its samples" if len(groups) == 1 else f"The samples of {method}"
    modes, high_quality, score = (
        spread(name, values(scored[best], name)) for name in ("modes", "high_quality", measure)
    )
    n_modes = len(scored[best][0].mode_counts)
    does = OUTCOMES[measure].format(modes=modes, n_modes=n_modes, high_quality=high_quality, score=score)
    return f"{subject} {does}{_floor(part, measure)}."


def _floor(part: Part, measure: str) -> str:
    """What real data scores."""
    reference = scale_kid(part.data.reference)
    if measure not in reference:
        return ""
    held_out = any(name in reference for name in (*DISTANCES, "class_accuracy"))
    scorer = "held-out real images score" if held_out else f"the same number of real {part.noun} scores"
    return f"; {scorer} {number(measure, reference[measure])}"


def _classifier(part: Part) -> str:
    if "classifier_accuracy" not in part.data.reference:
        return ""
    names = "modes" if len(part.runs[0].mode_counts) else "classes"
    share = part.data.reference["classifier_accuracy"]
    return f"The classifier of the {names} is right on {share:.1%} of real images."


def _cell(run: RunResult, name: str) -> str:
    return number(name, run.shown.get(name, math.nan))
