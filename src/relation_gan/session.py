"""What `kedro run` does by default: go on with what is there."""

from typing import Any

from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from relation_gan.hooks import CheckHooks
from relation_gan.plan import unfinished


class GoingOn(SequentialRunner):
    """One node after the other, without the runs that are there already."""

    def run(self, pipeline: Pipeline, catalog: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        rest = self.after_data(pipeline, catalog, *arguments, **options)
        return super().run(rest, catalog, *arguments, **options)

    def after_data(self, pipeline: Pipeline, catalog: Any, *arguments: Any, **options: Any) -> Pipeline:
        """Make the data, and return what is then to be done: runs on other data than they are of are none."""
        data = pipeline.only_nodes_with_tags("ingestion")
        if data.nodes:
            super().run(data, catalog, *arguments, **options)
            CheckHooks.plan_again(pipeline, catalog)
        return unfinished(pipeline - data, catalog)


class Session(KedroSession):
    """Kedro's session, with that runner in place of its plain one."""

    def run(self, *arguments: Any, runner: Any = None, **options: Any) -> dict[str, Any]:
        # Kedro's command never leaves the choice to the session.
        chosen = GoingOn() if runner is None or type(runner) is SequentialRunner else runner
        return super().run(*arguments, runner=chosen, **options)
