"""What a report is made of: plain data, independent of where it was kept."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RunResult:
    """One (data set, method, seed)."""

    dataset: str
    method: str
    seed: int
    scores: dict[str, float]
    """Flat: `modes`, `reverse_kl`, ... of the served generator, `raw_...` of the raw weights."""
    history: dict[str, Any]
    """`status` (finished, diverged or failed), `step`, `steps`, `seconds`, `error`, `rows`: one a logged step."""
    curve: list[dict[str, float]]
    """Scores of the generators kept over training, one row a `step`."""
    grids: np.ndarray
    """uint8 (K, 64, C, H, W): what fixed latents gave at each of `history["grid_steps"]`."""
    samples: np.ndarray
    """uint8 (n, C, H, W) final samples."""
    mode_counts: np.ndarray
    """(n_modes,) samples counted in each mode."""

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.method}.seed{self.seed}"


@dataclass(frozen=True)
class StudyResult:
    """The runs that one table compares."""

    name: str
    runs: list[RunResult]
    real: np.ndarray
    """uint8 (n, C, H, W) real images."""
    reference: dict[str, float]
    """The same scores of real data: `confidence`, `reverse_kl` (its floor), and `judge_accuracy`."""
    provenance: dict[str, str]
    """Where the numbers come from: command, commit, data digest, versions, device, configuration."""
