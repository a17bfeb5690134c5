"""What the data set's own classifier says of samples: classes or modes, confidence, and distances on its features."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import stacked
from relation_gan.gan.data.config import DataConfig, ImagesConfig, StackedDigitsConfig
from relation_gan.gan.metrics import class_balance, frechet_distance, mode_coverage, published_modes
from relation_gan.gan.metrics.classifying import SHOWN, Tally
from relation_gan.gan.metrics.extractors import CLASSIFIER, Extracted, Extractor, open_extractor
from relation_gan.gan.scoring.base import Scores, Source, Subject, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.distribution import Distribution, moments_of, of_features
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.panels import Counts, Images, Panel

HELD_OUT_STACKS = 1000
"""Images that are stacked of held-out digits."""


MEASURES = {
    "modes": Measure(
        "Modes",
        "modes",
        0,
        "higher",
        "How many modes appear at least once among the samples. Weak when alone: one lucky or unreadable sample "
        "is enough to count a mode.",
        headline=True,
    ),
    "modes_10": Measure(
        "Modes, ten times or more",
        "≥10",
        0,
        "higher",
        "How many modes appear at least ten times, which noise rarely achieves.",
        headline=True,
    ),
    "modes_published": Measure(
        "Modes, by the published counter",
        "published",
        0,
        "higher",
        "As Relation GAN’s code counts, faults included: a mode at most once in a batch of 100 samples and from the "
        "eleventh batch on, and any digit that the classifier is unsure of as a 0. Comparable with the paper at "
        "evaluation.samples=100000 only.",
        headline=True,
    ),
    "reverse_kl": Measure(
        "Reverse KL",
        "reverse KL",
        3,
        "lower",
        "KL(samples ‖ even spread over the modes), in nats. A finite sample never reaches 0: what as many real "
        "images score is the floor.",
        headline=True,
        logarithmic=True,
        decides=1,
    ),
    "confidence": Measure(
        "Classifier’s confidence",
        "confidence",
        3,
        "higher",
        "Mean probability that a classifier trained on real images gives to the class it names. Low for "
        "smudges; says nothing about variety.",
        headline=True,
    ),
    "entropy": Measure(
        "Entropy of the classes",
        "entropy",
        3,
        "higher",
        "Of the shares of the classes, in nats; an even spread has the logarithm of their number.",
        headline=True,
    ),
    "l2": Measure(
        "Distance to even classes",
        "L2",
        4,
        "lower",
        "Euclidean distance of the class shares to even ones.",
        compared=True,
    ),
    "l2_squared": Measure(
        "The same, squared", "L2²", 5, "lower", "Papers print one or the other as “L2”.", compared=True
    ),
    **of_features(CLASSIFIER, "the classifier", "classifier"),
}


@register("classes")
class Classes(Distribution):
    """The classifier's confidence and the balance of its classes. Of images that it classifies channel by channel,
    the combinations of classes are modes, which are counted."""

    measures = MEASURES
    unmeasured = ("classifier_accuracy",)

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return isinstance(data, StackedDigitsConfig | ImagesConfig) and data.classifier is not None

    @classmethod
    def reference(cls, evaluation: EvaluationConfig) -> str:
        return CLASSIFIER

    @classmethod
    def classified(cls, evaluation: EvaluationConfig) -> bool:
        return True

    @classmethod
    def over_training(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return not isinstance(data, ImagesConfig) or evaluation.extractor == CLASSIFIER

    @property
    def name(self) -> str:
        return CLASSIFIER

    def open(self, source: Source) -> Extractor:
        return open_extractor(CLASSIFIER, self.device, classifier=source.classifier)

    def made_from(self, source: Source) -> list[Any]:
        assert source.classifier is not None
        of_stacked = [source.config.seed, self.evaluation.curve_samples] if source.digits else []
        return [*super().made_from(source), source.classifier.notes, *of_stacked]

    def floor(self, source: Source, extractor: Extractor, reference: Described) -> tuple[Scores, dict[str, Tensor]]:
        assert source.classifier is not None
        accuracy = {"classifier_accuracy": source.classifier.notes["accuracy"]}
        if source.digits is not None:
            return self._stacked_floor(source, source.digits, extractor, reference) | accuracy, {}
        scores, more = super().floor(source, extractor, reference)
        unseen = tallied(self.seen_of_held_out(source, extractor, reference))
        tensors = {"by_class": unseen.by_class, "class_counts": unseen.class_counts}
        return scores | accuracy | self.of_classes(unseen), more | tensors

    def _stacked_floor(
        self, source: Source, digits: stacked.Digits, extractor: Extractor, reference: Described
    ) -> Scores:
        """Of as many freshly stacked digits; the confidence is that of held-out ones."""
        count, size, seed = reference.description["count"], self.evaluation.batch_size, source.config.seed

        def seen(images: Any, labels: Any, count: int, seed: int) -> Tally:
            drawn = stacked.stack(images, labels, count, seed, size)
            return tallied(self.seen(extractor, (torch.from_numpy(batch) for batch, _ in drawn), count))

        fresh = seen(digits.train_images, digits.train_labels, count, seed + 1)
        unseen = seen(digits.held_out_images, digits.held_out_labels, HELD_OUT_STACKS, seed)
        few = mode_coverage(fresh.modes[: self.evaluation.curve_samples], fresh.n_modes)
        return {
            "confidence": float(unseen.confidence.mean()),
            f"fid{self.suffix}": frechet_distance(moments_of(reference), fresh.moments),
            **mode_coverage(fresh.modes, fresh.n_modes),
            "curve_reverse_kl": few["reverse_kl"],
        }

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        scores, panels = super().score(subject, source, reference)
        if scores:  # depend on the classifier
            scores["classifier_accuracy"] = reference.description["scores"]["classifier_accuracy"]
        return scores, panels

    def of_seen(self, seen: Extracted, reference: Described) -> Scores:
        return {**super().of_seen(seen, reference), **self.of_classes(tallied(seen))}

    def distances(self, seen: Extracted, reference: Described) -> Scores:
        if tallied(seen).columns == 1:
            return super().distances(seen, reference)
        fid = frechet_distance(moments_of(reference), seen.moments)
        return {**self.kernel(seen, reference), f"fid{self.suffix}": fid}

    def of_classes(self, seen: Tally) -> Scores:
        """How sure the classifier is, how even the classes are, and which modes are covered."""
        scores = {"confidence": float(seen.confidence.mean())}
        scores |= class_balance(seen.labels.flatten().numpy(), seen.n_classes)
        if seen.columns > 1:
            scores |= mode_coverage(seen.modes, seen.n_modes)
            if self.evaluation.published_counter:
                scores["modes_published"] = published_modes(seen.labels.numpy(), seen.confidence.numpy())
        return scores

    def of_brief(self, seen: Extracted, reference: Described) -> Scores:
        tally = tallied(seen)
        if tally.columns == 1:
            return {**self.kernel(seen, reference), **self.of_classes(tally)}
        return {**mode_coverage(tally.modes, tally.n_modes), "confidence": float(tally.confidence.mean())}

    def deciding(self) -> str:
        return f"kid{self.suffix}"

    def real(self, source: Source, reference: Described) -> Sequence[Panel]:
        if "by_class" not in reference.tensors:
            return []
        shown, counts = (reference.tensors[name] for name in ("by_class", "class_counts"))
        return [by_class(source.images.manifest["classes"], shown, counts, "Real images, held out")]

    def panels(self, seen: Extracted, source: Source) -> Sequence[Panel]:
        tally = tallied(seen)
        if tally.columns == 1:
            return [by_class(source.images.manifest["classes"], tally.by_class, tally.class_counts)]
        counts = torch.from_numpy(tally.modes).bincount(minlength=tally.n_modes)
        return [Counts("Mode coverage", "", "", counts, base=tally.n_classes)]


def by_class(names: list[str], shown: Tensor, counts: Tensor, caption: str = "") -> Images:
    """The first images of each class, a row each, with its share."""
    rows = [f"{name} {100 * n / int(counts.sum()):.1f}%" for name, n in zip(names, counts.tolist(), strict=True)]
    missing = [row * SHOWN + k for row, n in enumerate(counts.tolist()) for k in range(min(n, SHOWN), SHOWN)]
    note = (
        "The first images that the classifier puts into each class, and the share of the class among all of them. Grey "
        "places are empty."
    )
    return Images("By class", note, caption, shown.flatten(0, 1), SHOWN, rows, missing)


def tallied(seen: Extracted) -> Tally:
    assert isinstance(seen, Tally)  # A classifier is the extractor.
    return seen
