"""What a paper prints and what this study scores, and how the two differ."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from relation_gan.analysis.measures import closest_measure, joined, label, scale_kid
from relation_gan.analysis.results import Experiment, PublishedValue, StudyResult
from relation_gan.analysis.statistics import Summary, summarise

UNSTATED = "unstated"
"""The protocol of a figure of which the paper does not say in full how it was measured."""
OCCLUDED = "occluded"
"""The row of images whose hole was not filled."""


@dataclass(frozen=True)
class PublishedRow:
    """A method in the paper and here."""

    method: str
    figures: list[PublishedValue]
    """Of several data sets where none is ours, or several of one."""
    ours: Summary
    differences: list[float]
    """Ours less each figure; NaN where they cannot be compared."""


@dataclass(frozen=True)
class PublishedTable:
    """One measure of an experiment on one of our data sets."""

    experiment: str
    dataset: str
    metric: str
    """What the paper measured."""
    measure: str
    """What stands for it here: the same, or a related one."""
    papers: list[str]
    """The data sets of the paper: ours alone, if it is among them."""
    rows: list[PublishedRow]
    differs: list[str]
    """How the paper's figures and ours differ, in sentences."""

    @property
    def comparable(self) -> bool:
        """Whether any figure may be subtracted."""
        return any(not math.isnan(value) for row in self.rows for value in row.differences)


def read_published(frame: pd.DataFrame) -> list[PublishedValue]:
    """The rows of conf/base/published.csv, with the names and the scale that measures have in tables.

    Occluded images are one more method among those that complete them.
    """
    figures: list[PublishedValue] = []
    for row in frame.fillna({"method": "", "note": ""}).to_dict("records"):
        (metric, value), *_ = scale_kid({row["metric"]: row["value"]}).items()
        pm, *_ = scale_kid({row["metric"]: row["pm"]}).values()
        method = OCCLUDED if metric.startswith("occluded_") else row["method"]
        texts = (row["experiment"], row["dataset"], method, metric.removeprefix("occluded_"))
        figures.append(PublishedValue(*texts, float(value), float(pm), row["protocol"], row["note"]))
    return figures


def published_and_ours(study: StudyResult) -> list[PublishedTable]:
    """Every measure of every experiment that the paper has figures of, with our own, or related ones, if any."""
    found: list[PublishedTable] = []
    for experiment in study.experiments:
        for dataset in experiment.datasets:
            figures = _published(study, experiment, dataset)
            measured = study.measured(experiment, dataset)
            for metric in dict.fromkeys(figure.metric for figure in figures):
                of = [figure for figure in figures if figure.metric == metric]
                found.append(_table(study, experiment, dataset, closest_measure(metric, measured), of))
    return found


def _published(study: StudyResult, experiment: Experiment, dataset: str) -> list[PublishedValue]:
    """The figures of an experiment; of a study without a paper's experiments, those of its data set and methods."""
    if experiment.name:
        return [figure for figure in study.published if figure.experiment == experiment.name]
    return [figure for figure in study.published if figure.dataset == dataset and figure.method in experiment.methods]


def _table(
    study: StudyResult, experiment: Experiment, dataset: str, measure: str | None, figures: list[PublishedValue]
) -> PublishedTable:
    metric = figures[0].metric
    papers = list(dict.fromkeys(figure.dataset for figure in figures))
    papers = [dataset] if dataset in papers else papers
    figures = [figure for figure in figures if figure.dataset in papers]
    scores = study.scores(experiment, dataset, measure) if measure else {}
    occluded = study.scores(experiment, dataset, f"occluded_{measure}").values()
    if there := next((of for of in occluded if any(map(math.isfinite, of.values()))), None):
        scores[OCCLUDED] = there  # It is the same of every method.
    rows = []
    for method in dict.fromkeys([*(figure.method for figure in figures), *experiment.methods]):
        of = [figure for figure in figures if figure.method == method]
        ours = summarise(scores.get(method, {}).values())
        alike = [metric == measure and _alike(figure, dataset, study.datasets[dataset].evaluation) for figure in of]
        differences = [ours.mean - figure.value if same else math.nan for figure, same in zip(of, alike, strict=True)]
        if of or ours.runs:
            rows.append(PublishedRow(method, of, ours, differences))
    table = PublishedTable(experiment.name, dataset, metric, measure or metric, papers, rows, [])
    table.differs.extend(_differs(study, experiment, table))
    if not measure:
        table.differs.append("Nothing here measures this.")
    return table


def _alike(figure: PublishedValue, dataset: str, evaluation: dict[str, Any]) -> bool:
    """Whether a figure may be subtracted: of the same data, by the same protocol of which nothing was changed."""
    measured = figure.protocol == evaluation.get("protocol") and not evaluation["changed"]
    return measured and figure.dataset == dataset and not figure.doubtful


def _differs(study: StudyResult, experiment: Experiment, table: PublishedTable) -> list[str]:
    evaluation, sentences = study.datasets[table.dataset].evaluation, []
    if table.papers != [table.dataset]:
        sentences.append(f"The paper’s data is {joined(table.papers)}, ours {table.dataset}.")
    if table.metric != table.measure:
        sentences.append(f"The paper’s measure is “{label(table.metric)}”, ours “{label(table.measure)}”.")
    protocols = list(dict.fromkeys(figure.protocol for row in table.rows for figure in row.figures))
    if UNSTATED in protocols:
        sentences.append("How the paper measured is not stated in full.")
    named = [name for name in protocols if name not in (UNSTATED, evaluation.get("protocol"))]
    if named:
        sentences.append(
            f"The paper’s protocol is “{'” and “'.join(named)}”, ours “{evaluation.get('protocol', 'none')}”."
        )
    elif evaluation.get("changed") and UNSTATED not in protocols:
        sentences.append(f"Of the protocol, {', '.join(evaluation['changed'])} was changed.")
    steps = sorted({run.history.steps for run in study.runs_of(experiment, table.dataset)})
    if study.design.budget not in ("", "paper"):
        span = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
        sentences.append(f"Ours were trained for {span} steps, at the {study.design.budget} budget.")
    return sentences
