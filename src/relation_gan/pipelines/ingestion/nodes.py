"""From the source of a data set to its store or definition, its judge and its reference."""

import logging
from pathlib import Path
from typing import Any, cast

import torch

from relation_gan.gan import checkpoint
from relation_gan.gan.data import ImageStore, Points, Recipe, stacked
from relation_gan.gan.metrics import frechet_distance, judging, mode_coverage, moments
from relation_gan.gan.metrics.points import box, score_points
from relation_gan.gan.networks.judge import Judge

logger = logging.getLogger(__name__)

KEPT_FEATURES = 10_000
"""Real features kept for KID, which draws subsets of them."""


def load_digits(data: dict[str, Any]) -> stacked.Digits:
    return stacked.load_digits(data["held_out_per_class"], data["seed"])


def stack_digits(digits: stacked.Digits, data: dict[str, Any]) -> Recipe:
    return stacked.recipe(digits, data["name"], data["count"], data["seed"])


def train_judge(digits: stacked.Digits, data: dict[str, Any], path: Path) -> Judge:
    """The judge of the data set, or the one already at `path` if it was trained the same way.

    Raises:
        ValueError: it classifies too few held-out digits to be trusted.
    """
    config = judging.JudgeConfig(**data["judge"])
    made_from = checkpoint.fingerprint(
        [config.model_dump(), data["held_out_per_class"], data["seed"], digits.train_images.sum().item()]
    )
    if path.exists():
        kept = cast(Judge, checkpoint.load_network(path))
        if kept.notes["made_from"] == made_from:
            logger.info("The judge is there already: %.1f %% on held-out digits", 100 * kept.notes["accuracy"])
            return kept
    images, labels = map(torch.from_numpy, (digits.train_images[:, None], digits.train_labels))
    held_out = map(torch.from_numpy, (digits.held_out_images[:, None], digits.held_out_labels))
    judge = judging.train_judge(images, labels, config)
    accuracy = judging.accuracy(judge, *held_out)
    logger.info("The judge classifies %.1f %% of %d held-out digits", 100 * accuracy, len(digits.held_out_labels))
    if accuracy < config.required_accuracy:
        raise ValueError(
            f"the judge classifies {accuracy:.1%} of the held-out digits, {config.required_accuracy:.1%} are required; "
            "raise data.judge.epochs"
        )
    judge.notes = {"accuracy": accuracy, "made_from": made_from}
    return judge


def describe_real(
    images: ImageStore,
    judge: Judge,
    digits: stacked.Digits,
    data: dict[str, Any],
    evaluation: dict[str, Any],
    path: Path,
) -> checkpoint.Described:
    """What samples are compared with: moments and features of real images, and real images' own scores.

    The scores are those of freshly stacked images against the store: what a perfect generator would
    reach with as many samples. The confidence is that of held-out digits.
    """
    size = evaluation["batch_size"]
    count = min(evaluation["samples"], len(images))
    curve_count = min(evaluation["curve_samples"], count)
    made_from = checkpoint.fingerprint([images.digest, judge.notes, data["seed"], count, curve_count])
    if path.exists():
        kept = checkpoint.load(path)
        if kept.description["made_from"] == made_from:
            return kept
    stored = judging.judge_images(judge, (images[i : min(i + size, count)] for i in range(0, count, size)))
    fresh = stacked.stack(digits.train_images, digits.train_labels, count, data["seed"] + 1, size)
    again = judging.judge_images(judge, (torch.from_numpy(batch) for batch, _ in fresh))
    held_out = stacked.stack(digits.held_out_images, digits.held_out_labels, 1000, data["seed"], size)
    unseen = judging.judge_images(judge, (torch.from_numpy(batch) for batch, _ in held_out))
    real, ids = moments(stored.features), stacked.mode_ids(again.labels.numpy())
    scores = {
        "judge_accuracy": judge.notes["accuracy"],
        "confidence": float(unseen.confidence.mean()),
        "fid_judge": frechet_distance(real, moments(again.features)),
        **mode_coverage(ids, stacked.N_MODES),
        "curve_reverse_kl": mode_coverage(ids[:curve_count], stacked.N_MODES)["reverse_kl"],
    }
    tensors = {
        "mean": torch.from_numpy(real["mu"]),
        "covariance": torch.from_numpy(real["sigma"]),
        "features": stored.features[:KEPT_FEATURES],
    }
    return checkpoint.Described(tensors, {"made_from": made_from, "scores": scores})


def define_points(data: dict[str, Any]) -> Points:
    return Points(data["name"], data["definition"])


def describe_points(points: Points, data: dict[str, Any], evaluation: dict[str, Any]) -> checkpoint.Described:
    """What samples are compared with: real points that no training draws, and what further real points score.

    The scores are those that a perfect generator would reach with as many samples: the floor.
    """
    random = torch.Generator().manual_seed(data["seed"])
    kept, again = (points.sample(evaluation["samples"], random)[0] for _ in range(2))
    few = min(evaluation["curve_samples"], len(again))
    curve = score_points(again[:few], kept, points.centres, points.sigma)
    scores = score_points(again, kept, points.centres, points.sigma)
    scores |= {f"curve_{name}": curve[name] for name in ("kl", "sliced_wasserstein") if name in curve}
    return checkpoint.Described({"points": kept}, {"box": box(kept), "scores": scores})
