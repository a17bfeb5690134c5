"""One node a family of scores, so that a family can be computed again alone."""

import itertools
import logging
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import stacked
from relation_gan.gan.metrics import class_balance, frechet_distance, judging, kernel_distance, mode_coverage, moments
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.networks.judge import Judge
from relation_gan.gan.sampling import samples
from relation_gan.gan.training import CheckpointStore

logger = logging.getLogger(__name__)

Scores = dict[str, float]


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


def score_modes(judged: Described) -> Scores:
    """Mode coverage, the judge's confidence and the balance of digits; `raw_...` for the raw generator."""
    scores: Scores = {}
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        if f"{name}/labels" in judged.tensors:
            labels = judged.tensors[f"{name}/labels"].numpy()
            scores |= prefixed(
                prefix,
                {
                    **mode_coverage(stacked.mode_ids(labels), stacked.N_MODES),
                    "confidence": float(judged.tensors[f"{name}/confidence"].mean()),
                    **class_balance(labels.reshape(-1)),
                },
            )
    return scores


def score_features(judged: Described, reference: Described, evaluation: dict[str, Any]) -> Scores:
    """Frechet and kernel distance to real images on the judge's features. They are not FID and KID of Inception."""
    real = {"mu": reference.tensors["mean"].numpy(), "sigma": reference.tensors["covariance"].numpy()}
    subsets, subset_size = evaluation["kid_subsets"], evaluation["kid_subset_size"]
    scores: Scores = {}
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        features = judged.tensors.get(f"{name}/features")
        if features is not None:
            mean, std = kernel_distance(reference.tensors["features"], features, subsets, subset_size)
            scores |= prefixed(
                prefix,
                {"fid_judge": frechet_distance(real, moments(features)), "kid_judge": mean, "kid_judge_std": std},
            )
    return scores


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
    rows: dict[int, Scores] = {}
    place = device()
    judge.to(place)
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        for step, network in checkpoints.snapshots(name):
            if step > history["step"]:
                continue
            network.to(place)
            batches = samples(network, evaluation["curve_samples"], evaluation["seed"], evaluation["batch_size"])
            try:
                result = judging.judge_images(judge, batches)
            except ValueError:
                continue
            ids = stacked.mode_ids(result.labels.numpy())
            scores = {**mode_coverage(ids, stacked.N_MODES), "confidence": float(result.confidence.mean())}
            rows.setdefault(step, {"step": float(step)}).update(prefixed(prefix, scores))
    return [rows[step] for step in sorted(rows)]


def collect_scores(
    modes: Scores, features: Scores, cost: Scores, reference: Described, history: dict[str, Any]
) -> Scores:
    """All scores of a run, flat, with the accuracy of the judge that most of them depend on."""
    scores = {**modes, **features, **cost, "judge_accuracy": reference.description["scores"]["judge_accuracy"]}
    if history["status"] == "diverged":
        scores["diverged_at"] = float(history["step"])
    return scores
