"""The report of samples made elsewhere: a study of one run that was trained for no steps."""

import hashlib
import os
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from kedro.pipeline import Pipeline, node

from relation_gan.analysis.results import DatasetResult, RunResult, StudyResult
from relation_gan.config import Data, EvaluateConfig
from relation_gan.gan.external import ImageFiles
from relation_gan.gan.history import History
from relation_gan.gan.sampling import GeneratorSampler
from relation_gan.gan.scoring import EvaluationConfig, Scores
from relation_gan.gan.scoring.panels import Panel
from relation_gan.pipelines.reporting import nodes
from relation_gan.pipelines.reporting.pipeline import describe_data, shown_first, write_report
from relation_gan.pipelines.shared import bound, device


def collect_external(
    folder: str,
    evaluate: EvaluateConfig,
    sampler: GeneratorSampler | ImageFiles,
    evaluation: EvaluationConfig,
    data: DatasetResult,
    *results: Scores | list[Panel],
) -> StudyResult:
    """Put together what the report shows.

    Args:
        results: scores and panels of each scorer.

    Raises:
        click.ClickException: there are no finite samples.
    """
    scores = {name: score for of in results if isinstance(of, dict) for name, score in of.items()}
    panels = [panel for of in results if isinstance(of, list) for panel in of]
    if not panels:
        raise click.ClickException(f"{evaluate.samples} gives no finite samples; there is nothing to score")
    path = Path(evaluate.samples).expanduser()
    if isinstance(sampler, ImageFiles):
        digest, title = sampler.digest(evaluation.samples), path.stem
    else:
        digest, title = hashlib.sha256(path.read_bytes()).hexdigest(), sampler.generator.notes.get("run", path.stem)
    history = History(
        dataset=data.name,
        method=title,
        title=title,
        seed=evaluation.seed,
        status="finished",
        step=0,
        steps=0,
        device=str(device()),
        threads=torch.get_num_threads(),
        external={"samples": os.fspath(path), "samples_sha256": digest, "evaluation": data.evaluation},
    )
    run = RunResult(data.name, title, evaluation.seed, scores, history, curve=[], grids=np.empty(0), panels=panels)
    return nodes.collect_study(folder, "", {}, pd.DataFrame(), {}, data, run)


def create_pipeline(data: Data, scorers: list[str], folder: str) -> Pipeline:
    """Args: the data set, the scorers of the samples, and the report's folder."""
    results = [f"evaluate.{part}_{name}" for name in shown_first(scorers) for part in ("scores", "panels")]
    collected = node(
        bound(collect_external, folder),
        ["params:evaluate", "evaluate.sampler", "evaluate.evaluation", "evaluate.data_result", *results],
        f"{folder}.result",
        name="collect_external",
    )
    described = describe_data(data, "evaluate.evaluation", "evaluate.data_result", scorers=scorers)
    return Pipeline([described, collected, write_report(folder)], tags="evaluate")
