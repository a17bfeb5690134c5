"""The first samples, to be looked at."""

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig, PointsConfig, StackedDigitsConfig
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.panels import SAMPLES, Images, Panel

NOTE = "The first images of each method, and real ones from all over the data set; nothing is selected."
REAL = 256
CHANNELS = "Channel by channel"
CHANNELS_NOTE = "The same images, the red, green and blue channel of each side by side in grey: a digit each."
STACKS, STACKS_A_ROW = 48, 4


@register("samples")
class Samples(Scorer):
    """No scores: the first images, as they come."""

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return not isinstance(data, PointsConfig)

    def real(self, source: Source, reference: Described) -> Sequence[Panel]:
        images = source.images
        return self._panels("Real images", images[images.spread(REAL)], source)

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        kept, size = self.evaluation.kept_samples, self.evaluation.batch_size

        def first(sampler):  # type: ignore[no-untyped-def]
            batches = sampler.batches(self.evaluation.samples, self.evaluation.seed, size)
            return torch.cat([sample.output for sample in islice(batches, -(-kept // size))])[:kept]

        found = subject.each(first)
        return {}, self._panels("", found["ema"], source) if "ema" in found else []

    def _panels(self, caption: str, images: Tensor, source: Source) -> list[Panel]:
        """Images; of stacked digits, whose colours hide what is drawn, each channel as well."""
        panels: list[Panel] = [Images(SAMPLES, NOTE, caption, images)]
        if isinstance(source.config, StackedDigitsConfig):
            grey = images[:STACKS].flatten(0, 1).unsqueeze(1)
            panels.append(Images(CHANNELS, CHANNELS_NOTE, caption, grey, columns=3 * STACKS_A_ROW))
        return panels
