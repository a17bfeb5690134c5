"""A trained generator as an MLflow model: latents (N, latent) -> images (N, C, H, W) in [-1, 1].

MLflow runs this file to build the model, so nothing is pickled. The package must be installed there.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlflow import models
from mlflow.pyfunc.model import PythonModel

from relation_gan.gan import checkpoint


class GeneratorModel(PythonModel):
    def load_context(self, context: Any) -> None:
        self.generator = checkpoint.load_network(Path(context.artifacts["generator"]))

    @torch.no_grad()
    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        return self.generator(torch.as_tensor(np.asarray(model_input), dtype=torch.float32)).numpy()


models.set_model(GeneratorModel())
