"""How a report is made."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.pipelines.reporting import nodes
from relation_gan.pipelines.reporting.cards import best_generators
from relation_gan.pipelines.shared import bound

TABLES = ["verdicts", "statistics", "statistics_latex", "published_and_ours", "published_and_ours_latex"]


def create_pipeline(study: str, runs: list[tuple[Data, str, int]], parameters: str) -> Pipeline:
    """All runs of a study -> its report.

    Args:
        study: the report's folder.
        runs: (data set, method, seed) of those that it compares.
        parameters: the name of the study's own, such as `params:studies.study_points`.
    """
    datasets = list(dict.fromkeys(data for data, _, _ in runs))
    names = [f"{data.name}.{method}.seed{seed}" for data, method, seed in runs]
    collect = [
        node(
            nodes.collect_run,
            [
                *(f"{name}.{part}" for part in ("history", "scores", "curve", "grids", "checkpoints")),
                *(f"{name}.panels_{scorer}" for scorer in shown_first(data.scorers)),
            ],
            f"{name}.result",
            name="collect_run",
            namespace=name,
        )
        for name, (data, _, _) in zip(names, runs, strict=True)
    ]
    write = [
        *(describe_data(data) for data in datasets),
        node(
            bound(nodes.collect_study, study, parameters.rpartition(".")[2]),
            [
                *(parameters, "published", "params:claims"),
                *(f"{name}.result" for name in (*(data.name for data in datasets), *names)),
            ],
            f"{study}.result",
            name="collect_study",
            namespace=study,
        ),
        node(
            nodes.write_report,
            f"{study}.result",
            [f"{study}.report", f"{study}.table", f"{study}.samples", f"{study}.summary"],
            name="write_report",
            namespace=study,
        ),
        node(
            nodes.write_tables,
            f"{study}.result",
            [f"{study}.{table}" for table in TABLES],
            name="write_tables",
            namespace=study,
        ),
        node(best_generators, f"{study}.result", f"{study}.best", name="best_generators", namespace=study),
        node(nodes.write_figures, f"{study}.result", f"{study}.figures", name="write_figures", namespace=study),
    ]
    return pipeline([*collect, *write], tags="reporting")


def describe_data(data: Data) -> Node:
    """What a study says of a data set."""
    return node(
        bound(nodes.describe_data, shown_first(data.scorers), data.compared_with, True),
        [
            f"{data.name}.{data.source}",
            *(f"params:datasets.{data.name}.{part}" for part in ("data", "evaluation")),
            *(f"{data.name}.reference_{reference}" for reference in data.references),
        ],
        f"{data.name}.result",
        name="describe_data",
        namespace=data.name,
    )


def shown_first(scorers: tuple[str, ...]) -> tuple[str, ...]:
    """The scorers in the order in which the report shows their panels: samples stand at the top."""
    return tuple(sorted(scorers, key=lambda name: name != "samples"))
