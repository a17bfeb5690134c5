"""The project's Kedro context."""

import re
from typing import Any

from kedro.framework.context import KedroContext

from relation_gan.execution.run_context import RunContext

PART_OF_A_RUN = re.compile(r"params:(runs(\.[^.]+){4}|searches(\.[^.]+){2})")


class ProjectContext(KedroContext):
    """Kedro's, with the session's `RunContext`.

    A run's configuration is one dataset: nothing asks for its parts, of which a study has thousands.
    """

    @property
    def run_context(self) -> RunContext:
        return RunContext.of(self._hook_manager)

    def _get_parameters(self) -> dict[str, Any]:
        return {name: value for name, value in super()._get_parameters().items() if not PART_OF_A_RUN.match(name)}
