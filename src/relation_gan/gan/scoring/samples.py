"""The first samples, to be looked at."""

from collections.abc import Sequence
from itertools import islice

import torch

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig, PointsConfig
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.panels import SAMPLES, Images, Panel

NOTE = "The first images of each method, and real ones from all over the data set; nothing is selected."
REAL = 256


@register("samples")
class Samples(Scorer):
    """No scores: the first images, as they come."""

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return not isinstance(data, PointsConfig)

    def real(self, source: Source, reference: Described) -> Sequence[Panel]:
        images = source.images
        return [Images(SAMPLES, NOTE, "Real images", images[images.spread(REAL)])]

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        kept, size = self.evaluation.kept_samples, self.evaluation.batch_size

        def first(sampler):  # type: ignore[no-untyped-def]
            batches = sampler.batches(self.evaluation.samples, self.evaluation.seed, size)
            return torch.cat([sample.output for sample in islice(batches, -(-kept // size))])[:kept]

        found = subject.each(first)
        return {}, [Images(SAMPLES, NOTE, "", found["ema"])] if "ema" in found else []
