"""What a study says as tables for other programs and for papers."""

import math
from itertools import groupby

import numpy as np
import pandas as pd

from relation_gan.analysis.comparison import Compared, compared
from relation_gan.analysis.measures import label, measure, number, plus_minus, rank, signed
from relation_gan.analysis.published import PublishedRow, PublishedTable, published_and_ours
from relation_gan.analysis.results import RunResult, StudyResult
from relation_gan.analysis.statistics import Comparison, Summary
from relation_gan.analysis.verdicts import LEVEL, verdicts

LINEAGE = ("commit", "configuration", "data_sha256", "mlflow_run")
COMPARISON = ("common_seeds", "difference", "difference_low", "difference_high", "p", "p_corrected")
"""What the fields of a `Comparison` are called in a table."""
WIDE = 5
"""How many measures a page of a paper is wide."""
LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"},
        **{"±": r"$\pm$", "–": "--", "−": "$-$", "≥": r"$\geq$", "×": r"$\times$", "²": "$^2$", "·": r"$\cdot$"},
        **{"λ": r"$\lambda$", "γ": r"$\gamma$", "‖": r"$\|$", "₁": "$_1$", "’": "'", "“": "``", "”": "''"},
    }
)
"""What LaTeX takes for something else, and what it does not know without a package."""


def runs(study: StudyResult) -> pd.DataFrame:
    """One row a run; a score that a run lacks is NaN, and scores of unknown name come last, before the lineage."""
    rows = [
        {"dataset": run.dataset, "method": run.method, "seed": run.seed, "status": run.history.status}
        | run.shown
        | lineage(run)
        for run in study.runs
    ]
    frame = pd.DataFrame(rows)
    scores = [name for name in frame.columns[4:] if name not in LINEAGE]
    return frame.reindex(columns=[*frame.columns[:4], *sorted(scores, key=rank), *LINEAGE])


def lineage(run: RunResult) -> dict[str, str]:
    """What leads from a run's scores to what made them; empty where it is not known."""
    commit = run.history.origin.get("commit", "")
    found = (commit, run.configuration, run.history.data_sha256, run.mlflow_run)
    return dict(zip(LINEAGE, found, strict=True))


def verdict_table(study: StudyResult) -> pd.DataFrame:
    """One row a claim."""
    columns = ["claim", "experiment", "says", "verdict", "why", "indication"]
    rows = [(of.name, of.claim.experiment, of.claim.says, of.verdict, of.why, of.indication) for of in verdicts(study)]
    return pd.DataFrame(rows, columns=columns)


def statistics_table(study: StudyResult) -> pd.DataFrame:
    """One row an experiment, data set, measure and method: its mean, and its comparison with the main method."""
    rows = [
        (
            *(of.experiment.name, of.dataset, of.measure, row.method, *row.summary),
            *(of.main if row.comparison else "", *(row.comparison or [None] * len(COMPARISON))),
            *(row.rank, row.overall),
        )
        for of in compared(study)
        for row in of.rows
    ]
    columns = [
        *("experiment", "dataset", "measure", "method", *Summary._fields),
        *("compared_with", *COMPARISON, "rank", "rank_over_datasets"),
    ]
    return pd.DataFrame(rows, columns=columns)


def statistics_latex(study: StudyResult) -> str:
    """A table an experiment and data set: methods in rows, measures in columns, as many as a page is wide."""
    tables = []
    for _, group in groupby(compared(study), key=lambda of: (of.experiment.name, of.dataset)):
        of = list(group)
        first = of[0]
        methods = list(dict.fromkeys(row.method for each in of for row in each.rows))
        caption = (
            f"{_named(first.experiment.name, first.experiment.title)}{first.dataset}: mean ± standard deviation over "
            f"the seeds that finished; bold: the best mean. A star: it differs from {first.main} with p < {LEVEL:g}, "
            "paired t test, corrected by Holm's method."
        )
        for part in np.array_split(np.array(of), math.ceil(len(of) / WIDE)):
            rows = [[_latex(method), *(_cell(each, method) for each in part)] for method in methods]
            tables.append(_tabular(caption, ["", *(measure(each.measure).short for each in part)], rows))
    return "\n".join(tables)


def published_table(study: StudyResult) -> pd.DataFrame:
    """One row a published figure, or a method of ours without one."""
    columns = [
        *("experiment", "method", "paper_dataset", "paper_measure", "paper", "paper_pm", "paper_note"),
        *("dataset", "measure", *Summary._fields, "difference", "differs"),
    ]
    rows = []
    for of in published_and_ours(study):
        for row in of.rows:
            ours = (of.dataset, of.measure, *row.ours)
            for figure, difference in zip(row.figures, row.differences, strict=True):
                theirs = (figure.dataset, figure.metric, figure.value, figure.pm, figure.note)
                rows.append((of.experiment, row.method, *theirs, *ours, difference, " ".join(of.differs)))
            if not row.figures:
                nothing = ("", of.metric, math.nan, math.nan, "")
                rows.append((of.experiment, row.method, *nothing, *ours, math.nan, " ".join(of.differs)))
    return pd.DataFrame(rows, columns=columns)


def published_latex(study: StudyResult) -> str:
    """A table an experiment, data set and measure."""
    titles = {experiment.name: experiment.title for experiment in study.experiments}
    tables = []
    for of in published_and_ours(study):
        head = ["", *(f"paper, {name}" for name in of.papers), f"ours, {of.dataset}", "seeds"]
        rows = [
            [
                row.method,
                *(theirs(row, name) for name in of.papers),
                plus_minus(of.measure, row.ours.mean, row.ours.deviation),
                f"{row.ours.n} of {row.ours.runs}" if row.ours.runs else "–",
                *([differences(row, of)] if of.comparable else []),
            ]
            for row in of.rows
        ]
        differs = " ".join([f"{label(of.measure)}: the paper’s figures and ours.", *of.differs])
        caption = f"{_named(of.experiment, titles.get(of.experiment, ''))}{of.dataset}. {differs}"
        head += ["difference"] if of.comparable else []
        tables.append(_tabular(caption, head, [[_latex(cell) for cell in row] for row in rows]))
    return "\n".join(tables)


def theirs(row: PublishedRow, dataset: str) -> str:
    """A method's published figures of one data set; a dash where there is none."""
    figures = (figure for figure in row.figures if figure.dataset == dataset)
    return "; ".join(plus_minus(figure.metric, figure.value, figure.pm) for figure in figures) or "–"


def interval(of: Summary | Comparison, name: str) -> str:
    """`[0.2, 0.4]`; nothing where there is none."""
    return "" if math.isnan(of.low) else f"[{number(name, of.low)}, {number(name, of.high)}]"


def differences(row: PublishedRow, of: PublishedTable) -> str:
    """Ours less each figure that it may be compared with; a dash where there is none."""
    there = [signed(of.measure, value) for value in row.differences if not math.isnan(value)]
    return "; ".join(there) or "–"


def _cell(of: Compared, method: str) -> str:
    row = next((row for row in of.rows if row.method == method), None)
    if row is None:
        return _latex("–")
    sure = row.comparison is not None and row.comparison.corrected < LEVEL
    finished = f" ({row.summary.n} of {row.summary.runs})" if row.summary.n < row.summary.runs else ""
    score = plus_minus(of.measure, row.summary.mean, row.summary.deviation)
    text = _latex(f"{score}{'*' if sure else ''}{finished}")
    return rf"\textbf{{{text}}}" if method in of.best else text


def _named(name: str, title: str) -> str:
    text = ": ".join(filter(None, (name, title)))
    return f"{text}. " if text else ""


def _tabular(caption: str, head: list[str], rows: list[list[str]]) -> str:
    """A table that needs booktabs, and graphicx, which shrinks what a page is too narrow for. Cells are LaTeX."""
    lines = [
        *(r"\begin{table}[htbp]", r"\centering", rf"\caption{{{_latex(caption)}}}"),
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        *(rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"),
        " & ".join(map(_latex, head)) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        *(r"\bottomrule", r"\end{tabular}}", r"\end{table}", ""),
    ]
    return "\n".join(lines)


def _latex(text: str) -> str:
    return text.translate(LATEX)
