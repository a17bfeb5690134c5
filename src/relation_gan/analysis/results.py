"""What a report is made of: plain data, independent of where it was kept."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from relation_gan.analysis.claims import Claim
from relation_gan.analysis.measures import rank, scale_kid
from relation_gan.gan.history import History
from relation_gan.gan.scoring.panels import SAMPLES, Counts, Images, Panel, Points


@dataclass(frozen=True)
class RunResult:
    """One (data set, method, seed)."""

    dataset: str
    method: str
    seed: int
    scores: dict[str, float]
    """Flat: `modes`, `reverse_kl`, ... of the served generator, `raw_...` of the raw weights."""
    history: History
    curve: list[dict[str, float]]
    """Scores of the generators kept over training, one row a `step`."""
    grids: np.ndarray
    """uint8 (K, 64, C, H, W), or points (K, n, 2): what fixed latents gave at each of `grid_steps`."""
    panels: list[Panel] = field(default_factory=list)
    grid_steps: list[int] = field(default_factory=list)
    configuration: str = ""
    """The fingerprint of all that its weights depend on."""
    mlflow_run: str = ""
    """The id of its MLflow run; none where it was not tracked."""

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.method}.seed{self.seed}"

    @property
    def finished(self) -> bool:
        return self.history.status == "finished"

    @cached_property
    def samples(self) -> np.ndarray:
        """uint8 (n, C, H, W) final samples, or points (n, 2): none of a run that diverged."""
        return first_samples(self.panels)

    @cached_property
    def mode_counts(self) -> np.ndarray:
        """(n_modes,) samples counted in each mode; none where there are no modes."""
        return next((panel.counts.numpy() for panel in self.panels if isinstance(panel, Counts)), np.empty(0, np.int64))

    @cached_property
    def shown(self) -> dict[str, float]:
        """The scores by the names under which they stand in tables."""
        return scale_kid(self.scores)


def first_samples(panels: Iterable[Panel]) -> np.ndarray:
    """Those that a panel of samples holds: uint8 (n, C, H, W), or points (n, 2)."""
    shown = next((panel for panel in panels if panel.heading == SAMPLES), None)
    if isinstance(shown, Images):
        return shown.images.numpy()
    return shown.points.numpy() if isinstance(shown, Points) else np.empty((0, 0))


@dataclass(frozen=True)
class Sweep:
    """One method at several values of one of its parameters."""

    method: str
    over: str
    """The parameter, such as `loss.weight`."""
    methods: dict[str, Any]
    """The value at which each method of the sweep stands: a number, or a name."""


@dataclass(frozen=True)
class Experiment:
    """A table or figure of a paper: methods on data sets. One without a name covers all runs of a study."""

    name: str
    title: str = ""
    datasets: list[str] = field(default_factory=list)
    """None: it is not run at this budget."""
    methods: list[str] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)


@dataclass(frozen=True)
class Design:
    """What a study sets out to compare."""

    name: str = ""
    main: str = ""
    """The method that the others are compared with; none: the first of an experiment."""
    budget: str = ""
    experiments: list[Experiment] = field(default_factory=list)
    note: str = ""
    """How its methods differ from the paper's."""
    searched: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """How settings in force were searched, by data set and method; of a method that was not, nothing."""

    @classmethod
    def of(cls, study: Mapping[str, Any]) -> "Design":
        """From a study's resolved parameters."""
        experiments = [
            Experiment(
                *(name, of.get("title", ""), list(of["datasets"]), list(of["methods"])),
                [Sweep(sweep["method"], sweep["over"], dict(sweep["methods"])) for sweep in of.get("sweeps", [])],
            )
            for name, of in study.get("experiments", {}).items()
        ]
        name, main, budget, note = (study.get(key, "") for key in ("name", "main", "budget", "note"))
        return cls(name, main, budget, experiments, note, dict(study.get("searched", {})))


DOUBTFUL = "doubtful:"
"""How the note of a published figure begins that is printed and never compared."""


@dataclass(frozen=True)
class PublishedValue:
    """One published number; NaN where a paper leaves its place empty."""

    experiment: str
    dataset: str
    method: str
    metric: str
    value: float
    pm: float
    protocol: str
    note: str

    @property
    def doubtful(self) -> bool:
        return self.note.startswith(DOUBTFUL)


@dataclass(frozen=True)
class DatasetResult:
    """What a study says of a data set."""

    name: str
    panels: list[Panel]
    reference: dict[str, float]
    """The same scores of real data: `confidence`, `reverse_kl` (its floor), and `classifier_accuracy`."""
    box: list[float] = field(default_factory=list)
    """Left, right, bottom and top of figures of points; empty for images."""
    protocol: str = ""
    """How the scores were measured."""
    evaluation: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Part:
    """The runs of a study on one data set."""

    data: DatasetResult
    runs: list[RunResult]
    """By method, in the study's order."""
    methods: list[str]
    """All methods of the study, whether they have runs on this data set or not."""

    @property
    def dataset(self) -> str:
        return self.data.name

    @cached_property
    def real(self) -> np.ndarray:
        """uint8 (n, C, H, W) real images, or points (n, 2)."""
        return first_samples(self.data.panels)

    @cached_property
    def by_method(self) -> dict[str, list[RunResult]]:
        groups: dict[str, list[RunResult]] = {}
        for run in self.runs:
            groups.setdefault(run.method, []).append(run)
        return groups

    @property
    def of_points(self) -> bool:
        return bool(self.data.box)

    @property
    def noun(self) -> str:
        """What its samples are."""
        return "points" if self.of_points else "images"


@dataclass(frozen=True)
class StudyResult:
    """The runs that one table compares."""

    name: str
    runs: list[RunResult]
    datasets: dict[str, DatasetResult]
    provenance: dict[str, str]
    """Where the numbers come from: command, commit, data digest, versions, device, configuration."""
    design: Design = field(default_factory=Design)
    published: list[PublishedValue] = field(default_factory=list)
    claims: dict[str, Claim] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(run.method for run in self.runs))

    @cached_property
    def experiments(self) -> list[Experiment]:
        """Those of which there are runs; a study without any is one experiment of no name."""
        datasets = list(dict.fromkeys(run.dataset for run in self.runs))
        filled = [
            of if of.name else Experiment("", of.title, datasets, self.methods, of.sweeps)
            for of in self.design.experiments or [Experiment("")]
        ]
        return [of for of in filled if any(self.runs_of(of, dataset) for dataset in of.datasets)]

    def main(self, experiment: Experiment) -> str:
        """The method that the others of an experiment are compared with."""
        return self.design.main if self.design.main in experiment.methods else experiment.methods[0]

    def runs_of(self, experiment: Experiment, dataset: str) -> list[RunResult]:
        """The runs of an experiment on one data set, in the order of its methods."""
        return sorted(
            (run for run in self.runs if run.dataset == dataset and run.method in experiment.methods),
            key=lambda run: experiment.methods.index(run.method),
        )

    def measured(self, experiment: Experiment, dataset: str) -> list[str]:
        """The names of all scores that finished runs have, in the order of tables."""
        runs = self.runs_of(experiment, dataset)
        return sorted(dict.fromkeys(name for run in runs if run.finished for name in run.shown), key=rank)

    def scores(self, experiment: Experiment, dataset: str, measure: str) -> dict[str, dict[int, float]]:
        """By method and seed: NaN where a run diverged, nothing where it failed, which says nothing of the method."""
        of: dict[str, dict[int, float]] = {}
        for run in self.runs_of(experiment, dataset):
            if run.history.status == "diverged":
                of.setdefault(run.method, {})[run.seed] = math.nan
            elif measure in run.shown:
                of.setdefault(run.method, {})[run.seed] = run.shown[measure]
        return of

    @property
    def parts(self) -> list[Part]:
        """The study on each of its data sets."""
        runs = sorted(self.runs, key=lambda run: self.methods.index(run.method))
        names = dict.fromkeys(run.dataset for run in self.runs)
        return [Part(self.datasets[name], [run for run in runs if run.dataset == name], self.methods) for name in names]
