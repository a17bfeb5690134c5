import math

import pytest

from relation_gan.analysis import measures


def test_a_completion_is_read_by_what_is_hidden():
    assert measures.label("psnr_25") == "PSNR, dB, 25 % hidden"
    assert measures.better("psnr_25") == measures.better("ssim_9") == "higher"
    assert measures.better("contextual_25") == "lower"
    assert measures.better("novelty") == "" and measures.label("novelty") == "novelty"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("fid", "fid"),
        ("fid_classifier", "fid"),
        ("fid_inception_torchvision", "fid"),
        ("kid_efficientnet_lite0_x1000", "kid_x1000"),
        ("kid_classifier_std_x1000", "kid_classifier_std_x1000"),
        ("inception_score_clip", "inception_score"),
        ("modes_10", "modes_10"),
        ("psnr_25", "psnr_25"),
    ],
)
def test_family(name: str, family: str):
    assert measures.family(name) == family


def test_the_closest_measure_is_the_score_itself_then_inceptions_then_the_classifiers():
    measured = ["modes", "fid_efficientnet_lite0", "fid_classifier", "fid", "fid_clip"]
    assert measures.closest_measure("fid_clip", measured) == "fid_clip"
    assert measures.closest_measure("fid_inception_torchvision", measured) == "fid"
    assert measures.closest_measure("fid_inception_torchvision", measured[:3]) == "fid_classifier"
    assert measures.closest_measure("kid_x1000", measured) is None


def test_differences_and_probabilities_as_printed():
    assert [measures.signed("kl", value) for value in (0.25, -0.25, 0.0)] == ["+0.2500", "−0.2500", "0.0000"]
    assert [measures.probability(p) for p in (0.0004, 0.031, 0.25, 1.0, math.nan)] == [
        "< 0.001",
        "0.031",
        "0.250",
        "1.000",
        "–",
    ]
