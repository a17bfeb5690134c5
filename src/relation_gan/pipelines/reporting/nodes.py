"""Scores and panels of all runs of a study -> one report."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from relation_gan.analysis.claims import read_claims
from relation_gan.analysis.provenance import mlflow_run, provenance
from relation_gan.analysis.published import read_published
from relation_gan.analysis.results import DatasetResult, Design, RunResult, StudyResult
from relation_gan.gan import scoring
from relation_gan.gan.checkpoint import Described, fingerprint
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.data.config import read_data
from relation_gan.gan.history import History
from relation_gan.gan.metrics import extractors
from relation_gan.gan.scoring import EvaluationConfig, Source
from relation_gan.gan.scoring.panels import SAMPLES, Panel
from relation_gan.gan.state import CheckpointStore
from relation_gan.pipelines.reporting import paper_figures, report, tables


def collect_run(
    history: History,
    scores: dict[str, float],
    curve: list[dict[str, float]],
    grids: Described,
    checkpoints: CheckpointStore,
    *panels: list[Panel],
) -> RunResult:
    """Put together what a run left; the folder of its checkpoints also has a note of its MLflow run, if any."""
    configuration = fingerprint(history.run.depends_on(history.data_sha256))
    return RunResult(
        dataset=history.dataset,
        method=history.method,
        seed=history.seed,
        scores=scores,
        history=history,
        curve=curve,
        grids=grids.tensors["grids"].numpy(),
        grid_steps=grids.description["steps"],
        panels=[panel for of in panels for panel in of],
        configuration=configuration,
        mlflow_run=mlflow_run(checkpoints.folder, configuration),
    )


def describe_data(
    scorers: tuple[str, ...],
    compared_with: tuple[tuple[str, str], ...],
    trained: bool,
    store: ImageStore | Points,
    data: dict[str, Any],
    evaluation: EvaluationConfig,
    *references: Described,
) -> DatasetResult:
    """What a study says of a data set: what real data scores, and what the report shows of it.

    Args:
        scorers, compared_with: those that apply, and the reference of each that has one.
        trained: whether the samples are those of trainings, which have checkpoints.
        references: of different names, in the order of `compared_with`.
    """
    of = dict(zip(dict.fromkeys(name for _, name in compared_with), references, strict=True))
    made = {name: scoring.create(name, evaluation=evaluation, device=torch.device("cpu")) for name in scorers}
    source, given = Source(store, read_data(data)), dict(compared_with)
    nothing, n = Described({}, {"scores": {}}), len(store) if isinstance(store, ImageStore) else 0
    panels = [panel for name in scorers for panel in made[name].real(source, of.get(given.get(name, ""), nothing))]
    return DatasetResult(
        name=store.name,
        panels=sorted(panels, key=lambda panel: panel.heading != SAMPLES),
        reference={name: score for each in references for name, score in each.description["scores"].items()},
        box=next((each.description["box"] for each in references if "box" in each.description), []),
        protocol=protocol(evaluation, n, of.get(evaluation.extractor), trained),
        evaluation=evaluation.model_dump(mode="json"),
        source=f"{store.name}: {store.manifest['source']}",
        digest=store.digest,
    )


def collect_study(
    name: str,
    study: str,
    parameters: dict[str, Any],
    published: pd.DataFrame,
    claims: dict[str, Any],
    *results: DatasetResult | RunResult,
) -> StudyResult:
    """Put together the runs of a study, with where their numbers come from and what they are compared with.

    Args:
        name: the report's.
        study: the one whose claims it tests.
        parameters: the study's, resolved.
        published, claims: as in conf/base/published.csv and conf/base/parameters/claims.yml.
    """
    runs = [result for result in results if isinstance(result, RunResult)]
    datasets = [result for result in results if isinstance(result, DatasetResult)]
    return StudyResult(
        name=name,
        runs=runs,
        datasets={result.name: result for result in datasets},
        design=Design.of({**parameters, "name": study}),
        published=read_published(published),
        claims=read_claims(claims),
        provenance={
            **provenance(Path.cwd()),
            "data": "; ".join(result.source for result in datasets),
            "data SHA-256": ", ".join(result.digest for result in datasets),
            "device": "; ".join(dict.fromkeys(f"{run.history.device}, {run.history.threads} threads" for run in runs)),
            "configuration": yaml.safe_dump({run.name: _made_of(run.history) for run in runs}, sort_keys=False),
        },
    )


def _made_of(history: History) -> dict[str, Any]:
    return history.config.model_dump(mode="json") if history.config else history.external


def protocol(evaluation: EvaluationConfig, training: int, reference: Described | None, trained: bool = True) -> str:
    """How the scores were measured, in a sentence or two."""
    text = f"Protocol “{evaluation.protocol}”: {evaluation.samples:,} samples"
    if trained:
        text += f" of the {evaluation.checkpoint} checkpoint"
    if evaluation.regenerations > 1:
        text += f", drawn {evaluation.regenerations} times"
    if reference:
        text += (
            f", against {reference.description['count']:,} of {training:,} training images, by the features of "
            f"{extractors.title(evaluation.extractor)}; kernel distance over {evaluation.kid_subsets:,} subsets of "
            f"{evaluation.kid_subset_size:,}, Inception score in {evaluation.inception_splits} splits"
        )
    if evaluation.changed:
        values = evaluation.model_dump(mode="json")
        changes = (f"{name} is {values[name]}, not {there}" for name, there in evaluation.changed.items())
        text += f". Changed from the protocol: {', '.join(changes)}"
    return text + "."


def write_report(study: StudyResult) -> tuple[str, pd.DataFrame, np.ndarray, str]:
    """The HTML page, the table, the sample figure and the text for the terminal."""
    return report.render(study), tables.runs(study), paper_figures.samples_figure(study), report.summary(study)


def write_tables(study: StudyResult) -> tuple[pd.DataFrame, pd.DataFrame, str, pd.DataFrame, str]:
    """The verdicts, the statistics and the published and own figures, the last two for LaTeX, too."""
    return (
        tables.verdict_table(study),
        tables.statistics_table(study),
        tables.statistics_latex(study),
        tables.published_table(study),
        tables.published_latex(study),
    )
