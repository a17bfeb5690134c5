"""What a report is made of: plain data, independent of where it was kept."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from relation_gan.pipelines.reporting.claims import Claim
from relation_gan.pipelines.reporting.measures import rank, thousandfold


@dataclass(frozen=True)
class Classes:
    """What the judge puts into each class."""

    names: list[str]
    pictures: np.ndarray
    """uint8 (n_classes, k, C, H, W): the first of each class, as far as there are any."""
    counts: np.ndarray
    """(n_classes,) pictures in each class."""


@dataclass(frozen=True)
class RunResult:
    """One (data set, method, seed)."""

    dataset: str
    method: str
    seed: int
    scores: dict[str, float]
    """Flat: `modes`, `reverse_kl`, ... of the served generator, `raw_...` of the raw weights."""
    history: dict[str, Any]
    """`status` (finished, diverged or failed), `step`, `steps`, `seconds`, `error`, `rows`: one a logged step."""
    curve: list[dict[str, float]]
    """Scores of the generators kept over training, one row a `step`."""
    grids: np.ndarray
    """uint8 (K, 64, C, H, W), or points (K, n, 2): what fixed latents gave at each of `history["grid_steps"]`."""
    samples: np.ndarray
    """uint8 (n, C, H, W) final samples, or points (n, 2)."""
    mode_counts: np.ndarray
    """(n_modes,) samples counted in each mode."""
    landscape: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    """(S, S), rows from the bottom up: how real the critic holds each place of the box around points."""
    completion: dict[str, np.ndarray] = field(default_factory=dict)
    """uint8 (n, C, H, W) held-out images: `original`, and for each share `occluded_25`, `completed_25`."""
    diagnostics: dict[str, np.ndarray] = field(default_factory=dict)
    """uint8 (n, C, H, W) rows of images: `interpolations` (8 a row), `neighbours_pixels` and `neighbours_features` (a
    sample and its 5), `typical` and `odd` ones."""
    classes: Classes | None = None
    """Of the samples, where a judge of pictures has seen them."""
    configuration: str = ""
    """The fingerprint of all that its weights depend on."""
    mlflow_run: str = ""
    """The id of its MLflow run; none where it was not tracked."""

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.method}.seed{self.seed}"

    @property
    def finished(self) -> bool:
        return self.history["status"] == "finished"

    @cached_property
    def shown(self) -> dict[str, float]:
        """The scores by the names under which they stand in tables."""
        return thousandfold(self.scores)


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
        return cls(name, main, budget, experiments, note)


DOUBTFUL = "doubtful:"
"""How the note of a published figure begins that is printed and never compared."""


@dataclass(frozen=True)
class Figure:
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
class Part:
    """The runs of a study on one data set."""

    dataset: str
    runs: list[RunResult]
    methods: list[str]
    """All methods of the study, whether they have runs on this data set or not."""
    real: np.ndarray
    """uint8 (n, C, H, W) real images, or points (n, 2)."""
    reference: dict[str, float]
    """The same scores of real data: `confidence`, `reverse_kl` (its floor), and `judge_accuracy`."""
    box: list[float]
    """Left, right, bottom and top of the pictures of points."""
    classes: Classes | None = None
    """Of held-out real pictures, where there is a judge of them."""
    protocol: str = ""
    """How the scores were measured."""

    @property
    def of_points(self) -> bool:
        return self.real.ndim == 2


@dataclass(frozen=True)
class StudyResult:
    """The runs that one table compares."""

    name: str
    runs: list[RunResult]
    real: dict[str, np.ndarray]
    """By data set, as in `Part`."""
    reference: dict[str, dict[str, float]]
    provenance: dict[str, str]
    """Where the numbers come from: command, commit, data digest, versions, device, configuration."""
    boxes: dict[str, list[float]] = field(default_factory=dict)
    protocols: dict[str, str] = field(default_factory=dict)
    """By data set: how the scores were measured."""
    classes: dict[str, Classes | None] = field(default_factory=dict)
    evaluations: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By data set: the parameters of the evaluation."""
    design: Design = field(default_factory=Design)
    published: list[Figure] = field(default_factory=list)
    claims: dict[str, Claim] = field(default_factory=dict)
    """By their names: what the paper of this study says."""

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(run.method for run in self.runs))

    @cached_property
    def experiments(self) -> list[Experiment]:
        """Those of which there are runs; a study without any is one experiment of no name."""
        every = self.design.experiments or [Experiment("")]
        filled = [self._everything(of) if not of.name else of for of in every]
        return [of for of in filled if any(self.runs_of(of, dataset) for dataset in of.datasets)]

    def _everything(self, of: Experiment) -> Experiment:
        """All runs as an experiment."""
        return Experiment("", of.title, list(dict.fromkeys(run.dataset for run in self.runs)), self.methods, of.sweeps)

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
        """By method and seed: NaN where a run diverged, nothing where it failed or lacks the measure.

        A failure is the machine's or the code's, and its run is made again by the same command.
        """
        of: dict[str, dict[int, float]] = {}
        for run in self.runs_of(experiment, dataset):
            if run.history["status"] == "diverged":
                of.setdefault(run.method, {})[run.seed] = math.nan
            elif measure in run.shown:
                of.setdefault(run.method, {})[run.seed] = run.shown[measure]
        return of

    @property
    def parts(self) -> list[Part]:
        """The study on each of its data sets."""
        runs: dict[str, list[RunResult]] = {}
        for run in self.runs:
            runs.setdefault(run.dataset, []).append(run)
        return [
            Part(
                *(name, of, self.methods, self.real[name], self.reference[name]),
                *(self.boxes.get(name, []), self.classes.get(name), self.protocols.get(name, "")),
            )
            for name, of in runs.items()
        ]
