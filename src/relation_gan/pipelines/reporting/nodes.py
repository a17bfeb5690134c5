"""Scores and samples of all runs of a study -> one report."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from torch import Tensor

from relation_gan import tracking
from relation_gan.gan.checkpoint import Described, fingerprint
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.metrics import extractors
from relation_gan.gan.training import CheckpointStore
from relation_gan.pipelines.reporting import figures, prints, report, tables
from relation_gan.pipelines.reporting.claims import read_claims
from relation_gan.pipelines.reporting.published import read_published
from relation_gan.pipelines.reporting.results import Classes, Design, RunResult, StudyResult
from relation_gan.pipelines.training.nodes import depends_on

N_REAL = 256


def collect_run(
    source: ImageStore | Points,
    history: dict[str, Any],
    scores: dict[str, float],
    curve: list[dict[str, float]],
    grids: Described,
    pictures: Described,
    landscape: Described | None = None,
    completion: Described | None = None,
    diagnostics: Described | None = None,
    classes: Described | None = None,
    checkpoints: CheckpointStore | None = None,
) -> RunResult:
    """Put together what a run left.

    Args:
        checkpoints: the folder that also holds a note of its MLflow run, if it was tracked.
    """
    configuration = fingerprint(depends_on(history["config"], history["data_sha256"]))
    samples = pictures.tensors.get("averaged/samples")
    counts = pictures.tensors.get("averaged/mode_counts")
    heights = landscape.tensors.get("values") if landscape else None
    return RunResult(
        dataset=history["dataset"],
        method=history["method"],
        seed=history["seed"],
        scores=scores,
        history={**history, "grid_steps": grids.description["steps"]},
        curve=curve,
        grids=grids.tensors["grids"].numpy(),
        samples=samples.numpy() if samples is not None else np.empty((0, *source.shape), np.uint8),
        mode_counts=counts.numpy() if counts is not None else np.empty(0, np.int64),
        landscape=heights.numpy() if heights is not None else np.empty((0, 0)),
        classes=_classes(source, classes.tensors, "averaged/") if classes else None,
        completion=_arrays(completion),
        diagnostics=_arrays(diagnostics),
        configuration=configuration,
        mlflow_run=tracking.run_id(checkpoints.folder, configuration) if checkpoints else "",
    )


def _arrays(described: Described | None) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in described.tensors.items()} if described else {}


def _classes(source: ImageStore | Points, tensors: Mapping[str, Tensor], prefix: str = "") -> Classes | None:
    if f"{prefix}by_class" not in tensors:
        return None
    pictures, counts = (tensors[prefix + name].numpy() for name in ("by_class", "class_counts"))
    return Classes(source.manifest["classes"], pictures, counts)


def collect_study(
    name: str,
    study: str,
    references: list[int],
    parameters: dict[str, Any],
    published: pd.DataFrame,
    claims: dict[str, Any],
    *inputs: Any,
) -> StudyResult:
    """Put together the runs of a study, with where their numbers come from and what they are held against.

    Args:
        name: the report's.
        study: the one whose claims it tests.
        references: how many each data set has.
        parameters: the study's, resolved, from which `Design.of` is made.
        published: conf/base/published.csv.
        claims: by name, as in conf/base/parameters/claims.yml.
        inputs: the source of each data set, how each was evaluated, the references of each, then the `RunResult`s.
    """
    rest = iter(inputs)
    sources: list[ImageStore | Points] = list(islice(rest, len(references)))
    evaluations: list[dict[str, Any]] = list(islice(rest, len(references)))
    described = [_together(list(islice(rest, count))) for count in references]
    runs: list[RunResult] = list(rest)
    of = {source.name: reference for source, reference in zip(sources, described, strict=True)}
    configuration = {run.name: run.history["config"] for run in runs}
    return StudyResult(
        name=name,
        runs=runs,
        real={source.name: _real(source, of[source.name]) for source in sources},
        reference={name: reference.description["scores"] for name, reference in of.items()},
        protocols={
            source.name: protocol(evaluation, len(source) if isinstance(source, ImageStore) else 0, of[source.name])
            for source, evaluation in zip(sources, evaluations, strict=True)
        },
        boxes={name: reference.description["box"] for name, reference in of.items() if "box" in reference.description},
        classes={source.name: _classes(source, of[source.name].tensors) for source in sources},
        evaluations={source.name: evaluation for source, evaluation in zip(sources, evaluations, strict=True)},
        design=Design.of({**parameters, "name": study}),
        published=read_published(published),
        claims=read_claims(claims),
        provenance={
            "command": tracking.command(),
            **tracking.provenance(Path.cwd()),
            "data": "; ".join(f"{source.name}: {source.manifest['source']}" for source in sources),
            "data SHA-256": ", ".join(source.digest for source in sources),
            "device": "; ".join(
                dict.fromkeys(f"{run.history['device']}, {run.history['threads']} threads" for run in runs)
            ),
            "configuration": yaml.safe_dump(configuration, sort_keys=False),
        },
    )


def protocol(evaluation: dict[str, Any], training: int, reference: Described) -> str:
    """How the scores were measured, in a sentence or two."""
    told = f"Protocol “{evaluation['protocol']}”: {evaluation['samples']:,} samples"
    if evaluation["checkpoint"]:
        told += f" of the {evaluation['checkpoint']} checkpoint"
    if evaluation["regenerations"] > 1:
        told += f", drawn {evaluation['regenerations']} times"
    if "count" in reference.description:
        told += (
            f", against {reference.description['count']:,} of {training:,} training pictures, by the features of "
            f"{extractors.title(evaluation['extractor'])}; kernel distance over {evaluation['kid_subsets']:,} subsets "
            f"of {evaluation['kid_subset_size']:,}, Inception score in {evaluation['inception_splits']} splits"
        )
    if evaluation["changed"]:
        changes = (f"{name} is {evaluation[name]}, not {there}" for name, there in evaluation["changed"].items())
        told += f". Changed from the protocol: {', '.join(changes)}"
    return told + "."


def _together(references: list[Described]) -> Described:
    """What all references of one data set say."""
    scores = {name: score for of in references for name, score in of.description["scores"].items()}
    tensors = {name: tensor for of in references for name, tensor in of.tensors.items()}
    return Described(tensors, {**references[0].description, "scores": scores})


def _real(source: ImageStore | Points, reference: Described) -> np.ndarray:
    if isinstance(source, Points):
        return reference.tensors["points"].numpy()
    return source[source.spread(N_REAL)].numpy()


def write_report(study: StudyResult) -> tuple[str, pd.DataFrame, np.ndarray, str]:
    """The HTML page, the table, the sample picture and the text for the terminal."""
    return report.render(study), tables.runs(study), figures.samples_figure(study), report.summary(study)


def write_tables(study: StudyResult) -> tuple[pd.DataFrame, pd.DataFrame, str, pd.DataFrame, str]:
    """The verdicts, the statistics and the published figures beside ours, the last two for LaTeX, too."""
    return (
        tables.verdict_table(study),
        tables.statistics_table(study),
        tables.statistics_latex(study),
        tables.beside_table(study),
        tables.beside_latex(study),
    )


def write_figures(study: StudyResult) -> dict[str, np.ndarray]:
    """Pictures for papers, by the names of their files."""
    return prints.figures(study)
