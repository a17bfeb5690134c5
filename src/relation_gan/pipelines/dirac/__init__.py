from relation_gan.pipelines.dirac.pipeline import create_pipeline

__all__ = ["create_pipeline"]
