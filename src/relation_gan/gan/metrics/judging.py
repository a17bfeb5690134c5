"""Training a judge on real labelled pictures, so that samples can be counted by what they show."""

from collections.abc import Iterable
from operator import not_
from typing import NamedTuple

import torch
import torchvision.transforms.v2 as transforms
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from relation_gan.gan import networks
from relation_gan.gan.data.feed import to_float
from relation_gan.gan.data.store import ImageStore
from relation_gan.gan.metrics.extractors import Extracted, Extractor, Judging
from relation_gan.gan.networks.judge import Judge

SHOWN = 8
"""Pictures of each class that are kept, to be looked at."""


class JudgeConfig(BaseModel):
    """How the judge is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: PositiveInt
    batch_size: PositiveInt = 64
    lr: PositiveFloat = 2e-3
    seed: int = Field(0, ge=0)
    required_accuracy: float = Field(0.98, ge=0, le=1, description="needed on held-out pictures")
    # Left out where they are not set, so that a judge trained before they were known is still taken up.
    width: PositiveInt | None = Field(None, description="of the network; none: its own", exclude_if=not_)
    flip: bool = Field(False, description="train on mirrored pictures, too", exclude_if=not_)


def train_judge(
    images: Tensor | ImageStore, labels: Tensor, config: JudgeConfig, device: torch.device | str = "cpu"
) -> Judge:
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
        tqdm(total=config.epochs * steps, desc="the judge", unit="step", dynamic_ncols=True, disable=None) as bar,
    ):
        torch.manual_seed(config.seed)
        judge = networks.create("judge", size=size, n_classes=int(labels.max()) + 1, **options).to(device)
        assert isinstance(judge, Judge)
        optimiser = torch.optim.Adam(judge.parameters(), config.lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, total_steps=config.epochs * steps)
        for _ in range(config.epochs):
            for chosen in torch.randperm(len(images)).split(batch_size)[:steps]:
                batch = images[chosen.numpy()].to(device)
                # One transform for a slice of the batch is far cheaper than one for each picture.
                varied = torch.cat([vary(part) for part in batch.split(8)])
                loss = cross_entropy(judge(to_float(varied)), labels[chosen].to(device))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.update()
    return judge.eval()


def accuracy(judge: Judge, images: Tensor | ImageStore, labels: Tensor, batch_size: int = 500) -> float:
    """Fraction of uint8 images (N, C, H, W) classified as labelled."""
    batches = (images[start : start + batch_size] for start in range(0, len(images), batch_size))
    return float((judge_images(judge, batches).labels[:, 0] == labels).float().mean())


class Judged(NamedTuple):
    """What a judge said of N images: k times each, as `Judgement`."""

    labels: Tensor
    """uint8 (N, k): the classes."""
    confidence: Tensor
    """(N, k): the probability of each class given."""
    features: Tensor
    """(N, F)."""


@torch.no_grad()
def judge_images(judge: Judge, batches: Iterable[Tensor]) -> Judged:
    """Judge batches of uint8 images (b, C, H, W), one batch in memory at a time."""
    device = next(judge.parameters()).device
    parts = [judge.judge(to_float(batch.to(device))) for batch in batches]
    return Judged(
        torch.cat([part.labels for part in parts]).to(torch.uint8).cpu(),
        torch.cat([part.confidence for part in parts]).cpu(),
        torch.cat([part.features for part in parts]).cpu(),
    )


class Tally(Extracted):
    """The features of pictures by their judge, and its word on them, one class each.

    Args:
        judging: the judge, as an extractor.
        count, splits: as of `Extracted`.

    Raises:
        ValueError: features are not finite.
    """

    def __init__(self, judging: Judging, batches: Iterable[Tensor], count: int, splits: int = 10) -> None:
        self._judged: list[tuple[Tensor, Tensor]] = []
        self._first: list[list[Tensor]] = [[] for _ in range(judging.judge.n_classes)]
        super().__init__(judging, batches, count, splits)
        confidence, labels = (torch.cat(parts) for parts in zip(*self._judged, strict=True))
        self.labels = labels.to(torch.uint8)
        """uint8 (N,)."""
        self.confidence = confidence
        """(N,): the probability of the class given."""
        self.class_counts = labels.bincount(minlength=judging.judge.n_classes)
        """(n_classes,): how many pictures the judge puts into each class."""

    def take(self, images: Tensor, features: Tensor, logits: Tensor | None) -> None:
        super().take(images, features, logits)
        assert logits is not None  # A judge has classes.
        self._judged.append(logits.softmax(1).max(1))
        self._shape = images.shape[1:]
        for number, pictures in enumerate(self._first):
            if len(pictures) < SHOWN:
                pictures.extend(images[self._judged[-1][1] == number][: SHOWN - len(pictures)])

    @property
    def by_class(self) -> Tensor:
        """uint8 (n_classes, SHOWN, C, H, W): the first of each class, then, where they are too few, black."""
        shown = torch.zeros((len(self._first), SHOWN, *self._shape), dtype=torch.uint8)
        for places, pictures in zip(shown, self._first, strict=True):
            for place, picture in zip(places, pictures, strict=False):
                place.copy_(picture)
        return shown


def summarise(extractor: Extractor, batches: Iterable[Tensor], count: int, splits: int = 10) -> Extracted:
    """What an extractor sees in a set of images: a `Tally` if it is a judge."""
    if isinstance(extractor, Judging):
        return Tally(extractor, batches, count, splits)
    return Extracted(extractor, batches, count, splits)
