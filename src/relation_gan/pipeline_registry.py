"""The pipelines, built from the parameters in force: which data set, methods and seeds."""

from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click
from kedro.framework.project import settings
from kedro.pipeline import Pipeline

from relation_gan.config import Data, ProjectConfigLoader
from relation_gan.pipelines import dirac, evaluation, ingestion, reporting, training


class Pipelines(dict[str, Pipeline]):
    """Pipelines by name; an unknown name is refused with the known ones."""

    def __missing__(self, name: str) -> NoReturn:
        raise click.UsageError(f"there is no pipeline '{name}'; choose one of: {', '.join(sorted(self))}")


class Run(NamedTuple):
    """One training of a study."""

    data: Data
    method: str
    seed: int


def register_pipelines() -> dict[str, Pipeline]:
    """One pipeline a method, for the study's seeds, and one a study."""
    parameters = parameters_in_force()
    reporting.read_claims(parameters["claims"])  # A claim that cannot be read is refused before any work.
    data, study = parameters["data"], parameters["study"]
    pipelines = Pipelines(
        {
            "ingestion": ingestion.create_pipeline(Data.of(parameters["datasets"][data["name"]])),
            **{
                method: study_pipeline(method, {**study, "methods": [method]}, parameters, "study")
                for method in parameters["methods"]
            },
            **{name: study_pipeline(name, of, parameters) for name, of in parameters["studies"].items()},
        }
    )
    given = Data.of(parameters["datasets"][data["name"]])
    pipelines["evaluate"] = Pipeline(
        [
            ingestion.create_pipeline(given),
            evaluation.create_given_pipeline(given, study["name"].format(pipeline="evaluate", dataset=data["name"])),
        ]
    )
    if parameters["dirac"]:
        folder = study["name"].format(pipeline="study_dirac", dataset=data["name"])
        pipelines["study_dirac"] = dirac.create_pipeline(folder, list(parameters["dirac"]["systems"]))
    pipelines["__default__"] = pipelines["relation_gan"]
    return pipelines


def study_pipeline(name: str, study: dict[str, Any], parameters: dict[str, Any], like: str = "") -> Pipeline:
    """Ingestion -> training and evaluation of every (data set, method, seed) -> one report.

    Args:
        like: the study whose parameters the report goes by, if not its own.
    """
    datasets = [parameters["presets"][preset] for preset in study["presets"]] or [parameters["data"]["name"]]
    runs: dict[Run, str | None] = {}
    for dataset in datasets:
        data = Data.of(parameters["datasets"][dataset])
        for method in study["methods"]:
            for stage in stages(method, parameters["methods"]):
                for seed in study["seeds"]:
                    runs[Run(data, stage, seed)] = parameters["methods"][stage]["after"]
    folder = study["name"].format(pipeline=name, dataset=parameters["data"]["name"])
    return Pipeline(
        [
            *(ingestion.create_pipeline(data) for data in dict.fromkeys(run.data for run in runs)),
            *(training.create_pipeline(*run, after=after) for run, after in runs.items()),
            *(evaluation.create_pipeline(*run) for run in runs),
            reporting.create_pipeline(folder, list(runs), f"params:studies.{like or name}"),
        ]
    )


def stages(method: str, methods: dict[str, Any]) -> list[str]:
    """The methods that one is trained after, the first of them first, and itself."""
    before = methods[method]["after"]
    return [*(stages(before, methods) if before else []), method]


def parameters_in_force() -> dict[str, Any]:
    """The parameters of the latest session, or, outside any (`kedro registry list`), of the default environment."""
    loader = ProjectConfigLoader.latest
    if loader is None:
        project = Path(__file__).parents[2]
        loader = ProjectConfigLoader(str(project / settings.CONF_SOURCE), **settings.CONFIG_LOADER_ARGS)
    return loader["parameters"]
