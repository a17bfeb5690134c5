"""Whether samples are of the class that was asked for, and as various within it as real images."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig, ImagesConfig
from relation_gan.gan.metrics import frechet_distance, moments
from relation_gan.gan.metrics.bins import BINS, bin_counts, different_bins, fit_bins, jensen_shannon
from relation_gan.gan.metrics.classifying import SHOWN, classify_images, filled
from relation_gan.gan.sampling import Sampler
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, batches, prefixed, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.panels import Images, Panel

CLUSTERED = 10_000
"""Real images that the clusters are found in."""
COMPARED = 500
"""Images of a class between whose features distances are measured."""
HEADING = "By the class that was asked for"
NOTE = "A row a class, the first samples that were asked to be of it; nothing is selected."

MEASURES = {
    "class_accuracy": Measure(
        "Class accuracy",
        "class acc.",
        3,
        "higher",
        "The share of samples that the classifier puts into the class that was asked for.",
        headline=True,
    ),
    "fid_within_classifier": Measure(
        "Fréchet distance within classes (classifier)",
        "FD in class",
        2,
        "lower",
        "The mean over the classes of the distance between samples and real images of one class.",
        headline=True,
        decides=3,
    ),
    "diversity": Measure(
        "Diversity within classes",
        "diversity",
        3,
        "",
        "The mean distance of the classifier’s features between two samples of one class, over that of real "
        "images. Below 1 they are too alike; above 1 there may be noise, so look at them.",
        headline=True,
    ),
    "ndb": Measure(
        "Bins that differ (NDB)",
        f"NDB/{BINS}",
        0,
        "lower",
        f"Of {BINS} clusters of real images, how many have another share of the samples (a z test at 5 %).",
        compared=True,
    ),
    "jsd": Measure(
        "Divergence of the bins (JSD)",
        "JSD",
        4,
        "lower",
        "Jensen–Shannon divergence of the shares of the same clusters, in nats.",
        compared=True,
    ),
}


class Seen(NamedTuple):
    """N images as they are compared."""

    asked: Tensor
    """int64 (N,): the classes that they were to be of."""
    classified: Tensor
    """int64 (N,): by the classifier."""
    features: Tensor
    """(N, F): the classifier's."""
    bins: np.ndarray
    """int64 (K,): how many fell into each cluster of real pixels."""
    images: Tensor
    """uint8 (classes, SHOWN, C, H, W): the first of each class; black where there are fewer."""


@register("conditional")
class Conditional(Scorer):
    """The classifier's word on the class that was asked for, distances within the classes, and bins of pixels."""

    needs = frozenset({"output", "labels"})
    measures = MEASURES

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return isinstance(data, ImagesConfig) and data.classifier is not None

    @classmethod
    def reference(cls, evaluation: EvaluationConfig) -> str:
        return "conditional"

    @classmethod
    def classified(cls, evaluation: EvaluationConfig) -> bool:
        return True

    def made_from(self, source: Source) -> list[Any]:
        assert source.classifier is not None
        held_out = source.images.held_out.digest if source.images.held_out else ""
        count = len(source.compared(self.evaluation))
        return [source.images.digest, held_out, count, source.classifier.notes]

    def describe(self, source: Source) -> Described:
        images, size = source.images, self.evaluation.batch_size
        chosen = source.compared(self.evaluation)
        centres = fit_bins(_pixels(images[images.spread(CLUSTERED)]))
        labels = torch.from_numpy(np.array(images.labels))
        real = self._seen(source, batches(images, chosen, size, images.name), labels[torch.from_numpy(chosen)], centres)
        classes = range(images.n_classes)
        stats = [moments(real.features[real.asked == of]) for of in classes]
        spread = torch.tensor([_spread(real.features[real.asked == of]) for of in classes])
        tensors = {
            "means": torch.from_numpy(np.stack([of["mu"] for of in stats])),
            "covariances": torch.from_numpy(np.stack([of["sigma"] for of in stats])),
            "spread": spread,
            "centres": torch.from_numpy(centres),
            "counts": torch.from_numpy(real.bins),
            "images": real.images,
        }
        reference = Described(tensors, {"scores": {}, "classes": len(classes)})
        held_out = images.held_out
        scores: Scores = {}
        if held_out is not None:
            every, unseen = np.arange(len(held_out)), torch.from_numpy(np.array(held_out.labels))
            seen = self._seen(source, batches(held_out, every, size, "held-out images"), unseen, centres)
            scores = self._scores(seen, reference)
        return Described(tensors, {**reference.description, "scores": scores})

    def real(self, source: Source, reference: Described) -> Sequence[Panel]:
        return [_panel(reference.tensors["images"], "Real images")]

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        centres = reference.tensors["centres"].numpy()

        def look(sampler: Sampler) -> Seen:
            drawn = sampler.batches(self.evaluation.samples, self.evaluation.seed, self.evaluation.batch_size)
            asked: list[Tensor] = []

            def outputs() -> Iterable[Tensor]:
                for sample in drawn:
                    assert sample.labels is not None
                    asked.append(sample.labels)
                    yield sample.output

            return self._seen(source, outputs(), asked, centres)

        seen = subject.each(look)
        panels = [_panel(seen["ema"].images, "")] if "ema" in seen else []
        return prefixed({name: self._scores(of, reference) for name, of in seen.items()}), panels

    def _seen(
        self, source: Source, images: Iterable[Tensor], asked: Tensor | list[Tensor], centres: np.ndarray
    ) -> Seen:
        """Batch by batch: memory does not grow with the images.

        Args:
            asked: the classes, or a list of those of each batch, which fills while they are drawn.
            centres: of the clusters.
        """
        assert source.classifier is not None
        bins = np.zeros(len(centres), np.int64)
        shown: list[list[Tensor]] = [[] for _ in range(source.classifier.n_classes)]

        def noted() -> Iterable[Tensor]:
            first = 0
            for batch in images:
                labels = asked[-1] if isinstance(asked, list) else asked[first : first + len(batch)]
                first += len(batch)
                bins[:] += bin_counts(_pixels(batch), centres)
                for label, kept in enumerate(shown):
                    kept.extend(batch[labels == label][: SHOWN - len(kept)])
                yield batch

        found = classify_images(source.classifier.to(self.device), noted())
        labels = torch.cat(asked) if isinstance(asked, list) else asked
        return Seen(labels, found.labels[:, 0].long(), found.features, bins, filled(shown, source.images.shape))

    def _scores(self, seen: Seen, reference: Described) -> Scores:
        of, scores = reference.tensors, {"class_accuracy": float((seen.asked == seen.classified).float().mean())}
        within, spread = [], []
        for label in range(reference.description["classes"]):
            features = seen.features[seen.asked == label]
            if len(features) > features.shape[1]:
                real = {"mu": of["means"][label].numpy(), "sigma": of["covariances"][label].numpy()}
                within.append(frechet_distance(real, moments(features)))
            if len(features) > 1:
                spread.append(_spread(features) / float(of["spread"][label]))
        if len(within) == reference.description["classes"]:
            scores["fid_within_classifier"] = float(np.mean(within))
        if spread:
            scores["diversity"] = float(np.mean(spread))
        real_bins = of["counts"].numpy()
        scores |= {"ndb": float(different_bins(real_bins, seen.bins)), "jsd": jensen_shannon(real_bins, seen.bins)}
        return scores


def _pixels(images: Tensor) -> np.ndarray:
    """float32 (b, D) in 0..1."""
    return images.flatten(1).numpy().astype(np.float32) / 255


def _spread(features: Tensor) -> float:
    """The mean distance between two of the features (N, F)."""
    return float(torch.pdist(features[:COMPARED].double()).mean())


def _panel(images: Tensor, caption: str) -> Images:
    """Args: images: (classes, SHOWN, C, H, W)."""
    return Images(HEADING, NOTE, caption, images.flatten(0, 1), SHOWN, [str(label) for label in range(len(images))])
