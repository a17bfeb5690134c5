"""What a training leaves besides its networks: how it went, and what it was made of."""

from typing import Any, Literal

from pydantic import Field

from relation_gan.gan.model import Model
from relation_gan.gan.run import RunConfig

Status = Literal["finished", "diverged", "failed"]


class History(Model):
    """One run's training, as `history.json` has it."""

    dataset: str
    method: str
    title: str
    seed: int
    status: Status
    error: str = ""
    """Why it diverged or failed."""
    step: int
    """The last one that was trained."""
    steps: int
    """Those that were asked for."""
    batch_size: int = 0
    seconds: float = 0.0
    device: str = ""
    threads: int = 0
    peak_memory_mib: float = 0.0
    data_sha256: str = ""
    origin: dict[str, str] = Field(default={})
    """Commit, versions and command of the session that trained it."""
    config: RunConfig | None = None
    """The run's whole configuration; none of samples made elsewhere."""
    external: dict[str, Any] = Field(default={})
    """Of samples made elsewhere: their path, their SHA-256, and how they were evaluated."""
    rows: list[dict[str, float]] = Field(default=[])
    """A row a logged step: `step`, `seconds`, the losses, and what the loss observes."""

    @property
    def run(self) -> RunConfig:
        """The configuration of a training.

        Raises:
            ValueError: there was none.
        """
        if self.config is None:
            raise ValueError(f"{self.name} was not trained here")
        return self.config

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.method}.seed{self.seed}"
