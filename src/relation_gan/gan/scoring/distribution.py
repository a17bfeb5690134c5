"""How near samples are to real images, on the features of a network that knows other images."""

import hashlib
import logging
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import StoreError
from relation_gan.gan.data.config import DataConfig, ImagesConfig
from relation_gan.gan.metrics import classifying, extractors, frechet_distance, kernel_distance, precision_recall
from relation_gan.gan.metrics.extractors import CLASSIFIER, Extracted, Extractor, open_extractor
from relation_gan.gan.metrics.features import Moments
from relation_gan.gan.sampling import Sampler
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, batches, prefixed, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.panels import Panel

logger = logging.getLogger(__name__)

HELD_OUT = 1000
"""Features of held-out images that a reference keeps."""


def of_features(extractor: str, title: str, short: str) -> dict[str, Measure]:
    """How the scores by the features of a network other than Inception are named."""
    return {
        f"fid_{extractor}": Measure(
            f"Fréchet distance, features of {title}",
            f"FD({short})",
            2,
            "lower",
            f"Between features of real and generated images in {title}. Not Inception’s FID, and not comparable with "
            "any published FID.",
            headline=True,
            decides=5 * (extractor == CLASSIFIER),
        ),
        f"kid_{extractor}_x1000": Measure(
            f"Kernel distance, features of {title}, × 1,000",
            f"1000·KD({short})",
            2,
            "lower",
            "As the Fréchet distance, but unbiased in the number of samples; not comparable with published KID.",
            headline=extractor != CLASSIFIER,
            decides=4 * (extractor != CLASSIFIER),
        ),
        f"kid_{extractor}_std_x1000": Measure(
            f"Spread of the kernel distance ({title}), × 1,000", "±KD", 2, "", "Over subsets or draws, not over seeds."
        ),
        f"precision_{extractor}": Measure(
            f"Precision, features of {title}",
            f"prec({short})",
            3,
            "higher",
            "The share of samples that lie no farther from some real image than its third neighbour does: quality.",
            headline=extractor != CLASSIFIER,
        ),
        f"recall_{extractor}": Measure(
            f"Recall, features of {title}",
            f"rec({short})",
            3,
            "higher",
            "The share of real images that lie as near to a sample as that: variety.",
            headline=extractor != CLASSIFIER,
        ),
        f"inception_score_{extractor}": Measure(
            f"Inception score, classes of {title}",
            f"IS({short})",
            2,
            "higher",
            "How sure and how varied the classes are that the network names; not comparable with a published IS.",
            headline=True,
        ),
        f"inception_score_{extractor}_std": Measure(
            f"Spread of the Inception score ({title})", "±IS", 2, "", "Over splits or draws, not over seeds."
        ),
    }


SHORT = {"efficientnet_lite0": "EN0", "inception_torchvision": "tv"}
"""Names of extractors for narrow columns, where their titles are not short themselves."""
MEASURES = {
    "inception_score": Measure(
        "Inception score",
        "IS",
        2,
        "higher",
        "How sure and how varied the classes are that Inception names.",
        headline=True,
    ),
    "inception_score_std": Measure(
        "Spread of the Inception score", "±IS", 2, "", "Over splits or draws, not over seeds."
    ),
    "fid": Measure(
        "FID",
        "FID",
        2,
        "lower",
        "Fréchet distance between Inception’s features of real and generated images. It falls with the number of "
        "samples: compare equal numbers only.",
        headline=True,
    ),
    "kid_x1000": Measure(
        "KID, × 1,000",
        "1000·KID",
        2,
        "lower",
        "As FID, but unbiased in the number of samples: real images score 0.",
        headline=True,
        decides=4,
    ),
    "kid_std_x1000": Measure("Spread of KID, × 1,000", "±KID", 2, "", "Over subsets or draws, not over seeds."),
    "precision": Measure(
        "Precision",
        "precision",
        3,
        "higher",
        "The share of samples that lie no farther from some real image than its third neighbour does, in Inception’s "
        "features (improved precision is published with VGG’s).",
        headline=True,
    ),
    "recall": Measure(
        "Recall",
        "recall",
        3,
        "higher",
        "The share of real images that lie as near to a sample as that: variety.",
        headline=True,
    ),
    **{
        name: measure
        for extractor in extractors.names()
        if extractor != "inception"
        for name, measure in of_features(
            extractor, extractors.title(extractor), SHORT.get(extractor, extractors.title(extractor))
        ).items()
    },
}


@register("distribution")
class Distribution(Scorer):
    """Fréchet and kernel distance, precision, recall and Inception score, named after the network: only Inception's
    are FID and KID."""

    measures = MEASURES

    def __init__(self, evaluation: EvaluationConfig, device: torch.device) -> None:
        super().__init__(evaluation, device)
        self._extractor: Extractor | None = None

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return isinstance(data, ImagesConfig) and evaluation.extractor != CLASSIFIER

    @classmethod
    def reference(cls, evaluation: EvaluationConfig) -> str:
        return evaluation.extractor

    @classmethod
    def over_training(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return True

    @property
    def name(self) -> str:
        """Of the network whose features are compared."""
        return self.evaluation.extractor

    @property
    def suffix(self) -> str:
        return "" if self.name == "inception" else f"_{self.name}"

    def deciding(self) -> str:
        return f"kid{self.suffix}"

    def extractor(self, source: Source) -> Extractor:
        """The network, opened once."""
        if self._extractor is None:
            self._extractor = self.open(source)
        return self._extractor

    def open(self, source: Source) -> Extractor:
        return open_extractor(self.name, self.device, self.evaluation.weights)

    def made_from(self, source: Source) -> list[Any]:
        images, weights = source.images, Path(self.evaluation.weights)
        of_weights = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        options = [self.evaluation.kid_subsets, self.evaluation.kid_subset_size, self.evaluation.inception_splits]
        held_out = images.held_out.digest if images.held_out else ""
        return [images.digest, self.name, of_weights, len(source.compared(self.evaluation)), options, held_out]

    def describe(self, source: Source) -> Described:
        images, chosen = source.images, source.compared(self.evaluation)
        if len(chosen) < self.evaluation.kid_subset_size:
            raise StoreError(
                f"{images.name} has {len(chosen)} images, fewer than evaluation.kid_subset_size "
                f"{self.evaluation.kid_subset_size}; lower it, to a tenth of them or so"
            )
        extractor = self.extractor(source)
        if self.name == "efficientnet_lite0":
            logger.info("Images are compared by EfficientNet-Lite0's features; there is no FID, which is Inception's")
        size, title = self.evaluation.batch_size, extractors.title(self.name)
        real = self.seen(extractor, batches(images, chosen, size, f"{title}, {images.name}"), len(chosen))
        mean, covariance = (torch.from_numpy(real.moments[part]) for part in ("mu", "sigma"))
        places = torch.from_numpy(chosen[real.places])
        tensors = {"mean": mean, "covariance": covariance, "features": real.kept, "places": places}
        reference = Described(tensors, {"count": len(chosen), "scores": {}})
        scores, more = self.floor(source, extractor, reference)
        return Described(tensors | more, {"count": len(chosen), "scores": scores})

    def floor(self, source: Source, extractor: Extractor, reference: Described) -> tuple[Scores, dict[str, Tensor]]:
        """What held-out images score, and some of their features. Not the Fréchet distance, which depends on their
        number."""
        held_out = source.images.held_out
        if held_out is None or len(held_out) < self.evaluation.kid_subset_size:
            return {}, {}
        unseen = self.seen_of_held_out(source, extractor, reference)
        found = self.distances(unseen, reference)
        return {name: of for name, of in found.items() if not name.startswith("fid")}, {"held_out": some(unseen.kept)}

    def seen_of_held_out(self, source: Source, extractor: Extractor, reference: Described) -> Extracted:
        held_out = source.images.held_out
        assert held_out is not None
        chosen = held_out.spread(reference.description["count"])
        title = f"{extractors.title(self.name)}, held-out images"
        return self.seen(extractor, batches(held_out, chosen, self.evaluation.batch_size, title), len(chosen))

    def seen(self, extractor: Extractor, images: Iterable[Tensor], count: int) -> Extracted:
        """Features of images, uint8 (b, C, H, W), and what the network says of their classes."""
        return classifying.summarise(extractor, images, count, self.evaluation.inception_splits)

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        extractor = self.extractor(source)
        found = subject.each(lambda sampler: self.measured(sampler, extractor, reference))
        panels = self.panels(found["ema"][1], source) if "ema" in found else []
        return prefixed({name: scores for name, (scores, _) in found.items()}), panels

    def panels(self, seen: Extracted, source: Source) -> Sequence[Panel]:
        """Of the EMA samples."""
        return []

    def measured(self, sampler: Sampler, extractor: Extractor, reference: Described) -> tuple[Scores, Extracted]:
        """Scores of samples, and what was seen of the first draw.

        Of several regenerations, the scores are means; those named `..._std` are the deviation between them.
        """
        evaluation, first, rows = self.evaluation, None, []
        for seed in range(evaluation.seed, evaluation.seed + evaluation.regenerations):
            seen = self.seen(extractor, self.drawn(sampler, evaluation.samples, seed), evaluation.samples)
            first = first or seen
            rows.append(self.of_seen(seen, reference))
        scores = rows[0]
        if len(rows) > 1:
            several = {name: [row[name] for row in rows] for name in scores if not name.endswith("_std")}
            scores = {name: statistics.mean(values) for name, values in several.items()}
            scores |= {f"{name}_std": statistics.stdev(values) for name, values in several.items()}
        assert first is not None  # There is one draw at least.
        return scores, first

    def drawn(self, sampler: Sampler, count: int, seed: int) -> Iterator[Tensor]:
        return (sample.output for sample in sampler.batches(count, seed, self.evaluation.batch_size))

    def of_seen(self, seen: Extracted, reference: Described) -> Scores:
        return self.distances(seen, reference)

    def distances(self, seen: Extracted, reference: Described) -> Scores:
        """Distances to the real features.

        The Fréchet distance is left out where there are fewer images than features: its covariance means nothing.
        """
        features, end = reference.tensors["features"], self.suffix
        scores = self.kernel(seen, reference)
        precision, recall = precision_recall(features, seen.kept)
        scores |= {f"precision{end}": precision, f"recall{end}": recall}
        if min(seen.count, reference.description["count"]) > features.shape[1]:
            scores[f"fid{end}"] = frechet_distance(moments_of(reference), seen.moments)
        if inception := seen.classes.score():
            scores |= dict(zip((f"inception_score{end}", f"inception_score{end}_std"), inception, strict=True))
        return scores

    def kernel(self, seen: Extracted, reference: Described) -> Scores:
        subsets, size = self.evaluation.kid_subsets, self.evaluation.kid_subset_size
        mean, std = kernel_distance(reference.tensors["features"], seen.kept, subsets, size)
        return {f"kid{self.suffix}": mean, f"kid{self.suffix}_std": std}

    def brief(self, sampler: Sampler, source: Source, reference: Described) -> Scores:
        count = self.evaluation.curve_samples
        images = self.drawn(sampler, count, self.evaluation.seed)
        return self.of_brief(self.seen(self.extractor(source), images, count), reference)

    def of_brief(self, seen: Extracted, reference: Described) -> Scores:
        return self.kernel(seen, reference)


def moments_of(reference: Described) -> Moments:
    """Of the real features that a reference describes."""
    return {"mu": reference.tensors["mean"].numpy(), "sigma": reference.tensors["covariance"].numpy()}


def some(features: Tensor) -> Tensor:
    """At most HELD_OUT of them, spread evenly."""
    return features[torch.linspace(0, len(features) - 1, min(HELD_OUT, len(features))).long()]
