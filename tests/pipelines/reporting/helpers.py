"""Studies made by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from relation_gan.analysis.claims import read_claims
from relation_gan.analysis.results import (
    DatasetResult,
    Design,
    Experiment,
    PublishedValue,
    RunResult,
    StudyResult,
    Sweep,
)
from relation_gan.gan.scoring.panels import SAMPLES, Points
from tests.pipelines.helpers import history


def run(method: str, seed: int = 0, dataset: str = "digits", status: str = "finished", **scores: float) -> RunResult:
    """A run of points that ended in some way."""
    of = history(status=status, step=30, steps=30, seconds=60.0, data_sha256="0" * 64)
    return RunResult(dataset, method, seed, scores, of, [], np.empty((0, 64, 2)))


def seeds(method: str, *values: float | None, by: str = "fid", dataset: str = "digits") -> list[RunResult]:
    """A run a value; None of one that diverged."""
    return [
        run(method, seed, dataset, **{by: value}) if value is not None else run(method, seed, dataset, "diverged")
        for seed, value in enumerate(values)
    ]


def study(
    runs: Sequence[RunResult],
    budget: str = "paper",
    experiments: list[Experiment] | None = None,
    sweeps: Sequence[Sweep] = (),
    published: Sequence[PublishedValue] = (),
    claims: dict[str, Any] | None = None,
    main: str = "",
) -> StudyResult:
    """Of one experiment, T, if none are given."""
    datasets, methods = (list(dict.fromkeys(getattr(run, of) for run in runs)) for of in ("dataset", "method"))
    if experiments is None:
        experiments = [Experiment("T", "Table", datasets, methods, list(sweeps))]
    real = Points(SAMPLES, "", "Real points", torch.from_numpy(np.random.default_rng(0).normal(size=(64, 2))))
    data = {
        name: DatasetResult(
            name, [real], {}, [-4.0, 4.0, -4.0, 4.0], evaluation={"protocol": "standard", "changed": {}}
        )
        for name in datasets
    }
    return StudyResult(
        "a study",
        list(runs),
        data,
        {"command": "kedro run"},
        design=Design("s", main, budget, experiments),
        published=list(published),
        claims=read_claims(claims or {}),
    )
