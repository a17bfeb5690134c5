"""What a study says: a table, a summary for the terminal, and one page for people."""

import inspect
import math
import statistics
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from relation_gan.gan.metrics.diagnostics import SUSPECT
from relation_gan.pipelines.reporting import figures, scatter, tables
from relation_gan.pipelines.reporting.comparison import Compared, compared, swept
from relation_gan.pipelines.reporting.measures import (
    COMPLETED,
    COMPLETION,
    DECISIVE,
    DISTANCES,
    EXTRACTORS,
    HEADLINE,
    MEASURES,
    better,
    kin,
    label,
    number,
    probability,
    signed,
    spread,
    thousandfold,
)
from relation_gan.pipelines.reporting.published import beside
from relation_gan.pipelines.reporting.results import Classes, Experiment, Part, RunResult, StudyResult
from relation_gan.pipelines.reporting.tables import LINEAGE
from relation_gan.pipelines.reporting.verdicts import LEVEL, OPEN, REFUTED, REPRODUCED, Verdict, judge, verdicts

SUMMARY_WIDTH, FEW = 100, 4
"""Letters of a line for the terminal, and scores that it shows even if names are cut for them."""
BARS = 100
"""Modes that are drawn as bars; more of them as a map."""
MANY = 6
"""More methods than this stand in rows instead of columns, and above small pictures."""


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
    columns = _headline(part)
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
        if run.history["status"] != "finished"
    ]
    told = textwrap.wrap(part.protocol, SUMMARY_WIDTH)
    return [*printed, *(_short(" ".join(end.split()), SUMMARY_WIDTH) for end in ends), *_real_line(part), *told]


def _lines(groups: dict[str, list[RunResult]], columns: list[str]) -> list[list[str]]:
    """The cells of the table: a head, a line a run, and the means of several."""
    lines = [["method", "seed", "status", *(MEASURES[name].short for name in columns)]]
    for method, runs in groups.items():
        for run in runs:
            lines.append([method, str(run.seed), run.history["status"], *(_cell(run, name) for name in columns)])
        finished = _finished(runs)
        if len(runs) > 1 and finished:
            scores = [spread(name, _values(finished, name), "±") for name in columns]
            lines.append([method, "mean", f"{len(finished)} of {len(runs)}", *scores])
    return lines


def _width_of(lines: list[list[str]]) -> int:
    return sum(max(len(cell) for cell in column) + 2 for column in zip(*lines, strict=True)) - 2


def _headline(part: Part) -> list[str]:
    return [name for name in HEADLINE if _values(part.runs, name)]


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
    reference = thousandfold(part.reference)
    told = [f"{text} {number(name, reference[name])}" for name, text in names.items() if name in reference]
    return [f"real data: {', '.join(told)}"] if told else []


def _finished(runs: list[RunResult]) -> list[RunResult]:
    return [run for run in runs if run.finished]


def _values(runs: list[RunResult], name: str) -> list[float]:
    return [scores[name] for scores in (thousandfold(run.scores) for run in runs) if name in scores]


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
        unfinished=[(run, outcome(run)) for run in study.runs if run.history["status"] != "finished"],
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
        rules=inspect.cleandoc(judge.__doc__ or "").split("\n\n"),
        papers=_papers(study),
        comparisons=_comparisons(study),
        sweeps=_sweeps(study),
        sections=[_section(part, columns, i) for i, part in enumerate(study.parts)],
        columns=columns,
        rows=[
            (run, outcome(run), [_cell(run, name) for name in columns])
            for part in study.parts
            for runs in figures.by_method(part).values()
            for run in runs
        ],
        measures={name: MEASURES[name] for name in columns if name in MEASURES},
        raw=any(name.startswith("raw_") for name in columns),
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
    """The published figures beside ours, by experiment and data set, with what is true of all measures said once."""
    shown = []
    found = beside(study)
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
    wanted = [there for by in claimed if (there := kin(by, measures))]
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
        plot = (label(of.measure), note, _html(figures.sweep(of, palette), f"sweep-{i}"))
        plots.insert(0 if counts else len(plots), plot)
    return [{"experiment": e, "over": over, "dataset": d, "plots": plots} for (e, over, d), plots in shown.items()]


def _section(part: Part, columns: list[str], index: int) -> dict[str, Any]:
    """What the page shows of one data set."""
    groups = figures.by_method(part)
    shown = {method: figures.pictured(runs) for method, runs in groups.items()}
    films = _films(part)
    counted = {method: run for method, run in shown.items() if run.mode_counts.sum()}
    few = len(next(iter(counted.values())).mode_counts) <= BARS if counted else False
    many = len(groups) > MANY
    image = "points" if part.of_points else "small" if part.real.shape[3] < 64 else "photograph"
    plots = _plots(part, index)
    return {
        "part": part,
        "noun": _noun(part),
        "image": image,
        "groups": groups,
        "many": many,
        "cards": [_card(name, part) for name in _headline(part) or columns[:6]],
        "seeds": {method: _seeds(runs) for method, runs in groups.items()},
        "width": _width(part) // (2 if many and not part.of_points else 1),
        "column": (180 if many else 236) if part.of_points else 233 if many else 420,
        "real": _picture(part, part.real, figures.GREY),
        "samples": {
            method: (run, _picture(part, run.samples, _colour(part, method)) if len(run.samples) else None)
            for method, run in shown.items()
        },
        "left_out": {
            method: f"{share:.1%} lie outside the picture"
            for method, run in shown.items()
            if part.of_points and len(run.samples) and (share := scatter.outside(run.samples, part.box)) >= 0.0005
        },
        "classes": _by_class(part, shown),
        "densities": _densities(part, shown),
        "landscapes": {
            method: (
                run,
                figures.point_uri(
                    scatter.landscape(
                        run.landscape, run.samples, part.real, part.box, _colour(part, method), figures.SIDE
                    )
                ),
            )
            for method, run in shown.items()
            if run.landscape.size
        },
        "completion": _completion(part),
        "closer": {
            method: (run, [figures.data_uri(images, columns) for images, columns in _rows(run.diagnostics)])
            for method, run in shown.items()
            if run.diagnostics
        },
        "films": films,
        "latents": "1,024" if part.of_points else "64",
        "steps": sorted({step for _, frames in films.values() for step, _ in frames}),
        "plots": plots,
        "drawn": bool(plots) or (bool(counted) and not few),
        "maps": [
            (method, run, _html(figures.mode_map(run), f"modes-{index}-{i}"), int((run.mode_counts == 0).sum()))
            for i, (method, run) in enumerate(counted.items())
            if not few
        ],
        "bars": [(method, run, figures.mode_bars(run)) for method, run in counted.items() if few],
    }


def _colour(part: Part, method: str) -> str:
    return figures.colours(part.methods)[method]


def _picture(part: Part, samples: np.ndarray, colour: str, side: int = figures.SIDE) -> str:
    if not part.of_points:
        return figures.data_uri(samples)
    return figures.point_uri(scatter.cloud(samples, part.real, part.box, colour, side))


def _by_class(part: Part, shown: dict[str, RunResult]) -> list[tuple[str, RunResult | None, Classes, str]]:
    """(method, run, classes, their pictures), the first one of real pictures."""
    of = [("real images", None, part.classes), *((method, run, run.classes) for method, run in shown.items())]
    return [(name, run, classes, figures.class_uri(classes)) for name, run, classes in of if classes]


def _densities(part: Part, shown: dict[str, RunResult]) -> list[tuple[str, RunResult | None, str]]:
    """(method, run, heat map), the first one of real points."""
    if not part.of_points:
        return []
    of = [("real points", None, part.real, figures.GREY)]
    of += [(method, run, run.samples, _colour(part, method)) for method, run in shown.items() if len(run.samples)]
    return [
        (name, run, figures.point_uri(scatter.density(samples, part.real, part.box, colour, figures.SIDE)))
        for name, run, samples, colour in of
    ]


def _rows(diagnostics: dict[str, np.ndarray]) -> list[tuple[np.ndarray, int]]:
    """Images to look closer at, and how many stand in a row."""
    usual = np.concatenate([diagnostics["typical"], diagnostics["odd"]])
    columns = {"neighbours_pixels": 6, "neighbours_features": 6, "interpolations": 8}
    return [*((diagnostics[name], n) for name, n in columns.items()), (usual, len(diagnostics["typical"]))]


def _completion(part: Part) -> dict[str, Any]:
    """Held-out images completed by each method, a picture a share, and the scores, a table a measure."""
    groups = {method: [run for run in runs if run.completion] for method, runs in figures.by_method(part).items()}
    groups = {method: runs for method, runs in groups.items() if runs}
    if not groups:
        return {}
    first = next(iter(groups.values()))[0]
    shares = sorted((name.removeprefix("occluded_") for name in first.completion if "occluded_" in name), key=int)
    rows = {
        share: [
            *(first.completion[name] for name in ("original", f"occluded_{share}")),
            *(runs[0].completion[f"completed_{share}"] for runs in groups.values()),
        ]
        for share in shares
    }

    def cells(runs: list[RunResult], name: str) -> list[str]:
        return [spread(f"{name}_{share}", _values(runs, f"{name}_{share}")) for share in shares]

    tables = {
        name: {
            **({"occluded": cells([first], f"occluded_{name}")} if name in ("psnr", "ssim") else {}),
            **{method: cells(_finished(runs), name) for method, runs in groups.items()},
        }
        for name in COMPLETED
    }
    return {
        "runs": {method: runs[0] for method, runs in groups.items()},
        "shares": shares,
        "pictures": {share: figures.data_uri(np.concatenate(of), len(of[0])) for share, of in rows.items()},
        "tables": [(COMPLETED[name], of) for name, of in tables.items()],
    }


def headline(study: StudyResult) -> str:
    """What was done, in a sentence."""
    finished = _finished(study.runs)
    parts = study.parts
    if len(study.runs) == 1:
        run = study.runs[0]
        told = [f"{run.method} was trained on {run.dataset}: {outcome(run)}."]
        if finished:
            seconds = run.history["seconds"]
            time = f"{seconds:,.0f} seconds" if seconds < 100 else f"{seconds / 60:,.0f} minutes"
            told = [f"{run.method} was trained on {run.dataset} for {run.history['step']:,} steps in {time}."]
        if not run.history["steps"]:
            told = [f"{run.method} was scored against {run.dataset}."]
    else:
        many = "all finished" if len(finished) == len(study.runs) else f"{len(finished)} finished"
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
    groups = {method: _finished(runs) for method, runs in figures.by_method(part).items()}
    measure = next((name for name in DECISIVE if _values(part.runs, name)), None)
    told: list[str] = []
    scored = {method: runs for method, runs in groups.items() if measure and _values(runs, measure)}
    if measure and scored:
        best = min(scored, key=lambda method: statistics.mean(_values(scored[method], measure)))
        scores = {name: spread(name, _values(scored[best], name)) for name in ("modes", "high_quality", measure)}
        reference = thousandfold(part.reference)
        floor = number(measure, reference[measure]) if measure in reference else None
        n = len(groups[best])
        few = f" ({n} of {of} seeds)" if n < (of := len(figures.by_method(part)[best])) else ""
        subject = "Its samples" if len(groups) == 1 else f"The samples of {best}{few}"
        if len(scored) > 1:
            even = "covers the modes most evenly"
            does = even if measure in ("reverse_kl", "kl") else f"comes nearest to the real {_noun(part)}"
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
                "fid_judge": f"{subject} are at a Fréchet distance of {scores[measure]} from real images, on the "
                "judge’s features",
                "sliced_wasserstein": f"{subject} are at a sliced Wasserstein distance of {scores[measure]} from real "
                "points",
            }[measure]
            + (f"; {_real_floor(part)} {floor}." if floor else ".")
        )
    if "judge_accuracy" in part.reference:
        names = "classes" if part.classes else "modes"
        told.append(
            f"The judge that names the {names} is right on {part.reference['judge_accuracy']:.1%} of real images."
        )
    return told


def _real_floor(part: Part) -> str:
    """What scored the floor."""
    unseen = any(name.removesuffix("_x1000") in part.reference for name in DISTANCES)
    return "held-out real images score" if unseen else f"the same number of real {_noun(part)} scores"


def _noun(part: Part) -> str:
    return "points" if part.of_points else "images"


def _seeds(runs: list[RunResult]) -> str:
    finished = _finished(runs)
    if len(runs) == 1:
        return f"seed {runs[0].seed}" if finished else runs[0].history["status"]
    return f"{len(runs)} seeds" if len(finished) == len(runs) else f"{len(finished)} of {len(runs)} seeds finished"


def _card(name: str, part: Part) -> dict[str, Any]:
    """A row of the headline: a score of each method's finished runs, of real data, and which is best."""
    values = {method: _values(_finished(runs), name) for method, runs in figures.by_method(part).items()}
    means = {method: statistics.mean(of) for method, of in values.items() if of}
    measure = MEASURES.get(name)
    pick = {"higher": max, "lower": min}.get(measure.better) if measure else None
    return {
        "label": measure.label if measure else name,
        "better": measure.better if measure else "",
        "texts": {method: spread(name, of) for method, of in values.items()},
        "best": pick(means.values()) if pick and len(set(means.values())) > 1 else None,
        "means": means,
        "real": number(name, thousandfold(part.reference).get(name, math.nan)),
    }


def _cell(run: RunResult, name: str) -> str:
    return number(name, thousandfold(run.scores).get(name, math.nan))


def _width(part: Part) -> int:
    """Pixels for a picture: of images, a whole multiple of the grid's own width, so that small ones stay even."""
    if part.of_points:
        return figures.SIDE
    width = figures.preview(part.real).shape[1]
    return width * max(1, round(480 / width))


def _films(part: Part) -> dict[str, tuple[RunResult, list[tuple[int, str]]]]:
    films, groups = {}, figures.by_method(part)
    side = figures.SIDE if len(groups) <= MANY else figures.SMALL_SIDE
    for method, runs in groups.items():
        run = figures.pictured(runs)
        frames = zip(run.history.get("grid_steps", []), run.grids, strict=True)
        if len(run.grids):
            colour = _colour(part, method)
            films[method] = (run, [(step, _picture(part, grid, colour, side)) for step, grid in frames])
    return films


def _plots(part: Part, index: int) -> list[tuple[str, str, str]]:
    """(title, how to read it, HTML) of the curves that have anything to show."""
    averaged = "Solid: the averaged weights, which are served; dashed: the raw ones."
    fewer = f"A point has fewer samples than the score, and a higher floor. {averaged}"
    reference = part.reference

    def scores(name: str, log: bool = False, real: str = "") -> go.Figure:
        dashes = {name: "solid", f"raw_{name}": "dash"}
        return figures.curves(part, "curve", dashes, log=log, real=reference.get(real))

    high_quality = scores("high_quality", real="high_quality").update_yaxes(tickformat=".0%", rangemode="tozero")
    figure: dict[tuple[str, str], go.Figure] = {
        ("Modes found", averaged): scores("modes"),
        ("Reverse KL", f"Lower is more even. {fewer}"): scores("reverse_kl", log=True, real="curve_reverse_kl"),
        ("High quality", f"Samples within three standard deviations of a mode’s centre. {averaged}"): high_quality,
        ("KL to even modes", f"Lower is more even. {fewer}"): scores("kl", log=True, real="curve_kl"),
        ("Sliced Wasserstein distance", f"Lower is nearer to the real points. {fewer}"): scores(
            "sliced_wasserstein", log=True, real="curve_sliced_wasserstein"
        ),
        ("Kernel distance, Inception", f"KID; lower is nearer to the real images. {fewer}"): scores("kid", real="kid"),
        **{
            (f"Kernel distance, {title}", f"Lower is nearer to the real images. {fewer}"): scores(
                f"kid_{name}", real=f"kid_{name}"
            )
            for name, title in EXTRACTORS.items()
        },
        ("Judge’s confidence", averaged): scores("confidence", real="confidence"),
        ("Modes by frequency", "A line ends where the modes are missing. Dotted: even sampling."): figures.mode_ranks(
            part
        ),
        ("Critic’s loss", "Losses of different methods have different zeros: compare shapes, not heights."): (
            figures.curves(part, "history", {"critic_loss": "solid"})
        ),
        ("Generator’s loss", "It need not fall while the pictures improve."): figures.curves(
            part, "history", {"generator_loss": "solid"}
        ),
        (
            "Critic’s scores",
            f"Solid: real {_noun(part)} (or real pairs); dashed: real with fake; dotted: fake.",
        ): figures.curves(
            part,
            "history",
            {
                "score_real": "solid",
                "score_fake": "dot",
                "score_real_real": "solid",
                "score_real_fake": "dash",
                "score_before": "dash",
                "score_fake_fake": "dot",
            },
        ),
        (
            "Critic’s features",
            "Mean length of the features of real (solid) and fake data (dotted); dashed: between the two means.",
        ): figures.curves(
            part,
            "history",
            {"feature_length_real": "solid", "feature_length_fake": "dot", "feature_distance": "dash"},
        ),
        (
            "Open hinges",
            "The share of scores on which the margin still acts; dashed: that of the ranking.",
        ): figures.curves(part, "history", {"active": "solid", "active_rank": "dash"}),
        ("Largest coordinate of a batch", "It grows without bound where a generator runs away."): figures.curves(
            part, "history", {"fake_max": "solid"} if part.of_points else {}, log=True
        ),
        ("Penalties", "What the regularisers add to the critic’s loss."): figures.curves(
            part, "history", _penalties(part)
        ),
    }
    drawn = [(title, note, of) for (title, note), of in figure.items() if of.data]
    return [(title, note, _html(of, f"plot-{index}-{i}")) for i, (title, note, of) in enumerate(drawn)]


def _penalties(part: Part) -> dict[str, str]:
    names = {name for run in part.runs for row in run.history["rows"] for name in row if name.startswith("penalty")}
    dashes = ("solid", "dash", "dot")
    return {name: dashes[i % len(dashes)] for i, name in enumerate(sorted(names))}


def _html(figure: go.Figure, name: str) -> str:
    return figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displayModeBar": False, "responsive": True}
    )
