"""What a session's catalog holds of the parameters."""

import re
from typing import Any

from kedro.framework.context import KedroContext

PART_OF_A_RUN = re.compile(r"params:runs(\.[^.]+){4}")


class ProjectContext(KedroContext):
    """Kedro's, but a run's configuration is one dataset: nothing asks for its parts, of which a study has thousands."""

    def _get_parameters(self) -> dict[str, Any]:
        return {name: value for name, value in super()._get_parameters().items() if not PART_OF_A_RUN.match(name)}
