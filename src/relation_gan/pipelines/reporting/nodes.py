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


PARTS = ("history", "scores", "curve", "grids", "pictures")
"""The datasets of a run that a report is made of."""


def collect_runs(name: str, images: ImageStore, reference: Described, **parts: Any) -> StudyResult:
    """Put together what the runs left. `parts` are named `<run>.<part>`."""
    runs = [part.removesuffix(".history") for part in parts if part.endswith(".history")]
    histories = {run: parts[f"{run}.history"] for run in runs}
    first = next(iter(histories.values()))
    return StudyResult(
        name=name,
        runs=[_run({part: parts[f"{run}.{part}"] for part in PARTS}, images.shape) for run in runs],
        real=images[: min(N_REAL, len(images))].numpy(),
        reference=reference.description["scores"],
        provenance={
            "command": tracking.command(),
            **tracking.provenance(Path.cwd()),
            "data": f"{images.name}: {images.manifest['source']}",
            "data SHA-256": images.digest,
            "device": f"{first['device']}, {first['threads']} threads",
            "configuration": yaml.safe_dump({run: h["config"] for run, h in histories.items()}, sort_keys=False),
        },
    )


def _run(parts: dict[str, Any], shape: tuple[int, int, int]) -> RunResult:
    history, pictures = parts["history"], parts["pictures"].tensors
    samples = pictures.get("averaged/samples")
    counts = pictures.get("averaged/mode_counts")
    return RunResult(
        dataset=history["dataset"],
        method=history["method"],
        seed=history["seed"],
        scores=parts["scores"],
        history={**history, "grid_steps": parts["grids"].description["steps"]},
        curve=parts["curve"],
        grids=parts["grids"].tensors["grids"].numpy(),
        samples=samples.numpy() if samples is not None else np.empty((0, *shape), np.uint8),
        mode_counts=counts.numpy() if counts is not None else np.empty(0, np.int64),
    )


def write_report(study: StudyResult) -> tuple[str, pd.DataFrame, np.ndarray, str]:
    """The HTML page, the table, the sample picture and the text for the terminal."""
    return report.render(study), report.table(study), figures.samples_figure(study), report.summary(study)
