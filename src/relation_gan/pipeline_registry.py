"""The pipelines, built from the parameters in force: which data set, methods and seeds."""

from pathlib import Path
from typing import Any, NoReturn

import click
from kedro.framework.project import settings
from kedro.pipeline import Pipeline

from relation_gan.config import ProjectConfigLoader
from relation_gan.pipelines import evaluation, ingestion, reporting, training


class Pipelines(dict[str, Pipeline]):
    """Pipelines by name; an unknown name is refused with the known ones."""

    def __missing__(self, name: str) -> NoReturn:
        raise click.UsageError(f"there is no pipeline '{name}'; choose one of: {', '.join(sorted(self))}")


def register_pipelines() -> dict[str, Pipeline]:
    """One pipeline a method, for the study's seeds, and `study` for the study's methods."""
    parameters = parameters_in_force()
    pipelines = Pipelines(
        {
            "ingestion": ingestion.create_pipeline(parameters["data"]["name"]),
            "study": study_pipeline("study", parameters["study"]["methods"], parameters),
            **{method: study_pipeline(method, [method], parameters) for method in parameters["methods"]},
        }
    )
    pipelines["__default__"] = pipelines["relation_gan"]
    return pipelines


def study_pipeline(name: str, methods: list[str], parameters: dict[str, Any]) -> Pipeline:
    """Ingestion -> training and evaluation of every (method, seed) -> one report."""
    dataset, seeds = parameters["data"]["name"], parameters["study"]["seeds"]
    runs = [(dataset, method, seed) for method in methods for seed in seeds]
    return sum(
        (create(*run) for run in runs for create in (training.create_pipeline, evaluation.create_pipeline)),
        start=ingestion.create_pipeline(dataset)
        + reporting.create_pipeline(
            parameters["study"]["name"].format(pipeline=name),
            dataset,
            [f"{dataset}.{method}.seed{seed}" for dataset, method, seed in runs],
        ),
    )


def parameters_in_force() -> dict[str, Any]:
    """The parameters of the latest session, or, outside any (`kedro registry list`), of the default environment."""
    loader = ProjectConfigLoader.latest
    if loader is None:
        project = Path(__file__).parents[2]
        loader = ProjectConfigLoader(str(project / settings.CONF_SOURCE), **settings.CONFIG_LOADER_ARGS)
    return loader["parameters"]
