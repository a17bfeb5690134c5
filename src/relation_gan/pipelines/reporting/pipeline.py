"""How a report is made."""

from collections.abc import Sequence

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data
from relation_gan.pipelines.reporting import nodes
from relation_gan.pipelines.reporting.cards import best_generators
from relation_gan.pipelines.reporting.paper_figures import figures
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
    collected = [collect_run(data, f"{data.name}.{method}.seed{seed}") for data, method, seed in runs]
    described = [
        describe_data(data, f"params:datasets.{data.name}.evaluation", f"{data.name}.result", data.name)
        for data in datasets
    ]
    results = [output for made in (*described, *collected) for output in made.outputs]
    collect = bound(nodes.collect_study, study, parameters.rpartition(".")[2])
    inputs, result = [parameters, "published", "params:claims", *results], f"{study}.result"
    written = [
        node(collect, inputs, result, name="collect_study", namespace=study),
        write_report(study, study),
        node(nodes.write_tables, result, [f"{study}.{of}" for of in TABLES], name="write_tables", namespace=study),
        node(best_generators, result, f"{study}.best", name="best_generators", namespace=study),
        node(figures, result, f"{study}.figures", name="write_figures", namespace=study),
    ]
    return pipeline([*collected, *described, *written], tags="reporting")


def collect_run(data: Data, name: str) -> Node:
    """What a run left."""
    parts = [f"{name}.{part}" for part in ("history", "scores", "curve", "grids", "checkpoints")]
    panels = [f"{name}.panels_{scorer}" for scorer in shown_first(data.scorers)]
    return node(nodes.collect_run, [*parts, *panels], f"{name}.result", name="collect_run", namespace=name)


def describe_data(
    data: Data, evaluation: str, output: str, namespace: str | None = None, scorers: Sequence[str] | None = None
) -> Node:
    """What a study says of a data set.

    Args:
        scorers: those of samples that were made elsewhere; none given: those of trainings.
    """
    shown = shown_first(data.scorers if scorers is None else scorers)
    compared_with = tuple(of for of in data.compared_with if of[0] in shown)
    references = [f"{data.name}.reference_{reference}" for reference in data.references]
    return node(
        bound(nodes.describe_data, shown, compared_with, scorers is None),
        [f"{data.name}.{data.source}", f"params:datasets.{data.name}.data", evaluation, *references],
        output,
        name="describe_data",
        namespace=namespace,
    )


def write_report(folder: str, namespace: str | None = None) -> Node:
    """The page, and what goes with it."""
    outputs = [f"{folder}.{of}" for of in ("report", "table", "samples", "summary")]
    return node(nodes.write_report, f"{folder}.result", outputs, name="write_report", namespace=namespace)


def shown_first(scorers: Sequence[str]) -> tuple[str, ...]:
    """The scorers in the order in which the report shows their panels: samples stand at the top."""
    return tuple(sorted(scorers, key=lambda name: name != "samples"))
