from relation_gan.pipelines.evaluation import external
from relation_gan.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline", "external"]
