from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import Tensor

from relation_gan.gan.metrics import extractors, kernel_distance, moments
from relation_gan.gan.metrics.extractors import Extracted, Extractor, ExtractorError, open_extractor
from tests.gan.data.sources.formats import pieces

FEATURES = {"inception": 2048, "efficientnet_lite0": 1280}


@cache
def opened(name: str) -> Extractor:
    return open_extractor(name)


@pytest.fixture(params=extractors.names())
def extractor(request: pytest.FixtureRequest) -> Extractor:
    """Every extractor whose weights are at hand."""
    if request.param == "inception" and extractors.at_hand() != "inception":
        pytest.skip("Inception's weights are not in torch's cache")
    return opened(request.param)


def crops(count: int, side: int = 32) -> Tensor:
    """uint8 (count, 3, side, side) of two photographs."""
    return torch.from_numpy(pieces(count, side, side).transpose(0, 3, 1, 2).copy())


def test_features_are_a_row_an_image(extractor: Extractor) -> None:
    features = extractor(crops(5))
    assert (features.shape[0], features.dim(), features.dtype) == (5, 2, torch.float32)
    assert features.shape[1] == FEATURES.get(extractor.name, features.shape[1])
    assert features.isfinite().all() and features.std() > 0
    assert not features.requires_grad


@pytest.mark.parametrize("side", [28, 64])
def test_images_of_any_size_have_as_many_features(extractor: Extractor, side: int) -> None:
    assert extractor(crops(2, side)).shape == extractor(crops(2)).shape


def test_a_grey_image_has_the_features_of_the_same_image_in_rgb(extractor: Extractor) -> None:
    grey = crops(3)[:, :1]
    assert torch.equal(extractor(grey), extractor(grey.repeat(1, 3, 1, 1)))


def test_the_features_of_an_image_depend_on_nothing_else(extractor: Extractor) -> None:
    images = crops(6)
    features = extractor(images)
    torch.manual_seed(99)
    assert torch.equal(extractor(images), features)
    alone = torch.cat([extractor(images[:2]), extractor(images[5:])])
    # Sums of floats in another order; the features are of the order of 1.
    torch.testing.assert_close(alone, features[[0, 1, 5]], rtol=1e-4, atol=1e-4)


def test_an_extractor_leaves_its_images_and_its_weights_as_they_are(extractor: Extractor) -> None:
    images = crops(3)
    kept = images.clone()
    state = {name: value.clone() for name, value in extractor.state_dict().items()}
    extractor(images)
    assert torch.equal(images, kept)
    assert all(torch.equal(value, state[name]) for name, value in extractor.state_dict().items())
    assert not extractor.training
    assert not any(parameter.requires_grad for parameter in extractor.parameters())


def test_photographs_are_told_from_noise(extractor: Extractor) -> None:
    images = crops(60)
    real, other = extractor(images[:30]), extractor(images[30:])
    # Noise with the mean and the deviation of every pixel's place and colour.
    random = torch.Generator().manual_seed(0)
    levels = images.float().mean(0) + images.float().std(0) * torch.randn(30, 3, 32, 32, generator=random)
    noise = extractor(levels.clamp(0, 255).round().to(torch.uint8))
    same, different = (kernel_distance(real, fake, 3, 30)[0] for fake in (other, noise))
    assert different > 10 * abs(same)


def test_an_unknown_extractor_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown extractor 'vgg'; choose one of: efficientnet_lite0, inception"):
        open_extractor("vgg")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's cache in a folder of its own, without weights."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    return tmp_path / "checkpoints"


def test_inception_is_at_hand_once_its_weights_lie_in_the_cache(empty_cache: Path) -> None:
    assert extractors.at_hand() == "efficientnet_lite0"
    empty_cache.mkdir()
    (empty_cache / "weights-inception-2015-12-05-6726825d.pth").touch()
    assert extractors.at_hand() == "inception"


def test_without_a_network_the_error_says_where_the_weights_belong(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", away)
    with pytest.raises(ExtractorError) as refused:
        open_extractor("inception")
    assert str(refused.value) == (
        "the weights of Inception cannot be downloaded (<urlopen error Name or service not known>); put "
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth "
        f"at {empty_cache}/weights-inception-2015-12-05-6726825d.pth, or choose "
        "evaluation.extractor=efficientnet_lite0"
    )


def test_inception_takes_bytes_and_gives_2048_features(monkeypatch: pytest.MonkeyPatch) -> None:
    # With the weights that its layers start from, since its own are a download.
    monkeypatch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
    inception = open_extractor("inception")
    images = crops(2)[:, :1]
    features = inception(images)
    assert (inception.name, features.shape, features.dtype) == ("inception", (2, 2048), torch.float32)
    assert torch.equal(features, inception(images.repeat(1, 3, 1, 1)))


def in_batches(images: Tensor, *sizes: int) -> Iterator[Tensor]:
    yield from images.split(sizes)


def test_the_moments_are_of_all_images_and_the_first_features_are_kept(
    tiny: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractors, "KEPT", 10)
    extractor, images = open_extractor("tiny"), crops(20, 16)
    extracted = Extracted(extractor, in_batches(images, 7, 7, 1, 5))
    assert tiny == [7, 7, 1, 5]  # each image once
    features = extractor(images)
    torch.testing.assert_close(extracted.kept, features[:10])
    assert extracted.sums.count == 20
    expected = moments(features)
    for name in ("mu", "sigma"):
        # The features are floats of about seven digits, rounded in another way in another batch.
        np.testing.assert_allclose(extracted.moments[name], expected[name], rtol=1e-4, atol=1e-5)


def test_all_features_of_a_few_images_are_kept(tiny: list[int]) -> None:
    extractor, images = open_extractor("tiny"), crops(6, 16)
    torch.testing.assert_close(Extracted(extractor, in_batches(images, 4, 2)).kept, extractor(images))
