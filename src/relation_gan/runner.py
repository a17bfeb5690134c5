"""The runs of a study side by side on one machine: `kedro run ... --runner=relation_gan.runner.RunsInParallel`."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from typing import Any, ClassVar

import mlflow
import torch
from joblib import cpu_count
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from tqdm import tqdm

from relation_gan.hooks import STUDY_RUN, CheckHooks, RunsFailed
from relation_gan.plan import OF_A_RUN, unfinished
from relation_gan.session import GoingOn, Session


class RunsInParallel(GoingOn):
    """Data first, then the runs, in as many processes as there are cores, then the report.

    Each process opens sessions of its own on some of the runs, and computes with its share of the cores. On a
    machine with a GPU the runs follow one another, since each may want it whole.
    """

    processes: ClassVar[int] = 1 if torch.cuda.is_available() else cpu_count()

    def run(
        self,
        pipeline: Pipeline,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        arguments = (catalog, hook_manager, run_id, only_missing_outputs)
        pipeline = unfinished(pipeline, catalog)
        runs = pipeline.only_nodes_with_tags(*OF_A_RUN)
        groups = list(chunks(together(runs), self.processes))
        if min(len(groups), self.processes) < 2:
            return super().run(pipeline, *arguments)
        before = pipeline.only_nodes_with_outputs(*(runs.inputs() & pipeline.all_outputs()))
        before = pipeline.to_nodes(*(node.name for node in before.nodes)) if before.nodes else before
        super().run(before, *arguments)
        self._side_by_side(groups)
        return super().run(pipeline - before - runs, *arguments)

    def _side_by_side(self, groups: list[list[str]]) -> None:
        active = mlflow.active_run()
        environment = {
            "OMP_NUM_THREADS": str(max(1, cpu_count() // self.processes)),
            "TQDM_DISABLE": "1",
            STUDY_RUN: active.info.run_id if active else "",
        }
        executor = ProcessPoolExecutor(self.processes, multiprocessing.get_context("spawn"))
        previous = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)  # The processes inherit it from their start: OpenMP reads it once.
        try:
            futures = {executor.submit(run_group, CheckHooks.requested, group): len(group) for group in groups}
            with tqdm(total=sum(futures.values()), desc="runs", unit="run", dynamic_ncols=True) as bar:
                for future in as_completed(futures):
                    future.result()
                    bar.update(futures[future])
        finally:
            # What has not begun is left, and what has is waited for: an interrupted run saves its checkpoint.
            executor.shutdown(wait=True, cancel_futures=True)
            for name, value in previous.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def together(runs: Pipeline) -> list[list[str]]:
    """The runs by name, those that build on one another in one list."""
    makers = {output: node.namespace for node in runs.nodes for output in node.outputs}
    chains: dict[str, list[str]] = {}
    for node in runs.nodes:  # sorted: a stage comes after the stage before
        name = str(node.namespace)
        if name not in chains:
            chain = next((chains[of] for i in node.inputs if (of := makers.get(i)) in chains), [])
            chain.append(name)
            chains[name] = chain
    return list({id(chain): chain for chain in chains.values()}.values())


def chunks(chains: list[list[str]], processes: int) -> Iterator[list[str]]:
    """Chains joined to some eight groups a process: fewer sessions to open, and still none left idle for long."""
    size = max(1, sum(map(len, chains)) // (8 * processes))
    group: list[str] = []
    for chain in chains:
        group += chain
        if len(group) >= size:
            yield group
            group = []
    if group:
        yield group


def run_group(requested: dict[str, Any], runs: Iterable[str]) -> None:
    """Train and evaluate some runs of a study, in a session like the one that asked for them."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    bootstrap_project(requested["project_path"])
    options = {"env": requested["env"], "runtime_params": requested["runtime_params"]}
    selection: dict[str, Any] = {
        "pipeline_names": requested["pipeline_names"],
        "namespaces": list(runs),
        "tags": list(OF_A_RUN),
    }
    # The session that asked tells of all failures at its end.
    with Session.create(requested["project_path"], **options) as session, suppress(RunsFailed):
        session.run(**selection)
