from relation_gan.pipelines.evaluation.given import create_given_pipeline
from relation_gan.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_given_pipeline", "create_pipeline"]
