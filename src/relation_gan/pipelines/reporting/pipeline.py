"""How a report is made."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.config import Data
from relation_gan.pipelines.reporting import nodes
from relation_gan.pipelines.reporting.cards import best_generators

PARTS = ["history", "scores", "curve", "grids", "pictures", "checkpoints"]

TABLES = ["verdicts", "statistics", "statistics_latex", "paper_beside_ours", "paper_beside_ours_latex"]


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
            {"source": f"{data.name}.{data.source}", **{part: f"{name}.{part}" for part in _parts(data)}},
            f"{name}.result",
            name="collect_run",
            namespace=name,
        )
        for name, (data, _, _) in zip(names, runs, strict=True)
    ]
    write = [
        node(
            update_wrapper(
                partial(
                    *(nodes.collect_study, study, parameters.rpartition(".")[2]),
                    [len(data.references) for data in datasets],
                ),
                nodes.collect_study,
            ),
            [
                *(parameters, "published", "params:claims"),
                *(f"{data.name}.{data.source}" for data in datasets),
                *(f"params:datasets.{data.name}.evaluation" for data in datasets),
                *(f"{data.name}.{reference}" for data in datasets for reference in data.references),
                *(f"{name}.result" for name in names),
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


def _parts(data: Data) -> list[str]:
    """What a run on a data set leaves for the report."""
    if data.kind == "points":
        return [*PARTS, "landscape"]
    return [*PARTS, *data.extras, *(["classes"] if data.kind == "pictures" and data.judge else [])]
