"""Distances between two sets of features, by torch-fidelity."""

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

Moments = dict[str, np.ndarray]


def moments(features: Tensor | np.ndarray) -> Moments:
    """Mean (F,) and covariance (F, F) of features (N, F).

    Raises:
        ValueError: features are not (N, F) with N >= 2, or not finite.
    """
    return fid_features_to_statistics(_checked(features))


class MomentSums:
    """Moments of features that come in batches: memory does not grow with their number."""

    def __init__(self) -> None:
        self.count = 0
        self._sum: Tensor | None = None
        self._products: Tensor | None = None

    def add(self, features: Tensor) -> None:
        """Count features (b, F) in.

        Raises:
            ValueError: they are not finite.
        """
        if not features.isfinite().all():
            raise ValueError("features must be finite; the samples they come from are not")
        x = features.double()
        if self._sum is None or self._products is None:
            self._sum, self._products = x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1], x.shape[1])
        self.count += len(x)
        self._sum += x.sum(0)
        self._products.addmm_(x.T, x)

    def moments(self) -> Moments:
        """As `moments` of all features at once.

        Raises:
            ValueError: fewer than two features were counted in.
        """
        if self._sum is None or self._products is None or self.count < 2:
            raise ValueError(f"moments need at least two features, got {self.count}")
        mean = self._sum / self.count
        covariance = (self._products - self.count * torch.outer(mean, mean)) / (self.count - 1)
        return {"mu": mean.numpy(), "sigma": covariance.numpy()}


def frechet_distance(real: Moments, fake: Moments) -> float:
    """||m1 - m2||^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)): FID when the features are Inception's.

    Raises:
        ValueError: the two are of features of different lengths.
    """
    if real["mu"].shape != fake["mu"].shape:
        raise ValueError(f"moments of {real['mu'].shape} and {fake['mu'].shape} features cannot be compared")
    return fid_statistics_to_metric(real, fake, verbose=False)["frechet_inception_distance"]


def kernel_distance(
    real: Tensor | np.ndarray, fake: Tensor | np.ndarray, subsets: int = 100, subset_size: int = 1000
) -> tuple[float, float]:
    """Mean and standard deviation, over subsets, of the unbiased MMD^2 with torch-fidelity's cubic kernel.

    KID when the features are Inception's.

    Raises:
        ValueError: fewer features than `subset_size`, or not finite.
    """
    real, fake = _checked(real), _checked(fake)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"features of length {real.shape[1]} and {fake.shape[1]} cannot be compared")
    if min(len(real), len(fake)) < subset_size:
        raise ValueError(
            f"kernel_distance needs {subset_size} samples a side, got {len(real)} and {len(fake)}; "
            "draw more, or lower evaluation.kid_subset_size"
        )
    result = kid_features_to_metric(
        real, fake, kid_subsets=subsets, kid_subset_size=subset_size, rng_seed=2020, verbose=False
    )
    return result["kernel_inception_distance_mean"], result["kernel_inception_distance_std"]


def _checked(features: Tensor | np.ndarray) -> Tensor:
    tensor = torch.as_tensor(features, dtype=torch.float64)
    if tensor.dim() != 2 or len(tensor) < 2:
        raise ValueError(f"features must be (N, F) with N of at least 2, got shape {tuple(tensor.shape)}")
    if not tensor.isfinite().all():
        raise ValueError("features must be finite; the samples they come from are not")
    return tensor
