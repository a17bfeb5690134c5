"""The runs of a study side by side: `kedro run ... --runner=relation_gan.runner.RunsInParallel`."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import mlflow
from kedro.pipeline import Pipeline

from relation_gan.config import ParallelConfig
from relation_gan.hooks import STUDY_RUN, CheckHooks
from relation_gan.plan import OF_A_RUN, run_of, unfinished
from relation_gan.session import GoingOn
from relation_gan.shelf import ASIDE


class RunsInParallel(GoingOn):
    """Data first, then the runs, given out by Ray, then the report.

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
                "or leave --runner out to have one run after the other"
            )

    def run(
        self,
        pipeline: Pipeline,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        from relation_gan import cluster

        arguments = (catalog, hook_manager, run_id, only_missing_outputs)
        config = ParallelConfig(**catalog.load("params:parallel"))
        chains = together(unfinished(pipeline, catalog).only_nodes_with_tags(*OF_A_RUN))
        if not chains or (len(chains) == 1 and cluster.address() is None and not config.storage):
            return super().run(pipeline, *arguments)
        requested = CheckHooks.requested
        project = Path(requested["project_path"])
        accelerator = catalog.load("params:training").get("accelerator", "auto")
        with cluster.connected(config, project, accelerator) as workers:
            pipeline = self.after_data(pipeline, *arguments)
            runs = pipeline.only_nodes_with_tags(*OF_A_RUN)
            tasks = [
                cluster.Task(chain, files(runs, chain, catalog, project), nodes(runs, chain))
                for chain in together(runs)
            ]
            names = [name for task in tasks for name in task.chain]
            steps = {name: catalog.load(f"params:runs.{name}")["training"]["steps"] for name in names}
            shared = files(runs, (), catalog, project)
            session = {
                "project_path": str(project),
                "env": requested["env"],
                "runtime_params": requested["runtime_params"],
                "pipeline_names": requested["pipeline_names"],
            }
            active = mlflow.active_run()
            setting = {STUDY_RUN: active.info.run_id if active else ""}
            failures = workers.give_out(tasks, steps, shared, session, setting)
        if failures:
            told = "; ".join(f"{' > '.join(chain)} ({error})" for chain, error in failures)
            raise click.ClickException(f"{len(failures)} of {len(tasks)} tasks failed: {told}")
        return super().run(pipeline - runs, *arguments)


def nodes(runs: Pipeline, chain: Sequence[str]) -> list[str]:
    """The names of what is to be done of the runs of a chain."""
    return [node.name for node in runs.nodes if node.namespace in chain]


def files(runs: Pipeline, chain: Sequence[str], catalog: Any, project: Path) -> list[str]:
    """What the runs of a chain have of their own in the project, or, of none, what all runs share: paths there."""
    made = runs.all_outputs() | {f"{run}.scores" for run in chain}
    used = {
        name for node in runs.nodes if not chain or node.namespace in chain for name in (*node.inputs, *node.outputs)
    } | {f"{run}.{part}" for run in chain for part in ("checkpoints", "scores")}  # whole, with their labels
    found: dict[str, None] = {}
    for name in sorted(used):
        path = getattr(catalog.get(name), "_filepath", None)
        if path is None or (run_of(name.rpartition(".")[0]) is None) == bool(chain):
            continue
        place = Path(path).parent if name in made else Path(path)
        if place.is_relative_to(project):  # Elsewhere is where every node finds it, too.
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
