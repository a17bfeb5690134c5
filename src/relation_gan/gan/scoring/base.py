"""What every scorer is: numbers of samples, and what the report shows of them."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore, Points, stacked
from relation_gan.gan.data.config import DataConfig, StackedDigitsConfig
from relation_gan.gan.history import History
from relation_gan.gan.networks import Network
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.registry import Registry
from relation_gan.gan.sampling import DivergedError, Sampler
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.panels import Panel

logger = logging.getLogger(__name__)

Scores = dict[str, float]
"""By name; those of the last weights are called `raw_...`."""

PREFIXES = {"ema": "", "raw": "raw_"}
"""Of the scores of the EMA networks and of the last weights."""

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A data set that is there: what samples are compared with."""

    store: ImageStore | Points
    config: DataConfig
    classifier: Classifier | None = None
    """Of its classes, where `data.classifier` asks for one."""
    digits: stacked.Digits | None = None
    """What stacked digits are drawn from; None for other data, and after the reference is made."""

    @property
    def images(self) -> ImageStore:
        assert isinstance(self.store, ImageStore), "scorers of images apply to images alone"
        return self.store

    @property
    def points(self) -> Points:
        assert isinstance(self.store, Points), "scorers of points apply to points alone"
        return self.store

    def compared(self, evaluation: EvaluationConfig) -> np.ndarray:
        """The indices of the real images that samples are compared with."""
        n = len(self.images)
        if isinstance(self.config, StackedDigitsConfig):  # in random order already
            return np.arange(min(evaluation.samples, n))
        return self.images.spread(min(evaluation.real_samples or n, n))


def batches(images: ImageStore, chosen: np.ndarray, size: int, title: str) -> Iterator[Tensor]:
    """The chosen images of a store in batches, with a progress bar."""
    with tqdm(total=len(chosen), desc=title, unit="image", dynamic_ncols=True, disable=None) as bar:
        for start in range(0, len(chosen), size):
            yield images[chosen[start : start + size]]
            bar.update(len(chosen[start : start + size]))


@dataclass(frozen=True)
class Subject:
    """What is scored: a run's samples and networks, or samples made elsewhere.

    Args:
        samplers: `ema` and, where there is one, `raw`: samples by the EMA networks and by the last weights.
        networks: of the run, by name; none where the samples were made elsewhere.
        history: of its training, where there was one.
    """

    samplers: Mapping[str, Sampler]
    networks: Mapping[str, Network] = field(default_factory=dict)
    history: History | None = None

    def each(self, look: Callable[[Sampler], T]) -> dict[str, T]:
        """What there is to say of each sampler; nothing of one whose samples are not finite."""
        found = {}
        for name, sampler in self.samplers.items():
            try:
                found[name] = look(sampler)
            except DivergedError as error:
                logger.warning("No samples of the %s weights: %s", "EMA" if name == "ema" else name, error)
        return found


class Scorer(ABC):
    """A family of scores. Registered by name, it becomes a node wherever it applies."""

    needs: ClassVar[frozenset[str]] = frozenset({"output"})
    """The fields of `Sample` that it looks at; `latents`: it needs a sampler that draws from a generator's latents."""
    trained: ClassVar[bool] = False
    """Whether it looks at the networks or the history of a training, which samples made elsewhere have not."""

    measures: ClassVar[Mapping[str, Measure]] = {}
    """How its scores are read, by name; kernel distances a thousandfold, as `kid..._x1000`."""
    by_share: ClassVar[Mapping[str, Measure]] = {}
    """The same of scores whose names end with a per cent: `psnr` of `psnr_25`."""

    unmeasured: ClassVar[tuple[str, ...]] = ()
    """How the names of its scores begin that have no measure, and that the report prints by name."""

    def __init__(self, evaluation: EvaluationConfig, device: torch.device) -> None:
        self.evaluation, self.device = evaluation, device

    @classmethod
    @abstractmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        """Whether such data is scored by this at all."""

    @classmethod
    def reference(cls, evaluation: EvaluationConfig) -> str:
        """The name of the reference that it compares with, which `describe` makes; none: it compares with nothing."""
        return ""

    @classmethod
    def classified(cls, evaluation: EvaluationConfig) -> bool:
        """Whether it asks the data set's classifier."""
        return False

    def made_from(self, source: Source) -> list[Any]:
        """All that `describe` depends on, as JSON."""
        return []

    def describe(self, source: Source) -> Described:
        """What samples are compared with. `description["scores"]` are what real data scores, the floor or ceiling.

        Raises:
            StoreError, ExtractorError: there are too few images, or a network cannot be had.
        """
        raise NotImplementedError

    def real(self, source: Source, reference: Described) -> Sequence[Panel]:
        """What the report shows of real data, in the sections of its own panels."""
        return []

    @abstractmethod
    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        """Flat scores, and what the report shows. Both are empty of samples that are not finite.

        Raises:
            StoreError, ExtractorError: an image cannot be read, or a network cannot be had.
        """

    @classmethod
    def over_training(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        """Whether the curve over training shows its `brief` scores."""
        return False

    def brief(self, sampler: Sampler, source: Source, reference: Described) -> Scores:
        """Scores of fewer samples of one sampler, for the curve over training.

        Raises:
            DivergedError: the samples are not finite.
        """
        raise NotImplementedError

    def deciding(self) -> str:
        """The score of the curve whose least value marks the best checkpoint; none: there is no such score."""
        return ""


def prefixed(found: Mapping[str, Scores]) -> Scores:
    """The scores of each sampler under their names."""
    return {PREFIXES[name] + key: value for name, scores in found.items() for key, value in scores.items()}


registry: Registry[Scorer] = Registry("scorer", given=("evaluation", "device"))
register = registry.register
