"""What `kedro run` does by default: resume, skipping runs that are done."""

from typing import Any

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from pluggy import PluginManager

from relation_gan.config import ProjectConfigLoader
from relation_gan.execution.resume import unfinished
from relation_gan.execution.run_context import RunContext


class ResumeRunner(SequentialRunner):
    """One node after the other, without the runs that are done."""

    def run(
        self, pipeline: Pipeline, catalog: Any, hook_manager: PluginManager | None = None, **options: Any
    ) -> dict[str, Any]:
        rest = self.prepare(pipeline, catalog, hook_manager, **options)
        return super().run(rest, catalog, hook_manager, **options)

    def prepare(self, pipeline: Pipeline, catalog: Any, hook_manager: PluginManager | None, **options: Any) -> Pipeline:
        """Prepare the data, and return what is then to be done: runs on other data are stale."""
        data = pipeline.only_nodes_with_tags("ingestion")
        if data.nodes:
            super().run(data, catalog, hook_manager, **options)
            RunContext.of(hook_manager).refresh(pipeline, catalog)
        return unfinished(pipeline - data, catalog)


class Session(KedroSession):
    """Kedro's session, which resumes by default."""

    @property
    def run_context(self) -> RunContext:
        """What the session shares with its hooks and its runner."""
        return RunContext.of(self._hook_manager)

    asked: list[str] | None = None
    """The pipelines that are to run, of which alone the parameters are resolved; None outside a run."""

    def _get_config_loader(self) -> Any:
        loader = super()._get_config_loader()
        if isinstance(loader, ProjectConfigLoader):
            loader.asked = self.asked
        return loader

    def run(self, *arguments: Any, runner: Any = None, **options: Any) -> dict[str, Any]:
        # The graph is that of this session's parameters; Kedro keeps that of the process's first session.
        pipelines.configure("relation_gan.pipeline_registry")
        self.asked = options.get("pipeline_names") or [options.get("pipeline_name") or "__default__"]
        # Kedro's command always passes a runner.
        chosen = ResumeRunner() if runner is None or type(runner) is SequentialRunner else runner
        return super().run(*arguments, runner=chosen, **options)
