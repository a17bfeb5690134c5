"""Metrics: arrays to numbers."""

from relation_gan.gan.metrics.completion import complete, psnr, ssim
from relation_gan.gan.metrics.coverage import class_balance, mode_coverage, published_modes
from relation_gan.gan.metrics.features import frechet_distance, kernel_distance, moments, precision_recall
from relation_gan.gan.metrics.points import point_quality, sliced_wasserstein

__all__ = [
    "class_balance",
    "complete",
    "frechet_distance",
    "kernel_distance",
    "mode_coverage",
    "moments",
    "point_quality",
    "precision_recall",
    "psnr",
    "published_modes",
    "sliced_wasserstein",
    "ssim",
]
