"""Store -> generator, critic and history of one run."""

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.config import Data
from relation_gan.pipelines.training import nodes

BEFORE = ["generator_before", "critic_before"]


def create_pipeline(data: Data, method: str, seed: int, after: str | None = None) -> Pipeline:
    """Args: the run, and the method whose networks it starts from, if any."""
    source, run = data.source, f"{data.name}.{method}.seed{seed}"
    before = f"{data.name}.{after}.seed{seed}"
    return pipeline(
        [
            node(
                nodes.train,
                [source, "params:config", "checkpoints", *(BEFORE if after else [])],
                ["generator", "generator_raw", "critic", "history", "grids"],
                name="train",
            )
        ],
        namespace=run,
        inputs={
            source: f"{data.name}.{source}",
            **({"generator_before": f"{before}.generator_raw", "critic_before": f"{before}.critic"} if after else {}),
        },
        parameters={"params:config": f"params:runs.{run}"},
        tags="training",
    )
