"""The methods of a study held against its main one, by every measure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relation_gan.analysis.measures import COMPARED, COMPLETION, better
from relation_gan.analysis.results import Experiment, StudyResult, Sweep
from relation_gan.analysis.statistics import Comparison, Scores, Summary, compare, ranks, summarise


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

    def points(self, method: str) -> tuple[list[Any], list[Summary], list[Any]]:
        """The values at which any run finished, with what they scored, and those at which none did."""
        there = [(value, summary) for value, summary in self.lines[method] if summary.n]
        lost = [value for value, summary in self.lines[method] if not summary.n]
        return [value for value, _ in there], [summary for _, summary in there], lost

    @property
    def logarithmic(self) -> bool:
        """Whether the values span so much that an axis of them is logarithmic."""
        values = [value for line in self.lines.values() for value, _ in line]
        return all(map(is_number, values)) and min(values) > 0 and max(values) / min(values) >= 50


def swept(study: StudyResult) -> list[Swept]:
    """Every sweep on each of the data sets of its experiment, by each measure; methods swept alike together."""
    found = []
    for experiment in study.experiments:
        for over in dict.fromkeys(sweep.over for sweep in experiment.sweeps):
            for dataset, measure in _measured(study, experiment):
                scores = study.scores(experiment, dataset, measure)
                lines = {sweep.method: _line(sweep, scores) for sweep in experiment.sweeps if sweep.over == over}
                if lines := {method: line for method, line in lines.items() if line}:
                    found.append(Swept(experiment, dataset, measure, over, lines))
    return found


def _line(sweep: Sweep, scores: Scores) -> list[tuple[Any, Summary]]:
    """The summary at each value at which the method was run."""
    there = [(value, summarise(scores[method].values())) for method, value in sweep.methods.items() if method in scores]
    numbers = all(is_number(value) for value in sweep.methods.values())
    return sorted(there, key=lambda point: point[0]) if numbers else there


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def compared(study: StudyResult) -> list[Compared]:
    """Every experiment on each of its data sets, by each measure of which more or less is better."""
    return [
        _compare(study, experiment, dataset, measure)
        for experiment in study.experiments
        for dataset, measure in _measured(study, experiment)
    ]


def _measured(study: StudyResult, experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Each data set with each of the measures by which methods are compared on it."""
    for dataset in experiment.datasets:
        measured = study.measured(experiment, dataset)
        completions = [name for name in measured if COMPLETION.fullmatch(name) and not name.startswith("occluded_")]
        for name in (*(of for of in COMPARED if of in measured), *completions):
            if better(name):
                yield dataset, name


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
