"""Store -> networks and history of one run."""

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.config import Data
from relation_gan.pipelines.training import nodes


def create_pipeline(data: Data, method: str, seed: int, after: str | None = None) -> Pipeline:
    """Args: the run, and the method whose networks it starts from, if any."""
    source, run = data.source, f"{data.name}.{method}.seed{seed}"
    return pipeline(
        [
            node(
                nodes.train,
                [source, "params:config", "checkpoints", *(["before"] if after else [])],
                ["networks", "history", "grids"],
                name="train",
            )
        ],
        namespace=run,
        inputs={
            source: f"{data.name}.{source}",
            **({"before": f"{data.name}.{after}.seed{seed}.networks"} if after else {}),
        },
        parameters={"params:config": f"params:runs.{run}"},
        tags="training",
    )
