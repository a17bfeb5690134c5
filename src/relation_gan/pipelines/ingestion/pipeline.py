"""Source -> store or definition, classifier and references of one data set."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.pipelines.ingestion import nodes
from relation_gan.pipelines.shared import bound


def create_pipeline(data: Data) -> Pipeline:
    """Args: the data set."""
    made = {"stacked_digits": _stacked_digits, "images": _images, "points": _points}[data.kind](data)
    return pipeline(
        [*made, *(_describe(data, reference) for reference in data.references)],
        namespace=data.name,
        parameters={f"params:{part}": f"params:datasets.{data.name}.{part}" for part in ("data", "evaluation")},
        tags="ingestion",
    )


def _stacked_digits(data: Data) -> list[Node]:
    return [
        node(nodes.load_digits, "params:data", "digits", name="load_digits"),
        node(nodes.stack_digits, ["digits", "params:data"], "images", name="stack_digits"),
        node(
            nodes.train_classifier, ["digits", "params:data", "classifier_file"], "classifier", name="build_classifier"
        ),
    ]


def _images(data: Data) -> list[Node]:
    # Kedro runs what is ready by name: so named, too weak a classifier is refused before any method is trained.
    classifier = node(
        nodes.train_image_classifier,
        ["images", "params:data", "classifier_file"],
        "classifier",
        name="build_classifier",
    )
    return [
        node(nodes.prepare_images, ["params:data", "images_file"], "images", name="prepare_images"),
        *([classifier] if data.classifier else []),
    ]


def _points(data: Data) -> list[Node]:
    return [node(nodes.define_points, "params:data", "points", name="define_points")]


def _describe(data: Data, reference: str) -> Node:
    """What the scorers that share a reference compare samples with; the first of them describes it."""
    scorer = next(name for name, of in data.compared_with if of == reference and name in data.describing)
    inputs = {
        "store": data.source,
        "data": "params:data",
        "evaluation": "params:evaluation",
        "path": f"reference_{reference}_file",
        **({"classifier": "classifier"} if scorer in data.classified else {}),
        **({"digits": "digits"} if data.kind == "stacked_digits" else {}),
    }
    return node(bound(nodes.describe, scorer), inputs, f"reference_{reference}", name=f"describe_{reference}")
