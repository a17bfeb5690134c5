"""Distances between two sets of features, and scores of one, by torch-fidelity."""

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

Moments = dict[str, np.ndarray]

KEPT = 10_000
"""Features kept for what needs single ones: the kernel distance, which draws subsets of them, precision and recall."""

SEED = 2020
"""Of the subsets and splits that are drawn at random: torch-fidelity's own."""


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


class Summary:
    """What is kept of features that come in batches: their moments, and some of them. Memory does not grow with them.

    Args:
        count: how many features there will be. Of more than KEPT, those kept are spread evenly.
    """

    def __init__(self, count: int) -> None:
        self.sums = MomentSums()
        self.places = np.linspace(0, count - 1, min(KEPT, count)).astype(np.int64)
        """Which of the features are kept."""
        self._kept: list[Tensor] = []

    def add(self, features: Tensor) -> None:
        """Count features (b, F) in.

        Raises:
            ValueError: they are not finite.
        """
        first = self.sums.count
        places = self.places[(self.places >= first) & (self.places < first + len(features))] - first
        self._kept.append(features[torch.from_numpy(places)])
        self.sums.add(features)

    @property
    def count(self) -> int:
        return self.sums.count

    @property
    def moments(self) -> Moments:
        return self.sums.moments()

    @property
    def kept(self) -> Tensor:
        """(at most KEPT, F)."""
        return torch.cat(self._kept)


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
        fake, real, kid_subsets=subsets, kid_subset_size=subset_size, rng_seed=SEED, verbose=False
    )
    return result["kernel_inception_distance_mean"], result["kernel_inception_distance_std"]


def precision_recall(
    real: Tensor | np.ndarray, fake: Tensor | np.ndarray, neighbourhood: int = 3
) -> tuple[float, float]:
    """Shares of samples within reach of real ones, and of real ones within reach of samples (arXiv 1904.06991).

    A point reaches as far as its third neighbour in its own set. Both depend on the number of features, so of the
    larger set as many as the smaller one has are taken, spread evenly.

    Raises:
        ValueError: features are not (N, F) with more than `neighbourhood` rows, or not finite.
    """
    real, fake = _checked(real, torch.float32), _checked(fake, torch.float32)
    count = min(len(real), len(fake))
    if count <= neighbourhood:
        raise ValueError(f"precision_recall needs more than {neighbourhood} samples a side, got {count}")
    spread = (torch.linspace(0, len(of) - 1, count).long() for of in (real, fake))
    real, fake = (of if len(of) == count else of[places] for of, places in zip((real, fake), spread, strict=True))
    result = prc_features_to_metric(
        # In parts of a thousand, whose distances take 40 MB where all would take 400.
        *(fake, real),
        prc_neighborhood=neighbourhood,
        prc_batch_size=1000,
        save_cpu_ram=True,
        verbose=False,
    )
    return result["precision"], result["recall"]


class InceptionScore:
    """exp(mean over x of KL(p(class|x) || p(class))), in splits, of logits that come in batches (arXiv 1606.03498).

    As torch-fidelity's, which would hold all logits. Its name is Inception's, but the classes may be another network's.

    Args:
        count: how many logits there will be.
        splits: disjoint random parts, for each of which a score is computed.
    """

    def __init__(self, count: int, splits: int = 10) -> None:
        bounds = [i * count // splits for i in range(splits + 1)]
        self._split = np.empty(count, np.int64)
        self._split[np.random.RandomState(SEED).permutation(count)] = (
            np.searchsorted(bounds, np.arange(count), side="right") - 1
        )
        self._sizes = torch.from_numpy(np.diff(bounds))
        self._seen = 0
        self._p: Tensor | None = None  # (splits, classes): sums of p(class|x)
        self._negentropy = torch.zeros(splits, dtype=torch.float64)  # sums of p log p

    def add(self, logits: Tensor) -> None:
        """Count logits (b, classes) in."""
        split = torch.from_numpy(self._split[self._seen : self._seen + len(logits)])
        self._seen += len(logits)
        log_p = logits.double().log_softmax(1)
        p = log_p.exp()
        if self._p is None:
            self._p = p.new_zeros(len(self._negentropy), p.shape[1])
        self._p.index_add_(0, split, p)
        self._negentropy.index_add_(0, split, (p * log_p).sum(1))

    def score(self) -> tuple[float, float] | None:
        """Mean and standard deviation over the splits; None where no logits, or fewer than splits, were counted in."""
        if self._p is None or not self._sizes.all():
            return None
        q = self._p / self._sizes[:, None]
        scores = (self._negentropy / self._sizes - torch.special.xlogy(q, q).sum(1)).exp()
        return float(scores.mean()), float(scores.std(correction=0))


def _checked(features: Tensor | np.ndarray, dtype: torch.dtype = torch.float64) -> Tensor:
    tensor = torch.as_tensor(features, dtype=dtype)
    if tensor.dim() != 2 or len(tensor) < 2:
        raise ValueError(f"features must be (N, F) with N of at least 2, got shape {tuple(tensor.shape)}")
    if not tensor.isfinite().all():
        raise ValueError("features must be finite; the samples they come from are not")
    return tensor
