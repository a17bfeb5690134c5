"""Networks and references -> scores and panels of one run."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.pipelines.evaluation import nodes
from relation_gan.pipelines.shared import bound


def create_pipeline(data: Data, method: str, seed: int) -> Pipeline:
    """Args: the run."""
    return pipeline(
        [*(_score(data, scorer) for scorer in data.scorers), _curve(data), _collect(data)],
        namespace=f"{data.name}.{method}.seed{seed}",
        inputs={name: f"{data.name}.{name}" for name in shared(data)},
        parameters={f"params:{part}": f"params:datasets.{data.name}.{part}" for part in ("data", "evaluation")},
        tags="evaluation",
    )


def shared(data: Data) -> list[str]:
    """What runs on a data set have in common."""
    references = [f"reference_{name}" for name in data.references]
    return [data.source, *references, *(["classifier"] if data.classified else [])]


def _score(data: Data, scorer: str) -> Node:
    reference = data.reference_of(scorer)
    inputs = {
        "networks": "networks",
        "history": "history",
        "store": data.source,
        "data": "params:data",
        "evaluation": "params:evaluation",
        **({"reference": f"reference_{reference}"} if reference else {}),
        **({"classifier": "classifier"} if scorer in data.classified else {}),
        **({"checkpoints": "checkpoints", "curve": "curve"} if data.best else {}),
    }
    outputs = [f"scores_{scorer}", f"panels_{scorer}"]
    return node(bound(nodes.score, scorer), inputs, outputs, name=f"score_{scorer}")


def seen_over_training(data: Data) -> tuple[dict[str, str], bool, list[str]]:
    """The scorers that curves show with the reference of each, whether they ask the classifier, and all references."""
    scorers = {scorer: data.reference_of(scorer) for scorer in data.over_training}
    references = dict.fromkeys(f"reference_{name}" for name in scorers.values() if name)
    return scorers, not set(data.over_training).isdisjoint(data.classified), list(references)


def _curve(data: Data) -> Node:
    scorers, classified, references = seen_over_training(data)
    return node(
        bound(nodes.score_curve, scorers, classified),
        [
            *("checkpoints", "history", data.source, "params:data", "params:evaluation"),
            *(["classifier"] if classified else []),
            *references,
        ],
        "curve",
        name="score_curve",
    )


def _collect(data: Data) -> Node:
    scores = [f"scores_{scorer}" for scorer in data.scorers]
    return node(
        nodes.collect_scores,
        ["history", "curve", "params:data", "params:evaluation", *scores],
        "scores",
        name="collect_scores",
    )
