"""The runs of a study in parallel: `kedro run ... --runner=relation_gan.runner.RunsInParallel`."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import mlflow
from kedro.pipeline import Pipeline
from pluggy import PluginManager

from relation_gan.config import ParallelConfig
from relation_gan.execution.artifact_folder import ASIDE
from relation_gan.execution.resume import OF_A_RUN, config_of, run_of, runs_of, unfinished
from relation_gan.execution.run_context import STUDY_RUN, RunContext
from relation_gan.execution.session import ResumeRunner


class RunsInParallel(ResumeRunner):
    """Data first, then the runs, distributed by Ray, then the report.

    Runs that build on one another are one task: a session on them alone, in a process of this machine or, with
    RAY_ADDRESS, of a cluster. docs/cluster.md has the details.

    Raises:
        click.ClickException: Ray is not installed.
    """

    def __init__(self, is_async: bool = False) -> None:
        super().__init__(is_async)
        if importlib.util.find_spec("ray") is None:
            raise click.ClickException(
                "RunsInParallel needs Ray, which is not installed: pip install -c constraints.txt -e '.[ray]', "
                "or leave out --runner to run one after the other"
            )

    def run(
        self,
        pipeline: Pipeline,
        catalog: Any,
        hook_manager: PluginManager | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        from relation_gan.execution.distributed import cluster

        config = ParallelConfig(**catalog.load("params:parallel"))
        chains = together(unfinished(pipeline, catalog).only_nodes_with_tags(*OF_A_RUN))
        if not chains or (len(chains) == 1 and cluster.address() is None and not config.storage):
            return super().run(pipeline, catalog, hook_manager, **options)
        requested = RunContext.of(hook_manager).requested
        project = Path(requested["project_path"])
        accelerator = catalog.load("params:training").get("accelerator", "auto")
        with cluster.connected(config, project, accelerator) as workers:
            pipeline = self.prepare(pipeline, catalog, hook_manager, **options)
            runs = pipeline.only_nodes_with_tags(*OF_A_RUN)
            tasks = [
                cluster.Task(chain, files(runs, chain, catalog, project), nodes(runs, chain))
                for chain in together(runs)
            ]
            steps = {run.full: config_of(catalog, run).training.steps for run in runs_of(runs, *OF_A_RUN)}
            shared = files(runs, (), catalog, project)
            session = {
                "project_path": str(project),
                "env": requested["env"],
                "runtime_params": requested["runtime_params"],
                "pipeline_names": requested["pipeline_names"],
            }
            active = mlflow.active_run()
            setting = {STUDY_RUN: active.info.run_id if active else ""}
            failures = workers.run(tasks, steps, shared, session, setting)
        if failures:
            errors = "; ".join(f"{' > '.join(chain)} ({error})" for chain, error in failures)
            raise click.ClickException(f"{len(failures)} of {len(tasks)} tasks failed: {errors}")
        return super().run(pipeline - runs, catalog, hook_manager, **options)


def nodes(runs: Pipeline, chain: Sequence[str]) -> list[str]:
    """The names of the nodes of a chain's runs that are to be run."""
    return [node.name for node in runs.nodes if node.namespace in chain]


def files(runs: Pipeline, chain: Sequence[str], catalog: Any, project: Path) -> list[str]:
    """Paths in the project of what belongs to the runs of a chain, or, for an empty chain, of what all runs share."""
    made = runs.all_outputs() | {f"{run}.scores" for run in chain}
    used = {
        name for node in runs.nodes if not chain or node.namespace in chain for name in (*node.inputs, *node.outputs)
    } | {f"{run}.{part}" for run in chain for part in ("checkpoints", "scores")}  # whole folders, with their labels
    found: dict[str, None] = {}
    for name in sorted(used):
        path = getattr(catalog.get(name), "_filepath", None)
        if path is None or (run_of(name.rpartition(".")[0]) is None) == bool(chain):
            continue
        # Files of a run are sent with their folder, and with the label in it; a dataset can be that folder itself.
        place = Path(path).parent if name in made and Path(path).suffix else Path(path)
        if place.is_relative_to(project):  # Any other path is the same on every node.
            found[place.relative_to(project).as_posix()] = None
    return [*found, *(f"{folder}{ASIDE}" for folder in found if chain)]


def together(runs: Pipeline) -> list[tuple[str, ...]]:
    """The runs by name, those that build on one another in one tuple."""
    makers = {output: node.namespace for node in runs.nodes for output in node.outputs}
    chains: dict[str, list[str]] = {}
    for node in runs.nodes:  # sorted: a stage comes after the stage before
        name = str(node.namespace)
        if name not in chains:
            chain = next((chains[of] for i in node.inputs if (of := makers.get(i)) in chains), [])
            chain.append(name)
            chains[name] = chain
    return [tuple(chain) for chain in {id(chain): chain for chain in chains.values()}.values()]
