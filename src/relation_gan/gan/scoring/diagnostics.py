"""What people look at besides the scores, and whether training images are repeated."""

import logging
from collections.abc import Sequence
from typing import cast

import torch

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig, ImagesConfig
from relation_gan.gan.metrics.diagnostics import (
    SUSPECT,
    as_vectors,
    closeness,
    compare,
    interpolations,
    memorised,
)
from relation_gan.gan.metrics.extractors import CLASSIFIER, Extracted, open_extractor
from relation_gan.gan.sampling import DivergedError, GeneratorSampler, Sampler
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.distribution import some
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.panels import Images, Panel

logger = logging.getLogger(__name__)

COUNT = 1000
"""Samples, and unseen real images, whose neighbours are looked for."""
CHUNK = 4096
"""Real images that are compared at once."""
PATHS, STEPS = 6, 8
SHOWN, NEAREST = 4, 5
"""Samples of each kind that are shown, and how many of their neighbours."""
EXTREMES = 8
HEADING = "Nearest neighbours"
NOTE = (
    "In the first two figures, the first image of a row is a sample, followed by its five nearest training images. "
    "Four rows show the first samples, four those most like copies."
)


MEASURES = {
    **{
        f"memorised_{space}": Measure(
            f"Like copies, by {space}, %",
            f"copies({short})",
            1,
            "",
            f"The share of samples that lie closer to a training image, by their {space}, than 99 % of held-out (or, "
            "without any, of other real) images do: against the mean distance to the 50 nearest, so that blur is no "
            "copy. Fresh draws of the real distribution would score 1.",
            factor=100,
        )
        for space, short in (("pixels", "px"), ("features", "ft"))
    },
}


@register("diagnostics")
class Diagnostics(Scorer):
    """How many samples of the EMA generator are like copies of training images, and what it does between latents.

    Samples are compared with the reference's training images in pixels, and with its kept features. What stands for
    no copies are held-out images, if the reference has any, or else training images against the others.
    """

    measures = MEASURES

    needs = frozenset({"output", "latents"})
    trained = True

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return isinstance(data, ImagesConfig) and evaluation.diagnostics

    @classmethod
    def reference(cls, evaluation: EvaluationConfig) -> str:
        return evaluation.extractor

    @classmethod
    def classified(cls, evaluation: EvaluationConfig) -> bool:
        return evaluation.extractor == CLASSIFIER

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        evaluation, images, place = self.evaluation, source.images, self.device
        sampler = cast(GeneratorSampler, subject.samplers["ema"])
        size, count = evaluation.batch_size, min(COUNT, evaluation.samples)
        try:
            batches = cast(Sampler, sampler).batches(count, evaluation.seed, size)
            drawn = torch.cat([batch.output for batch in batches])
        except DivergedError as error:
            logger.warning("No diagnostics: %s", error)
            return {}, []
        features, places = reference.tensors["features"], reference.tensors["places"]
        chosen, held_out = source.compared(evaluation), images.held_out
        if held_out is not None and "held_out" in reference.tensors:
            unseen, unseen_features, among = held_out[held_out.spread(COUNT)], reference.tensors["held_out"], False
        else:
            unseen, unseen_features, among = images[chosen[:: -(-len(chosen) // COUNT)]], some(features), True
        pixels = (as_vectors(images[chosen[i : i + CHUNK]]).to(place) for i in range(0, len(chosen), CHUNK))
        classifier = source.classifier if evaluation.extractor == CLASSIFIER else None
        extractor = open_extractor(evaluation.extractor, place, evaluation.weights, classifier)
        extracted = Extracted(extractor, drawn.split(size), len(drawn)).kept
        compared = {
            "pixels": (torch.from_numpy(chosen), *compare(as_vectors(drawn), as_vectors(unseen), pixels, among)),
            "features": (places, *compare(extracted, unseen_features, features.split(CHUNK), among)),
        }
        scores: Scores = {}
        panels: list[Panel] = []
        for name, (index, found, usual) in compared.items():
            scores[f"memorised_{name}"] = share = memorised(found, usual)
            if share > SUSPECT:
                logger.warning("%.0f %% of samples are like copies of training images, by their %s", 100 * share, name)
            # The first samples as they come, then those most like copies.
            rows = torch.cat([torch.arange(SHOWN), closeness(found).argsort()[:SHOWN]])
            neighbours = index[found.places[rows, :NEAREST]]
            real = images[neighbours.flatten().numpy()].unflatten(0, neighbours.shape)
            caption = f"By {name}: {100 * share:.1f} % are like copies; of new real images, 1 %"
            shown = torch.cat([drawn[rows, None], real], 1).flatten(0, 1)
            panels.append(Images(HEADING, NOTE, caption, shown, 1 + NEAREST))
        paths = interpolations(sampler.generator.to(place), PATHS, STEPS, evaluation.seed)
        panels.append(Images(HEADING, NOTE, "Between two latents, on spheres", paths, STEPS))
        # The distance to the last neighbour needs no single cloud of real features, as a covariance would.
        order = compared["features"][1].distances[:, -1].argsort()
        extremes = torch.cat([drawn[order[:EXTREMES]], drawn[order[-EXTREMES:].flip(0)]])
        caption = "The eight most and the eight least typical, by the distance to their 50th nearest real features"
        panels.append(Images(HEADING, NOTE, caption, extremes, EXTREMES))
        return scores, panels
