"""What a report is made of: plain data, independent of where it was kept."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


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

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.method}.seed{self.seed}"


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

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(run.method for run in self.runs))

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
