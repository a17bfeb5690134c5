"""What people look at beside the scores, and whether training pictures are repeated."""

import logging
from typing import Any

import torch

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore
from relation_gan.gan.metrics.diagnostics import (
    SUSPECT,
    as_vectors,
    closeness,
    compare,
    interpolations,
    memorised,
)
from relation_gan.gan.metrics.extractors import Extracted, open_extractor
from relation_gan.gan.networks import Generator
from relation_gan.gan.networks.judge import Judge
from relation_gan.gan.sampling import DivergedError, samples
from relation_gan.pipelines.evaluation.nodes import Scores, device

logger = logging.getLogger(__name__)

COUNT = 1000
"""Samples, and unseen real pictures, whose neighbours are looked for."""
CHUNK = 4096
"""Real pictures that are compared at once."""
PATHS, STEPS = 6, 8
SHOWN, BESIDE = 4, 5
"""Samples of each kind that are shown, and how many of their neighbours."""
EXTREMES = 8


def look_closer(
    generator: Generator,
    images: ImageStore,
    reference: Described,
    evaluation: dict[str, Any],
    judge: Judge | None = None,
) -> tuple[Scores, Described]:
    """How many samples of the averaged generator are like copies, and pictures of what it does.

    Samples are compared with the reference's training pictures in pixels, and with its kept features.
    What stands for no copies are held-out pictures, if the reference has any, or else training pictures against the
    others. Both are empty for a run that diverged.
    """
    place, seed, size = device(), evaluation["seed"], evaluation["batch_size"]
    generator.to(place)
    try:
        drawn = torch.cat(list(samples(generator, min(COUNT, evaluation["samples"]), seed, size)))
    except DivergedError as error:
        logger.warning("Nothing to look closer at: %s", error)
        return {}, Described({}, {})
    features, places = reference.tensors["features"], reference.tensors["places"]
    chosen, held_out = images.spread(reference.description["count"]), images.held_out
    if held_out is not None and "held_out" in reference.tensors:
        unseen, unseen_features, among = held_out[held_out.spread(COUNT)], reference.tensors["held_out"], False
    else:
        unseen, unseen_features, among = images[chosen[:: -(-len(chosen) // COUNT)]], some(features), True
    pixels = (as_vectors(images[chosen[i : i + CHUNK]]).to(place) for i in range(0, len(chosen), CHUNK))
    extractor = open_extractor(evaluation["extractor"], place, evaluation["weights"], judge)
    extracted = Extracted(extractor, drawn.split(size), len(drawn)).kept
    compared = {
        "pixels": (torch.from_numpy(chosen), *compare(as_vectors(drawn), as_vectors(unseen), pixels, among)),
        "features": (places, *compare(extracted, unseen_features, features.split(CHUNK), among)),
    }
    scores: Scores = {}
    pictures = {"interpolations": interpolations(generator, PATHS, STEPS, seed)}
    for name, (index, found, usual) in compared.items():
        scores[f"memorised_{name}"] = share = memorised(found, usual)
        if share > SUSPECT:
            logger.warning("%.0f %% of samples are like copies of training pictures, by their %s", 100 * share, name)
        # The first samples as they come, then those most like copies.
        rows = torch.cat([torch.arange(SHOWN), closeness(found).argsort()[:SHOWN]])
        beside = index[found.places[rows, :BESIDE]]
        real = images[beside.flatten().numpy()].unflatten(0, beside.shape)
        pictures[f"neighbours_{name}"] = torch.cat([drawn[rows, None], real], 1).flatten(0, 1)
    # The distance to the last neighbour needs no single cloud of real features, as a covariance would.
    order = compared["features"][1].distances[:, -1].argsort()
    pictures |= {"typical": drawn[order[:EXTREMES]], "odd": drawn[order[-EXTREMES:].flip(0)]}
    return scores, Described(pictures, {})


def some(features: torch.Tensor) -> torch.Tensor:
    """At most COUNT of them, spread evenly."""
    return features[torch.linspace(0, len(features) - 1, min(COUNT, len(features))).long()]
