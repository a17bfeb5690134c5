"""What a search varies is checked before any work; what it found is a setting of its methods alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from relation_gan.config import ConfigError, ProjectConfigLoader, merge, resolve
from relation_gan.config.search import MethodSearch, Range, nested
from relation_gan.settings import CONFIG_LOADER_ARGS
from tests.config.test_config import CONF, load

R1 = {"name": "gradient_penalty", "where": "real", "centre": 0.0, "weight": 0.5}
RAW: dict[str, Any] = {
    "data": {"kind": "points", "name": "ring", "definition": {"name": "ring", "modes": 3, "radius": 1.0, "sigma": 0.1}},
    "networks": {
        "generator": {"name": "mlp_generator", "latent": 2, "widths": [8]},
        "critic": {"name": "mlp_critic", "widths": [8], "embedding": 4, "head": [4]},
    },
    "methods": {
        "first": {"title": "F", "loss": {"name": "rahinge"}, "regularisers": [R1]},
        "second": {"like": "first", "title": "S", "loss": {"name": "hinge"}},
        "third": {"title": "T", "loss": {"name": "siamese", "margin": 1.0}, "critic": {"features": 4}},
        "fourth": {"like": "third", "title": "F", "loss": {"margin": 2.0}},
        "later": {"title": "L", "loss": {"name": "rahinge"}, "after": "first"},
    },
    "training": {"steps": 10, "batch_size": 4, "lr_generator": 0.1, "lr_critic": 0.1},
    "protocols": {"standard": {}},
    "evaluation": {"samples": 1000, "curve_samples": 100},
    "study": {"methods": ["first"], "seeds": [0]},
    "search": {
        "methods": ["first", "third"],
        "trials": 3,
        "steps": 5,
        "seed": 100,
        "ranges": {
            "training.lr_critic": {"low": 0.001, "high": 0.1, "log": True},
            "regularisers.r1.weight": {"low": 0.1, "high": 1.0},
        },
        "own": {"third": {"loss.margin": {"low": 0.5, "high": 2.0}}},
    },
}
FOUND: dict[str, Any] = {
    "search": "search_ring",
    "dataset": "ring",
    "data_sha256": "0",
    "objective": "kl",
    "trials": 3,
    "seconds": 8.0,
    "seed": 100,
    "methods": {
        "first": {"trial": 1, "score": 0.5, "finished": 2, "overrides": {"regularisers": [{**R1, "weight": 0.7}]}}
    },
}


def searches(**typed: Any) -> dict[str, MethodSearch]:
    found = resolve(merge(RAW, typed), typed, asked=["search"])["searches"]
    return {name: MethodSearch.model_validate(of) for name, of in found.items()}


def refusal(**typed: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        searches(**typed)
    return refused.value.message


def ranges(**of: Any) -> dict[str, Any]:
    """Typed ranges, whose first dot is a double underscore."""
    return {"search": {"ranges": {name.replace("__", "."): each for name, each in of.items()}}}


def test_each_method_has_the_ranges_that_it_has_parameters_for() -> None:
    found = searches()
    assert list(found["first"].ranges) == ["training.lr_critic", "regularisers.r1.weight"]
    assert list(found["third"].ranges) == ["training.lr_critic", "loss.margin"]
    assert found["first"].left_out == [] and found["third"].left_out == ["regularisers.r1.weight"]


def test_all_methods_have_the_same_budget_and_seeds_of_their_own() -> None:
    of = {(each.trials, each.steps, each.seed, each.objective, tuple(each.rungs)) for each in searches().values()}
    assert of == {(3, 5, 100, "auto", (0.25, 0.5))}
    assert searches()["first"].seeds == range(100, 103)


def test_own_ranges_are_taken_over_by_what_is_like_the_method_but_for_what_that_says_itself() -> None:
    own = {"own": {"third": {"critic.features": {"choices": [2, 4]}}}}
    found = searches(search={"methods": ["fourth"], **own})
    assert list(found["fourth"].ranges) == ["training.lr_critic", "critic.features"]


def test_a_search_belongs_to_its_data_and_its_own_setting_and_not_to_the_steps_of_a_study() -> None:
    one, longer = searches()["first"], searches(training={"steps": 99}, search={"trials": 9})["first"]
    assert one.depends_on("0") == longer.depends_on("0") != one.depends_on("1")
    assert one.depends_on("0") != searches(training={"batch_size": 8})["first"].depends_on("0")
    assert one.depends_on("0") != searches(search={"seed": 200})["first"].depends_on("0")


def test_typed_ranges_are_nested_and_those_of_files_dotted() -> None:
    assert nested({"a.b": {"low": 1, "high": 2}, "a": {"b": {"high": 3}, "c": {"choices": "1+2"}}}) == {
        "a.b": {"low": 1, "high": 3},
        "a.c": {"choices": "1+2"},
    }
    assert nested({"a.b": {"low": 1}, "a": {"b": None}}) == {}
    typed = load("search.ranges.training.lr_critic.high=0.5,search.methods=vanilla", env="ring8")
    assert typed["searches"]["vanilla"]["ranges"]["training.lr_critic"]["high"] == 0.5


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        (Range(low=1, high=3), [1, 2.5, 3], [0.9, 3.1, "2", None, True]),
        (Range(low=1, high=3, integer=True), [1, 3], [2.5, 4]),
        (Range(choices=[1, 4]), [1, 4], [2, None]),
        (Range.model_validate({"choices": "1e-3+none"}), [0.001, "none"], ["0.001"]),
    ],
)
def test_a_range_holds_its_values(range_: Range, inside: list[Any], outside: list[Any]) -> None:
    assert all(map(range_.holds, inside)) and not any(map(range_.holds, outside))
    assert all(map(range_.holds, range_.ends))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ranges(training__lr_critik={"low": 0.1, "high": 1.0}),
            "parameter 'search.ranges.training.lr_critik': no method has such a parameter, did you mean "
            "'training.lr_critic'?",
        ),
        (
            ranges(training__steps={"low": 1, "high": 9}),
            "parameter 'search.ranges.training.steps': no method has such a parameter, did you mean 'training.steps'?",
        ),
        (
            ranges(training__lr_critic={"low": 1.0, "high": 0.1}),
            "parameter 'search.ranges.training.lr_critic': low 1.0 must be below high 0.1",
        ),
        (
            ranges(training__lr_critic={"low": 0.0}),
            "parameter 'search.ranges.training.lr_critic': low 0.0 must be above 0 on a logarithmic scale",
        ),
        (
            ranges(training__lr_critic={"choices": [1.0]}),
            "parameter 'search.ranges.training.lr_critic': it has choices and an interval; leave out one of them",
        ),
        (
            ranges(training__lr_generator={"low": 1.0}),
            "parameter 'search.ranges.training.lr_generator': it needs low and high, or choices",
        ),
        (
            ranges(regularisers__r1__weight={"low": -1.0}) | {},
            "search over 'regularisers.r1.weight': method 'first' refuses -1.0: regulariser 'gradient_penalty': weight "
            "-1.0 and centre 0.0 must not be negative, every 1 must be at least 1",
        ),
        (
            {"search": {"own": {"third": {"loss.margn": {"low": 1, "high": 2}}}}},
            "parameter 'search.own.third.loss.margn': the method has no such parameter",
        ),
        (
            {"search": {"methods": "frist"}},
            "search.methods: unknown method 'frist', did you mean 'first'?; choose from: first, second, third, fourth, "
            "later",
        ),
        (
            {"search": {"methods": "later"}},
            "parameter 'search.methods': 'later' starts from the networks of 'first', which every trial would have to "
            "train first; search that one",
        ),
        (
            {
                "search": {
                    "ranges": {"training": {"lr_critic": None}},
                    "methods": "second+third",
                    "own": {"third": None},
                }
            },
            "parameter 'search.ranges': method 'third' has none of these parameters; give it own",
        ),
        (
            {"study": {"seeds": [7, 102]}},
            "parameter 'study.seeds' has 102, and search.seed covers 100 to 102: what was picked by a seed must not be "
            "compared by it; choose other seeds for one of them",
        ),
        (
            {"training": {"lr_critic": 0.5}},
            "parameter 'training.lr_critic' is typed and searched over; leave out one of the two",
        ),
        (
            {"search": {"objective": "steps"}},
            "parameter 'search.objective' is 'steps': it must be a score of which more or less is better",
        ),
        ({"search": {"steps": None}}, "parameter 'search': search.seconds and search.steps are missing; give one"),
        ({"search": {"rungs": "0.5+0.25"}}, "parameter 'search.rungs' is '0.5+0.25': rungs must be parts from 0.01"),
        ({"search": {"trails": 3}}, "unknown parameter 'search.trails', did you mean 'trials'?"),
    ],
)
def test_what_cannot_be_searched_is_refused(typed: dict[str, Any], message: str) -> None:
    assert refusal(**typed).startswith(message)


@pytest.mark.parametrize("preset", [None, "ring8", "digits"])
def test_every_method_can_be_searched_unless_it_starts_from_another(preset: str | None) -> None:
    def search(**typed: Any) -> dict[str, Any]:
        options = {"asked": ["search"], "runtime_params": {"search": typed}, **CONFIG_LOADER_ARGS}
        return ProjectConfigLoader(str(CONF), env=preset, **options)["parameters"]

    alone = [name for name, method in search()["methods"].items() if method["after"] is None]
    found = search(methods=alone)["searches"]
    assert list(found) == alone
    assert all("training.lr_critic" in each["ranges"] for each in found.values())


def test_fewer_samples_than_a_subset_of_the_kernel_distance_are_refused_of_images() -> None:
    def search(env: str | None) -> dict[str, Any]:
        typed = {"asked": ["search"], "runtime_params": {"search": {"samples": 500}}}
        return ProjectConfigLoader(str(CONF), env=env, **typed, **CONFIG_LOADER_ARGS)["parameters"]["searches"]

    with pytest.raises(ConfigError, match="search.samples 500 must not be less than evaluation.kid_subset_size 1000"):
        search(None)
    assert search("ring8")


def test_what_does_not_suit_a_search_is_refused_only_where_that_is_asked_for() -> None:
    typed = {"training": {"lr_critic": 0.5}}
    assert resolve(merge(RAW, typed), typed)["searches"] == {}  # kedro-viz shows everything, as far as it can be had
    assert resolve(merge(RAW, typed), typed, asked=["study"])["runs"]["ring"]["first"]
    assert refusal(**typed)


def test_a_setting_that_was_found_is_one_of_its_method_alone_and_on_its_data_alone() -> None:
    asked = {"study": {"methods": ["first", "second"]}}
    plain, found = (resolve(merge(RAW, asked, tuned)) for tuned in ({}, {"tuned": [FOUND]}))
    elsewhere = resolve(merge(RAW, asked, {"tuned": [{**FOUND, "dataset": "other"}]}))
    weight = [run["ring"]["first"]["seed0"]["regularisers"][0]["weight"] for run in (plain["runs"], found["runs"])]
    assert weight == [0.5, 0.7]
    assert found["runs"]["ring"]["second"] == plain["runs"]["ring"]["second"]
    assert elsewhere["runs"] == plain["runs"]
    assert found["searched"]["ring"].keys() == {"first"} and not elsewhere["searched"]["ring"]
    assert found["searched"]["ring"]["first"] == {
        **{key: value for key, value in FOUND.items() if key != "methods"},
        **{"steps": None, "commit": "", "trial": 1, "score": 0.5, "finished": 2},
    }


def test_a_setting_that_was_found_is_refused_for_seeds_that_found_it_and_if_there_are_two() -> None:
    with pytest.raises(ConfigError, match="'study.seeds' has 101, and tuned 'search_ring' covers 100 to 102"):
        resolve(merge(RAW, {"tuned": [FOUND], "study": {"seeds": [101]}, "search": {"seed": 500}}))
    with pytest.raises(ConfigError, match="'search_ring' and 'search_ring' both have a setting of 'first'"):
        resolve(merge(RAW, {"tuned": [FOUND, FOUND]}))
    with pytest.raises(ConfigError, match="tuned 'search_ring': unknown method 'gone'"):
        resolve(merge(RAW, {"tuned": [{**FOUND, "methods": {"gone": FOUND["methods"]["first"]}}]}))


def test_settings_are_named_by_their_file(tmp_path: Path) -> None:
    files = {
        "base/parameters.yml": RAW,
        "tuned/search_ring.yml": FOUND,
        "mine/parameters.yml": {"tuned": "search_ring"},
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(yaml.safe_dump(content))
    (tmp_path / "local").mkdir()

    def loader(env: str | None = None, **typed: Any) -> ProjectConfigLoader:
        return ProjectConfigLoader(str(tmp_path), env=env, runtime_params=typed, **CONFIG_LOADER_ARGS)

    found = [loader(tuned="search_ring")["parameters"], loader(env="mine")["parameters"]]
    for parameters in found:
        assert parameters["runs"]["ring"]["first"]["seed0"]["regularisers"] == [{**R1, "weight": 0.7}]
        assert parameters["study"]["searched"]["ring"]["first"]["search"] == "search_ring"
    assert loader().presets() == ["mine"]
    other = {"data": {"name": "other"}}
    with pytest.raises(ConfigError, match="'search_ring' is a setting for ring, and this is about other; choose"):
        loader(tuned="search_ring", **other)["parameters"]
    with pytest.raises(ConfigError) as refused:
        loader(tuned="search_rign")["parameters"]
    assert refused.value.message == (
        f"parameter 'tuned' is 'search_rign', but there is no {tmp_path / 'tuned/search_rign.yml'}, which a search of "
        "that name writes, did you mean 'search_ring'?; choose from: search_ring"
    )
