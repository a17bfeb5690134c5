import statistics
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric

from relation_gan.config import Data
from relation_gan.gan import networks
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import Points, to_float
from relation_gan.gan.metrics import (
    frechet_distance,
    judging,
    kernel_distance,
    moments,
    point_quality,
    precision_recall,
)
from relation_gan.gan.metrics.extractors import open_extractor, registry
from relation_gan.gan.metrics.points import box, landscape, score_points
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.networks.judge import Judge
from relation_gan.gan.sampling import samples
from relation_gan.gan.training import CheckpointStore
from relation_gan.pipelines.evaluation import create_pipeline, nodes

EVALUATION = {
    "samples": 50,
    "curve_samples": 20,
    "pictures": 18,
    "kid_subsets": 3,
    "kid_subset_size": 20,
    "seed": 0,
    "batch_size": 16,
    "published_counter": False,
}
HISTORY: dict[str, Any] = {
    "status": "finished",
    "step": 4,
    "seconds": 2.0,
    "batch_size": 16,
    "peak_memory_mib": 100.0,
    "rows": [],
}


@pytest.fixture
def judge() -> Judge:
    torch.manual_seed(0)
    made = networks.create("judge", size=16, n_classes=10, width=2, features=4)
    return cast(Judge, made).eval()


def a_generator(seed: int = 0, diverged: bool = False) -> Generator:
    torch.manual_seed(seed)
    made = networks.create("dcgan_generator", size=16, channels=3, latent=4, width=2)
    for parameter in made.parameters():
        parameter.data.mul_(float("nan") if diverged else 20)
    return cast(Generator, made)


def judged(labels: list[list[int]], name: str = "averaged", **more: Tensor) -> Described:
    fields = {"labels": torch.tensor(labels, dtype=torch.uint8), "confidence": torch.ones(len(labels), 3), **more}
    return Described({f"{name}/{field}": value for field, value in fields.items()}, {})


def cost(history: dict[str, Any], kind: str = "score") -> dict[str, float]:
    """The cost of a run whose generator has 4 * 2 + 2 = 10 parameters, and its critic (2 + 1) * 3 + 3 + 1 = 13."""
    generator = networks.create("mlp_generator", dimensions=2, latent=4, widths=[])
    critic = networks.create("mlp_critic", kind=kind, dimensions=2, widths=[3], embedding=0, head=0)
    return nodes.score_cost(history, cast(Any, generator), cast(Any, critic))


def is_flat(scores: dict[str, Any]) -> bool:
    return all(type(name) is str and type(value) is float for name, value in scores.items())


def test_samples_of_both_generators_are_judged_and_the_first_are_kept_as_pictures(judge: Judge) -> None:
    generators = {"averaged": a_generator(0), "raw": a_generator(1)}
    result, pictures = nodes.judge_samples(generators["averaged"], generators["raw"], judge, EVALUATION)
    for name, generator in generators.items():
        images = torch.cat(list(samples(generator, 50, 0, 16)))
        expected = judging.judge_images(judge, [images])
        assert torch.equal(result.tensors[f"{name}/labels"], expected.labels)
        torch.testing.assert_close(result.tensors[f"{name}/confidence"], expected.confidence)
        torch.testing.assert_close(result.tensors[f"{name}/features"], expected.features)
        assert torch.equal(pictures.tensors[f"{name}/samples"], images[:18])
        ids = expected.labels.long() @ torch.tensor([100, 10, 1])
        assert torch.equal(pictures.tensors[f"{name}/mode_counts"], torch.bincount(ids, minlength=1000))
    assert len(result.tensors) == 2 * 3
    assert len(pictures.tensors) == 2 * 2


@pytest.mark.parametrize(("asked", "kept"), [(1, 1), (16, 16), (1000, 50)])
def test_no_more_pictures_are_kept_than_asked_for_or_drawn(judge: Judge, asked: int, kept: int) -> None:
    _, pictures = nodes.judge_samples(a_generator(), a_generator(), judge, {**EVALUATION, "pictures": asked})
    assert len(pictures.tensors["averaged/samples"]) == kept


@pytest.mark.parametrize(
    ("averaged", "raw", "names"),
    [(True, True, set()), (True, False, {"raw"}), (False, True, {"averaged"})],
)
def test_a_diverged_generator_gives_no_samples_and_no_scores(
    judge: Judge, averaged: bool, raw: bool, names: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    result, pictures = nodes.judge_samples(a_generator(diverged=averaged), a_generator(diverged=raw), judge, EVALUATION)
    assert {name.split("/")[0] for name in result.tensors} == names
    assert {name.split("/")[0] for name in pictures.tensors} == names
    for name, diverged in (("averaged", averaged), ("raw", raw)):
        warning = f"No samples of the {name} generator: the generator's images are not finite: its training diverged"
        assert (warning in caplog.text) is diverged
    reference = reference_of(torch.randn(50, 12))
    for scores in (nodes.score_modes(result, EVALUATION), nodes.score_features(result, reference, EVALUATION)):
        assert {"raw" if name.startswith("raw_") else "averaged" for name in scores} == names


def reference_of(features: Tensor) -> Described:
    real = moments(features)
    tensors = {"mean": torch.from_numpy(real["mu"]), "covariance": torch.from_numpy(real["sigma"])}
    return Described({**tensors, "features": features}, {"count": len(features), "scores": {"judge_accuracy": 0.75}})


def test_modes_are_scored_by_hand() -> None:
    # Modes 123 (ten times) and 999 (once); digits 1, 2, 3 ten times each and 9 three times.
    labels = [[1, 2, 3]] * 10 + [[9, 9, 9]]
    scores = nodes.score_modes(judged(labels, confidence=torch.tensor([[1.0] * 3] * 10 + [[0.45] * 3])), EVALUATION)
    assert (scores["modes"], scores["modes_10"]) == (2, 1)
    assert scores["confidence"] == pytest.approx(10.45 / 11)
    assert scores["l2_squared"] == pytest.approx(3 * (10 / 33 - 0.1) ** 2 + (3 / 33 - 0.1) ** 2 + 6 * 0.1**2)
    assert is_flat(scores)


def test_scores_of_the_raw_generator_are_told_apart_by_name() -> None:
    both = Described(judged([[0, 0, 1]] * 3).tensors | judged([[0, 0, 1], [0, 0, 2]], "raw").tensors, {})
    scores = nodes.score_modes(both, EVALUATION)
    assert (scores["modes"], scores["raw_modes"]) == (1, 2)
    assert {name.removeprefix("raw_") for name in scores} == {name for name in scores if not name.startswith("raw_")}


def test_modes_are_counted_as_published_where_that_is_asked_for() -> None:
    # The modes 0 and 1 are in each of 11 batches of 100, and the mode 2 in the first of them alone.
    result = judged([[0, 0, 2]] * 98 + [[0, 0, 0], [0, 0, 1]] + ([[0, 0, 1]] + [[0, 0, 0]] * 99) * 10)
    assert "modes_published" not in nodes.score_modes(result, EVALUATION)
    scores = nodes.score_modes(result, {**EVALUATION, "published_counter": True})
    assert (scores["modes"], scores["modes_published"]) == (3, 2) and is_flat(scores)


def test_features_are_scored_against_the_reference() -> None:
    features = torch.randn((60, 12), generator=torch.Generator().manual_seed(0))
    reference = reference_of(features)
    labels = [[0, 0, 0]] * 60
    same = nodes.score_features(judged(labels, features=features), reference, EVALUATION)
    # A shift by 2 along one axis leaves the covariance, so the Frechet distance is 2^2.
    shift = torch.zeros(12)
    shift[3] = 2
    shifted = nodes.score_features(judged(labels, features=features + shift), reference, EVALUATION)
    assert same["fid_judge"] == pytest.approx(0, abs=1e-4)
    assert shifted["fid_judge"] == pytest.approx(4, abs=1e-4)
    assert shifted["kid_judge"] > same["kid_judge"]
    assert shifted.keys() == {"fid_judge", "kid_judge", "kid_judge_std"}
    assert is_flat(shifted)


@pytest.mark.parametrize(
    ("seconds", "step", "rates"),
    [
        # 4 steps in 2 seconds.
        (2.0, 4, {"steps_per_second": 2.0, "ms_per_step": 500.0, "ms_per_image": 31.25}),
        # A run that failed before its first step has no speed.
        (0.0, 0, {}),
    ],
)
def test_the_cost_by_hand(seconds: float, step: int, rates: dict[str, float]) -> None:
    scores = cost({**HISTORY, "seconds": seconds, "step": step})
    sizes = {"parameters_generator": 10, "parameters_critic": 13, "peak_memory_mib": 100}
    # 4 * 2 products for a point; 2 * 3 + 3 for its score.
    products = {"multiply_adds_generator": 8, "multiply_adds_critic": 9}
    assert scores == {"steps": step, "seconds": seconds, **sizes, **products, **rates}
    assert is_flat(scores)


def test_a_pair_costs_two_embeddings_and_a_relation() -> None:
    assert cost(HISTORY, "pair")["multiply_adds_critic"] == 2 * 2 * 3 + 3


def test_the_first_steps_do_not_count_in_the_time_of_a_step() -> None:
    # 50 slow steps, then 100 that take .25 s each.
    rows = [{"step": step, "seconds": 90 + 0.25 * max(0, step - 50)} for step in (10, 50, 100, 150)]
    scores = cost({**HISTORY, "rows": rows, "step": 150, "seconds": 115.0})
    assert scores["ms_per_step"] == 250
    assert scores["ms_per_image"] == 250 / 16


def snapshots(
    folder: Path, steps: dict[int, tuple[bool, bool]], make: Callable[[int, bool], Generator] = a_generator
) -> CheckpointStore:
    """A store of a run that kept generators at these steps, each of which (averaged, raw) may have diverged."""
    store = CheckpointStore(folder)
    for step, (averaged, raw) in steps.items():
        state = SimpleNamespace(step=step, averaged=make(step, averaged), generator=make(step + 1, raw))
        store.snapshot(cast(Any, state))
    return store


FINE, LOST = (False, False), (True, True)


@pytest.mark.parametrize(
    ("kept", "step", "steps"),
    [
        ({4: FINE, 2: FINE}, 4, [2, 4]),
        ({20: FINE, 3: FINE, 100: FINE}, 100, [3, 20, 100]),
        # What an earlier, longer training left is no part of this run.
        ({2: FINE, 4: FINE, 10: FINE}, 4, [2, 4]),
        ({10: FINE}, 4, []),
        ({}, 4, []),
        # A generator that gives no images has no scores.
        ({2: FINE, 4: LOST}, 4, [2]),
        # The average outlives the raw generator here, and the other way round there.
        ({2: (True, False), 4: (False, True)}, 4, [2, 4]),
    ],
)
def test_the_curve_has_a_row_a_step_in_order_up_to_the_last_one_trained(
    tmp_path: Path, judge: Judge, kept: dict[int, tuple[bool, bool]], step: int, steps: list[int]
) -> None:
    curve = nodes.score_curve(snapshots(tmp_path, kept), {**HISTORY, "step": step}, judge, EVALUATION)
    assert [row["step"] for row in curve] == steps
    for row in curve:
        averaged, raw = kept[int(row["step"])]
        assert ("modes" not in row, "raw_modes" not in row) == (averaged, raw)
        assert is_flat(row)


def test_a_point_of_the_curve_is_the_score_of_its_generator(tmp_path: Path, judge: Judge) -> None:
    (row,) = nodes.score_curve(snapshots(tmp_path, {3: FINE}), HISTORY, judge, EVALUATION)
    # The generators that `snapshots` keeps: seed 3 as the average, seed 4 as the raw one; 20 samples each.
    for prefix, seed in (("", 3), ("raw_", 4)):
        result = judging.judge_images(judge, samples(a_generator(seed), 20, 0, 16))
        modes = {tuple(triple) for triple in result.labels.tolist()}
        assert row[f"{prefix}modes"] == len(modes)
        assert row[f"{prefix}confidence"] == pytest.approx(float(result.confidence.mean()))


@pytest.mark.parametrize(("status", "more"), [("finished", {}), ("failed", {}), ("diverged", {"diverged_at": 4.0})])
def test_collected_scores_are_flat_floats(status: str, more: dict[str, float]) -> None:
    costs = cost(HISTORY)
    history = {**HISTORY, "status": status}
    scores = nodes.collect_scores({"modes": 3.0}, {"fid_judge": 1.5}, costs, reference_of(torch.randn(5, 2)), history)
    assert scores == {"modes": 3.0, "fid_judge": 1.5, **costs, "judge_accuracy": 0.75, **more}
    assert is_flat(scores)


def test_a_diverged_run_without_samples_has_the_scores_that_are_left() -> None:
    history = {**HISTORY, "status": "diverged"}
    scores = nodes.collect_scores({}, {}, cost(history), reference_of(torch.randn(5, 2)), history)
    assert scores["diverged_at"] == 4
    assert "modes" not in scores


OF_PICTURES: dict[str, Any] = {
    **EVALUATION,
    **{"extractor": "tiny", "weights": "", "inception_splits": 2, "checkpoint": "final", "regenerations": 1},
}
NAMES = ("kid", "kid_std", "fid", "precision", "recall", "inception_score", "inception_score_std")
OF_CLASSES = ("confidence", "entropy", "l2", "l2_squared")
OF_TINY = tuple(f"{name.removesuffix('_std')}_tiny{'_std' * name.endswith('_std')}" for name in NAMES)


def score_pictures(
    generator: Generator, generator_raw: Generator, reference: Described, evaluation: dict[str, Any]
) -> dict[str, float]:
    """Of the final checkpoint, which needs no others."""
    return nodes.score_pictures(generator, generator_raw, CheckpointStore(Path()), [], reference, evaluation)


def judge_pictures(
    generator: Generator, generator_raw: Generator, judge: Judge, reference: Described, evaluation: dict[str, Any]
) -> tuple[dict[str, float], Described]:
    """Of the final checkpoint, too."""
    return nodes.judge_pictures(generator, generator_raw, CheckpointStore(Path()), [], judge, reference, evaluation)


def images_of(generator: Generator, count: int) -> Tensor:
    return torch.cat(list(samples(generator, count, 0, 16)))


def features_of(images: Tensor, extractor: str = "tiny") -> Tensor:
    return open_extractor(extractor)(images)


def reference_pictures(count: int = 40, extractor: str = "tiny") -> Described:
    """What the ingestion makes of `count` images of another generator."""
    features = features_of(images_of(a_generator(7), count), extractor)
    real = moments(features)
    tensors = {"mean": torch.from_numpy(real["mu"]), "covariance": torch.from_numpy(real["sigma"])}
    return Described({**tensors, "features": features}, {"count": count, "scores": {}})


def test_pictures_of_both_generators_are_compared_with_real_ones(tiny: list[int]) -> None:
    reference = reference_pictures()
    tiny.clear()
    generators = {"": a_generator(0), "raw_": a_generator(1)}
    scores = score_pictures(generators[""], generators["raw_"], reference, OF_PICTURES)
    assert tiny == [16, 16, 16, 2] * 2  # 50 images of each, each once
    assert scores.keys() == {prefix + name for prefix in generators for name in OF_TINY}
    assert is_flat(scores)
    for prefix in generators:
        features = features_of(images_of(generators[prefix], 50))
        mean, std = kernel_distance(reference.tensors["features"], features, 3, 20)
        assert scores[f"{prefix}kid_tiny"] == pytest.approx(mean, rel=1e-3)
        assert scores[f"{prefix}kid_tiny_std"] == pytest.approx(std, rel=1e-3)
        expected = frechet_distance(moments(reference.tensors["features"]), moments(features))
        assert scores[f"{prefix}fid_tiny"] == pytest.approx(expected, rel=1e-3)


def test_pictures_like_the_real_ones_score_better_than_others(tiny: list[int]) -> None:
    reference = reference_pictures(300)
    evaluation = {**OF_PICTURES, "samples": 300, "seed": 1, "kid_subset_size": 100}
    scores = score_pictures(a_generator(7), a_generator(1), reference, evaluation)
    for name in ("kid_tiny", "fid_tiny"):
        assert 10 * abs(scores[name]) < scores[f"raw_{name}"]


def test_only_inceptions_distances_are_called_fid_and_kid(tiny: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, "inception", registry.entry("tiny"))
    scores = score_pictures(
        a_generator(), a_generator(), reference_pictures(), {**OF_PICTURES, "extractor": "inception"}
    )
    assert scores.keys() == {prefix + name for prefix in ("", "raw_") for name in NAMES}


@pytest.mark.parametrize(
    ("real", "asked", "there"),
    # There are eight features: a covariance of eight images has no full rank, one of nine may have.
    [(9, 9, True), (8, 9, False), (9, 8, False)],
)
def test_without_more_images_than_features_there_is_no_frechet_distance(
    tiny: list[int], real: int, asked: int, there: bool
) -> None:
    evaluation = {**OF_PICTURES, "samples": asked, "kid_subset_size": 8}
    scores = score_pictures(a_generator(), a_generator(), reference_pictures(real), evaluation)
    assert scores.keys() == {
        prefix + name for prefix in ("", "raw_") for name in OF_TINY if there or not name.startswith("fid")
    }


@pytest.mark.parametrize(("asked", "kept"), [(1, 1), (16, 16), (17, 17), (1000, 50)])
def test_the_first_of_the_scored_pictures_are_kept(asked: int, kept: int) -> None:
    evaluation = {**OF_PICTURES, "pictures": asked}
    pictures = nodes.draw_pictures(a_generator(0), a_generator(1), CheckpointStore(Path()), [], evaluation)
    assert pictures.tensors.keys() == {"averaged/samples", "raw/samples"}
    for seed, name in enumerate(("averaged", "raw")):
        assert torch.equal(pictures.tensors[f"{name}/samples"], images_of(a_generator(seed), 50)[:kept])


@pytest.mark.parametrize(
    ("averaged", "raw", "names"),
    [(True, True, set()), (True, False, {"raw"}), (False, True, {"averaged"})],
)
def test_a_diverged_generator_of_pictures_gives_no_samples_and_no_scores(
    tiny: list[int], averaged: bool, raw: bool, names: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    generators = a_generator(diverged=averaged), a_generator(diverged=raw)
    scores = score_pictures(*generators, reference_pictures(), OF_PICTURES)
    pictures = nodes.draw_pictures(*generators, CheckpointStore(Path()), [], OF_PICTURES)
    assert pictures.tensors.keys() == {f"{name}/samples" for name in names}
    assert {"raw" if name.startswith("raw_") else "averaged" for name in scores} == names
    for name, diverged in (("averaged", averaged), ("raw", raw)):
        warning = f"No samples of the {name} generator: the generator's images are not finite: its training diverged"
        assert (warning in caplog.text) is diverged


def test_too_few_real_features_are_an_error_and_no_divergence(tiny: list[int]) -> None:
    with pytest.raises(ValueError, match="kernel_distance needs 45 samples a side, got 40 and 50"):
        score_pictures(a_generator(), a_generator(), reference_pictures(), {**OF_PICTURES, "kid_subset_size": 45})


def test_the_curve_of_pictures_has_the_kernel_distance_of_the_kept_generators(tmp_path: Path, tiny: list[int]) -> None:
    reference = reference_pictures()
    store = snapshots(tmp_path, {2: (False, True), 4: FINE, 9: FINE})
    first, second = nodes.score_pictures_curve(store, HISTORY, reference, OF_PICTURES)
    assert first.keys() == {"step", "kid_tiny", "kid_tiny_std"}
    assert second.keys() == {*first, "raw_kid_tiny", "raw_kid_tiny_std"}
    assert (first["step"], second["step"]) == (2, 4) and is_flat(second)
    # The generator kept at step 4 is that of seed 4, the raw one that of seed 5; 20 samples each.
    for prefix, seed in (("", 4), ("raw_", 5)):
        features = features_of(images_of(a_generator(seed), 20))
        mean, _ = kernel_distance(reference.tensors["features"], features, 3, 20)
        assert second[f"{prefix}kid_tiny"] == pytest.approx(mean, rel=1e-3)


@pytest.fixture
def colour_judge() -> Judge:
    torch.manual_seed(0)
    made = networks.create("judge", size=16, n_classes=3, width=2, features=4, channels=3)
    return cast(Judge, made).eval()


def reference_judged(judge: Judge) -> Described:
    return reference_of(judging.judge_images(judge, [images_of(a_generator(7), 40)]).features)


def test_pictures_of_both_generators_are_judged_as_a_whole(colour_judge: Judge) -> None:
    reference = reference_judged(colour_judge)
    generators = {"": a_generator(0), "raw_": a_generator(1)}
    scores, classes = judge_pictures(generators[""], generators["raw_"], colour_judge, reference, OF_PICTURES)
    names = (*OF_CLASSES, *(name.replace("tiny", "judge") for name in OF_TINY))
    assert scores.keys() == {*(prefix + name for prefix in generators for name in names), "judge_accuracy"}
    assert is_flat(scores)
    for prefix, name in (("", "averaged"), ("raw_", "raw")):
        images = images_of(generators[prefix], 50)
        labels, confidence, features = judging.judge_images(colour_judge, [images])
        counts = torch.bincount(labels[:, 0].long(), minlength=3)
        assert torch.equal(classes.tensors[f"{name}/class_counts"], counts)
        for number, count in enumerate(counts):
            first = images[labels[:, 0] == number][:8]
            assert torch.equal(classes.tensors[f"{name}/by_class"][number, : min(8, int(count))], first)
        share = counts[counts > 0] / 50
        assert scores[f"{prefix}entropy"] == pytest.approx(float(-(share * share.log()).sum()), abs=1e-6)
        assert scores[f"{prefix}confidence"] == pytest.approx(float(confidence.mean()))
        assert scores[f"{prefix}fid_judge"] == pytest.approx(
            frechet_distance(moments(reference.tensors["features"]), moments(features)), rel=1e-3
        )
        mean, _ = kernel_distance(reference.tensors["features"], features, 3, 20)
        assert scores[f"{prefix}kid_judge"] == pytest.approx(mean, rel=1e-3)
        found = precision_recall(reference.tensors["features"], features)
        assert (scores[f"{prefix}precision_judge"], scores[f"{prefix}recall_judge"]) == pytest.approx(found)
        theirs = isc_features_to_metric(colour_judge(to_float(images)).detach(), splits=2)
        assert scores[f"{prefix}inception_score_judge"] == pytest.approx(theirs["inception_score_mean"], rel=1e-3)


def test_the_curve_by_the_judge_tells_of_classes_too(tmp_path: Path, colour_judge: Judge) -> None:
    reference, evaluation = reference_judged(colour_judge), nodes.by_judge(OF_PICTURES)
    (row,) = nodes.score_pictures_curve(snapshots(tmp_path, {4: FINE}), HISTORY, reference, evaluation, colour_judge)
    of_curve = ("kid_judge", "kid_judge_std", *OF_CLASSES)
    assert row.keys() == {"step", *(prefix + name for prefix in ("", "raw_") for name in of_curve)}
    # The generator kept at step 4 is that of seed 4; 20 samples.
    judged = judging.judge_images(colour_judge, [images_of(a_generator(4), 20)])
    assert row["confidence"] == pytest.approx(float(judged.confidence.mean()))
    mean, _ = kernel_distance(reference.tensors["features"], judged.features, 3, 20)
    assert row["kid_judge"] == pytest.approx(mean, rel=1e-3)


def test_the_judge_and_the_pictures_are_of_the_best_checkpoint_where_it_is_scored(
    tmp_path: Path, colour_judge: Judge
) -> None:
    store, reference = snapshots(tmp_path, {2: FINE, 4: FINE}), reference_judged(colour_judge)
    curve = [
        {"step": 2.0, "kid_judge": 0.1, "raw_kid_judge": 4.0},
        {"step": 4.0, "kid_judge": 2.0, "raw_kid_judge": 3.0},
    ]
    last, evaluation = (a_generator(50), a_generator(51)), {**nodes.by_judge(OF_PICTURES), "checkpoint": "best"}
    scores, classes = nodes.judge_pictures(*last, store, curve, colour_judge, reference, evaluation)
    # The average kept at step 2 is that of seed 2, the raw generator kept at step 4 that of seed 5.
    expected, of_classes = judge_pictures(a_generator(2), a_generator(5), colour_judge, reference, OF_PICTURES)
    assert scores == pytest.approx(expected)
    assert all(torch.equal(classes.tensors[name], of) for name, of in of_classes.tensors.items())
    drawn = nodes.draw_pictures(*last, store, curve, evaluation)
    assert torch.equal(drawn.tensors["averaged/samples"], images_of(a_generator(2), 50)[:18])
    assert torch.equal(drawn.tensors["raw/samples"], images_of(a_generator(5), 50)[:18])


@pytest.mark.parametrize(
    ("averaged", "raw", "names"),
    [(True, True, set()), (True, False, {"raw"}), (False, True, {"averaged"})],
)
def test_of_a_diverged_generator_the_judge_says_nothing(
    colour_judge: Judge, averaged: bool, raw: bool, names: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    generators = a_generator(diverged=averaged), a_generator(diverged=raw)
    scores, classes = judge_pictures(*generators, colour_judge, reference_judged(colour_judge), OF_PICTURES)
    assert {name.split("/")[0] for name in classes.tensors} == names
    assert {"raw" if name.startswith("raw_") else "averaged" for name in scores if name != "judge_accuracy"} == names
    assert "its training diverged" in caplog.text


def test_collected_scores_of_pictures_are_flat() -> None:
    costs, features = cost(HISTORY), {"kid": 0.5, "raw_kid": 0.75}
    assert nodes.collect_picture_scores(features, costs, HISTORY, [], OF_PICTURES) == {**features, **costs}
    diverged = {**HISTORY, "status": "diverged"}
    assert nodes.collect_picture_scores({}, costs, diverged, [], OF_PICTURES) == {**costs, "diverged_at": 4}
    more = {"a": 1.0}, {"b": 2.0}
    assert nodes.collect_picture_scores({}, {}, HISTORY, [], OF_PICTURES, *more) == {"a": 1.0, "b": 2.0}


def test_the_best_of_the_curve_stands_among_the_scores() -> None:
    curve = [{"step": 2.0, "kid_tiny": 0.3}, {"step": 4.0, "kid_tiny": 0.1}, {"step": 6.0, "kid_tiny": 0.2}]
    scores = nodes.collect_picture_scores({"kid_tiny": 0.2}, {}, HISTORY, curve, OF_PICTURES)
    assert scores == {"kid_tiny": 0.2, "best_kid_tiny": 0.1, "best_step": 4.0}


def test_the_best_checkpoint_is_scored_where_the_protocol_asks_for_it(tmp_path: Path, tiny: list[int]) -> None:
    store, reference = snapshots(tmp_path, {2: FINE, 4: FINE}), reference_pictures()
    curve = [{"step": 2.0, "kid_tiny": 0.1, "raw_kid_tiny": 0.4}, {"step": 4.0, "kid_tiny": 0.2, "raw_kid_tiny": 0.3}]
    last = a_generator(50), a_generator(51)
    evaluation = {**OF_PICTURES, "checkpoint": "best"}
    scores = nodes.score_pictures(*last, store, curve, reference, evaluation)
    # The average kept at step 2 is that of seed 2, the raw generator kept at step 4 that of seed 5.
    expected = score_pictures(a_generator(2), a_generator(5), reference, OF_PICTURES)
    assert scores == pytest.approx(expected)
    without_curve = nodes.score_pictures(*last, store, [], reference, evaluation)
    assert without_curve == pytest.approx(score_pictures(*last, reference, OF_PICTURES))


def test_regenerations_are_averaged_and_their_deviation_is_given(tiny: list[int]) -> None:
    reference, generator = reference_pictures(), a_generator()
    several = score_pictures(generator, generator, reference, {**OF_PICTURES, "regenerations": 3})
    single = [
        score_pictures(generator, generator, reference, {**OF_PICTURES, "seed": seed})["fid_tiny"] for seed in (0, 1, 2)
    ]
    assert several["fid_tiny"] == pytest.approx(statistics.mean(single), rel=1e-6)
    assert several["fid_tiny_std"] == pytest.approx(statistics.stdev(single), rel=1e-6)
    assert statistics.stdev(single) > 0


RING = Points("ring", {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.2})
ROLL = Points("roll", {"name": "swissroll", "noise": 0.25, "scale": 0.1})


def a_point_generator(seed: int = 0, diverged: bool = False) -> Generator:
    torch.manual_seed(seed)
    made = networks.create("mlp_generator", dimensions=2, latent=3, widths=[8])
    for parameter in made.parameters():
        parameter.data.mul_(float("nan") if diverged else 3)
    return cast(Generator, made)


def a_critic(kind: str = "pair") -> Critic:
    torch.manual_seed(0)
    return cast(Critic, networks.create("mlp_critic", kind=kind, dimensions=2, widths=[8], embedding=4, head=[6]))


def reference_points(points: Points) -> Described:
    real, _ = points.sample(50, torch.Generator().manual_seed(9))
    return Described({"points": real}, {"box": box(real), "scores": {}})


@pytest.fixture
def drawn() -> Described:
    return nodes.draw_points(a_point_generator(0), a_point_generator(1), RING, EVALUATION)


def test_all_points_of_both_generators_are_kept_and_counted_by_mode(drawn: Described) -> None:
    assert RING.centres is not None
    for name, seed in (("averaged", 0), ("raw", 1)):
        points = torch.cat(list(samples(a_point_generator(seed), 50, 0, 16)))
        assert torch.equal(drawn.tensors[f"{name}/samples"], points)
        nearest = (points[:, None] - RING.centres).norm(dim=2).argmin(1)
        assert torch.equal(drawn.tensors[f"{name}/mode_counts"], torch.bincount(nearest, minlength=3))


def test_points_without_modes_are_not_counted() -> None:
    drawn = nodes.draw_points(a_point_generator(), a_point_generator(), ROLL, EVALUATION)
    assert drawn.tensors.keys() == {"averaged/samples", "raw/samples"}
    assert nodes.score_drawn(drawn, ROLL, reference_points(ROLL)).keys() == {
        "sliced_wasserstein",
        "raw_sliced_wasserstein",
    }


def test_points_are_scored_against_the_modes_and_the_reference(drawn: Described) -> None:
    assert RING.centres is not None and RING.sigma is not None
    reference = reference_points(RING)
    scores = nodes.score_drawn(drawn, RING, reference)
    for name, prefix in (("averaged", ""), ("raw", "raw_")):
        points = drawn.tensors[f"{name}/samples"]
        expected = score_points(points, reference.tensors["points"], RING.centres, RING.sigma)
        assert {key: scores[prefix + key] for key in expected} == expected
        assert expected | point_quality(points, RING.centres, RING.sigma) == expected
    assert len(scores) == 8 and is_flat(scores)


@pytest.mark.parametrize(("averaged", "raw", "names"), [(True, True, set()), (True, False, {"raw"})])
def test_a_diverged_generator_of_points_gives_no_samples_and_no_scores(
    averaged: bool, raw: bool, names: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    generators = a_point_generator(diverged=averaged), a_point_generator(diverged=raw)
    drawn = nodes.draw_points(*generators, RING, EVALUATION)
    assert {name.split("/")[0] for name in drawn.tensors} == names
    assert "No samples of the averaged generator" in caplog.text
    scores = nodes.score_drawn(drawn, RING, reference_points(RING))
    assert {"raw" if name.startswith("raw_") else "averaged" for name in scores} == names


def test_the_curve_of_points_has_the_scores_of_the_kept_generators(tmp_path: Path) -> None:
    reference = reference_points(RING)
    store = snapshots(tmp_path, {2: (False, True), 4: FINE, 9: FINE}, a_point_generator)
    first, second = nodes.score_points_curve(store, HISTORY, RING, reference, EVALUATION)
    assert (first["step"], second["step"]) == (2, 4)
    assert "kl" in first and "raw_kl" not in first and is_flat(first)
    # The generator kept at step 4 is that of seed 4, the raw one that of seed 5; 20 samples each.
    for prefix, seed in (("", 4), ("raw_", 5)):
        points = torch.cat(list(samples(a_point_generator(seed), 20, 0, 16)))
        for name, value in score_points(points, reference.tensors["points"], RING.centres, RING.sigma).items():
            assert second[prefix + name] == value


def test_the_curve_of_points_has_no_more_samples_than_there_are_real_points(tmp_path: Path) -> None:
    store = snapshots(tmp_path, {4: FINE}, a_point_generator)
    many = {**EVALUATION, "curve_samples": 1000}
    rows = [
        nodes.score_points_curve(store, HISTORY, RING, reference_points(RING), evaluation)
        for evaluation in (many, {**EVALUATION, "curve_samples": 50})
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("kind", ["score", "pair", "feature"])
def test_the_critic_is_mapped_over_the_box_between_real_points_and_those_of_the_raw_generator(
    kind: str, drawn: Described
) -> None:
    reference = reference_points(RING)
    tensors, description = nodes.map_critic(a_critic(kind), drawn, reference)
    assert description["box"] == reference.description["box"]
    real, fake = reference.tensors["points"], drawn.tensors["raw/samples"]  # fewer than WITNESSES
    expected = landscape(a_critic(kind), description["box"], nodes.LANDSCAPE, real, fake)
    torch.testing.assert_close(tensors["values"], expected)
    assert tensors["values"].shape == (nodes.LANDSCAPE, nodes.LANDSCAPE)


def test_a_diverged_critic_has_no_landscape(drawn: Described) -> None:
    critic = a_critic()
    for parameter in critic.parameters():
        parameter.data.fill_(float("nan"))
    assert nodes.map_critic(critic, drawn, reference_points(RING)).tensors == {}
    assert nodes.map_critic(a_critic(), Described({}, {}), reference_points(RING)).tensors == {}


def test_collected_scores_of_points_are_flat() -> None:
    costs = cost(HISTORY)
    assert nodes.collect_point_scores({"kl": 0.5}, costs, HISTORY) == {"kl": 0.5, **costs}
    assert nodes.collect_point_scores({}, costs, {**HISTORY, "status": "diverged"}) == {**costs, "diverged_at": 4}


@pytest.mark.parametrize(
    ("kind", "judge", "inputs", "outputs"),
    [
        ("stacked_digits", True, {"judge"}, {"judged", "scores_features", "scores_modes"}),
        ("pictures", False, set(), {"scores_features"}),
        ("pictures", True, {"judge", "reference_judge"}, {"scores_features", "scores_judge", "classes"}),
        ("points", False, {"points"}, {"landscape", "scores_modes"}),
    ],
)
def test_the_pipeline_is_that_of_the_kind_of_data(kind: str, judge: bool, inputs: set[str], outputs: set[str]) -> None:
    pipeline = create_pipeline(Data("set", kind, "a_reference", judge=judge), "method", 3)
    run = "set.method.seed3"
    trained = {f"{run}.{name}" for name in ("generator", "generator_raw", "critic", "history", "checkpoints")}
    assert pipeline.inputs() == {
        *(f"set.{name}" for name in {"a_reference", *inputs}),
        *trained,
        "params:datasets.set.evaluation",
    }
    common = {"pictures", "scores_cost", "curve", "scores"}
    assert pipeline.all_outputs() == {f"{run}.{name}" for name in common | outputs}


def test_where_pictures_are_their_judges_alone_no_other_network_is_opened() -> None:
    data = Data("set", "pictures", "reference_judge", ("completion", "diagnostics"), judge=True)
    assert data.references == ["reference_judge"]
    pipeline = create_pipeline(data, "method", 3)
    assert {"set.judge", "set.reference_judge", "set.images"} <= pipeline.inputs()
    assert "set.method.seed3.scores_features" not in pipeline.all_outputs()
    assert {"set.method.seed3.pictures", "set.method.seed3.classes"} <= pipeline.all_outputs()
    by_name = {node.name.rpartition(".")[2]: node.inputs for node in pipeline.nodes}
    assert all("set.judge" in by_name[name] for name in ("look_closer", "score_pictures_curve", "judge_pictures"))
    assert "set.method.seed3.scores_judge" in by_name["collect_picture_scores"]


@pytest.mark.parametrize("extra", ["completion", "diagnostics"])
def test_an_extra_is_in_the_graph_and_the_scores_where_it_is_asked_for(extra: str) -> None:
    pipeline = create_pipeline(Data("set", "pictures", "a_reference", (extra,)), "method", 3)
    made = {f"set.method.seed3.{name}" for name in (extra, f"scores_{extra}")}
    assert made <= pipeline.all_outputs() and "set.images" in pipeline.inputs()
    (collect,) = [node for node in pipeline.nodes if node.name.endswith("collect_picture_scores")]
    assert f"set.method.seed3.scores_{extra}" in collect.inputs
