from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relation_gan.gan import checkpoint, data, networks
from relation_gan.gan.data import ImageStore, save_store
from relation_gan.gan.data.stacked import Digits
from relation_gan.gan.metrics import judging
from relation_gan.gan.metrics.points import box, score_points
from relation_gan.gan.networks.judge import Judge
from relation_gan.pipelines.ingestion import create_pipeline, nodes

DATA: dict[str, Any] = {
    "name": "tiny",
    "count": 40,
    "held_out_per_class": 100,
    "seed": 0,
    "judge": {"epochs": 2, "required_accuracy": 0.2},
}
EVALUATION = {"samples": 30, "curve_samples": 20, "batch_size": 16}


@pytest.fixture
def few(digits: Digits) -> Digits:
    """1,000 real digits to learn from and 200 held out."""
    return Digits(
        digits.train_images[::4], digits.train_labels[::4], digits.held_out_images[::5], digits.held_out_labels[::5]
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.statistics" / "file.safetensors"


@pytest.fixture
def store(few: Digits, tmp_path: Path) -> ImageStore:
    return save_store(tmp_path / "tiny", nodes.stack_digits(few, DATA))


@pytest.fixture
def judge() -> Judge:
    """An untrained judge: what its scores mean is of no matter here."""
    torch.manual_seed(0)
    made = networks.create("judge", size=28, n_classes=10, width=2, features=4)
    assert isinstance(made, Judge)
    made.notes = {"accuracy": 0.75, "made_from": "a test"}
    return made.eval()


def unwanted(*_: Any, **__: Any) -> Any:
    raise AssertionError("it was made again")


def test_digits_are_split_as_the_parameters_say(digits: Digits) -> None:
    # The fixture is the split of 100 a class and seed 0, which is that of DATA.
    assert np.array_equal(nodes.load_digits(DATA).held_out_images, digits.held_out_images)
    assert len(nodes.load_digits({**DATA, "held_out_per_class": 7}).held_out_images) == 70


def test_the_recipe_is_named_and_sized_by_the_parameters(few: Digits) -> None:
    recipe = nodes.stack_digits(few, DATA)
    assert (recipe.description["name"], recipe.description["seed"], recipe.shape) == ("tiny", 0, (40, 3, 28, 28))


def test_a_judge_is_trained_on_the_training_digits_and_notes_its_accuracy_on_the_others(
    few: Digits, path: Path
) -> None:
    judge = nodes.train_judge(few, DATA, path)
    images, labels = torch.from_numpy(few.held_out_images[:, None]), torch.from_numpy(few.held_out_labels)
    assert judge.notes["accuracy"] == judging.accuracy(judge, images, labels)
    assert judge.notes["accuracy"] > 0.2  # twice that of guessing one of ten
    assert judge.n_classes == 10
    assert not path.exists()  # the catalog saves it, not the node


def test_a_judge_too_weak_to_be_trusted_is_refused_with_the_remedy(few: Digits, path: Path) -> None:
    with pytest.raises(ValueError, match="the judge classifies") as refused:
        nodes.train_judge(few, {**DATA, "judge": {"epochs": 1, "required_accuracy": 1.0}}, path)
    assert str(refused.value).endswith("% of the held-out digits, 100.0% are required; raise data.judge.epochs")


@pytest.fixture
def trained(few: Digits, path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """A judge kept at `path`, as the node trained it. The training itself is put in by hand, since it takes long."""
    monkeypatch.setattr(judging, "train_judge", lambda *_: judge)
    monkeypatch.setattr(judging, "accuracy", lambda *_: 0.5)
    made = nodes.train_judge(few, DATA, path)
    checkpoint.save_network(path, made)
    monkeypatch.setattr(judging, "train_judge", unwanted)
    return made


def test_a_judge_trained_the_same_way_is_kept(few: Digits, path: Path, trained: Judge) -> None:
    kept = nodes.train_judge(few, DATA, path)
    assert kept.notes == trained.notes
    assert torch.equal(kept.state_dict()["head.weight"], trained.state_dict()["head.weight"])


@pytest.mark.parametrize("change", [{"name": "other"}, {"count": 7}])
def test_what_does_not_change_the_judge_does_not_train_it_again(
    few: Digits, path: Path, trained: Judge, change: dict[str, Any]
) -> None:
    assert nodes.train_judge(few, {**DATA, **change}, path).notes == trained.notes


@pytest.mark.parametrize(
    "change",
    [
        {"judge": {"epochs": 3, "required_accuracy": 0.2}},
        {"judge": {"epochs": 2, "required_accuracy": 0.2, "seed": 1}},
        {"held_out_per_class": 99},
        {"seed": 1},
    ],
)
def test_a_judge_trained_another_way_is_trained_anew(
    few: Digits, path: Path, trained: Judge, change: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_judge(few, {**DATA, **change}, path)


def test_a_judge_of_other_digits_is_trained_anew(few: Digits, path: Path, trained: Judge) -> None:
    other = few._replace(train_images=few.train_images // 2)
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.train_judge(other, DATA, path)


def test_the_reference_describes_the_stored_images(store: ImageStore, judge: Judge, few: Digits, path: Path) -> None:
    tensors, description = nodes.describe_real(store, judge, few, DATA, EVALUATION, path)
    # 30 samples are asked for, so as many real images are described: 3 channels of 4 features each.
    features = judging.judge_images(judge, [store[:30]]).features
    assert features.shape == (30, 12)
    torch.testing.assert_close(tensors["features"], features)
    assert tensors["mean"].numpy() == pytest.approx(features.double().mean(0).numpy(), abs=1e-5)
    assert tensors["covariance"].numpy() == pytest.approx(np.cov(features.double().numpy().T), abs=1e-5)
    scores = description["scores"]
    assert scores["judge_accuracy"] == 0.75
    assert 0.1 <= scores["confidence"] <= 1  # the largest of ten probabilities
    assert 1 <= scores["modes"] <= 30
    assert {type(value) for value in scores.values()} == {float}


def test_a_reference_has_no_more_images_than_the_store(
    store: ImageStore, judge: Judge, few: Digits, path: Path
) -> None:
    tensors, _ = nodes.describe_real(store, judge, few, DATA, {**EVALUATION, "samples": 1000}, path)
    assert len(tensors["features"]) == 40


def test_a_reference_made_the_same_way_is_kept(
    store: ImageStore, judge: Judge, few: Digits, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = nodes.describe_real(store, judge, few, DATA, EVALUATION, path)
    checkpoint.save(path, *made)
    monkeypatch.setattr(judging, "judge_images", unwanted)
    kept = nodes.describe_real(store, judge, few, DATA, EVALUATION, path)
    assert kept.description == made.description
    assert torch.equal(kept.tensors["features"], made.tensors["features"])


@pytest.mark.parametrize("change", ["samples", "judge", "seed", "images"])
def test_a_reference_made_another_way_is_made_anew(
    store: ImageStore,
    judge: Judge,
    few: Digits,
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    checkpoint.save(path, *nodes.describe_real(store, judge, few, DATA, EVALUATION, path))
    data, evaluation = DATA, EVALUATION
    if change == "samples":
        evaluation = {**EVALUATION, "samples": 20}
    elif change == "judge":
        judge.notes = {**judge.notes, "made_from": "another test"}
    elif change == "seed":
        data = {**DATA, "seed": 1}
    else:
        store = save_store(tmp_path / "other", nodes.stack_digits(few, {**DATA, "seed": 5}))
    monkeypatch.setattr(judging, "judge_images", unwanted)
    with pytest.raises(AssertionError, match="it was made again"):
        nodes.describe_real(store, judge, few, data, evaluation, path)


RING: dict[str, Any] = {
    "name": "mine",
    "definition": {"name": "ring", "modes": 4, "radius": 1.0, "sigma": 0.01},
    "seed": 5,
}
ROLL: dict[str, Any] = {**RING, "definition": {"name": "swissroll", "noise": 0.25, "scale": 1.0}}
MANY = {"samples": 5000, "curve_samples": 500}


def test_points_are_defined_by_the_parameters() -> None:
    points = nodes.define_points(RING)
    assert (points.name, points.definition, points.sigma) == ("mine", RING["definition"], 0.01)


def test_the_reference_of_points_is_scored_by_further_ones() -> None:
    points = nodes.define_points(RING)
    tensors, description = nodes.describe_points(points, RING, MANY)
    random = torch.Generator().manual_seed(5)
    first, second = (points.sample(5000, random)[0] for _ in range(2))
    assert torch.equal(tensors["points"], first)
    assert description["box"] == box(first)
    few = score_points(second[:500], first, points.centres, points.sigma)
    assert description["scores"] == {
        **score_points(second, first, points.centres, points.sigma),
        "curve_kl": few["kl"],
        "curve_sliced_wasserstein": few["sliced_wasserstein"],
    }


def test_real_points_score_their_floor() -> None:
    scores = nodes.describe_points(nodes.define_points(RING), RING, MANY).description["scores"]
    assert scores["modes"] == 4
    # 1 - exp(-9/2) = .9889 of a round normal distribution lie within 3 sigma; 5 standard errors of 5,000 samples.
    assert scores["high_quality"] == pytest.approx(0.9889, abs=5 * (0.9889 * 0.0111 / 5000) ** 0.5)
    # The KL of n even samples of 4 modes is about a chi-squared variable of 3 degrees of freedom over 2n.
    assert 0 < scores["kl"] < 30 / (2 * 5000)
    assert scores["sliced_wasserstein"] < scores["curve_sliced_wasserstein"]


def test_the_roll_has_a_distance_alone() -> None:
    scores = nodes.describe_points(nodes.define_points(ROLL), ROLL, MANY).description["scores"]
    assert scores.keys() == {"sliced_wasserstein", "curve_sliced_wasserstein"}


def test_the_reference_is_no_part_of_what_is_trained_on() -> None:
    points = nodes.define_points(RING)
    kept = {tuple(point) for point in nodes.describe_points(points, RING, MANY).tensors["points"].tolist()}
    for seed in (0, RING["seed"]):
        batch = data.feed(points, seed).batch(0, 1000)
        assert not kept & {tuple(point) for point in batch.tolist()}


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [("stacked_digits", {"digits", "images", "judge", "reference"}), ("points", {"points", "reference"})],
)
def test_the_pipeline_is_that_of_the_kind_of_data(kind: str, outputs: set[str]) -> None:
    pipeline = create_pipeline("set", kind)
    assert pipeline.all_outputs() == {f"set.{name}" for name in outputs}
    assert {name for name in pipeline.inputs() if name.startswith("params:")} == {
        "params:datasets.set.data",
        "params:datasets.set.evaluation",
    }
