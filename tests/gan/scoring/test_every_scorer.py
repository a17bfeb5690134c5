"""What holds for every registered scorer."""

import pytest

from relation_gan.gan import scoring
from relation_gan.gan.scoring import Scorer
from tests.gan.scoring.helpers import IMAGES, LABELLED, RING, STACKED, create, evaluation

DATA = {"images": IMAGES, "labelled": LABELLED, "stacked": STACKED, "points": RING}
SHIPPED = ("classes", "completion", "cost", "diagnostics", "distribution", "paired", "points", "samples")
ALL = frozenset({"output", "input", "target", "labels", "latents"})


@pytest.mark.parametrize("name", scoring.names())
def test_a_scorer_applies_somewhere_and_makes_or_uses_its_reference(name: str, tiny: list[int]) -> None:
    how = evaluation()
    how = how.model_copy(update={"completion": how.completion.model_copy(update={"images": 4})})
    kinds = [kind for kind, data in DATA.items() if scoring.scorer(name).applies(data, how)]
    assert kinds
    for kind in kinds:
        applied = scoring.applicable(DATA[kind], how, ALL)
        assert name in applied
        reference = scoring.scorer(name).reference(how)
        makers = [of for of in applied if scoring.scorer(of).reference(how) == reference]
        assert not reference or any(scoring.scorer(of).describe is not Scorer.describe for of in makers)
    assert isinstance(create(name, how).deciding(), str)


@pytest.mark.parametrize("name", scoring.names())
def test_a_scorer_is_left_out_where_samples_lack_what_it_needs(name: str) -> None:
    for data in DATA.values():
        assert (name in scoring.applicable(data, evaluation(), frozenset({"output"}))) <= (
            scoring.scorer(name).needs == {"output"}
        )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("images", ["cost", "diagnostics", "distribution", "samples"]),
        ("labelled", ["classes", "cost", "diagnostics", "distribution", "samples"]),
        ("stacked", ["classes", "cost", "samples"]),
        ("points", ["cost", "points"]),
    ],
)
def test_the_scorers_of_latent_generators_are_those_of_the_data(data: str, expected: list[str]) -> None:
    found = scoring.applicable(DATA[data], evaluation(), frozenset({"output", "latents"}))
    assert [name for name in found if name in SHIPPED] == expected


def test_where_the_classifier_is_the_extractor_no_other_network_is_opened() -> None:
    how = evaluation(extractor="classifier")
    found = scoring.applicable(LABELLED, how, frozenset({"output", "latents"}))
    assert "distribution" not in found and "classes" in found
    assert scoring.scorer("classes").over_training(LABELLED, how)
    assert not scoring.scorer("classes").over_training(LABELLED, evaluation())


@pytest.mark.parametrize("name", scoring.names())
def test_what_a_scorer_says_of_its_scores_can_be_printed(name: str) -> None:
    scorer = scoring.scorer(name)
    for measure in (*scorer.measures.values(), *scorer.by_share.values()):
        assert measure.label and measure.short and measure.decimals >= 0
        assert measure.better in ("higher", "lower", "")
        assert measure.better or not (measure.decides or measure.logarithmic)
