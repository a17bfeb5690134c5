"""Store -> generator, critic and history of one run."""

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.config import SOURCES
from relation_gan.pipelines.training import nodes

BEFORE = ["generator_before", "critic_before"]


def create_pipeline(dataset: str, method: str, seed: int, kind: str, after: str | None = None) -> Pipeline:
    """Args: the run, the kind of its data, and the method whose networks it starts from, if any."""
    source, run = SOURCES[kind], f"{dataset}.{method}.seed{seed}"
    before = f"{dataset}.{after}.seed{seed}"
    return pipeline(
        [
            node(
                nodes.train,
                [source, "params:config", "params:training", "checkpoints", *(BEFORE if after else [])],
                ["generator", "generator_raw", "critic", "history", "grids"],
                name="train",
            )
        ],
        namespace=run,
        inputs={
            source: f"{dataset}.{source}",
            **({"generator_before": f"{before}.generator_raw", "critic_before": f"{before}.critic"} if after else {}),
        },
        parameters={"params:config": f"params:runs.{run}", "params:training": "params:training"},
        tags="training",
    )
