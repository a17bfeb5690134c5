"""Data -> a search of each method -> one report, and the settings that were found."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.pipelines.evaluation.pipeline import seen_over_training
from relation_gan.pipelines.search import nodes
from relation_gan.pipelines.shared import bound


def create_pipeline(search: str, data: Data, methods: list[str]) -> Pipeline:
    """Args: the name of the search, by which its results go, the data set, and the methods."""
    write = node(
        bound(nodes.write_report, search),
        [f"{search}.{method}.trials" for method in methods],
        [f"{search}.{part}" for part in ("report", "table", "summary", "tuned")],
        name="write_report",
        namespace=search,
        tags="reporting",
    )
    return pipeline([*(_search(search, data, method) for method in methods), write])


def _search(search: str, data: Data, method: str) -> Node:
    scorers, classified, references = seen_over_training(data)
    return node(
        bound(nodes.search, scorers, classified),
        [
            *(f"{data.name}.{data.source}", f"params:searches.{method}", f"{search}.{method}.trial_store"),
            *(f"params:datasets.{data.name}.{part}" for part in ("data", "evaluation")),
            *([f"{data.name}.classifier"] if classified else []),
            *(f"{data.name}.{reference}" for reference in references),
        ],
        f"{search}.{method}.trials",
        name="search",
        namespace=f"{search}.{method}",
        tags="search",
    )
