import click
import pytest

from relation_gan.gan.sampling import DivergedError
from relation_gan.gan.scoring import scorer
from relation_gan.gan.state import TrainState
from relation_gan.pipelines.search.trial_scorer import brief_evaluation
from relation_gan.pipelines.search.trials import job_of
from tests.gan.scoring.helpers import evaluation
from tests.pipelines.search.helpers import SOURCE, a_scorer, method_search


@pytest.fixture
def state(tmp_path) -> TrainState:
    return job_of(method_search().run, SOURCE.points, tmp_path).state()


def test_a_search_scores_fewer_samples_from_other_latents() -> None:
    how = brief_evaluation(evaluation(curve_samples=40, seed=3, regenerations=5), None, 1000)
    assert (how.samples, how.curve_samples, how.seed, how.regenerations) == (40, 40, 1000, 1)
    assert brief_evaluation(evaluation(), 30, 1000).curve_samples == 30


def test_the_scores_are_those_of_a_study_s_curve(state: TrainState) -> None:
    of = a_scorer()
    assert of(state).keys() == {"modes", "high_quality", "kl", "sliced_wasserstein"}
    assert of(state) == of(state)


def test_the_networks_of_the_training_stay_as_they_are(state: TrainState) -> None:
    a_scorer()(state)
    assert all(network.training for network in state.ema.values())


def test_auto_is_the_score_that_decides_on_such_data(state: TrainState) -> None:
    assert a_scorer().choose("auto", state) == "kl"  # of points with modes; swiss rolls have the next
    assert a_scorer().choose("sliced_wasserstein", state) == "sliced_wasserstein"


def test_what_curves_do_not_show_is_scored_in_full(state: TrainState, monkeypatch: pytest.MonkeyPatch) -> None:
    of = a_scorer()
    assert of.choose("kl", state) == "kl" and not of.full
    monkeypatch.setattr(scorer("points"), "brief", lambda *_: {"modes": 1.0})
    assert of.choose("modes", state) == "modes" and not of.full
    assert of.choose("kl", state) == "kl" and of.full
    assert "kl" in of(state)


def test_an_objective_that_is_not_measured_is_refused_with_those_that_are(state: TrainState) -> None:
    with pytest.raises(click.ClickException) as refused:
        a_scorer().choose("reverse_kl", state)
    assert refused.value.message.startswith(
        "parameter 'search.objective' is 'reverse_kl', which is not measured here; choose one of: "
    )
    assert "sliced_wasserstein" in refused.value.message


def test_samples_that_are_not_finite_have_no_score(state: TrainState) -> None:
    for parameter in state.ema["generator"].parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(DivergedError):
        a_scorer()(state)
