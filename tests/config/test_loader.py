"""Presets composed of axes, and only what a pipeline needs resolved."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from relation_gan.config import ConfigError, ProjectConfigLoader
from relation_gan.settings import CONFIG_LOADER_ARGS
from tests.config.test_config import CONF, PRESETS, load

AXES = sorted(path for path in (CONF / "axes").glob("*/*.yml"))


def write(folder: Path, files: dict[str, Any]) -> str:
    for name, content in files.items():
        path = folder / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
    return str(folder)


def own(preset: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / preset / "parameters.yml").read_text())


@pytest.mark.parametrize("preset", PRESETS)
def test_every_shipped_preset_is_composed_of_axes_that_are_there(preset: str) -> None:
    names = own(preset).get("axes", [])
    assert {CONF / "axes" / f"{name}.yml" for name in names} <= set(AXES)
    kinds = [name.partition("/")[0] for name in names]
    assert kinds.count("data") <= 1 and kinds.count("networks") <= 1


@pytest.mark.parametrize("axis", AXES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_axis_is_used_and_names_its_own_sections_alone(axis: Path) -> None:
    content, kind = yaml.safe_load(axis.read_text()), axis.parent.name
    sections = {"data": {"data"}, "networks": {"networks", "methods"}}
    assert content.keys() <= sections.get(kind, {"methods", "training", "evaluation", "study", "search"})
    assert any(f"{kind}/{axis.stem}" in own(preset).get("axes", []) for preset in PRESETS)


def test_an_axis_replaces_data_and_networks_and_overrides_the_rest(tmp_path: Path) -> None:
    base = {"data": {"kind": "points", "name": "a"}, "networks": {"x": {"name": "n", "width": 4}}, "training": {"a": 1}}
    first = {"networks": {"x": {"name": "n"}}, "training": {"b": 2}}
    preset = {"axes": ["networks/first"], "data": {"name": "b"}, "training": {"b": 3}}
    conf = write(
        tmp_path, {"base/parameters": base, "axes/networks/first": first, "mine/parameters": preset, "local/x": {}}
    )
    composed = ProjectConfigLoader(conf, **CONFIG_LOADER_ARGS)._composed("mine")
    assert composed["data"] == {"kind": "points", "name": "b"}
    assert composed["networks"] == {"x": {"name": "n"}}
    assert composed["training"] == {"a": 1, "b": 3}


def test_an_unknown_axis_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    files = {"base/parameters": {}, "axes/data/ring": {}, "mine/parameters": {"axes": ["data/rign"]}}
    loader = ProjectConfigLoader(write(tmp_path, files), env="mine", **CONFIG_LOADER_ARGS)
    with pytest.raises(ConfigError) as refused:
        loader["parameters"]
    assert refused.value.message == (
        "preset 'mine' has an unknown axis 'data/rign', did you mean 'data/ring'?; choose from: data/ring"
    )


def test_a_preset_of_an_earlier_version_is_refused_with_what_to_write_instead(tmp_path: Path) -> None:
    files = {"base/parameters": {}, "mine/parameters": {"based_on": "ring8"}}
    loader = ProjectConfigLoader(write(tmp_path, files), env="mine", **CONFIG_LOADER_ARGS)
    with pytest.raises(ConfigError, match=r"preset 'mine' has based_on: ring8.*such as axes: \[data/ring8"):
        loader["parameters"]


def runs(asked: list[str] | None) -> dict[str, list[str]]:
    """The methods with runs, by data set."""
    loader = ProjectConfigLoader(str(CONF), asked=asked, **CONFIG_LOADER_ARGS)
    return {dataset: list(methods) for dataset, methods in loader["parameters"]["runs"].items() if methods}


def test_only_what_the_asked_pipelines_need_is_resolved() -> None:
    assert runs(["__default__"]) == {"stacked_mnist_5k": ["relation_gan"]}
    assert runs(["gogan"]) == {"stacked_mnist_5k": ["gogan", "gogan_stage1"]}
    assert runs(["ingestion"]) == {}
    every, points = runs(None), runs(["study_points"])
    assert "stacked_mnist_5k" not in points and points.keys() < every.keys()


def test_a_study_brings_along_those_that_belong_to_it() -> None:
    loader = ProjectConfigLoader(str(CONF), asked=["study_relation_gan"], **CONFIG_LOADER_ARGS)
    parameters = loader["parameters"]
    also = parameters["studies"]["study_relation_gan"]["also"]
    named = {name for name in also if name in parameters["study_names"]}
    assert parameters["studies"].keys() == {"study", "study_relation_gan", *named}
    assert parameters["study_names"] == list(load()["studies"])
