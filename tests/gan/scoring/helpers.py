"""Runs that cost next to nothing to score."""

from typing import Any, cast

import torch
from torch import Tensor

from relation_gan.gan import networks, scoring
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.data.config import ImagesConfig, PointsConfig, StackedDigitsConfig
from relation_gan.gan.history import History
from relation_gan.gan.metrics import moments
from relation_gan.gan.metrics.classifying import ClassifierConfig
from relation_gan.gan.metrics.extractors import open_extractor
from relation_gan.gan.networks import Critic, Generator, Network
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.sampling import GeneratorSampler, samples
from relation_gan.gan.scoring import EvaluationConfig, Scorer, Scores, Source, Subject
from relation_gan.gan.scoring.panels import Panel

CPU = torch.device("cpu")
IMAGES = ImagesConfig(kind="images", name="set", source="cifar10", split="train", held_out="test", size=16)
LABELLED = IMAGES.model_copy(update={"classifier": ClassifierConfig(epochs=1)})
STACKED = StackedDigitsConfig(
    kind="stacked_digits",
    name="tiny",
    size=28,
    channels=3,
    count=40,
    held_out_per_class=100,
    classifier={"epochs": 2, "required_accuracy": 0.2},  # type: ignore[arg-type]
)
RING = PointsConfig(
    kind="points", name="ring", definition={"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.2}, seed=5
)
ROLL = PointsConfig(kind="points", name="roll", definition={"name": "swissroll", "noise": 0.25, "scale": 0.1}, seed=5)


def evaluation(**changes: Any) -> EvaluationConfig:
    """Of few samples, by the extractor `tiny`; no configuration may ask for so few."""
    base = EvaluationConfig(samples=100, curve_samples=100, extractor="efficientnet_lite0", kid_subset_size=20)
    few = {"samples": 50, "curve_samples": 20, "kept_samples": 18, "kid_subsets": 3, "inception_splits": 2}
    return base.model_copy(update={**few, "batch_size": 16, "extractor": "tiny", **changes})


def a_generator(seed: int = 0, diverged: bool = False) -> Generator:
    torch.manual_seed(seed)
    made = networks.create("dcgan_generator", size=16, channels=3, latent=4, width=2)
    for parameter in made.parameters():
        parameter.data.mul_(float("nan") if diverged else 20)
    return cast(Generator, made).eval()


def a_point_generator(seed: int = 0, diverged: bool = False) -> Generator:
    torch.manual_seed(seed)
    made = networks.create("mlp_generator", dimensions=2, latent=3, widths=[8])
    for parameter in made.parameters():
        parameter.data.mul_(float("nan") if diverged else 3)
    return cast(Generator, made)


def a_point_critic(kind: str = "pair") -> Critic:
    torch.manual_seed(0)
    return cast(Critic, networks.create("mlp_critic", kind=kind, dimensions=2, widths=[8], embedding=4, head=[6]))


def a_classifier(n_classes: int = 10, channels: int = 1, size: int = 16) -> Classifier:
    """Untrained: what its scores mean is of no matter here."""
    torch.manual_seed(0)
    made = networks.create("classifier", size=size, n_classes=n_classes, width=2, features=4, channels=channels)
    made.notes = {"accuracy": 0.75, "made_from": "a test"}
    return cast(Classifier, made).eval()


def subject(ema: Generator, raw: Generator | None = None, history: History | None = None, **of: Network) -> Subject:
    found = {"ema": GeneratorSampler(ema), **({"raw": GeneratorSampler(raw)} if raw else {})}
    return Subject(found, of, history)


def create(name: str, how: EvaluationConfig) -> Scorer:
    return scoring.create(name, evaluation=how, device=CPU)


def score(
    name: str, of: Subject, source: Source, reference: Described | None = None, how: EvaluationConfig | None = None
) -> tuple[Scores, list[Panel]]:
    nothing = Described({}, {"scores": {}})
    scores, panels = create(name, how or evaluation()).score(of, source, reference or nothing)
    assert all(type(key) is str and type(value) is float for key, value in scores.items())
    return scores, list(panels)


def images_of(generator: Generator, count: int, seed: int = 0) -> Tensor:
    return torch.cat(list(samples(generator, count, seed, 16)))


def features_of(images: Tensor, extractor: str = "tiny") -> Tensor:
    return open_extractor(extractor)(images)


def reference_of(features: Tensor, **scores: float) -> Described:
    real = moments(features)
    tensors = {"mean": torch.from_numpy(real["mu"]), "covariance": torch.from_numpy(real["sigma"])}
    return Described({**tensors, "features": features}, {"count": len(features), "scores": scores})


def nowhere(config: Any = IMAGES, classifier: Classifier | None = None) -> Source:
    """A data set whose images no scorer of the test looks at."""
    return Source(cast(ImageStore, None), config, classifier)


def points_of(config: PointsConfig) -> Source:
    return Source(Points(config.name, config.definition), config)
