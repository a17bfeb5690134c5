"""One node a family of scores, so that a family can be computed again alone."""

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import Points, stacked
from relation_gan.gan.metrics import (
    class_balance,
    frechet_distance,
    judging,
    kernel_distance,
    mode_coverage,
    moments,
    published_modes,
)
from relation_gan.gan.metrics.extractors import Extracted, open_extractor
from relation_gan.gan.metrics.features import Moments
from relation_gan.gan.metrics.points import landscape, nearest_modes, score_points
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.networks.judge import Judge
from relation_gan.gan.sampling import samples
from relation_gan.gan.training import CheckpointStore

logger = logging.getLogger(__name__)

Scores = dict[str, float]

LANDSCAPE, WITNESSES = 64, 64
"""Places along each side of a critic's landscape, and how many real and generated points it is averaged over."""


def device() -> torch.device:
    """Where samples are drawn and judged: an accelerator if there is one."""
    return Fabric(accelerator="auto", devices=1).device


def prefixed(prefix: str, scores: Scores) -> Scores:
    return {prefix + name: value for name, value in scores.items()}


def judge_samples(
    generator: Generator, generator_raw: Generator, judge: Judge, evaluation: dict[str, Any]
) -> tuple[Described, Described]:
    """What the judge says of the samples of both generators, and the first samples as pictures.

    Both are empty for a run that diverged to values which are no images.
    """
    judged, pictures = {}, {}
    place, seed, size = device(), evaluation["seed"], evaluation["batch_size"]
    judge.to(place)
    for name, network in (("averaged", generator), ("raw", generator_raw)):
        network.to(place)
        try:
            result = judging.judge_images(judge, samples(network, evaluation["samples"], seed, size))
        except ValueError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        n_batches = -(-evaluation["pictures"] // size)
        first = itertools.islice(samples(network, evaluation["samples"], seed, size), n_batches)
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
        of: the moments of all features, of which `features` may be the first.
    """
    real = {"mu": reference.tensors["mean"].numpy(), "sigma": reference.tensors["covariance"].numpy()}
    subsets, subset_size = evaluation["kid_subsets"], evaluation["kid_subset_size"]
    mean, std = kernel_distance(reference.tensors["features"], features, subsets, subset_size)
    return {"fid_judge": frechet_distance(real, of), "kid_judge": mean, "kid_judge_std": std}


def judge_pictures(
    generator: Generator, generator_raw: Generator, judge: Judge, reference: Described, evaluation: dict[str, Any]
) -> tuple[Scores, Described]:
    """What the judge says of samples of both generators, and the first pictures of each class.

    Both are empty for a run that diverged to values which are no images.
    """
    scores: Scores = {}
    classes = {}
    place = device()
    judge.to(place)
    for name, network, prefix in (("averaged", generator, ""), ("raw", generator_raw, "raw_")):
        network.to(place)
        batches = samples(network, evaluation["samples"], evaluation["seed"], evaluation["batch_size"])
        try:
            tally = judging.Tally(judge, batches)
        except ValueError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        found = judge_distances(reference, tally.features, tally.moments, evaluation)
        scores |= prefixed(prefix, {**class_scores(tally), **found})
        classes |= {f"{name}/by_class": tally.by_class, f"{name}/class_counts": tally.class_counts}
    return scores, Described(classes, {})


def class_scores(tally: judging.Tally) -> Scores:
    """How sure the judge is, and how even the classes are."""
    balance = class_balance(tally.labels.numpy(), len(tally.class_counts))
    return {"confidence": float(tally.confidence.mean()), **balance}


def score_cost(history: dict[str, Any], generator: Generator, critic: Critic) -> Scores:
    """What the training took, and the sizes of its networks."""
    seconds, step = history["seconds"], history["step"]
    scores = {
        "steps": float(step),
        "seconds": seconds,
        "parameters_generator": float(sum(p.numel() for p in generator.parameters())),
        "parameters_critic": float(sum(p.numel() for p in critic.parameters())),
    }
    if step:
        scores |= {"steps_per_second": step / seconds, "ms_per_step": 1000 * seconds / step}
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
            except ValueError:
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
    generator: Generator, generator_raw: Generator, reference: Described, evaluation: dict[str, Any]
) -> tuple[Scores, Described]:
    """Distances to real pictures on the extractor's features, and the first samples as pictures.

    Both are empty for a run that diverged to values which are no images.
    """
    extractor = open_extractor(evaluation["extractor"], device())
    scores: Scores = {}
    pictures = {}
    for name, network, prefix in (("averaged", generator, ""), ("raw", generator_raw, "raw_")):
        network.to(device())
        first: list[Tensor] = []
        try:
            batches = samples(network, evaluation["samples"], evaluation["seed"], evaluation["batch_size"])
            extracted = Extracted(extractor, _keeping(first, evaluation["pictures"], batches))
        except ValueError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        scores |= prefixed(prefix, distances(extracted, reference, evaluation))
        pictures[f"{name}/samples"] = torch.cat(first)[: evaluation["pictures"]]
    return scores, Described(pictures, {})


def _keeping(first: list[Tensor], count: int, batches: Iterator[Tensor]) -> Iterator[Tensor]:
    """The batches, of which enough for `count` images are kept on their way."""
    for batch in batches:
        if sum(map(len, first)) < count:
            first.append(batch)
        yield batch


def distances(extracted: Extracted, reference: Described, evaluation: dict[str, Any]) -> Scores:
    """Frechet and kernel distance of pictures to the real ones, named after the extractor.

    The Frechet distance is left out where there are fewer pictures than features: its covariance would mean nothing.
    """
    name = evaluation["extractor"]
    suffix = "" if name == "inception" else f"_{name}"
    subsets, size = evaluation["kid_subsets"], evaluation["kid_subset_size"]
    mean, std = kernel_distance(reference.tensors["features"], extracted.kept, subsets, size)
    scores = {f"kid{suffix}": mean, f"kid{suffix}_std": std}
    real = {"mu": reference.tensors["mean"].numpy(), "sigma": reference.tensors["covariance"].numpy()}
    if min(extracted.sums.count, reference.description["count"]) > len(real["mu"]):
        scores[f"fid{suffix}"] = frechet_distance(real, extracted.moments)
    return scores


def score_pictures_curve(
    checkpoints: CheckpointStore, history: dict[str, Any], reference: Described, evaluation: dict[str, Any]
) -> list[Scores]:
    """The kernel distance of the generators kept over training, with fewer samples each."""
    extractor = open_extractor(evaluation["extractor"], device())

    def score(batches: Iterator[Tensor]) -> Scores:
        scores = distances(Extracted(extractor, batches), reference, evaluation)
        return {name: value for name, value in scores.items() if name.startswith("kid")}

    return _curve(checkpoints, history, evaluation["curve_samples"], evaluation, score)


def collect_picture_scores(features: Scores, cost: Scores, history: dict[str, Any]) -> Scores:
    """All scores of a run on pictures, flat."""
    return {**features, **cost, **_end(history)}


def draw_points(
    generator: Generator, generator_raw: Generator, points: Points, evaluation: dict[str, Any]
) -> Described:
    """The samples of both generators, and how many of them lie nearest to each mode.

    Empty for a run that diverged to values which are no points.
    """
    pictures = {}
    for name, network in (("averaged", generator), ("raw", generator_raw)):
        network.to(device())
        try:
            batches = samples(network, evaluation["samples"], evaluation["seed"], evaluation["batch_size"])
            drawn = pictures[f"{name}/samples"] = torch.cat(list(batches))
        except ValueError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
            continue
        if points.centres is not None:
            modes, _ = nearest_modes(drawn, points.centres)
            pictures[f"{name}/mode_counts"] = modes.bincount(minlength=len(points.centres))
    return Described(pictures, {})


def score_drawn(pictures: Described, points: Points, reference: Described) -> Scores:
    """Quality of the modes, if there are any, and the distance to real points; `raw_...` for the raw generator."""
    scores: Scores = {}
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        if (drawn := pictures.tensors.get(f"{name}/samples")) is not None:
            real = reference.tensors["points"]
            scores |= prefixed(prefix, score_points(drawn, real, points.centres, points.sigma))
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
