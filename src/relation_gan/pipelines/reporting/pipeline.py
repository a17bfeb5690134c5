"""All runs of a study -> its report."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.config import SOURCES
from relation_gan.pipelines.reporting import nodes

PARTS = ["history", "scores", "curve", "grids", "pictures"]


def create_pipeline(study: str, runs: list[tuple[str, str, int, str]]) -> Pipeline:
    """Args: the report's folder, and (data set, method, seed, kind of data) of the runs that it compares."""
    sources = {dataset: f"{dataset}.{SOURCES[kind]}" for dataset, _, _, kind in runs}
    names = [f"{dataset}.{method}.seed{seed}" for dataset, method, seed, _ in runs]
    parts = {"stacked_digits": PARTS, "points": [*PARTS, "landscape"]}
    collect = [
        node(
            nodes.collect_run,
            [sources[dataset], *(f"{name}.{part}" for part in parts[kind])],
            f"{name}.result",
            name="collect_run",
            namespace=name,
        )
        for name, (dataset, _, _, kind) in zip(names, runs, strict=True)
    ]
    write = [
        node(
            update_wrapper(partial(nodes.collect_study, study, len(sources)), nodes.collect_study),
            [
                *sources.values(),
                *(f"{dataset}.reference" for dataset in sources),
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
    ]
    return pipeline([*collect, *write], tags="reporting")
