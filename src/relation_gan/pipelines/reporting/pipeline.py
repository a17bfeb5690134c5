"""All runs of a study -> its report."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.pipelines.reporting import nodes


def create_pipeline(study: str, dataset: str, runs: list[str]) -> Pipeline:
    """Args: the report's folder, the data set, and the namespaces of the runs that it compares."""
    parts = ["history", "scores", "curve", "grids", "pictures"]
    collect = [
        node(
            nodes.collect_run,
            [f"{dataset}.images", *(f"{run}.{part}" for part in parts)],
            f"{run}.result",
            name="collect_run",
            namespace=run,
        )
        for run in runs
    ]
    write = [
        node(
            update_wrapper(partial(nodes.collect_study, study), nodes.collect_study),
            [f"{dataset}.images", f"{dataset}.reference", *(f"{run}.result" for run in runs)],
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
