"""Studies made by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from relation_gan.pipelines.reporting.claims import read_claims
from relation_gan.pipelines.reporting.results import Design, Experiment, Figure, RunResult, StudyResult, Sweep


def run(method: str, seed: int = 0, dataset: str = "digits", status: str = "finished", **scores: float) -> RunResult:
    """A run of points that ended in some way."""
    history = {"status": status, "step": 30, "steps": 30, "seconds": 60.0, "error": None, "rows": [], "grid_steps": []}
    nothing = np.empty((0, 2))
    return RunResult(
        *(dataset, method, seed, scores, {**history, "data_sha256": "0" * 64}, []),
        *(np.empty((0, 64, 2)), nothing, np.empty(0, np.int64)),
    )


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
    published: Sequence[Figure] = (),
    claims: dict[str, Any] | None = None,
    main: str = "",
) -> StudyResult:
    """Of one experiment, T, if none are given."""
    datasets, methods = (list(dict.fromkeys(getattr(run, of) for run in runs)) for of in ("dataset", "method"))
    if experiments is None:
        experiments = [Experiment("T", "Table", datasets, methods, list(sweeps))]
    real = np.random.default_rng(0).normal(size=(64, 2))
    return StudyResult(
        "a study",
        list(runs),
        dict.fromkeys(datasets, real),
        {dataset: {} for dataset in datasets},
        {"command": "kedro run"},
        boxes={dataset: [-4.0, 4.0, -4.0, 4.0] for dataset in datasets},
        evaluations={dataset: {"protocol": "standard", "changed": {}} for dataset in datasets},
        design=Design("s", main, budget, experiments),
        published=list(published),
        claims=read_claims(claims or {}),
    )
