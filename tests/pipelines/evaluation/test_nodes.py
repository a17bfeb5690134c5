from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.history import History
from relation_gan.gan.scoring import Scorer, Scores
from relation_gan.gan.scoring.base import registry
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.state import CheckpointStore
from relation_gan.pipelines.evaluation import create_pipeline, nodes
from tests.gan.helpers import keep
from tests.gan.scoring.helpers import (
    IMAGES,
    LABELLED,
    RING,
    STACKED,
    a_generator,
    a_point_critic,
    a_point_generator,
    create,
    evaluation,
    features_of,
    images_of,
    nowhere,
    points_of,
    reference_of,
    score,
    subject,
)
from tests.pipelines.helpers import data_of, history

FINE, LOST = (False, False), (True, True)
DATA = IMAGES.model_dump(mode="json")


def networks(seed: int, raw: int) -> dict[str, Any]:
    return {"generator": a_generator(seed), "generator_raw": a_generator(raw), "critic": a_point_critic()}


def snapshots(folder: Path, steps: dict[int, tuple[bool, bool]], make: Any = a_generator) -> CheckpointStore:
    """A run that kept generators at these steps, each of which (EMA, raw) may have diverged."""
    store = CheckpointStore(folder)
    for step, (ema, raw) in steps.items():
        keep(store, {"generator": make(step, ema), "generator_raw": make(step + 1, raw)}, step)
    return store


def reference() -> Described:
    return reference_of(features_of(images_of(a_generator(7), 40)))


def scored(*of: Any, how: Any = None, **more: Any) -> Scores:
    store: Any = None  # No image of the data set is looked at.
    found, _ = nodes.score("distribution", *of, history(), store, DATA, how or evaluation(), reference(), **more)
    return found


def test_a_run_is_scored_by_its_ema_and_its_last_weights(tiny: list[int]) -> None:
    expected, _ = score("distribution", subject(a_generator(0), a_generator(1)), nowhere(), reference())
    # On a GPU, where the node draws if there is one, convolutions round to TF32.
    assert scored(networks(0, 1)) == pytest.approx(expected, rel=1e-3 if torch.cuda.is_available() else None)


def test_the_best_checkpoint_is_scored_where_the_protocol_asks_for_it(tmp_path: Path, tiny: list[int]) -> None:
    store, how = snapshots(tmp_path, {2: FINE, 4: FINE}), evaluation(checkpoint="best")
    curve = [{"step": 2.0, "kid_tiny": 0.1}, {"step": 4.0, "kid_tiny": 0.2}]
    # The EMA kept at step 2 is that of seed 2, the last weights are those of seed 3.
    best = scored(networks(50, 51), how=how, checkpoints=store, curve=curve)
    assert best == pytest.approx(scored(networks(2, 3)))
    last = scored(networks(50, 51))
    assert scored(networks(50, 51), how=how, checkpoints=store, curve=[]) == pytest.approx(last) != best


def curve_of(store: CheckpointStore, of: History, data: Any = RING, how: Any = None) -> list[Scores]:
    source, how = points_of(data), how or evaluation()
    real = create("points", how).describe(source)
    return nodes.score_curve(
        {"points": "points"}, False, store, of, source.store, data.model_dump(mode="json"), how, real
    )


@pytest.mark.parametrize(
    ("kept", "step", "steps"),
    [
        ({4: FINE, 2: FINE}, 4, [2, 4]),
        ({20: FINE, 3: FINE, 100: FINE}, 100, [3, 20, 100]),
        # What an earlier, longer training left is no part of this run.
        ({2: FINE, 4: FINE, 10: FINE}, 4, [2, 4]),
        ({10: FINE}, 4, []),
        ({}, 4, []),
        # A generator that gives no points has no scores.
        ({2: FINE, 4: LOST}, 4, [2]),
        # The EMA outlives the last weights here, and the other way round there.
        ({2: (True, False), 4: (False, True)}, 4, [2, 4]),
    ],
)
def test_the_curve_has_a_row_a_step_in_order_up_to_the_last_one_trained(
    tmp_path: Path, kept: dict[int, tuple[bool, bool]], step: int, steps: list[int]
) -> None:
    curve = curve_of(snapshots(tmp_path, kept, a_point_generator), history(step=step))
    assert [row["step"] for row in curve] == steps
    for row in curve:
        ema, raw = kept[int(row["step"])]
        assert ("kl" not in row, "raw_kl" not in row) == (ema, raw)
        assert all(type(value) is float for value in row.values())


def test_a_point_of_the_curve_is_the_score_of_its_generator(tmp_path: Path) -> None:
    (row,) = curve_of(snapshots(tmp_path, {3: FINE}, a_point_generator), history())
    real = create("points", evaluation()).describe(points_of(RING))
    # The generators that `snapshots` keeps: seed 3 as the EMA, seed 4 as the last weights; 20 samples each.
    for prefix, seed in (("", 3), ("raw_", 4)):
        of = evaluation(samples=20)
        expected, _ = score("points", subject(a_point_generator(seed)), points_of(RING), real, of)
        assert {prefix + name: value for name, value in expected.items()}.items() <= row.items()


@pytest.mark.parametrize(("status", "more"), [("finished", {}), ("failed", {}), ("diverged", {"diverged_at": 4.0})])
def test_collected_scores_are_flat(tiny: list[int], status: str, more: dict[str, float]) -> None:
    parts = {"kid_tiny": 3.0}, {"seconds": 1.5}
    found = nodes.collect_scores(history(status=status), [], DATA, evaluation(), *parts)
    assert found == {"kid_tiny": 3.0, "seconds": 1.5, **more}


def test_the_best_of_the_curve_stands_among_the_scores(tiny: list[int]) -> None:
    curve = [{"step": 2.0, "kid_tiny": 0.3}, {"step": 4.0, "kid_tiny": 0.1}, {"step": 6.0, "kid_tiny": 0.2}]
    scores = nodes.collect_scores(history(), curve, DATA, evaluation(), {"kid_tiny": 0.2})
    assert scores == {"kid_tiny": 0.2, "best_kid_tiny": 0.1, "best_step": 4.0}


@pytest.mark.parametrize(
    ("config", "inputs", "scorers"),
    [
        (STACKED, {"images", "classifier", "reference_classifier"}, {"classes", "cost", "samples"}),
        (IMAGES, {"images", "reference_tiny"}, {"cost", "diagnostics", "distribution", "samples"}),
        (
            LABELLED,
            {"images", "reference_tiny", "classifier", "reference_classifier"},
            {"classes", "cost", "diagnostics", "distribution", "samples"},
        ),
        (RING, {"points", "reference_points"}, {"cost", "points"}),
    ],
)
def test_the_pipeline_has_a_node_a_scorer(tiny: list[int], config: Any, inputs: set[str], scorers: set[str]) -> None:
    pipeline = create_pipeline(data_of(config, evaluation()), "method", 3)
    name, run = config.name, f"{config.name}.method.seed3"
    assert pipeline.inputs() == {
        *(f"{name}.{part}" for part in inputs),
        *(f"{run}.{part}" for part in ("networks", "history", "checkpoints")),
        *(f"params:datasets.{name}.{part}" for part in ("data", "evaluation")),
    }
    made = {f"{run}.{kind}_{scorer}" for scorer in scorers for kind in ("scores", "panels")}
    assert pipeline.all_outputs() == {*made, f"{run}.curve", f"{run}.scores"}


class Ink(Scorer):
    measures: ClassVar[dict[str, Measure]] = {"black": Measure("Black", "black", 1, "", "")}
    found: Any = ({"black": 1.0, "blackness": 2.0, "raw_black": 3.0}, [])

    @classmethod
    def applies(cls, data: Any, evaluation: Any) -> bool:
        return True

    def score(self, *of: Any) -> Any:
        return self.found


def test_a_score_that_its_scorer_does_not_declare_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(nodes.logger, "warning", lambda message, *of: said.append(message % of))
    monkeypatch.setattr(registry, "_entries", {"ink": Ink})
    store: Any = None
    assert nodes.score("ink", networks(0, 1), history(), store, DATA, evaluation()) == (Ink.found[0], [])
    assert "Scorer 'ink' gives blackness, which its `measures` (black) do not declare" in said[0]


def test_a_scorer_that_gives_no_pair_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_entries", {"ink": Ink})
    monkeypatch.setattr(Ink, "found", {"black": 1.0})
    store: Any = None
    with pytest.raises(ValueError, match="scorer 'ink' returns dict; return a pair: scores, and panels"):
        nodes.score("ink", networks(0, 1), history(), store, DATA, evaluation())
