"""Training a judge on real labelled pictures, so that samples can be counted by what they show."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torchvision.transforms.v2 as transforms
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import cross_entropy

from relation_gan.gan import networks
from relation_gan.gan.data.feed import to_float
from relation_gan.gan.networks.judge import Judge


class JudgeConfig(BaseModel):
    """How the judge is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: PositiveInt
    batch_size: PositiveInt = 64
    lr: PositiveFloat = 2e-3
    seed: int = Field(0, ge=0)
    required_accuracy: float = Field(0.98, ge=0, le=1, description="needed on held-out pictures")


def train_judge(images: Tensor, labels: Tensor, config: JudgeConfig) -> Judge:
    """A classifier of uint8 grey images (N, 1, H, W), trained on random small shifts, turns and shears of them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        judge = networks.create("judge", size=images.shape[-1], n_classes=int(labels.max()) + 1)
        assert isinstance(judge, Judge)
        optimiser = torch.optim.Adam(judge.parameters(), config.lr)
        steps = config.epochs * (len(images) // config.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, total_steps=steps)
        vary = transforms.RandomAffine([-12, 12], translate=(0.07, 0.07), scale=(0.9, 1.1), shear=[-8, 8])
        for _ in range(config.epochs):
            order = torch.randperm(len(images)).split(config.batch_size)
            for chosen in order[: len(images) // config.batch_size]:
                # One transform for a slice of the batch is far cheaper than one for each picture.
                varied = torch.cat([vary(part) for part in images[chosen].split(8)])
                loss = cross_entropy(judge(to_float(varied)), labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return judge.eval()


@torch.no_grad()
def accuracy(judge: Judge, images: Tensor, labels: Tensor) -> float:
    """Fraction of uint8 images (N, 1, H, W) classified as labelled."""
    predicted = judge.judge(to_float(images)).labels[:, 0]
    return float((predicted == labels).float().mean())


class Judged(NamedTuple):
    """What a judge said of N images."""

    labels: Tensor
    """uint8 (N, C): the class of each channel."""
    confidence: Tensor
    """(N,): mean over channels of the probability of the class given."""
    features: Tensor
    """(N, F)."""


@torch.no_grad()
def judge_images(judge: Judge, batches: Iterable[Tensor]) -> Judged:
    """Judge batches of uint8 images (b, C, H, W), one batch in memory at a time."""
    device = next(judge.parameters()).device
    parts = [judge.judge(to_float(batch.to(device))) for batch in batches]
    return Judged(
        torch.cat([part.labels for part in parts]).to(torch.uint8).cpu(),
        torch.cat([part.confidence.mean(1) for part in parts]).cpu(),
        torch.cat([part.features for part in parts]).cpu(),
    )
