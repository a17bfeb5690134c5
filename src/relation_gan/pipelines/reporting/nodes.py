"""Scores and samples of all runs of a study -> one report."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from relation_gan import tracking
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore
from relation_gan.pipelines.reporting import figures, report
from relation_gan.pipelines.reporting.results import RunResult, StudyResult

N_REAL = 256


def collect_run(
    images: ImageStore,
    history: dict[str, Any],
    scores: dict[str, float],
    curve: list[dict[str, float]],
    grids: Described,
    pictures: Described,
) -> RunResult:
    """Put together what a run left."""
    samples = pictures.tensors.get("averaged/samples")
    counts = pictures.tensors.get("averaged/mode_counts")
    return RunResult(
        dataset=history["dataset"],
        method=history["method"],
        seed=history["seed"],
        scores=scores,
        history={**history, "grid_steps": grids.description["steps"]},
        curve=curve,
        grids=grids.tensors["grids"].numpy(),
        samples=samples.numpy() if samples is not None else np.empty((0, *images.shape), np.uint8),
        mode_counts=counts.numpy() if counts is not None else np.empty(0, np.int64),
    )


def collect_study(name: str, images: ImageStore, reference: Described, *runs: RunResult) -> StudyResult:
    """Put together the runs of a study, with where their numbers come from."""
    configuration = {run.name: run.history["config"] for run in runs}
    return StudyResult(
        name=name,
        runs=list(runs),
        real=images[: min(N_REAL, len(images))].numpy(),
        reference=reference.description["scores"],
        provenance={
            "command": tracking.command(),
            **tracking.provenance(Path.cwd()),
            "data": f"{images.name}: {images.manifest['source']}",
            "data SHA-256": images.digest,
            "device": f"{runs[0].history['device']}, {runs[0].history['threads']} threads",
            "configuration": yaml.safe_dump(configuration, sort_keys=False),
        },
    )


def write_report(study: StudyResult) -> tuple[str, pd.DataFrame, np.ndarray, str]:
    """The HTML page, the table, the sample picture and the text for the terminal."""
    return report.render(study), report.table(study), figures.samples_figure(study), report.summary(study)
