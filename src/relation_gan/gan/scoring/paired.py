"""How near outputs come to the images that they should be, where those are known."""

from collections.abc import Sequence

import torch

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig, PointsConfig
from relation_gan.gan.metrics import psnr, ssim
from relation_gan.gan.sampling import Sample, Sampler
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, prefixed, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.panels import Images, Panel

SHOWN = 8
BEST = 100.0
"""dB that an image counts which is reproduced exactly, whose ratio of signal to noise is infinite."""
NOTE = "In each row of three: the input, the output, and the image that it should be."


MEASURES = {
    "psnr": Measure(
        "PSNR, dB",
        "PSNR",
        2,
        "higher",
        "Peak signal-to-noise ratio of an output and the image that it should be; an exact output counts 100.",
        headline=True,
        decides=6,
    ),
    "ssim": Measure("SSIM", "SSIM", 4, "higher", "Structural similarity of the two, 1 at most.", headline=True),
}


@register("paired")
class Paired(Scorer):
    """PSNR in dB and SSIM of outputs and their targets, means over the images."""

    measures = MEASURES

    needs = frozenset({"output", "target"})

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return not isinstance(data, PointsConfig)

    @classmethod
    def over_training(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return True

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        found = subject.each(lambda sampler: self._score(sampler, self.evaluation.samples))
        shown = _panels(found["ema"][1]) if "ema" in found else []
        return prefixed({name: scores for name, (scores, _) in found.items()}), shown

    def brief(self, sampler: Sampler, source: Source, reference: Described) -> Scores:
        return self._score(sampler, self.evaluation.curve_samples)[0]

    def _score(self, sampler: Sampler, count: int) -> tuple[Scores, Sample]:
        """The means, and the first batch."""
        first, psnrs, ssims = None, [], []
        for sample in sampler.batches(count, self.evaluation.seed, self.evaluation.batch_size):
            assert sample.target is not None  # as `needs` says
            first = first or sample
            output, target = sample.output / 255, sample.target / 255
            psnrs.append(psnr(output, target).clamp(max=BEST))
            ssims.append(ssim(output, target))
        assert first is not None  # `count` is above 0.
        return {"psnr": float(torch.cat(psnrs).mean()), "ssim": float(torch.cat(ssims).mean())}, first


def _panels(sample: Sample) -> list[Panel]:
    side = sample.output.shape[-1]
    shown = [sample.input, sample.output, sample.target]
    images = [torch.nn.functional.interpolate(of[:SHOWN], side) for of in shown if of is not None]
    return [Images("Input, output and target", NOTE, "", torch.stack(images, 1).flatten(0, 1), len(images))]
