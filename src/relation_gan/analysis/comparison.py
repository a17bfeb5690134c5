"""The methods of a study held against its main one, by every measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relation_gan.analysis.measures import COMPARED, COMPLETION, better
from relation_gan.analysis.results import Experiment, StudyResult
from relation_gan.analysis.statistics import Comparison, Summary, compare, ranks, summarise


@dataclass(frozen=True)
class Row:
    """One method."""

    method: str
    summary: Summary
    comparison: Comparison | None
    """With the main method; none of itself, and where the main one was not run."""
    rank: float | None
    """Mean rank over the seeds of this data set; none without a seed with which every method was run."""
    overall: float | None
    """The same over all data sets of the experiment."""


@dataclass(frozen=True)
class Compared:
    """The methods of an experiment on one data set, by one measure."""

    experiment: Experiment
    dataset: str
    measure: str
    main: str
    rows: list[Row]

    @property
    def best(self) -> list[str]:
        """The methods with the best mean, if there are others."""
        means = {row.method: row.summary.mean for row in self.rows if row.summary.n}
        pick = max if better(self.measure) == "higher" else min
        found = [method for method, mean in means.items() if mean == pick(means.values())]
        return found if len(found) < len(means) else []


@dataclass(frozen=True)
class Swept:
    """A measure over the values of a parameter, on one data set."""

    experiment: Experiment
    dataset: str
    measure: str
    over: str
    lines: dict[str, list[tuple[Any, Summary]]]
    """By the method that was swept, from the least value on, or in the order of the study where they are names."""

    @property
    def logarithmic(self) -> bool:
        """Whether the values span so much that they are better told apart by their logarithms."""
        values = [value for line in self.lines.values() for value, _ in line]
        return all(map(is_number, values)) and min(values) > 0 and max(values) / min(values) >= 50


def swept(study: StudyResult) -> list[Swept]:
    """Every sweep on each of the data sets of its experiment, by each measure; methods swept alike together."""
    found = []
    for experiment in study.experiments:
        for over in dict.fromkeys(sweep.over for sweep in experiment.sweeps):
            for dataset in experiment.datasets:
                for measure in by_which(study, experiment, dataset):
                    scores = study.scores(experiment, dataset, measure)
                    lines = {
                        sweep.method: [
                            (value, summarise(scores[method].values()))
                            for method, value in _in_order(sweep.methods)
                            if method in scores
                        ]
                        for sweep in experiment.sweeps
                        if sweep.over == over
                    }
                    if lines := {method: line for method, line in lines.items() if line}:
                        found.append(Swept(experiment, dataset, measure, over, lines))
    return found


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_order(methods: Mapping[str, Any]) -> list[tuple[str, Any]]:
    items = list(methods.items())
    return sorted(items, key=lambda item: item[1]) if all(is_number(value) for _, value in items) else items


def compared(study: StudyResult) -> list[Compared]:
    """Every experiment on each of its data sets, by each measure of which more or less is better."""
    return [
        _compare(study, experiment, dataset, measure)
        for experiment in study.experiments
        for dataset in experiment.datasets
        for measure in by_which(study, experiment, dataset)
    ]


def by_which(study: StudyResult, experiment: Experiment, dataset: str) -> list[str]:
    """The measures by which methods are compared on a data set."""
    measured = study.measured(experiment, dataset)
    completions = [name for name in measured if COMPLETION.fullmatch(name) and not name.startswith("occluded_")]
    return [name for name in (*(of for of in COMPARED if of in measured), *completions) if better(name)]


def _compare(study: StudyResult, experiment: Experiment, dataset: str, measure: str) -> Compared:
    main, scores = study.main(experiment), study.scores(experiment, dataset, measure)
    comparisons = compare(scores, main) if main in scores else {}
    here = ranks(_blocks(study, experiment, [dataset], measure), better(measure))
    overall = ranks(_blocks(study, experiment, experiment.datasets, measure), better(measure))
    rows = [
        Row(name, summarise(of.values()), comparisons.get(name), here.get(name), overall.get(name))
        for name, of in scores.items()
    ]
    return Compared(experiment, dataset, measure, main, rows)


def _blocks(study: StudyResult, experiment: Experiment, datasets: list[str], measure: str) -> list[dict[str, float]]:
    """The scores of all methods with one seed on one data set."""
    blocks: dict[tuple[str, int], dict[str, float]] = {}
    for dataset in datasets:
        for method, of in study.scores(experiment, dataset, measure).items():
            for seed, score in of.items():
                blocks.setdefault((dataset, seed), {})[method] = score
    return list(blocks.values())
