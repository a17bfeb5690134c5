import pytest
import torch

from relation_gan.gan import data
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.metrics import point_quality
from relation_gan.gan.metrics.points import box, landscape, score_points
from relation_gan.gan.sampling import GeneratorSampler, samples
from relation_gan.gan.scoring.panels import SAMPLES, Counts, Density, Landscape, Points
from relation_gan.gan.scoring.points import NEAR, SIDE
from tests.gan.scoring.helpers import (
    RING,
    ROLL,
    a_point_critic,
    a_point_generator,
    create,
    evaluation,
    points_of,
    score,
    subject,
)

MANY = evaluation(samples=5000, curve_samples=500)


def reference(config=RING) -> Described:
    real, _ = points_of(config).points.sample(50, torch.Generator().manual_seed(9))
    return Described({"points": real}, {"box": box(real), "scores": {}})


def drawn(seed: int, count: int = 50) -> torch.Tensor:
    return torch.cat(list(samples(a_point_generator(seed), count, 0, 16)))


def test_points_are_scored_against_the_modes_and_the_reference() -> None:
    ring = points_of(RING).points
    assert ring.centres is not None and ring.sigma is not None
    scores, _ = score("points", subject(a_point_generator(0), a_point_generator(1)), points_of(RING), reference())
    for seed, prefix in enumerate(("", "raw_")):
        expected = score_points(drawn(seed), reference().tensors["points"], ring.centres, ring.sigma)
        assert {key: scores[prefix + key] for key in expected} == expected
        assert expected | point_quality(drawn(seed), ring.centres, ring.sigma) == expected
    assert len(scores) == 8


def test_all_points_are_shown_and_counted_by_mode() -> None:
    ring, of = points_of(RING).points, subject(a_point_generator(0), a_point_generator(1))
    _, panels = score("points", of, points_of(RING), reference())
    by_kind = {type(panel): panel for panel in panels}
    assert by_kind.keys() == {Points, Density, Counts}  # no critic, no landscape
    assert torch.equal(by_kind[Points].points, drawn(0)) and by_kind[Points].heading == SAMPLES
    assert ring.centres is not None
    nearest = (drawn(0)[:, None] - ring.centres).norm(dim=2).argmin(1)
    assert torch.equal(by_kind[Counts].counts, torch.bincount(nearest, minlength=3))


def test_points_without_modes_are_not_counted() -> None:
    scores, panels = score("points", subject(a_point_generator()), points_of(ROLL), reference(ROLL))
    assert scores.keys() == {"sliced_wasserstein"}
    assert not any(isinstance(panel, Counts) for panel in panels)


def test_points_that_are_not_finite_have_no_scores(caplog: pytest.LogCaptureFixture) -> None:
    lost = a_point_generator(diverged=True)
    scores, panels = score("points", subject(lost, a_point_generator()), points_of(RING), reference())
    assert all(name.startswith("raw_") for name in scores) and scores and not panels
    assert "No samples of the EMA weights: the generator's points are not finite" in caplog.text


@pytest.mark.parametrize("kind", ["score", "pair", "feature"])
def test_the_critic_is_mapped_over_the_box_between_real_points_and_those_of_the_last_weights(kind: str) -> None:
    of = subject(a_point_generator(0), a_point_generator(1), critic=a_point_critic(kind))
    _, panels = score("points", of, points_of(RING), reference())
    (found,) = [panel for panel in panels if isinstance(panel, Landscape)]
    real = reference()
    assert len(drawn(1)) < NEAR
    expected = landscape(a_point_critic(kind), real.description["box"], SIDE, real.tensors["points"], drawn(1))
    torch.testing.assert_close(found.heights, expected)
    assert found.heights.shape == (SIDE, SIDE)


def test_a_critic_that_is_not_finite_has_no_landscape() -> None:
    critic = a_point_critic()
    for parameter in critic.parameters():
        parameter.data.fill_(float("nan"))
    of = subject(a_point_generator(0), a_point_generator(1), critic=critic)
    _, panels = score("points", of, points_of(RING), reference())
    assert not any(isinstance(panel, Landscape) for panel in panels)


@pytest.mark.parametrize("asked", [20, 50, 1000])
def test_the_curve_has_no_more_samples_than_there_are_real_points(asked: int) -> None:
    ring, real = points_of(RING).points, reference()
    scorer = create("points", evaluation(curve_samples=asked))
    found = scorer.brief(GeneratorSampler(a_point_generator(4)), points_of(RING), real)
    expected = score_points(drawn(4, min(asked, 50)), real.tensors["points"], ring.centres, ring.sigma)
    assert found == expected


def test_the_reference_is_scored_by_further_points() -> None:
    source = points_of(RING)
    tensors, description = create("points", MANY).describe(source)
    random = torch.Generator().manual_seed(RING.seed)
    first, second = (source.points.sample(5000, random)[0] for _ in range(2))
    assert torch.equal(tensors["points"], first)
    assert description["box"] == box(first)
    few = score_points(second[:500], first, source.points.centres, source.points.sigma)
    assert description["scores"] == {
        **score_points(second, first, source.points.centres, source.points.sigma),
        "curve_kl": few["kl"],
        "curve_sliced_wasserstein": few["sliced_wasserstein"],
    }


def test_real_points_score_their_floor() -> None:
    scores = create("points", MANY).describe(points_of(RING)).description["scores"]
    assert scores["modes"] == 3
    # 1 - exp(-9/2) = 0.9889 of a round normal distribution lie within 3 sigma; 5 standard errors of 5,000 samples.
    assert scores["high_quality"] == pytest.approx(0.9889, abs=5 * (0.9889 * 0.0111 / 5000) ** 0.5)
    # The KL of n even samples of 3 modes is about a chi-squared variable of 2 degrees of freedom over 2n.
    assert 0 < scores["kl"] < 30 / (2 * 5000)
    assert scores["sliced_wasserstein"] < scores["curve_sliced_wasserstein"]


def test_the_roll_has_a_distance_alone() -> None:
    scores = create("points", MANY).describe(points_of(ROLL)).description["scores"]
    assert scores.keys() == {"sliced_wasserstein", "curve_sliced_wasserstein"}


def test_the_reference_is_no_part_of_what_is_trained_on() -> None:
    source = points_of(RING)
    kept = {tuple(point) for point in create("points", MANY).describe(source).tensors["points"].tolist()}
    for seed in (0, RING.seed):
        batch = data.feed(source.points, seed).batch(0, 1000)
        assert not kept & {tuple(point) for point in batch.tolist()}
