from relation_gan.pipelines.reporting.claims import read_claims
from relation_gan.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline", "read_claims"]
