"""All runs of a study -> its report."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.pipelines.reporting import nodes


def create_pipeline(study: str, dataset: str, runs: list[str]) -> Pipeline:
    parts = {f"{run}.{part}": f"{run}.{part}" for run in runs for part in nodes.PARTS}
    return pipeline(
        [
            node(
                update_wrapper(partial(nodes.collect_runs, study), nodes.collect_runs),
                {"images": f"{dataset}.images", "reference": f"{dataset}.reference", **parts},
                f"{study}.result",
                name=f"{study}.collect_runs",
            ),
            node(
                nodes.write_report,
                f"{study}.result",
                [f"{study}.report", f"{study}.table", f"{study}.samples", f"{study}.summary"],
                name=f"{study}.write_report",
            ),
        ],
        tags="reporting",
    )
