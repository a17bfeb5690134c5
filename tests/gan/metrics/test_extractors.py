import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric

from relation_gan.gan.metrics import extractors, kernel_distance, moments
from relation_gan.gan.metrics.extractors import Extracted, Extractor, ExtractorError, open_extractor
from tests.gan.data.sources.formats import pieces
from tests.gan.metrics.helpers import random_inception

FEATURES = {extractors.Inception: 2048, extractors.EfficientNetLite0: 1280}


@cache
def opened(name: str) -> Extractor:
    return open_extractor(name)


def away(*_: object, **__: object) -> None:
    raise URLError("Name or service not known")


@pytest.fixture(params=extractors.names())
def extractor(request: pytest.FixtureRequest) -> Extractor:
    """Every extractor whose weights are at hand."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("torch.hub.download_url_to_file", away)  # Weights are taken from the cache, not downloaded.
            return opened(request.param)
    except ExtractorError as error:
        pytest.skip(str(error))


def crops(count: int, side: int = 32) -> Tensor:
    """uint8 (count, 3, side, side) of two photographs."""
    return torch.from_numpy(pieces(count, side, side).transpose(0, 3, 1, 2).copy())


def test_features_are_a_row_an_image(extractor: Extractor) -> None:
    features = extractor(crops(5))
    assert (features.shape[0], features.dim(), features.dtype) == (5, 2, torch.float32)
    assert features.shape[1] == FEATURES.get(type(extractor), features.shape[1])
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
    known = ", ".join(extractors.names())
    with pytest.raises(ValueError, match=f"unknown extractor 'vgg'; choose one of: {known}"):
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


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("inception", "Inception"),
        ("inception_torchvision", "torchvision's Inception"),
        ("vgg16", "VGG-16"),
        ("clip", "CLIP"),
        ("dinov2", "DINOv2"),
    ],
)
def test_without_a_network_the_error_says_where_the_weights_belong(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, title: str
) -> None:
    monkeypatch.setattr("torch.hub.download_url_to_file", away)
    monkeypatch.setattr("torch.hub.urlopen", away)
    with pytest.raises(ExtractorError) as refused:
        open_extractor(name)
    message = str(refused.value)
    assert message.startswith(f"the weights of {title} cannot be had (")
    assert message.endswith(
        f"name their file in evaluation.weights, put them at {empty_cache}, or choose "
        "evaluation.extractor=efficientnet_lite0"
    )


@pytest.mark.parametrize("name", ["inception", "inception_torchvision", "vgg16", "clip", "efficientnet_lite0"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no weights"])
def test_a_damaged_file_of_weights_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(ExtractorError, match="cannot be read"):
        open_extractor(name, weights=str(tmp_path / "weights.pth"))


def test_weights_of_dino_from_a_file_are_refused_with_the_reason() -> None:
    with pytest.raises(ExtractorError, match="torch-fidelity loads DINOv2 through torch's hub alone"):
        open_extractor("dinov2", weights="weights.pth")


def test_inception_takes_bytes_and_gives_2048_features(tmp_path: Path) -> None:
    inception = open_extractor("inception", weights=random_inception(tmp_path))
    images = crops(2)[:, :1]
    features, logits = inception.see(images)
    assert (features.shape, features.dtype) == ((2, 2048), torch.float32)
    assert logits is not None and logits.shape == (2, 1008)
    assert torch.equal(features, inception(images.repeat(1, 3, 1, 1)))


def test_torchvisions_inception_sees_pixels_from_minus_one_to_one(tmp_path: Path) -> None:
    torch.save(torchvision.models.inception_v3(init_weights=False).state_dict(), tmp_path / "weights.pth")
    network = open_extractor("inception_torchvision", weights=str(tmp_path / "weights.pth"))
    features, logits = network.see(torch.tensor([0, 255], dtype=torch.uint8).expand(1, 299, 299, 2).movedim(-1, 0))
    assert logits is not None and (features.shape, logits.shape) == ((2, 2048), (2, 1000))
    plain = torchvision.models.inception_v3(init_weights=False, transform_input=False).eval()
    plain.load_state_dict(torch.load(tmp_path / "weights.pth"))
    expected = torch.stack([torch.full((3, 299, 299), value) for value in (-1.0, 1.0)])
    torch.testing.assert_close(logits, plain(expected), rtol=1e-3, atol=1e-4)


def test_clip_and_dino_give_the_features_of_their_image_towers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tower(torch.nn.Module):
        input_resolution = 8

        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1)[:, :5].double()

    tower = torch.nn.Module()
    tower.visual = Tower()
    tower.register_parameter("p", torch.nn.Parameter(torch.zeros(1)))
    monkeypatch.setattr("torch_fidelity.feature_extractor_clip.load_state_dict_from_url", lambda *_, **__: tower)
    monkeypatch.setattr("torch_fidelity.feature_extractor_clip.build_model", lambda *_: tower)
    monkeypatch.setattr("torch.hub.load", lambda *_: Tower())
    for name in ("clip", "dinov2"):
        features, logits = open_extractor(name).see(crops(3))
        assert (features.shape, features.dtype, logits) == ((3, 5), torch.float32, None)


def in_batches(images: Tensor, *sizes: int) -> Iterator[Tensor]:
    yield from images.split(sizes)


def test_the_moments_and_classes_are_of_all_images_and_features_spread_over_them_are_kept(
    tiny: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relation_gan.gan.metrics.features.KEPT", 10)
    extractor, images = open_extractor("tiny"), crops(20, 16)
    extracted = Extracted(extractor, in_batches(images, 7, 7, 1, 5), 20, splits=2)
    assert tiny == [7, 7, 1, 5]  # each image once
    features = extractor(images)
    # Ten of twenty, from the first to the last: every 19/9-th.
    assert extracted.places.tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 19]
    torch.testing.assert_close(extracted.kept, features[extracted.places])
    theirs = isc_features_to_metric(features[:, :4], splits=2)
    mean_and_std = (theirs["inception_score_mean"], theirs["inception_score_std"])
    assert extracted.classes.score() == pytest.approx(mean_and_std, rel=1e-4)
    assert extracted.count == 20
    expected = moments(features)
    for name in ("mu", "sigma"):
        # The features are floats of about seven digits, rounded in another way in another batch.
        np.testing.assert_allclose(extracted.moments[name], expected[name], rtol=1e-4, atol=1e-5)


def test_all_features_of_a_few_images_are_kept(tiny: list[int]) -> None:
    extractor, images = open_extractor("tiny"), crops(6, 16)
    torch.testing.assert_close(Extracted(extractor, in_batches(images, 4, 2), 6).kept, extractor(images))


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, left: Path) -> None:
        self.left = left

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.left), "w")


@pytest.mark.parametrize("name", ["inception", "vgg16", "clip", "inception_torchvision"])
def test_no_code_in_a_file_of_weights_runs(name: str, tmp_path: Path) -> None:
    torch.save({"weights": Trap(tmp_path / "left")}, tmp_path / "weights.pth")
    with pytest.raises(ExtractorError):
        open_extractor(name, weights=str(tmp_path / "weights.pth"))
    assert not (tmp_path / "left").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("inception", "weights-inception-2015-12-05-6726825d.pth"),
        ("vgg16", "vgg16-397923af.pth"),
        ("clip", "clip-vit-b-32-40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af.pt"),
    ],
)
def test_nor_of_one_that_lies_in_the_cache(name: str, file: str, empty_cache: Path) -> None:
    empty_cache.mkdir()
    torch.save({"weights": Trap(empty_cache / "left")}, empty_cache / file)
    with pytest.raises(ExtractorError):
        open_extractor(name)
    assert not (empty_cache / "left").exists()


def test_reading_weights_leaves_the_environment_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0")
    open_extractor("inception", weights=random_inception(tmp_path))
    assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "0"
