"""The pipelines, built from the parameters in force: which data set, methods and seeds."""

from collections import UserDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
from kedro.framework.project import settings
from kedro.pipeline import Pipeline

from relation_gan.config import ConfigError, Data
from relation_gan.config.loader import ProjectConfigLoader
from relation_gan.pipelines import dirac, evaluation, ingestion, reporting, search, training


class Pipelines(UserDict[str, Pipeline]):
    """Pipelines by name, each put together when it is first looked at: a study of a paper has hundreds of nodes.

    An unknown name is refused with the known ones.
    """

    def __init__(self, builders: Mapping[str, Callable[[], Pipeline]]) -> None:
        super().__init__()
        self.data: dict[str, Any] = dict(builders)

    def __getitem__(self, name: str) -> Pipeline:
        if name not in self.data:
            raise click.UsageError(f"there is no pipeline '{name}'; choose one of: {', '.join(sorted(self.data))}")
        found = self.data[name]
        if not isinstance(found, Pipeline):
            found = self.data[name] = found()
        return found


class Run(NamedTuple):
    """One training of a study."""

    data: Data
    method: str
    seed: int


def register_pipelines() -> Pipelines:
    """One pipeline a method, for the study's seeds, and one a study."""
    parameters = parameters_in_force()
    study = parameters["study"]
    data = Data.of(parameters["datasets"][parameters["data"]["name"]])

    def folder(pipeline: str, of: dict[str, Any] = study) -> str:
        return of["name"].format(pipeline=pipeline, dataset=data.name, budget=of["budget"])

    def of_method(name: str) -> Pipeline:
        alone = {"title": "", "datasets": [data.name], "methods": [name], "sweeps": []}
        return study_pipeline("study", folder(name), {**study, "experiments": {"": alone}}, parameters)

    def evaluate() -> Pipeline:
        report = reporting.external.create_pipeline(data, evaluation.external.scorers_of(data), folder("evaluate"))
        return Pipeline([ingestion.create_pipeline(data), evaluation.external.create_pipeline(data), report])

    def search_pipeline() -> Pipeline:
        if not (methods := parameters["searches"]):
            return Pipeline([])  # as of a study that nobody asked for
        name = next(iter(methods.values()))["name"]
        return ingestion.create_pipeline(data) + search.create_pipeline(name, data, list(methods))

    builders = {
        "ingestion": partial(ingestion.create_pipeline, data),
        **{name: partial(of_method, name) for name in parameters["methods"]},
        "evaluate": evaluate,
        "search": search_pipeline,
        "__default__": partial(of_method, "relation_gan"),
    }
    if parameters["dirac"]:
        systems = list(parameters["dirac"]["systems"])
        builders["study_dirac"] = partial(dirac.create_pipeline, folder("study_dirac"), systems)
    pipelines = Pipelines(builders)

    def with_others(name: str) -> Pipeline:
        if name not in parameters["studies"]:
            return Pipeline([])  # Plugins count the pipelines; of a study that nobody asked for, nothing is resolved.
        study = parameters["studies"][name]
        return sum(
            (pipelines[other] for other in study["also"]), study_pipeline(name, folder(name, study), study, parameters)
        )

    pipelines.data |= {name: partial(with_others, name) for name in parameters["study_names"]}
    return pipelines


def study_pipeline(name: str, folder: str, study: dict[str, Any], parameters: dict[str, Any]) -> Pipeline:
    """Ingestion -> training and evaluation of every (data set, method, seed) -> one report.

    Args:
        name: of the study in the parameters, by which the report goes.
        folder: the report's.

    Raises:
        ConfigError: what is typed does not suit the study's data.
    """
    if study.get("refused"):
        raise ConfigError(study["refused"])
    runs: dict[Run, str | None] = {}
    for experiment in study["experiments"].values():
        for dataset in experiment["datasets"]:
            data = Data.of(parameters["datasets"][dataset])
            for method in experiment["methods"]:
                for stage in stages(method, parameters["methods"]):
                    for seed in study["seeds"]:
                        runs[Run(data, stage, seed)] = parameters["methods"][stage]["after"]
    return Pipeline(
        [
            *(ingestion.create_pipeline(data) for data in dict.fromkeys(run.data for run in runs)),
            *(training.create_pipeline(*run, after=after) for run, after in runs.items()),
            *(evaluation.create_pipeline(*run) for run in runs),
            reporting.create_pipeline(folder, list(runs), f"params:studies.{name}"),
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
