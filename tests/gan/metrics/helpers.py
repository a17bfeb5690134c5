from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from relation_gan.gan.metrics.extractors import Extractor


class Tiny(Extractor):
    """A network of eight features and four classes that costs nothing, to stand in for one that does."""

    title = "a tiny network"

    def __init__(self, weights: str = "") -> None:
        super().__init__()
        self.mixed = nn.Linear(3 * 4 * 4, 8)
        random = torch.Generator().manual_seed(0)
        self.mixed.weight.data = torch.randn(8, 3 * 4 * 4, generator=random)
        self.mixed.bias.data = torch.randn(8, generator=random)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.mixed(adaptive_avg_pool2d(images / 255, 4).flatten(1))
        return features, features[:, :4]


def random_inception(folder: Path) -> str:
    """A file of weights of torch-fidelity's Inception, those that its layers start from: its own are a download."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    path = folder / "inception.pth"
    torch.save(network.state_dict(), path)
    return str(path)
