"""Scoring what was made elsewhere, or earlier: a generator's file, or a folder of pictures, without training."""

import hashlib
import os
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any, cast

import click
import pandas as pd
import torch
from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.gan import checkpoint, networks
from relation_gan.gan.checkpoint import CheckpointError, Described
from relation_gan.gan.data import ImageStore, Points, StoreError
from relation_gan.gan.data.given import PictureFiles
from relation_gan.gan.metrics.extractors import open_extractor
from relation_gan.gan.networks import Generator
from relation_gan.gan.networks.judge import Judge
from relation_gan.gan.sampling import DivergedError, samples
from relation_gan.pipelines.evaluation import nodes
from relation_gan.pipelines.evaluation.nodes import Scores, explained
from relation_gan.pipelines.reporting.nodes import collect_study, write_report
from relation_gan.pipelines.reporting.results import RunResult, StudyResult


def open_given(path: str, shape: tuple[int, ...]) -> Generator | PictureFiles:
    """What is to be scored.

    Args:
        path: a generator's file, a training's checkpoint, or a folder or zip file of pictures.
        shape: of the data's samples: (C, H, W), or (2,) of points.

    Raises:
        click.ClickException: it is none of these, or its samples are not of that shape.
    """
    if not path:
        raise click.ClickException(
            "parameter 'evaluate.samples' is missing: --params=evaluate.samples=<a generator.safetensors, or a folder "
            "or zip file of pictures>"
        )
    place = Path(path).expanduser()
    if not place.exists():
        raise click.ClickException(f"parameter 'evaluate.samples' is {path!r}: there is no such file or folder")
    try:
        if place.suffix != ".safetensors":
            if len(shape) != 3:
                raise click.ClickException(f"{path}: pictures cannot be compared with points; choose another --env")
            return PictureFiles(place, cast(tuple[int, int, int], shape))
        generator = load_generator(place)
        drawn = next(samples(generator, 1, 0, 1))
    except (CheckpointError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    except DivergedError as error:
        raise click.ClickException(f"{path}: {error}; there is nothing to score") from None
    if drawn.shape[1:] != shape:
        raise click.ClickException(
            f"{path} makes samples of shape {tuple(drawn.shape[1:])}, the data's are {tuple(shape)}; choose the --env "
            "that it was trained with"
        )
    return generator


def load_generator(path: Path) -> Generator:
    """A generator from its own file, or the averaged one of a training's checkpoint.

    Raises:
        CheckpointError: the file is damaged, or holds neither.
    """
    tensors, description = checkpoint.load(path)
    if "network" in description:
        network = checkpoint.load_network(path)
        if not isinstance(network, Generator):
            raise CheckpointError(f"{path} holds a {description['network'].get('name')}, which is no generator")
        return network
    try:
        generator = networks.create(**description["config"]["run"]["generator"])
        averaged = {key.removeprefix("averaged/"): of for key, of in tensors.items() if key.startswith("averaged/")}
        generator.load_state_dict(averaged)
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds no generator that this version can build ({error})") from error
    return cast(Generator, generator.eval())


def take(
    evaluate: dict[str, Any], source: ImageStore | Points, evaluation: dict[str, Any]
) -> tuple[Generator | PictureFiles, dict[str, Any]]:
    """What is to be scored, and how: of fewer pictures than the protocol says, all, and files but once.

    Raises:
        click.ClickException: it cannot be scored.
    """
    given = open_given(evaluate["samples"], source.shape)
    how = {**evaluation, "checkpoint": ""}  # It is no training whose checkpoints there is a choice of.
    if not isinstance(given, PictureFiles):
        return given, how
    if len(given) < evaluation["kid_subset_size"]:
        raise click.ClickException(
            f"{given.path} holds {len(given)} pictures, fewer than evaluation.kid_subset_size "
            f"{evaluation['kid_subset_size']}; add some, or lower that, to a tenth of them or so"
        )
    own = {"samples": min(len(given), evaluation["samples"]), "regenerations": 1}
    changed = {name: evaluation[name] for name, value in own.items() if evaluation[name] != value}
    return given, {**how, **own, "changed": {**changed, **evaluation["changed"]}}


def score_given_pictures(given: Generator | PictureFiles, reference: Described, evaluation: dict[str, Any]) -> Scores:
    """As `score_pictures`, of one source."""
    with explained():
        extractor = open_extractor(evaluation["extractor"], nodes.device(), evaluation["weights"])
        return nodes.score_samples(given, extractor, reference, evaluation)[0]


def draw_given_pictures(given: Generator | PictureFiles, evaluation: dict[str, Any]) -> Described:
    """As `draw_pictures`, of one source."""
    with explained():
        return nodes.draw_each({"averaged": given}, evaluation)


def judge_given(
    given: Generator | PictureFiles, judge: Judge, evaluation: dict[str, Any]
) -> tuple[Described, Described]:
    """As `judge_samples`, of one source."""
    with explained():
        return nodes.judge_samples(given, None, judge, evaluation)


def judge_given_pictures(
    given: Generator | PictureFiles, judge: Judge, reference: Described, evaluation: dict[str, Any]
) -> Scores:
    """As `judge_pictures`, of one source."""
    with explained():
        return nodes.judge_each({"averaged": given}, judge, reference, evaluation)[0]


def report_given(
    evaluate: dict[str, Any],
    source: ImageStore | Points,
    reference: Described,
    given: Generator | PictureFiles,
    evaluation: dict[str, Any],
    pictures: Described,
    *scores: Scores,
    name: str,
) -> StudyResult:
    """Put together what the report shows: a study of one run that was trained for no steps."""
    drawn = pictures.tensors
    if "averaged/samples" not in drawn:
        raise click.ClickException(f"{evaluate['samples']} gives no finite samples; there is nothing to score")
    path = Path(evaluate["samples"]).expanduser()
    if isinstance(given, PictureFiles):
        digest, title = given.digest(evaluation["samples"]), path.stem
    else:
        digest, title = hashlib.sha256(path.read_bytes()).hexdigest(), given.notes.get("run", path.stem)
    counts = drawn.get("averaged/mode_counts", torch.empty(0, dtype=torch.int64))
    run = RunResult(
        dataset=source.name,
        method=title,
        seed=evaluation["seed"],
        scores={key: value for part in scores for key, value in part.items()},
        history={
            **{"status": "finished", "step": 0, "steps": 0, "seconds": 0.0, "rows": [], "grid_steps": []},
            **{"device": str(nodes.device()), "threads": torch.get_num_threads()},
            "config": {"samples": os.fspath(path), "samples_sha256": digest, "evaluation": evaluation},
        },
        curve=[],
        grids=drawn["averaged/samples"][:0].numpy(),
        samples=drawn["averaged/samples"].numpy(),
        mode_counts=counts.numpy(),
    )
    return collect_study(name, "", [1], {}, pd.DataFrame(), {}, source, evaluation, reference, run)


def create_given_pipeline(data: Data, folder: str) -> Pipeline:
    """Args: the data set, and the report's folder."""
    scoring, scores = {
        "pictures": _pictures(data),
        "stacked_digits": _stacked_digits(),
        "points": _points(),
    }[data.kind]
    report = update_wrapper(partial(report_given, name=folder), report_given)
    inputs = ["params:evaluate", "source", "reference", "given", "given_evaluation", "pictures", *scores]
    return pipeline(
        [
            node(take, ["params:evaluate", "source", "params:evaluation"], ["given", "given_evaluation"], name="take"),
            *scoring,
            node(report, inputs, f"{folder}.result", name="report_given"),
            node(
                write_report,
                f"{folder}.result",
                [f"{folder}.report", f"{folder}.table", f"{folder}.samples", f"{folder}.summary"],
                name="write_report",
            ),
        ],
        namespace="evaluate",
        inputs={
            "source": f"{data.name}.{data.source}",
            "reference": f"{data.name}.{data.reference}",
            **({"judge": f"{data.name}.judge"} if data.judge else {}),
            **({"reference_judge": f"{data.name}.reference_judge"} if "reference_judge" in data.references else {}),
        },
        outputs={f"{folder}.{part}" for part in ("result", "report", "table", "samples", "summary")},
        parameters={
            "params:evaluate": "params:evaluate",
            "params:evaluation": f"params:datasets.{data.name}.evaluation",
        },
        tags="evaluate",
    )


def _pictures(data: Data) -> tuple[list[Node], list[str]]:
    inputs = ["given", "reference", "given_evaluation"]
    scored = node(score_given_pictures, inputs, "scores_features", name="score_given_pictures")
    inputs = ["given", "judge", "reference_judge", "given_evaluation"]
    judged = node(judge_given_pictures, inputs, "scores_judge", name="judge_given_pictures")
    views = [scored] * (not data.judge_alone) + [judged] * data.judge
    drawn = node(draw_given_pictures, ["given", "given_evaluation"], "pictures", name="draw_given_pictures")
    return [*views, drawn], [view.outputs[0] for view in views]


def _stacked_digits() -> tuple[list[Node], list[str]]:
    return [
        node(judge_given, ["given", "judge", "given_evaluation"], ["judged", "pictures"], name="judge_given"),
        node(nodes.score_modes, ["judged", "given_evaluation"], "scores_modes", name="score_modes"),
        node(
            nodes.score_features, ["judged", "reference", "given_evaluation"], "scores_features", name="score_features"
        ),
    ], ["scores_modes", "scores_features"]


def _points() -> tuple[list[Node], list[str]]:
    drawing = {"generator": "given", "points": "source", "evaluation": "given_evaluation"}
    draw_points = update_wrapper(partial(nodes.draw_points, generator_raw=None), nodes.draw_points)
    return [
        node(draw_points, drawing, "pictures", name="draw_points"),
        node(nodes.score_drawn, ["pictures", "source", "reference"], "scores_modes", name="score_drawn"),
    ], ["scores_modes"]
