"""The name that `kedro run --runner=relation_gan.runner.RunsInParallel` takes."""

from relation_gan.execution.distributed.runner import RunsInParallel

__all__ = ["RunsInParallel"]
