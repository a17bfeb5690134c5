"""Training a classifier on real labelled images, so that samples can be counted by what they show."""

from collections.abc import Iterable, Sequence
from operator import not_
from typing import NamedTuple

import numpy as np
import torch
import torchvision.transforms.v2 as transforms
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from relation_gan.gan import networks
from relation_gan.gan.data.feed import to_float
from relation_gan.gan.data.store import ImageStore
from relation_gan.gan.metrics.extractors import ByClassifier, Extracted, Extractor
from relation_gan.gan.networks.classifier import Classifier

SHOWN = 8
"""Images of each class that are kept, to be looked at."""


class ClassifierConfig(BaseModel):
    """How the classifier is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: PositiveInt
    batch_size: PositiveInt = 64
    lr: PositiveFloat = 2e-3
    seed: int = Field(0, ge=0)
    required_accuracy: float = Field(0.98, ge=0, le=1, description="needed on held-out images")
    # Left out where they are not set, so that a classifier trained before they were known is still taken up.
    width: PositiveInt | None = Field(None, description="of the network; none: its own", exclude_if=not_)
    flip: bool = Field(False, description="train on mirrored images, too", exclude_if=not_)


def train_classifier(
    images: Tensor | ImageStore, labels: Tensor, config: ClassifierConfig, device: torch.device | str = "cpu"
) -> Classifier:
    """A classifier of uint8 images (N, C, H, W), trained on random small shifts, turns and shears of them."""
    batch_size = min(config.batch_size, len(images))
    steps = len(images) // batch_size
    channels, _, size = images.shape[-3:]
    options = {"channels": channels} if channels > 1 else {}
    options |= {"width": config.width} if config.width else {}
    affine = transforms.RandomAffine([-12, 12], translate=(0.07, 0.07), scale=(0.9, 1.1), shear=[-8, 8])
    vary = transforms.Compose([transforms.RandomHorizontalFlip(), affine]) if config.flip else affine
    with (
        torch.random.fork_rng(devices=[]),
        tqdm(total=config.epochs * steps, desc="the classifier", unit="step", dynamic_ncols=True, disable=None) as bar,
    ):
        torch.manual_seed(config.seed)
        classifier = networks.create("classifier", size=size, n_classes=int(labels.max()) + 1, **options).to(device)
        assert isinstance(classifier, Classifier)
        optimiser = torch.optim.Adam(classifier.parameters(), config.lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, total_steps=config.epochs * steps)
        for _ in range(config.epochs):
            for chosen in torch.randperm(len(images)).split(batch_size)[:steps]:
                batch = images[chosen.numpy()].to(device)
                # One transform for a slice of the batch is far cheaper than one for each image.
                varied = torch.cat([vary(part) for part in batch.split(8)])
                loss = cross_entropy(classifier(to_float(varied)), labels[chosen].to(device))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.update()
    return classifier.eval()


def accuracy(classifier: Classifier, images: Tensor | ImageStore, labels: Tensor, batch_size: int = 500) -> float:
    """Fraction of uint8 images (N, C, H, W) classified as labelled."""
    batches = (images[start : start + batch_size] for start in range(0, len(images), batch_size))
    return float((classify_images(classifier, batches).labels[:, 0] == labels).float().mean())


class Classified(NamedTuple):
    """What a classifier said of N images: k times each, as `Classification`."""

    labels: Tensor
    """uint8 (N, k): the classes."""
    confidence: Tensor
    """(N, k): the probability of each class given."""
    features: Tensor
    """(N, F)."""


@torch.no_grad()
def classify_images(classifier: Classifier, batches: Iterable[Tensor]) -> Classified:
    """Classifier batches of uint8 images (b, C, H, W), one batch in memory at a time."""
    device = next(classifier.parameters()).device
    parts = [classifier.classify(to_float(batch.to(device))) for batch in batches]
    return Classified(
        torch.cat([part.labels for part in parts]).to(torch.uint8).cpu(),
        torch.cat([part.confidence for part in parts]).cpu(),
        torch.cat([part.features for part in parts]).cpu(),
    )


class Tally(Extracted):
    """The features of images by their classifier, and their classes: k each where it sees channels one by one.

    Args:
        classifying: the classifier, as an extractor.
        count, splits: as of `Extracted`.

    Raises:
        ValueError: features are not finite.
    """

    def __init__(self, classifying: ByClassifier, batches: Iterable[Tensor], count: int, splits: int = 10) -> None:
        self._classified: list[tuple[Tensor, Tensor]] = []
        self._first: list[list[Tensor]] = [[] for _ in range(classifying.classifier.n_classes)]
        super().__init__(classifying, batches, count, splits)
        confidence, labels = (torch.cat(parts) for parts in zip(*self._classified, strict=True))
        self.labels = labels.to(torch.uint8)
        """uint8 (N, k)."""
        self.confidence = confidence
        """(N, k): the probability of the class given."""
        self.n_classes = classifying.classifier.n_classes
        self.class_counts = labels.flatten().bincount(minlength=self.n_classes)
        """(n_classes,): how many images, or channels of them, the classifier puts into each class."""

    @property
    def columns(self) -> int:
        """k: how many classes an image has."""
        return self.labels.shape[1]

    @property
    def n_modes(self) -> int:
        return self.n_classes**self.columns

    @property
    def modes(self) -> np.ndarray:
        """(N,): the combination of classes, read as the digits of a number."""
        return self.labels.numpy().astype(np.int64) @ self.n_classes ** np.arange(self.columns)[::-1]

    def take(self, images: Tensor, features: Tensor, logits: Tensor | None) -> None:
        assert logits is not None  # A classifier has classes.
        super().take(images, features, logits if logits.dim() == 2 else None)
        confidence, labels = logits.softmax(-1).max(-1)
        self._classified.append((confidence.view(len(images), -1), labels.view(len(images), -1)))
        self._shape = images.shape[1:]
        if logits.dim() > 2:
            return
        for number, kept in enumerate(self._first):
            if len(kept) < SHOWN:
                kept.extend(images[labels == number][: SHOWN - len(kept)])

    @property
    def by_class(self) -> Tensor:
        """uint8 (n_classes, SHOWN, C, H, W): the first of each class, then, where they are too few, black."""
        return filled(self._first, self._shape)


def filled(kept: Sequence[Sequence[Tensor]], shape: Sequence[int]) -> Tensor:
    """Some images (C, H, W) of each class as uint8 (n_classes, SHOWN, C, H, W), black where there are fewer."""
    shown = torch.zeros((len(kept), SHOWN, *shape), dtype=torch.uint8)
    for places, images in zip(shown, kept, strict=True):
        for place, image in zip(places, images, strict=False):
            place.copy_(image)
    return shown


def summarise(extractor: Extractor, batches: Iterable[Tensor], count: int, splits: int = 10) -> Extracted:
    """What an extractor sees in a set of images: a `Tally` if it is a classifier."""
    if isinstance(extractor, ByClassifier):
        return Tally(extractor, batches, count, splits)
    return Extracted(extractor, batches, count, splits)
