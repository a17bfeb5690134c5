"""Data sets and runs as pipelines know them."""

from typing import Any

from relation_gan.config import Data
from relation_gan.gan.data.config import DataConfig
from relation_gan.gan.history import History
from relation_gan.gan.scoring import EvaluationConfig
from tests.gan.test_run import run as run_config


def data_of(config: DataConfig, evaluation: EvaluationConfig, task: str = "generation") -> Data:
    return Data.of(
        {
            "data": config.model_dump(mode="json"),
            "evaluation": evaluation,
            "task": {"name": task},
        }
    )


def history(**fields: Any) -> History:
    """Of a run of four steps that finished."""
    names = {"dataset": "set", "method": "m", "title": "M", "seed": 0, "status": "finished", "device": "cpu"}
    run = {"step": 4, "steps": 4, "seconds": 2.0, "batch_size": 16, "threads": 1, "config": run_config()}
    return History.model_validate({**names, **run, **fields})
