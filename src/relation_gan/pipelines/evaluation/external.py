"""Scoring samples made elsewhere, or earlier, without training."""

from typing import Any

import click
from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.config import Data, EvaluateConfig
from relation_gan.gan import scoring
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.data.config import read_data
from relation_gan.gan.external import ExternalError, ImageFiles, open_external
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.sampling import GeneratorSampler
from relation_gan.gan.scoring import EvaluationConfig, Scores, Source, Subject
from relation_gan.gan.scoring.panels import Panel
from relation_gan.pipelines.evaluation.nodes import NOTHING
from relation_gan.pipelines.shared import bound, device, explained


def open_samples(
    evaluate: EvaluateConfig, store: ImageStore | Points, evaluation: EvaluationConfig
) -> tuple[GeneratorSampler | ImageFiles, EvaluationConfig]:
    """What is to be scored, and how: of fewer images than the protocol says, all, and files but once.

    Raises:
        click.ClickException: it cannot be scored.
    """
    try:
        sampler = open_external(evaluate.samples, store.shape)
    except ExternalError as error:
        raise click.ClickException(str(error)) from None
    how = {"checkpoint": "final"}
    if not isinstance(sampler, ImageFiles):
        return sampler, evaluation.model_copy(update=how)
    if len(sampler) < evaluation.kid_subset_size:
        raise click.ClickException(
            f"{sampler.path} holds {len(sampler)} images, fewer than evaluation.kid_subset_size "
            f"{evaluation.kid_subset_size}; add some, or lower that, to a tenth of them or so"
        )
    own = {"samples": min(len(sampler), evaluation.samples), "regenerations": 1}
    changed = {name: of for name, value in own.items() if (of := getattr(evaluation, name)) != value}
    return sampler, evaluation.model_copy(update={**how, **own, "changed": {**changed, **evaluation.changed}})


def score_samples(
    scorer: str,
    sampler: GeneratorSampler | ImageFiles,
    store: ImageStore | Points,
    data: dict[str, Any],
    evaluation: EvaluationConfig,
    reference: Described = NOTHING,
    classifier: Classifier | None = None,
) -> tuple[Scores, list[Panel]]:
    """What one scorer says of samples made elsewhere."""
    if isinstance(sampler, GeneratorSampler):
        sampler.generator.to(device()).eval()
    made = scoring.create(scorer, evaluation=evaluation, device=device())
    with explained():
        scores, panels = made.score(Subject({"ema": sampler}), Source(store, read_data(data), classifier), reference)
    return scores, list(panels)


def scorers_of(data: Data) -> list[str]:
    """Those that need no training's networks."""
    return [name for name in data.scorers if not scoring.scorer(name).trained]


def create_pipeline(data: Data) -> Pipeline:
    """Args: the data set."""

    def inputs(scorer: str) -> dict[str, str]:
        reference = data.reference_of(scorer)
        return {
            "sampler": "sampler",
            "store": data.source,
            "data": "params:data",
            "evaluation": "evaluation",
            **({"reference": f"reference_{reference}"} if reference else {}),
            **({"classifier": "classifier"} if scorer in data.classified else {}),
        }

    shared = [data.source, *(f"reference_{name}" for name in data.references), *["classifier"] * bool(data.classified)]
    return pipeline(
        [
            node(
                open_samples,
                ["params:evaluate", data.source, "params:evaluation"],
                ["sampler", "evaluation"],
                name="open_samples",
            ),
            *(
                node(
                    bound(score_samples, name), inputs(name), [f"scores_{name}", f"panels_{name}"], name=f"score_{name}"
                )
                for name in scorers_of(data)
            ),
        ],
        namespace="evaluate",
        inputs={name: f"{data.name}.{name}" for name in shared},
        parameters={
            "params:evaluate": "params:evaluate",
            **{f"params:{part}": f"params:datasets.{data.name}.{part}" for part in ("data", "evaluation")},
        },
        tags="evaluate",
    )
