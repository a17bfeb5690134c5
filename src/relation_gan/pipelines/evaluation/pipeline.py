"""Generator, judge and reference -> scores of one run."""

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.pipelines.evaluation import nodes


def create_pipeline(dataset: str, method: str, seed: int) -> Pipeline:
    return pipeline(
        [
            node(
                nodes.judge_samples,
                ["generator", "generator_raw", "judge", "params:evaluation"],
                ["judged", "pictures"],
                name="judge_samples",
            ),
            node(nodes.score_modes, "judged", "scores_modes", name="score_modes"),
            node(
                nodes.score_features,
                ["judged", "reference", "params:evaluation"],
                "scores_features",
                name="score_features",
            ),
            node(nodes.score_cost, ["history", "generator", "critic"], "scores_cost", name="score_cost"),
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
        ],
        namespace=f"{dataset}.{method}.seed{seed}",
        inputs={"judge": f"{dataset}.judge", "reference": f"{dataset}.reference"},
        parameters={"params:evaluation": "params:evaluation"},
        tags="evaluation",
    )
