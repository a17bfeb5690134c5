"""Store -> generator, critic and history of one run."""

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.pipelines.training import nodes


def create_pipeline(dataset: str, method: str, seed: int) -> Pipeline:
    return pipeline(
        [
            node(
                nodes.train,
                ["images", "params:config", "params:training", "checkpoints"],
                ["generator", "generator_raw", "critic", "history", "grids"],
                name="train",
            )
        ],
        namespace=f"{dataset}.{method}.seed{seed}",
        inputs={"images": f"{dataset}.images"},
        parameters={"params:config": f"params:runs.{method}.seed{seed}", "params:training": "params:training"},
        tags="training",
    )
