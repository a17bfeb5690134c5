"""One node a family of scores, so that a family can be computed again alone."""

import itertools
import logging
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import Points, StoreError, stacked
from relation_gan.gan.data.given import PictureFiles
from relation_gan.gan.data.sources import SourceError
from relation_gan.gan.metrics import (
    class_balance,
    frechet_distance,
    judging,
    kernel_distance,
    mode_coverage,
    moments,
    precision_recall,
    published_modes,
)
from relation_gan.gan.metrics.extractors import Extracted, Extractor, ExtractorError, open_extractor
from relation_gan.gan.metrics.features import Moments
from relation_gan.gan.metrics.points import landscape, nearest_modes, score_points
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.networks.judge import Judge
from relation_gan.gan.sampling import DivergedError, draw_latents, samples
from relation_gan.gan.training import CheckpointStore

logger = logging.getLogger(__name__)

Scores = dict[str, float]

LANDSCAPE, WITNESSES = 64, 64
"""Places along each side of a critic's landscape, and how many real and generated points it is averaged over."""


WARM_UP = 50
"""Steps that are not counted in the time of a step."""


def device() -> torch.device:
    """Where samples are drawn and judged: an accelerator if there is one."""
    return Fabric(accelerator="auto", devices=1).device


@contextmanager
def explained() -> Iterator[None]:
    """What is wrong with data is told to the person, without a traceback."""
    try:
        yield
    except (SourceError, StoreError, ExtractorError) as error:
        raise click.ClickException(str(error)) from None


def prefixed(prefix: str, scores: Scores) -> Scores:
    return {prefix + name: value for name, value in scores.items()}


def judge_samples(
    generator: Generator | PictureFiles, generator_raw: Generator | None, judge: Judge, evaluation: dict[str, Any]
) -> tuple[Described, Described]:
    """What the judge says of the samples of both generators, and the first samples as pictures.

    Both are empty for a run that diverged to values which are no images.
    """
    judged, pictures = {}, {}
    seed, size = evaluation["seed"], evaluation["batch_size"]
    judge.to(device())
    for name, network in (("averaged", generator), ("raw", generator_raw)):
        if network is None:
            continue
        try:
            result = judging.judge_images(judge, drawn(network, evaluation["samples"], seed, size))
        except DivergedError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        n_batches = -(-evaluation["pictures"] // size)
        first = itertools.islice(drawn(network, evaluation["samples"], seed, size), n_batches)
        judged |= {f"{name}/{field}": value for field, value in result._asdict().items()}
        ids = stacked.mode_ids(result.labels.numpy())
        pictures |= {
            f"{name}/samples": torch.cat(list(first))[: evaluation["pictures"]],
            f"{name}/mode_counts": torch.from_numpy(np.bincount(ids, minlength=stacked.N_MODES)),
        }
    return Described(judged, {}), Described(pictures, {})


def score_modes(judged: Described, evaluation: dict[str, Any]) -> Scores:
    """Mode coverage, the judge's confidence and the balance of digits; `raw_...` for the raw generator."""
    scores: Scores = {}
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        if f"{name}/labels" in judged.tensors:
            labels, confidence = (judged.tensors[f"{name}/{field}"].numpy() for field in ("labels", "confidence"))
            found = {
                **mode_coverage(stacked.mode_ids(labels), stacked.N_MODES),
                "confidence": float(confidence.mean()),
                **class_balance(labels.reshape(-1)),
            }
            if evaluation["published_counter"]:
                found["modes_published"] = published_modes(labels, confidence)
            scores |= prefixed(prefix, found)
    return scores


def score_features(judged: Described, reference: Described, evaluation: dict[str, Any]) -> Scores:
    """Frechet and kernel distance to real images on the judge's features."""
    scores: Scores = {}
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        features = judged.tensors.get(f"{name}/features")
        if features is not None:
            scores |= prefixed(prefix, judge_distances(reference, features, moments(features), evaluation))
    return scores


def judge_distances(reference: Described, features: Tensor, of: Moments, evaluation: dict[str, Any]) -> Scores:
    """Frechet and kernel distance to real images on the judge's features. They are not FID and KID of Inception.

    Args:
        of: the moments of all features, of which `features` may be some.
    """
    real = moments_of(reference)
    subsets, subset_size = evaluation["kid_subsets"], evaluation["kid_subset_size"]
    mean, std = kernel_distance(reference.tensors["features"], features, subsets, subset_size)
    return {"fid_judge": frechet_distance(real, of), "kid_judge": mean, "kid_judge_std": std}


def moments_of(reference: Described) -> Moments:
    """Of the real features that a reference describes."""
    return {"mu": reference.tensors["mean"].numpy(), "sigma": reference.tensors["covariance"].numpy()}


def judge_pictures(
    generator: Generator | PictureFiles,
    generator_raw: Generator | None,
    judge: Judge,
    reference: Described,
    evaluation: dict[str, Any],
) -> tuple[Scores, Described]:
    """What the judge says of samples of both generators, and the first pictures of each class.

    Both are empty for a run that diverged to values which are no images.
    """
    scores: Scores = {}
    classes = {}
    judge.to(device())
    for name, network, prefix in (("averaged", generator, ""), ("raw", generator_raw, "raw_")):
        if network is None:
            continue
        batches = drawn(network, evaluation["samples"], evaluation["seed"], evaluation["batch_size"])
        try:
            tally = judging.Tally(judge, batches, evaluation["samples"])
        except DivergedError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        found = judge_distances(reference, tally.kept, tally.moments, evaluation)
        scores |= prefixed(prefix, {**class_scores(tally), **found})
        classes |= {f"{name}/by_class": tally.by_class, f"{name}/class_counts": tally.class_counts}
    if scores:
        scores["judge_accuracy"] = reference.description["scores"]["judge_accuracy"]
    return scores, Described(classes, {})


def class_scores(tally: judging.Tally) -> Scores:
    """How sure the judge is, and how even the classes are."""
    balance = class_balance(tally.labels.numpy(), len(tally.class_counts))
    return {"confidence": float(tally.confidence.mean()), **balance}


@torch.no_grad()
def score_cost(history: dict[str, Any], generator: Generator, critic: Critic) -> Scores:
    """What the training took, and the sizes of its networks.

    Times are of whole steps of both networks, the first WARM_UP ones left out where there are more; multiply-adds of
    one image going forwards, through the critic alone or in a pair.
    """
    seconds, step = history["seconds"], history["step"]
    scores = {
        "steps": float(step),
        "seconds": seconds,
        "parameters_generator": float(sum(p.numel() for p in generator.parameters())),
        "parameters_critic": float(sum(p.numel() for p in critic.parameters())),
        "peak_memory_mib": history["peak_memory_mib"],
    }
    with FlopCounterMode(display=False) as generating:
        made = generator(draw_latents(generator, 1, torch.Generator()))
    with FlopCounterMode(display=False) as judging_one:
        critic(made, made) if critic.kind == "pair" else critic(made)
    scores["multiply_adds_generator"] = generating.get_total_flops() / 2
    scores["multiply_adds_critic"] = judging_one.get_total_flops() / 2
    if step:
        timed = [(row["step"], row["seconds"]) for row in history["rows"] if row["step"] >= WARM_UP]
        (first, started), (last, ended) = (timed[0], timed[-1]) if len(timed) > 1 else ((0, 0.0), (step, seconds))
        milliseconds = 1000 * (ended - started) / (last - first)
        scores |= {"steps_per_second": 1000 / milliseconds, "ms_per_step": milliseconds}
        scores["ms_per_image"] = milliseconds / history["batch_size"]
    return scores


def score_curve(
    checkpoints: CheckpointStore, history: dict[str, Any], judge: Judge, evaluation: dict[str, Any]
) -> list[Scores]:
    """Mode coverage and confidence of the generators kept over training, with fewer samples each."""
    judge.to(device())

    def score(batches: Iterator[Tensor]) -> Scores:
        result = judging.judge_images(judge, batches)
        ids = stacked.mode_ids(result.labels.numpy())
        return {**mode_coverage(ids, stacked.N_MODES), "confidence": float(result.confidence.mean())}

    return _curve(checkpoints, history, evaluation["curve_samples"], evaluation, score)


def _curve(
    checkpoints: CheckpointStore,
    history: dict[str, Any],
    count: int,
    evaluation: dict[str, Any],
    score: Callable[[Iterator[Tensor]], Scores],
) -> list[Scores]:
    """A row a kept step, with the scores of `count` samples of each generator that gives any."""
    rows: dict[int, Scores] = {}
    place = device()
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        for step, network in checkpoints.snapshots(name):
            if step > history["step"]:
                continue
            network.to(place)
            batches = samples(network, count, evaluation["seed"], evaluation["batch_size"])
            try:
                scores = score(batches)
            except DivergedError:
                continue
            rows.setdefault(step, {"step": float(step)}).update(prefixed(prefix, scores))
    return [rows[step] for step in sorted(rows)]


def collect_scores(
    modes: Scores, features: Scores, cost: Scores, reference: Described, history: dict[str, Any]
) -> Scores:
    """All scores of a run, flat, with the accuracy of the judge that most of them depend on."""
    judged_by = {"judge_accuracy": reference.description["scores"]["judge_accuracy"]}
    return {**modes, **features, **cost, **judged_by, **_end(history)}


def _end(history: dict[str, Any]) -> Scores:
    return {"diverged_at": float(history["step"])} if history["status"] == "diverged" else {}


def score_pictures(
    generator: Generator,
    generator_raw: Generator,
    checkpoints: CheckpointStore,
    curve: list[Scores],
    reference: Described,
    evaluation: dict[str, Any],
) -> tuple[Scores, Described]:
    """Distances to real pictures on the extractor's features, and the first samples as pictures.

    Both are empty for a run that diverged to values which are no images.
    """
    extractor = open_extractor(evaluation["extractor"], device(), evaluation["weights"])
    scores: Scores = {}
    pictures = {}
    for name, last, prefix in (("averaged", generator, ""), ("raw", generator_raw, "raw_")):
        network = last
        if evaluation["checkpoint"] == "best" and (step := _best(curve, f"{prefix}kid{suffix(evaluation)}")):
            network = next(kept for at, kept in checkpoints.snapshots(name) if at == step)
        try:
            of, first = score_samples(network, extractor, reference, evaluation)
        except DivergedError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        scores |= prefixed(prefix, of)
        pictures[f"{name}/samples"] = first
    return scores, Described(pictures, {})


def score_samples(
    source: Generator | PictureFiles, extractor: Extractor, reference: Described, evaluation: dict[str, Any]
) -> tuple[Scores, Tensor]:
    """Distances of samples to real pictures, and the first samples, uint8 (n, C, H, W).

    Of several regenerations, the scores are means, and those named `..._std` the deviation between them.

    Raises:
        DivergedError: the samples are not finite.
        StoreError: a picture cannot be read.
    """
    count, splits = evaluation["samples"], evaluation["inception_splits"]
    first: list[Tensor] = []
    rows = []
    for seed in range(evaluation["seed"], evaluation["seed"] + evaluation["regenerations"]):
        batches = drawn(source, count, seed, evaluation["batch_size"])
        if not rows:
            batches = _keeping(first, evaluation["pictures"], batches)
        rows.append(distances(Extracted(extractor, batches, count, splits), reference, evaluation))
    scores = rows[0]
    if len(rows) > 1:
        several = {name: [row[name] for row in rows] for name in scores if not name.endswith("_std")}
        scores = {name: statistics.mean(values) for name, values in several.items()}
        scores |= {f"{name}_std": statistics.stdev(values) for name, values in several.items()}
    return scores, torch.cat(first)[: evaluation["pictures"]]


def drawn(source: Generator | PictureFiles, count: int, seed: int, batch_size: int) -> Iterator[Tensor]:
    """Batches of uint8 images (b, C, H, W): samples of a generator, or pictures made elsewhere."""
    if isinstance(source, PictureFiles):
        return source.batches(count, batch_size)
    return samples(source.to(device()), count, seed, batch_size)


def _best(curve: list[Scores], name: str) -> float:
    """The step at which a score is least; 0 if it never was measured."""
    return min(((row[name], row["step"]) for row in curve if name in row), default=(0, 0.0))[1]


def _keeping(first: list[Tensor], count: int, batches: Iterator[Tensor]) -> Iterator[Tensor]:
    """The batches, of which enough for `count` images are kept on their way."""
    for batch in batches:
        if sum(map(len, first)) < count:
            first.append(batch)
        yield batch


def distances(extracted: Extracted, reference: Described, evaluation: dict[str, Any]) -> Scores:
    """How pictures compare to the real ones, named after the extractor.

    The Frechet distance is left out where there are fewer pictures than features: its covariance would mean nothing.
    """
    end = suffix(evaluation)
    features, size = reference.tensors["features"], evaluation["kid_subset_size"]
    mean, std = kernel_distance(features, extracted.kept, evaluation["kid_subsets"], size)
    precision, recall = precision_recall(features, extracted.kept)
    scores = {f"kid{end}": mean, f"kid{end}_std": std, f"precision{end}": precision, f"recall{end}": recall}
    real = moments_of(reference)
    if min(extracted.count, reference.description["count"]) > len(real["mu"]):
        scores[f"fid{end}"] = frechet_distance(real, extracted.moments)
    if inception := extracted.classes.score():
        scores |= dict(zip((f"inception_score{end}", f"inception_score{end}_std"), inception, strict=True))
    return scores


def suffix(evaluation: dict[str, Any]) -> str:
    """What tells scores by another network from those that Inception gave their names."""
    return "" if evaluation["extractor"] == "inception" else f"_{evaluation['extractor']}"


def score_pictures_curve(
    checkpoints: CheckpointStore, history: dict[str, Any], reference: Described, evaluation: dict[str, Any]
) -> list[Scores]:
    """The kernel distance of the generators kept over training, with fewer samples each."""
    extractor = open_extractor(evaluation["extractor"], device(), evaluation["weights"])
    count = evaluation["curve_samples"]
    name, subsets, size = f"kid{suffix(evaluation)}", evaluation["kid_subsets"], evaluation["kid_subset_size"]

    def score(batches: Iterator[Tensor]) -> Scores:
        kept = Extracted(extractor, batches, count).kept
        mean, std = kernel_distance(reference.tensors["features"], kept, subsets, size)
        return {name: mean, f"{name}_std": std}

    return _curve(checkpoints, history, count, evaluation, score)


def collect_picture_scores(
    features: Scores,
    cost: Scores,
    history: dict[str, Any],
    curve: list[Scores],
    evaluation: dict[str, Any],
    *more: Scores,
) -> Scores:
    """All scores of a run on pictures, flat, with the least kernel distance of its curve and the step of that."""
    name = f"kid{suffix(evaluation)}"
    if step := _best(curve, name):
        features |= {f"best_{name}": next(row[name] for row in curve if row["step"] == step), "best_step": step}
    return {**features, **cost, **{name: score for scores in more for name, score in scores.items()}, **_end(history)}


def draw_points(
    generator: Generator, generator_raw: Generator | None, points: Points, evaluation: dict[str, Any]
) -> Described:
    """The samples of both generators, and how many of them lie nearest to each mode.

    Empty for a run that diverged to values which are no points.
    """
    pictures = {}
    for name, network in (("averaged", generator), ("raw", generator_raw)):
        if network is None:
            continue
        network.to(device())
        try:
            batches = samples(network, evaluation["samples"], evaluation["seed"], evaluation["batch_size"])
            points_drawn = pictures[f"{name}/samples"] = torch.cat(list(batches))
        except DivergedError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        if points.centres is not None:
            modes, _ = nearest_modes(points_drawn, points.centres)
            pictures[f"{name}/mode_counts"] = modes.bincount(minlength=len(points.centres))
    return Described(pictures, {})


def score_drawn(pictures: Described, points: Points, reference: Described) -> Scores:
    """Quality of the modes, if there are any, and the distance to real points; `raw_...` for the raw generator."""
    scores: Scores = {}
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        if (sample := pictures.tensors.get(f"{name}/samples")) is not None:
            real = reference.tensors["points"]
            scores |= prefixed(prefix, score_points(sample, real, points.centres, points.sigma))
    return scores


def score_points_curve(
    checkpoints: CheckpointStore,
    history: dict[str, Any],
    points: Points,
    reference: Described,
    evaluation: dict[str, Any],
) -> list[Scores]:
    """The same scores of the generators kept over training, with fewer samples each."""
    real = reference.tensors["points"]

    def score(batches: Iterator[Tensor]) -> Scores:
        return score_points(torch.cat(list(batches)), real, points.centres, points.sigma)

    return _curve(checkpoints, history, min(evaluation["curve_samples"], len(real)), evaluation, score)


def map_critic(critic: Critic, pictures: Described, reference: Described) -> Described:
    """How real the critic holds each place of the box around the data: `values` (LANDSCAPE, LANDSCAPE).

    Empty where it gives values that are not finite, or where there are no samples of the raw generator, against
    which it was trained.
    """
    fake = pictures.tensors.get("raw/samples")
    if fake is None:
        return Described({}, {})
    place, box = device(), reference.description["box"]
    real, fake = (sample[:WITNESSES].to(place) for sample in (reference.tensors["points"], fake))
    values = landscape(critic.to(place).eval(), box, LANDSCAPE, real, fake)
    return Described({"values": values} if values.isfinite().all() else {}, {"box": box})


def collect_point_scores(modes: Scores, cost: Scores, history: dict[str, Any]) -> Scores:
    """All scores of a run on points, flat."""
    return {**modes, **cost, **_end(history)}
