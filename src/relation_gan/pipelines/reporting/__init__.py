from relation_gan.pipelines.reporting import external
from relation_gan.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline", "external"]
