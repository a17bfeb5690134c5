"""What a paper prints beside what this study scores, and what stands between the two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from relation_gan.pipelines.reporting.measures import joined, kin, label, thousandfold
from relation_gan.pipelines.reporting.results import Experiment, Figure, StudyResult
from relation_gan.pipelines.reporting.statistics import Summary, summarise

UNSTATED = "unstated"
"""The protocol of a figure of which the paper does not say in full how it was measured."""
UNMEASURED = "Nothing here measures this."
OCCLUDED = "occluded"
"""The row of pictures whose hole nobody filled."""


@dataclass(frozen=True)
class Row:
    """A method in the paper and here."""

    method: str
    figures: list[Figure]
    """Of several data sets where none is ours, or several of one."""
    ours: Summary
    differences: list[float]
    """Ours less each figure; NaN where they cannot be compared."""


@dataclass(frozen=True)
class Beside:
    """One measure of an experiment on one of our data sets."""

    experiment: str
    dataset: str
    metric: str
    """What the paper measured."""
    measure: str
    """What stands for it here: the same, or its kin."""
    papers: list[str]
    """The data sets of the paper: ours alone, if it is among them."""
    rows: list[Row]
    differs: list[str]
    """What stands between the paper's figures and ours, in sentences."""

    @property
    def comparable(self) -> bool:
        """Whether any figure may be subtracted."""
        return any(not math.isnan(value) for row in self.rows for value in row.differences)


def read_published(frame: pd.DataFrame) -> list[Figure]:
    """The rows of conf/base/published.csv, with the names and the scale that measures have in tables.

    What is occluded stands as one more method among those that complete it.
    """
    figures: list[Figure] = []
    for row in frame.fillna({"method": "", "note": ""}).to_dict("records"):
        (metric, value), *_ = thousandfold({row["metric"]: row["value"]}).items()
        pm, *_ = thousandfold({row["metric"]: row["pm"]}).values()
        method = OCCLUDED if metric.startswith("occluded_") else row["method"]
        texts = (row["experiment"], row["dataset"], method, metric.removeprefix("occluded_"))
        figures.append(Figure(*texts, float(value), float(pm), row["protocol"], row["note"]))
    return figures


def beside(study: StudyResult) -> list[Beside]:
    """Every measure of every experiment that the paper has figures of, with our own, or their kin, if there are any."""
    found: list[Beside] = []
    for experiment in study.experiments:
        for dataset in experiment.datasets:
            figures = _published(study, experiment, dataset)
            measured = study.measured(experiment, dataset)
            for metric in dict.fromkeys(figure.metric for figure in figures):
                of = [figure for figure in figures if figure.metric == metric]
                found.append(_beside(study, experiment, dataset, kin(metric, measured), of))
    return found


def _published(study: StudyResult, experiment: Experiment, dataset: str) -> list[Figure]:
    """The figures of an experiment; of a study without a paper's experiments, those of its data set and methods."""
    if experiment.name:
        return [figure for figure in study.published if figure.experiment == experiment.name]
    return [figure for figure in study.published if figure.dataset == dataset and figure.method in experiment.methods]


def _beside(
    study: StudyResult, experiment: Experiment, dataset: str, measure: str | None, figures: list[Figure]
) -> Beside:
    metric = figures[0].metric
    papers = list(dict.fromkeys(figure.dataset for figure in figures))
    papers = [dataset] if dataset in papers else papers
    figures = [figure for figure in figures if figure.dataset in papers]
    scores: dict[str, dict[int, float]] = study.scores(experiment, dataset, measure) if measure else {}
    nobody = study.scores(experiment, dataset, f"occluded_{measure}").values()
    if there := next((of for of in nobody if any(map(math.isfinite, of.values()))), None):
        scores[OCCLUDED] = there  # It is the same of every method.
    rows = []
    for method in dict.fromkeys([*(figure.method for figure in figures), *experiment.methods]):
        of = [figure for figure in figures if figure.method == method]
        ours = summarise(scores.get(method, {}).values())
        alike = [metric == measure and _alike(figure, dataset, study.evaluations.get(dataset, {})) for figure in of]
        differences = [ours.mean - figure.value if same else math.nan for figure, same in zip(of, alike, strict=True)]
        if of or ours.runs:
            rows.append(Row(method, of, ours, differences))
    differs = _differs(study, experiment, dataset, metric, measure or metric, papers, figures)
    differs += [] if measure else [UNMEASURED]
    return Beside(experiment.name, dataset, metric, measure or metric, papers, rows, differs)


def _alike(figure: Figure, dataset: str, evaluation: dict[str, Any]) -> bool:
    """Whether a figure may be subtracted: of the same data, by the same protocol of which nothing was changed."""
    measured = figure.protocol == evaluation.get("protocol") and not evaluation["changed"]
    return measured and figure.dataset == dataset and not figure.doubtful


def _differs(
    study: StudyResult,
    experiment: Experiment,
    dataset: str,
    metric: str,
    measure: str,
    papers: Sequence[str],
    figures: Sequence[Figure],
) -> list[str]:
    """What stands between the paper's figures and ours, in sentences."""
    evaluation, told = study.evaluations.get(dataset, {}), []
    if papers != [dataset]:
        told.append(f"The paper’s data is {joined(papers)}, ours {dataset}.")
    if metric != measure:
        told.append(f"The paper’s measure is “{label(metric)}”, ours “{label(measure)}”.")
    protocols = list(dict.fromkeys(figure.protocol for figure in figures))
    if UNSTATED in protocols:
        told.append("How the paper measured is not stated in full.")
    named = [name for name in protocols if name not in (UNSTATED, evaluation.get("protocol"))]
    if named:
        told.append(f"The paper’s protocol is “{'” and “'.join(named)}”, ours “{evaluation.get('protocol', 'none')}”.")
    elif evaluation.get("changed") and UNSTATED not in protocols:
        told.append(f"Of the protocol, {', '.join(evaluation['changed'])} was changed.")
    steps = sorted({run.history["steps"] for run in study.runs_of(experiment, dataset)})
    if study.design.budget not in ("", "paper"):
        span = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
        told.append(f"Ours were trained for {span} steps, at the {study.design.budget} budget.")
    return told
