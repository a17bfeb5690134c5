"""Source -> store or definition, judge and reference of one data set."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.pipelines.ingestion import nodes


def create_pipeline(data: Data) -> Pipeline:
    return pipeline(
        {"stacked_digits": _stacked_digits, "pictures": _pictures, "points": _points}[data.kind](data),
        namespace=data.name,
        parameters={f"params:{part}": f"params:datasets.{data.name}.{part}" for part in ("data", "evaluation")},
        tags="ingestion",
    )


def _stacked_digits(data: Data) -> list[Node]:
    return [
        node(nodes.load_digits, "params:data", "digits", name="load_digits"),
        node(nodes.stack_digits, ["digits", "params:data"], "images", name="stack_digits"),
        node(nodes.train_judge, ["digits", "params:data", "judge_file"], "judge", name="train_judge"),
        node(
            nodes.describe_real,
            ["images", "judge", "digits", "params:data", "params:evaluation", f"{data.reference}_file"],
            data.reference,
            name="describe_real",
        ),
    ]


def _pictures(data: Data) -> list[Node]:
    judge = [
        # Kedro runs what is ready by name: so named, a judge too weak is told before any method is trained.
        node(nodes.train_picture_judge, ["images", "params:data", "judge_file"], "judge", name="build_judge"),
        node(
            nodes.describe_judged,
            ["images", "judge", "params:evaluation", "reference_judge_file"],
            "reference_judge",
            name="describe_judged",
        ),
    ]
    described = node(
        nodes.describe_pictures,
        ["images", "params:evaluation", f"{data.reference}_file"],
        data.reference,
        name="describe_pictures",
    )
    return [
        node(nodes.prepare_pictures, ["params:data", "images_file"], "images", name="prepare_pictures"),
        *([] if data.judge_alone else [described]),
        *(judge if data.judge else []),
    ]


def _points(data: Data) -> list[Node]:
    return [
        node(nodes.define_points, "params:data", "points", name="define_points"),
        node(
            nodes.describe_points,
            ["points", "params:data", "params:evaluation"],
            data.reference,
            name="describe_points",
        ),
    ]
