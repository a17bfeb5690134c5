import math
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from relation_gan.analysis.published import OCCLUDED, UNSTATED, published_and_ours, read_published
from relation_gan.analysis.results import Experiment, PublishedValue
from tests.pipelines.reporting.helpers import run, study

CONF = Path(__file__).parents[2] / "conf"
FRAME = pd.read_csv(CONF / "base" / "published.csv")
PUBLISHED = read_published(FRAME)


def figure(method: str, value: float, dataset: str = "cifar10", metric: str = "fid", **more: str) -> PublishedValue:
    return PublishedValue(
        "T", dataset, method, metric, value, 0.5, more.get("protocol", "standard"), more.get("note", "")
    )


def test_every_figure_of_the_papers_is_there():
    # 5 modes; 24 rows of 3 measures and 5 of a README; 2; 3 of 2 ways; 2 of 3 sets and 2 measures; 4; 5; 6 weights;
    # 9 of 2; 3 of 2; 4 and 3; 2; 3 tables of 2 measures, 4 methods and 5 shares; 4 of 2 measures and 2 shares.
    expected = {"R-T1": 5, "R-T3": 77, "R-T4": 2, "R-T5": 6, "R-T6": 12, "R-T7": 4, "R-T8": 5, "D-T2": 6, "D-T3": 18}
    expected |= {"T-T1": 6, "T-T2": 7, "T-F6": 2, "G-T2": 40, "G-T3": 40, "G-T4": 40, "G-T5": 16}
    expected |= {"H-cifar10": 1, "H-stacked": 1}  # R3GAN's, as far as they could be checked
    assert Counter(FRAME["experiment"]) == expected


@pytest.mark.parametrize(
    ("experiment", "dataset", "method", "metric", "value", "pm"),
    [
        ("R-T1", "stacked_mnist", "rahinge", "modes_published", 828, 58),
        ("R-T3", "celeba", "relation_gan_star", "fid_inception_torchvision", 11.99, 0.064),
        ("R-T3", "lsun_bedroom", "lsgan", "kid", 0.2175, 0.0011),  # printed a hundredfold
        ("R-T3", "celeba_hq", "relation_gan", "inception_score", 2.13, 0.0052),
        ("R-T8", "cifar10", "relation_gan_relate2", "fid_inception_torchvision", 28.89, math.nan),
        ("D-T2", "svhn", "dmgan_weight_1p8", "fid", 46.79, math.nan),
        ("D-T3", "cifar10_all", "wadmgan", "ms_per_step", 259, math.nan),
        ("T-T2", "stl10", "triplet_gan", "inception_score", 6.44, 0.31),
        ("G-T3", "lsun_bedroom_gogan", "gogan", "ssim_81", 0.1431, math.nan),
        ("G-T4", "cifar10_64", "", "occluded_psnr_25", 18.38, math.nan),
        ("H-cifar10", "cifar10_conditional", "r3gan", "fid", 1.96, math.nan),
    ],
)
def test_figures_as_printed(experiment: str, dataset: str, method: str, metric: str, value: float, pm: float):
    frame = FRAME.fillna({"method": ""})
    keys = {"experiment": experiment, "dataset": dataset, "method": method, "metric": metric}
    (row,) = frame[(frame[list(keys)] == pd.Series(keys)).all(axis=1)].to_dict("records")
    assert (row["value"], row["pm"]) == pytest.approx((value, pm), nan_ok=True)


def test_methods_and_protocols_of_figures_are_those_of_the_project():
    base = CONF / "base" / "parameters"
    protocols = yaml.safe_load((base / "evaluation.yml").read_text())["protocols"]
    assert set(FRAME["protocol"]) <= {*protocols, UNSTATED}
    methods = yaml.safe_load((base / "methods.yml").read_text())["methods"]
    others = {"sagan", "km_gan", "embedding_0_3", "msgan", "cycle_gan", "srgan", ""}
    swept = {name for name in FRAME["method"].fillna("") if name.startswith("dmgan_weight_")}
    assert set(FRAME["method"].fillna("")) <= {*methods, *others, *swept}
    presets = {path.name for path in CONF.iterdir()}
    assert set(FRAME["dataset"]) - presets == {
        *("cifar10_conditional", "monet2photo", "set5", "set14", "urban100", "50k_ssff")
    }


def test_figures_are_read_at_the_scale_of_tables():
    (kid,) = [of for of in PUBLISHED if (of.dataset, of.method, of.metric) == ("celeba", "lsgan", "kid_x1000")]
    assert (kid.value, kid.pm) == pytest.approx((18.4, 0.45))
    occluded = [of for of in PUBLISHED if of.experiment == "G-T2" and of.method == OCCLUDED]
    assert [(of.metric, of.value) for of in occluded][:2] == [("psnr_9", 23.8), ("psnr_25", 19.18)]
    doubtful = [(of.method, of.metric) for of in PUBLISHED if of.doubtful and of.experiment == "R-T3"]
    assert doubtful == [("rahinge", "kid_x1000"), ("rahinge", "inception_score")]


def test_a_difference_stands_where_data_measure_and_protocol_agree():
    runs = [run("a", seed, "cifar10", fid=10.0 + seed) for seed in range(3)]
    figures = [figure("a", 9.5), figure("b", 7.0), figure("a", 1.0, "celeba")]
    (table,) = published_and_ours(study(runs, published=figures))
    assert (table.metric, table.measure, table.papers, table.differs) == ("fid", "fid", ["cifar10"], [])
    ours, theirs = table.rows
    # Of 10, 11 and 12 the mean is 11, which is 1.5 above 9.5.
    assert (ours.method, ours.ours.mean, ours.differences) == ("a", 11.0, [1.5])
    assert theirs.method == "b" and theirs.ours.runs == 0 and math.isnan(theirs.differences[0])


@pytest.mark.parametrize(
    ("figures", "evaluation", "differs"),
    [
        ([figure("a", 9.5, protocol=UNSTATED)], {}, "How the paper measured is not stated in full."),
        ([figure("a", 9.5, protocol="theirs")], {}, "The paper’s protocol is “theirs”, ours “standard”."),
        ([figure("a", 9.5)], {"changed": {"samples": 50000}}, "Of the protocol, samples was changed."),
        ([figure("a", 9.5, "celeba")], {}, "The paper’s data is celeba, ours cifar10."),
        (
            [figure("a", 9.5, metric="fid_clip")],
            {},
            "The paper’s measure is “Fréchet distance, features of CLIP”, ours “FID”.",
        ),
        ([figure("a", 9.5, note="doubtful: a misprint")], {}, None),
    ],
)
def test_otherwise_it_is_said_how_they_differ(figures: list[PublishedValue], evaluation: dict, differs: str | None):
    of = study([run("a", 0, "cifar10", fid=10.0)], published=figures)
    of.datasets["cifar10"].evaluation.update(evaluation)
    (table,) = published_and_ours(of)
    assert math.isnan(table.rows[0].differences[0])
    assert table.differs == ([differs] if differs else [])


def test_a_related_data_set_is_compared_with_every_data_set_of_the_paper():
    figures = [figure("a", 9.5), figure("a", 12.0, "celeba")]
    of = study([run("a", 0, "digits", fid_classifier=4.0)], budget="reduced", published=figures)
    (table,) = published_and_ours(of)
    assert (table.measure, table.papers) == ("fid_classifier", ["cifar10", "celeba"])
    assert [paper.value for paper in table.rows[0].figures] == [9.5, 12.0]
    assert table.differs[0] == "The paper’s data is cifar10 and celeba, ours digits."
    assert table.differs[-1] == "Ours were trained for 30 steps, at the reduced budget."


def test_what_nothing_here_measures_is_printed_all_the_same():
    figures = [figure("a", 9.5), figure("a", 7.7, metric="inception_score")]
    fid, score = published_and_ours(
        study([run("a", 0, "cifar10", fid=10.0), run("b", 0, "cifar10", "diverged")], published=figures)
    )
    assert [(row.method, row.ours.runs) for row in fid.rows] == [("a", 1), ("b", 1)]
    assert (score.measure, [(row.method, row.ours.runs) for row in score.rows]) == ("inception_score", [("a", 0)])
    assert score.differs == ["Nothing here measures this."] and not score.comparable


def test_the_occluded_row_has_one_score_here():
    figures = read_published(
        pd.DataFrame(
            [
                ["T", "cifar10", math.nan, "occluded_psnr_25", 18.0, math.nan, "standard", math.nan],
                ["T", "cifar10", "a", "psnr_25", 19.0, math.nan, "standard", math.nan],
            ],
            columns=FRAME.columns,
        )
    )
    of = study([run("a", 0, "cifar10", psnr_25=20.0, occluded_psnr_25=18.5)], published=figures)
    (table,) = published_and_ours(of)
    assert [(row.method, row.ours.mean, row.differences) for row in table.rows] == [
        (OCCLUDED, 18.5, [0.5]),
        ("a", 20.0, [1.0]),
    ]


def test_a_study_without_experiments_has_the_figures_of_its_own_data():
    figures = [figure("a", 9.5), figure("b", 7.0), figure("a", 1.0, "celeba")]
    of = study([run("a", 0, "cifar10", fid=10.0)], experiments=[], published=figures)
    (table,) = published_and_ours(of)
    assert table.experiment == "" and [row.method for row in table.rows] == ["a"]
    assert of.experiments == [Experiment("", "", ["cifar10"], ["a"])]
