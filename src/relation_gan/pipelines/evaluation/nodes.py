"""One node a family of scores, so that a family can be computed again alone."""

import itertools
import logging
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

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
from relation_gan.gan.metrics.extractors import JUDGE, Extracted, Extractor, ExtractorError, open_extractor
from relation_gan.gan.metrics.features import Moments
from relation_gan.gan.metrics.points import landscape, nearest_modes, score_points
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.networks.judge import Judge
from relation_gan.gan.sampling import DivergedError, draw_latents, samples
from relation_gan.gan.training import CheckpointStore

logger = logging.getLogger(__name__)

Scores = dict[str, float]
S = TypeVar("S")
T = TypeVar("T")

PREFIXES = {"averaged": "", "raw": "raw_"}
"""Of the scores of a run's two generators."""

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
    for name, prefix in PREFIXES.items():
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
    """Frechet and kernel distance to real images on the judge's features. They are not FID and KID of Inception."""
    scores: Scores = {}
    real, subsets, subset_size = moments_of(reference), evaluation["kid_subsets"], evaluation["kid_subset_size"]
    for name, prefix in PREFIXES.items():
        features = judged.tensors.get(f"{name}/features")
        if features is not None:
            mean, std = kernel_distance(reference.tensors["features"], features, subsets, subset_size)
            found = {"fid_judge": frechet_distance(real, moments(features)), "kid_judge": mean, "kid_judge_std": std}
            scores |= prefixed(prefix, found)
    return scores


def moments_of(reference: Described) -> Moments:
    """Of the real features that a reference describes."""
    return {"mu": reference.tensors["mean"].numpy(), "sigma": reference.tensors["covariance"].numpy()}


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
    for name, prefix in PREFIXES.items():
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
) -> Scores:
    """Distances to real pictures on the extractor's features; none of a run that diverged."""
    extractor = open_extractor(evaluation["extractor"], device(), evaluation["weights"])
    chosen = choose(generator, generator_raw, checkpoints, curve, evaluation)
    found = of_each(chosen, lambda network: score_samples(network, extractor, reference, evaluation)[0])
    return {name: score for prefix, of in found.items() for name, score in prefixed(PREFIXES[prefix], of).items()}


def judge_pictures(
    generator: Generator,
    generator_raw: Generator,
    checkpoints: CheckpointStore,
    curve: list[Scores],
    judge: Judge,
    reference: Described,
    evaluation: dict[str, Any],
) -> tuple[Scores, Described]:
    """What the judge says of samples, distances on its features among it, and the first pictures of each class.

    Both are empty for a run that diverged to values which are no images.
    """
    chosen = choose(generator, generator_raw, checkpoints, curve, evaluation)
    return judge_each(chosen, judge, reference, evaluation)


def judge_each(
    sources: Mapping[str, Generator | PictureFiles], judge: Judge, reference: Described, evaluation: dict[str, Any]
) -> tuple[Scores, Described]:
    """As `judge_pictures`, of what is to be scored, by name."""
    evaluation = by_judge(evaluation)
    extractor = open_extractor(JUDGE, device(), judge=judge)
    found = of_each(sources, lambda source: score_samples(source, extractor, reference, evaluation))
    scores: Scores = {}
    classes = {}
    for name, (of, seen) in found.items():
        assert isinstance(seen, judging.Tally)
        scores |= prefixed(PREFIXES[name], of)
        classes |= {f"{name}/by_class": seen.by_class, f"{name}/class_counts": seen.class_counts}
    if scores:
        scores["judge_accuracy"] = reference.description["scores"]["judge_accuracy"]
    return scores, Described(classes, {})


def by_judge(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The same evaluation, by the judge's features and classes."""
    return {**evaluation, "extractor": JUDGE, "weights": ""}


def draw_pictures(
    generator: Generator,
    generator_raw: Generator,
    checkpoints: CheckpointStore,
    curve: list[Scores],
    evaluation: dict[str, Any],
) -> Described:
    """The first of the samples that are scored; none of a run that diverged."""
    return draw_each(choose(generator, generator_raw, checkpoints, curve, evaluation), evaluation)


def draw_each(sources: Mapping[str, Generator | PictureFiles], evaluation: dict[str, Any]) -> Described:
    """As `draw_pictures`, of what is to be scored, by name."""
    kept, size = evaluation["pictures"], evaluation["batch_size"]

    def first(source: Generator | PictureFiles) -> Tensor:
        batches = drawn(source, evaluation["samples"], evaluation["seed"], size)
        return torch.cat(list(itertools.islice(batches, -(-kept // size))))[:kept]

    return Described({f"{name}/samples": of for name, of in of_each(sources, first).items()}, {})


def choose(
    generator: Generator,
    generator_raw: Generator,
    checkpoints: CheckpointStore,
    curve: list[Scores],
    evaluation: dict[str, Any],
) -> dict[str, Generator]:
    """The averaged and the raw generator: the last ones, or those of the step at which each curve is lowest."""
    chosen = {"averaged": generator, "raw": generator_raw}
    if evaluation["checkpoint"] == "best":
        for name, prefix in PREFIXES.items():
            if step := _best(curve, f"{prefix}kid{suffix(evaluation)}"):
                chosen[name] = next(kept for at, kept in checkpoints.snapshots(name) if at == step)
    return chosen


def of_each(sources: Mapping[str, S], look: Callable[[S], T]) -> dict[str, T]:
    """What there is to say of each source, by name; nothing of one that diverged to values which are no images."""
    found = {}
    for name, source in sources.items():
        try:
            found[name] = look(source)
        except DivergedError as error:
            logger.warning("No samples of the %s generator: %s", name, error)
    return found


def score_samples(
    source: Generator | PictureFiles, extractor: Extractor, reference: Described, evaluation: dict[str, Any]
) -> tuple[Scores, Extracted]:
    """Distances of samples to real pictures, what a judge says of their classes, and what was seen of them.

    Of several regenerations, the scores are means, those named `..._std` the deviation between them, and what was seen
    is of the first.

    Raises:
        DivergedError: the samples are not finite.
        StoreError: a picture cannot be read.
    """
    count, splits = evaluation["samples"], evaluation["inception_splits"]
    first: Extracted | None = None
    rows = []
    for seed in range(evaluation["seed"], evaluation["seed"] + evaluation["regenerations"]):
        batches = drawn(source, count, seed, evaluation["batch_size"])
        seen = judging.summarise(extractor, batches, count, splits)
        first = first or seen
        rows.append({**distances(seen, reference, evaluation), **class_scores(seen)})
    scores = rows[0]
    if len(rows) > 1:
        several = {name: [row[name] for row in rows] for name in scores if not name.endswith("_std")}
        scores = {name: statistics.mean(values) for name, values in several.items()}
        scores |= {f"{name}_std": statistics.stdev(values) for name, values in several.items()}
    assert first is not None  # There is one generation at least.
    return scores, first


def class_scores(seen: Extracted) -> Scores:
    """How sure a judge is, and how even the classes are; nothing by a network that knows other classes."""
    if not isinstance(seen, judging.Tally):
        return {}
    balance = class_balance(seen.labels.numpy(), len(seen.class_counts))
    return {"confidence": float(seen.confidence.mean()), **balance}


def drawn(source: Generator | PictureFiles, count: int, seed: int, batch_size: int) -> Iterator[Tensor]:
    """Batches of uint8 images (b, C, H, W): samples of a generator, or pictures made elsewhere."""
    if isinstance(source, PictureFiles):
        return source.batches(count, batch_size)
    return samples(source.to(device()), count, seed, batch_size)


def _best(curve: list[Scores], name: str) -> float:
    """The step at which a score is least; 0 if it never was measured."""
    return min(((row[name], row["step"]) for row in curve if name in row), default=(0, 0.0))[1]


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
    checkpoints: CheckpointStore,
    history: dict[str, Any],
    reference: Described,
    evaluation: dict[str, Any],
    judge: Judge | None = None,
) -> list[Scores]:
    """The kernel distance of the generators kept over training, with fewer samples each; by a judge, classes, too."""
    extractor = open_extractor(evaluation["extractor"], device(), evaluation["weights"], judge)
    count = evaluation["curve_samples"]
    name, subsets, size = f"kid{suffix(evaluation)}", evaluation["kid_subsets"], evaluation["kid_subset_size"]

    def score(batches: Iterator[Tensor]) -> Scores:
        seen = judging.summarise(extractor, batches, count)
        mean, std = kernel_distance(reference.tensors["features"], seen.kept, subsets, size)
        return {name: mean, f"{name}_std": std, **class_scores(seen)}

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
    for name, prefix in PREFIXES.items():
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
