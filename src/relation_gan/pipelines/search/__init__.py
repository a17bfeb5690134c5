from relation_gan.pipelines.search.pipeline import create_pipeline

__all__ = ["create_pipeline"]
