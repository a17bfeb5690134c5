"""Source -> store or definition, judge and reference of one data set."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.pipelines.ingestion import nodes


def create_pipeline(dataset: str, kind: str) -> Pipeline:
    return pipeline(
        {"stacked_digits": _stacked_digits, "points": _points}[kind](),
        namespace=dataset,
        parameters={f"params:{part}": f"params:datasets.{dataset}.{part}" for part in ("data", "evaluation")},
        tags="ingestion",
    )


def _stacked_digits() -> list[Node]:
    return [
        node(nodes.load_digits, "params:data", "digits", name="load_digits"),
        node(nodes.stack_digits, ["digits", "params:data"], "images", name="stack_digits"),
        node(nodes.train_judge, ["digits", "params:data", "judge_file"], "judge", name="train_judge"),
        node(
            nodes.describe_real,
            ["images", "judge", "digits", "params:data", "params:evaluation", "reference_file"],
            "reference",
            name="describe_real",
        ),
    ]


def _points() -> list[Node]:
    return [
        node(nodes.define_points, "params:data", "points", name="define_points"),
        node(
            nodes.describe_points,
            ["points", "params:data", "params:evaluation"],
            "reference",
            name="describe_points",
        ),
    ]
