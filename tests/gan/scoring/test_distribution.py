import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from relation_gan.gan.data import ImageStore, StoreError, save_store
from relation_gan.gan.metrics import frechet_distance, kernel_distance, moments, precision_recall
from relation_gan.gan.metrics.extractors import ExtractorError, open_extractor, registry
from relation_gan.gan.sampling import GeneratorSampler
from relation_gan.gan.scoring import Source
from tests.conftest import images_recipe
from tests.gan.scoring.helpers import (
    IMAGES,
    a_generator,
    create,
    evaluation,
    features_of,
    images_of,
    nowhere,
    reference_of,
    score,
    subject,
)

NAMES = ("kid", "kid_std", "fid", "precision", "recall", "inception_score", "inception_score_std")
OF_TINY = tuple(f"{name.removesuffix('_std')}_tiny{'_std' * name.endswith('_std')}" for name in NAMES)


def reference(count: int = 40):
    """`count` images of another generator as the real ones."""
    return reference_of(features_of(images_of(a_generator(7), count)))


def scored(ema=None, raw=None, real=None, **changes: Any) -> dict[str, float]:
    of = subject(ema or a_generator(0), raw or a_generator(1))
    return score("distribution", of, nowhere(), real or reference(), evaluation(**changes))[0]


def test_images_of_both_weights_are_compared_with_real_ones(tiny: list[int]) -> None:
    real = reference()
    tiny.clear()
    scores = scored(real=real)
    assert tiny == [16, 16, 16, 2] * 2  # 50 images of each, each once
    assert scores.keys() == {prefix + name for prefix in ("", "raw_") for name in OF_TINY}
    for seed, prefix in enumerate(("", "raw_")):
        features = features_of(images_of(a_generator(seed), 50))
        mean, std = kernel_distance(real.tensors["features"], features, 3, 20)
        assert scores[f"{prefix}kid_tiny"] == pytest.approx(mean, rel=1e-3)
        assert scores[f"{prefix}kid_tiny_std"] == pytest.approx(std, rel=1e-3)
        expected = frechet_distance(moments(real.tensors["features"]), moments(features))
        assert scores[f"{prefix}fid_tiny"] == pytest.approx(expected, rel=1e-3)


def test_images_like_the_real_ones_score_better_than_others(tiny: list[int]) -> None:
    scores = scored(a_generator(7), a_generator(1), reference(300), samples=300, seed=1, kid_subset_size=100)
    for name in ("kid_tiny", "fid_tiny"):
        assert 10 * abs(scores[name]) < scores[f"raw_{name}"]


def test_only_inceptions_distances_are_called_fid_and_kid(tiny: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, "inception", registry.entry("tiny"))
    scores = scored(extractor="inception")
    assert scores.keys() == {prefix + name for prefix in ("", "raw_") for name in NAMES}


@pytest.mark.parametrize(
    ("real", "asked", "there"),
    # There are eight features: a covariance of eight images has no full rank, one of nine may have.
    [(9, 9, True), (8, 9, False), (9, 8, False)],
)
def test_without_more_images_than_features_there_is_no_frechet_distance(
    tiny: list[int], real: int, asked: int, there: bool
) -> None:
    scores = scored(real=reference(real), samples=asked, kid_subset_size=8)
    names = [name for name in OF_TINY if there or not name.startswith("fid")]
    assert scores.keys() == {prefix + name for prefix in ("", "raw_") for name in names}


@pytest.mark.parametrize(
    ("ema", "raw", "prefixes"), [(True, True, set()), (True, False, {"raw_"}), (False, True, {""})]
)
def test_samples_that_are_not_finite_have_no_scores(
    tiny: list[int], ema: bool, raw: bool, prefixes: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    scores = scored(a_generator(diverged=ema), a_generator(diverged=raw))
    assert {"raw_" if name.startswith("raw_") else "" for name in scores} == prefixes
    for name, diverged in (("EMA", ema), ("raw", raw)):
        warning = f"No samples of the {name} weights: the generator's images are not finite: its training diverged"
        assert (warning in caplog.text) is diverged


def test_too_few_real_features_are_an_error_and_no_divergence(tiny: list[int]) -> None:
    with pytest.raises(ValueError, match="kernel_distance needs 45 samples a side, got 40 and 50"):
        scored(kid_subset_size=45)


def test_regenerations_are_averaged_and_their_deviation_is_given(tiny: list[int]) -> None:
    real = reference()
    several = scored(real=real, regenerations=3)
    single = [scored(real=real, seed=seed)["fid_tiny"] for seed in (0, 1, 2)]
    assert several["fid_tiny"] == pytest.approx(statistics.mean(single), rel=1e-6)
    assert several["fid_tiny_std"] == pytest.approx(statistics.stdev(single), rel=1e-6)
    assert statistics.stdev(single) > 0


def test_the_curve_has_the_kernel_distance_of_fewer_samples(tiny: list[int]) -> None:
    real, scorer = reference(), create("distribution", evaluation())
    scores = scorer.brief(GeneratorSampler(a_generator(4)), nowhere(), real)
    mean, std = kernel_distance(real.tensors["features"], features_of(images_of(a_generator(4), 20)), 3, 20)
    assert scores == pytest.approx({"kid_tiny": mean, "kid_tiny_std": std}, rel=1e-3)
    assert scorer.deciding() == "kid_tiny"


@pytest.fixture
def unseen(tmp_path: Path) -> Source:
    """Thirty images and twenty held-out ones."""
    recipe = replace(images_recipe(30), held_out=images_recipe(20, "held"))
    return Source(save_store(tmp_path / "store", recipe), IMAGES)


def store_of(source: Source) -> ImageStore:
    assert isinstance(source.store, ImageStore)
    return source.store


def test_the_reference_describes_real_images_and_scores_held_out_ones(unseen: Source, tiny: list[int]) -> None:
    store = store_of(unseen)
    tensors, description = create("distribution", evaluation()).describe(unseen)
    features = features_of(store[:])
    torch.testing.assert_close(tensors["features"], features)
    assert tensors["places"].tolist() == list(range(30)) and description["count"] == 30
    assert tensors["mean"].numpy() == pytest.approx(moments(features)["mu"], abs=1e-5)
    assert tensors["covariance"].numpy() == pytest.approx(moments(features)["sigma"], abs=1e-5)
    held_out = store.held_out
    assert held_out is not None
    of_held_out = features_of(held_out[:])
    torch.testing.assert_close(tensors["held_out"], of_held_out)
    mean, std = kernel_distance(features, of_held_out, 3, 20)
    precision, recall = precision_recall(features, of_held_out)
    inception = isc_features_to_metric(of_held_out[:, :4], splits=2)
    assert description["scores"] == {
        "kid_tiny": pytest.approx(mean, rel=1e-3),
        "kid_tiny_std": pytest.approx(std, rel=1e-3),
        "precision_tiny": precision,
        "recall_tiny": recall,
        "inception_score_tiny": pytest.approx(inception["inception_score_mean"], rel=1e-3),
        "inception_score_tiny_std": pytest.approx(inception["inception_score_std"], rel=1e-2),
    }


@pytest.mark.parametrize("count", [0, 19])
def test_too_few_held_out_images_score_nothing(tmp_path: Path, tiny: list[int], count: int) -> None:
    recipe = replace(images_recipe(30), held_out=images_recipe(count, "held") if count else None)
    source = Source(save_store(tmp_path / "store", recipe), IMAGES)
    assert create("distribution", evaluation()).describe(source).description["scores"] == {}


def test_some_real_images_are_taken_from_the_whole_store(unseen: Source, tiny: list[int]) -> None:
    tensors, description = create("distribution", evaluation(real_samples=21)).describe(unseen)
    assert description["count"] == 21
    assert tensors["places"].tolist() == store_of(unseen).spread(21).tolist()
    assert (tensors["places"][0], tensors["places"][-1]) == (0, 29)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"batch_size": 3, "kept_samples": 7, "samples": 101, "curve_samples": 102}, True),
        ({"real_samples": 25}, False),
        ({"kid_subsets": 19}, False),
        ({"kid_subset_size": 19}, False),
        ({"inception_splits": 3}, False),
        ({"extractor": "other"}, False),
    ],
)
def test_a_reference_depends_on_what_it_is_made_from_alone(
    unseen: Source, tiny: list[int], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], same: bool
) -> None:
    made, changed = (create("distribution", evaluation(**of)).made_from(unseen) for of in ({}, change))
    assert (made == changed) is same


def test_a_reference_depends_on_its_images_and_weights(unseen: Source, tiny: list[int], tmp_path: Path) -> None:
    scorer = create("distribution", evaluation())
    others = [
        replace(images_recipe(31), held_out=images_recipe(20, "held")),
        replace(images_recipe(30), held_out=images_recipe(21, "held")),
    ]
    for i, recipe in enumerate(others):
        other = Source(save_store(tmp_path / f"other{i}", recipe), IMAGES)
        assert scorer.made_from(other) != scorer.made_from(unseen)
    (tmp_path / "weights.pth").write_bytes(b"other ones")
    weighted = create("distribution", evaluation(weights=str(tmp_path / "weights.pth")))
    assert weighted.made_from(unseen) != scorer.made_from(unseen)


def test_fewer_images_than_the_kernel_distance_needs_are_refused_before_any_is_seen(
    unseen: Source, tiny: list[int]
) -> None:
    with pytest.raises(StoreError, match="random_pixels has 30 images, fewer than evaluation.kid_subset_size 31; low"):
        create("distribution", evaluation(kid_subset_size=31)).describe(unseen)
    assert tiny == []


def test_an_extractor_that_cannot_be_had_is_an_error(unseen: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(weights: str) -> Any:
        raise OSError("no route to host")

    monkeypatch.setitem(registry._entries, "tiny", missing)
    with pytest.raises(ExtractorError, match=r"^the weights of tiny cannot be had \(no route to host\); name"):
        create("distribution", evaluation()).describe(unseen)
    with pytest.raises(ExtractorError):
        open_extractor("tiny")
