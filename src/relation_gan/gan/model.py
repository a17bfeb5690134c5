"""What every typed configuration is."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
