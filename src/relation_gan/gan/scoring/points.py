"""How well samples in the plane match the real points: modes, a distance, and the critic's landscape."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig, PointsConfig
from relation_gan.gan.metrics.points import box, landscape, nearest_modes, score_points
from relation_gan.gan.networks import Critic
from relation_gan.gan.sampling import Sampler
from relation_gan.gan.scoring import panels
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, prefixed, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.measures import Measure

SIDE, NEAR = 64, 64
"""Places along each side of a critic's landscape, and how many real and generated points it is averaged over."""

NOTE = "The first 1,024 points of each, in colour over as many real ones in grey; nothing is selected."
DENSITY = (
    "All samples as a heat map. Full colour is the greatest density of the real points, and more; half of it is a "
    "quarter of that density."
)
LANDSCAPE = (
    "The lighter a place, the more real the critic holds it; the edges of the shades are level lines. Real points are "
    "black, generated ones coloured. Of a score critic, this is C(p). Of a pair critic, E_y D(y, p) − E_x D(x, p) over "
    "real x and generated y: the relation of p to real points. Of a feature critic, how much nearer f(p) lies to the "
    "mean feature of real points than to that of generated ones. Each has its own scale."
)
COUNTS = "Samples by their nearest mode, a bar a mode; the line is an even share."


MEASURES = {
    "high_quality": Measure(
        "High quality, %",
        "high %",
        1,
        "higher",
        "The share of samples within three standard deviations of the nearest mode’s centre; a mode counts as found "
        "with at least one of them. Of real points, 98.9 % lie so near.",
        factor=100,
        headline=True,
    ),
    "kl": Measure(
        "KL to even modes",
        "KL",
        4,
        "lower",
        "KL(samples by their nearest mode ‖ even spread), in nats, also of samples far from any mode. What as many "
        "real points score is the floor.",
        headline=True,
        logarithmic=True,
        decides=2,
    ),
    "sliced_wasserstein": Measure(
        "Sliced Wasserstein distance",
        "sliced W",
        4,
        "lower",
        "Mean distance W₁ between generated and real points, projected on 64 directions, in the units of the data. Two "
        "samples of real points are not at 0 either: that is the floor.",
        headline=True,
        logarithmic=True,
        decides=3,
    ),
}


@register("points")
class PointsScorer(Scorer):
    """Quality of the modes, where there are any, and the sliced Wasserstein distance to real points."""

    measures = MEASURES

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return isinstance(data, PointsConfig)

    @classmethod
    def reference(cls, evaluation: EvaluationConfig) -> str:
        return "points"

    @classmethod
    def over_training(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return True

    def made_from(self, source: Source) -> list[Any]:
        return [source.points.digest, source.config.seed, self.evaluation.samples, self.evaluation.curve_samples]

    def describe(self, source: Source) -> Described:
        """Real points that no training draws, and what further real points score: the floor of as many samples."""
        points, random = source.points, torch.Generator().manual_seed(source.config.seed)
        kept, again = (points.sample(self.evaluation.samples, random)[0] for _ in range(2))
        few = min(self.evaluation.curve_samples, len(again))
        curve = score_points(again[:few], kept, points.centres, points.sigma)
        scores = score_points(again, kept, points.centres, points.sigma)
        scores |= {f"curve_{name}": curve[name] for name in ("kl", "sliced_wasserstein") if name in curve}
        return Described({"points": kept}, {"box": box(kept), "scores": scores})

    def real(self, source: Source, reference: Described) -> Sequence[panels.Panel]:
        real = reference.tensors["points"]
        return [
            panels.Points(panels.SAMPLES, NOTE, "Real points", real),
            panels.Density("Sample density", DENSITY, "Real points", real),
        ]

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[panels.Panel]]:
        drawn = subject.each(lambda sampler: self.drawn(sampler, self.evaluation.samples))
        scores = prefixed({name: self._score(sample, source, reference) for name, sample in drawn.items()})
        if "ema" not in drawn:
            return scores, []
        sample = drawn["ema"]
        shown: list[panels.Panel] = [
            panels.Points(panels.SAMPLES, NOTE, "", sample),
            panels.Density("Sample density", DENSITY, "", sample),
        ]
        if "raw" in drawn and "critic" in subject.networks:
            shown += self._landscape(cast(Critic, subject.networks["critic"]), drawn, reference)
        if source.points.centres is not None:
            modes, _ = nearest_modes(sample, source.points.centres)
            counts = modes.bincount(minlength=len(source.points.centres))
            shown.append(panels.Counts("Mode coverage", COUNTS, "", counts))
        return scores, shown

    def _landscape(self, critic: Critic, drawn: dict[str, Tensor], reference: Described) -> list[panels.Panel]:
        """How real the critic holds each place of the box, seen with the samples against which it was trained."""
        real, fake = (sample[:NEAR].to(self.device) for sample in (reference.tensors["points"], drawn["raw"]))
        heights = landscape(critic.to(self.device).eval(), reference.description["box"], SIDE, real, fake)
        if not heights.isfinite().all():
            return []
        return [panels.Landscape("Critic’s landscape", LANDSCAPE, "", drawn["ema"], heights)]

    def brief(self, sampler: Sampler, source: Source, reference: Described) -> Scores:
        count = min(self.evaluation.curve_samples, len(reference.tensors["points"]))
        return self._score(self.drawn(sampler, count), source, reference)

    def drawn(self, sampler: Sampler, count: int) -> Tensor:
        batches = sampler.batches(count, self.evaluation.seed, self.evaluation.batch_size)
        return torch.cat([batch.output for batch in batches])

    def _score(self, sample: Tensor, source: Source, reference: Described) -> Scores:
        points = source.points
        return score_points(sample, reference.tensors["points"], points.centres, points.sigma)
