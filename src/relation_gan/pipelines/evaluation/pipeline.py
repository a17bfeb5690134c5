"""Generators and reference -> scores of one run."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.pipelines.evaluation import completion, diagnostics, nodes


def create_pipeline(data: Data, method: str, seed: int) -> Pipeline:
    made, shared = {
        "stacked_digits": (_stacked_digits(), ["judge"]),
        "pictures": (
            _pictures(data),
            [*(["images"] if data.extras else []), *(["judge", "reference_judge"] if data.judge else [])],
        ),
        "points": (_points(), ["points"]),
    }[data.kind]
    return pipeline(
        [*made, node(nodes.score_cost, ["history", "generator", "critic"], "scores_cost", name="score_cost")],
        namespace=f"{data.name}.{method}.seed{seed}",
        inputs={
            "reference": f"{data.name}.{data.reference}",
            **{name: f"{data.name}.{name}" for name in shared},
        },
        parameters={"params:evaluation": f"params:datasets.{data.name}.evaluation"},
        tags="evaluation",
    )


def _stacked_digits() -> list[Node]:
    return [
        node(
            nodes.judge_samples,
            ["generator", "generator_raw", "judge", "params:evaluation"],
            ["judged", "pictures"],
            name="judge_samples",
        ),
        node(nodes.score_modes, ["judged", "params:evaluation"], "scores_modes", name="score_modes"),
        node(
            nodes.score_features,
            ["judged", "reference", "params:evaluation"],
            "scores_features",
            name="score_features",
        ),
        node(
            nodes.score_curve,
            ["checkpoints", "history", "judge", "params:evaluation"],
            "curve",
            name="score_curve",
        ),
        node(
            nodes.collect_scores,
            ["scores_modes", "scores_features", "scores_cost", "reference", "history"],
            "scores",
            name="collect_scores",
        ),
    ]


def _pictures(data: Data) -> list[Node]:
    chosen = ["generator", "generator_raw", "checkpoints", "curve"]
    scored = node(
        nodes.score_pictures,
        [*chosen, "reference", "params:evaluation"],
        "scores_features",
        name="score_pictures",
    )
    judged = node(
        nodes.judge_pictures,
        [*chosen, "judge", "reference_judge", "params:evaluation"],
        ["scores_judge", "classes"],
        name="judge_pictures",
    )
    views = [scored] * (not data.judge_alone) + [judged] * data.judge
    # Whose features are compared.
    judge = ["judge"] if data.judge_alone else []
    return [
        *(_extra(extra, judge) for extra in data.extras),
        *views,
        node(
            nodes.score_pictures_curve,
            ["checkpoints", "history", "reference", "params:evaluation", *judge],
            "curve",
            name="score_pictures_curve",
        ),
        node(nodes.draw_pictures, [*chosen, "params:evaluation"], "pictures", name="draw_pictures"),
        node(
            nodes.collect_picture_scores,
            [
                *(views[0].outputs[0], "scores_cost", "history", "curve", "params:evaluation"),
                *(view.outputs[0] for view in views[1:]),
                *(f"scores_{extra}" for extra in data.extras),
            ],
            "scores",
            name="collect_picture_scores",
        ),
    ]


def _extra(name: str, judge: list[str]) -> Node:
    """The node of one of `Data.extras`."""
    if name == "completion":
        return node(
            completion.complete_pictures,
            ["generator", "critic", "images", "params:evaluation"],
            ["scores_completion", "completion"],
            name="complete_pictures",
        )
    return node(
        diagnostics.look_closer,
        ["generator", "images", "reference", "params:evaluation", *judge],
        ["scores_diagnostics", "diagnostics"],
        name="look_closer",
    )


def _points() -> list[Node]:
    return [
        node(
            nodes.draw_points,
            ["generator", "generator_raw", "points", "params:evaluation"],
            "pictures",
            name="draw_points",
        ),
        node(nodes.score_drawn, ["pictures", "points", "reference"], "scores_modes", name="score_drawn"),
        node(
            nodes.score_points_curve,
            ["checkpoints", "history", "points", "reference", "params:evaluation"],
            "curve",
            name="score_points_curve",
        ),
        node(nodes.map_critic, ["critic", "pictures", "reference"], "landscape", name="map_critic"),
        node(
            nodes.collect_point_scores,
            ["scores_modes", "scores_cost", "history"],
            "scores",
            name="collect_point_scores",
        ),
    ]
