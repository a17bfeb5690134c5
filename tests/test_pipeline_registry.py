from collections import UserDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from kedro.framework.project import configure_project
from kedro.pipeline import Pipeline

from relation_gan.config import ConfigError, ProjectConfigLoader
from relation_gan.pipeline_registry import register_pipelines
from relation_gan.settings import CONFIG_LOADER_ARGS

CONF = str(Path(__file__).parents[1] / "conf")


def pipelines(env: str | None = None, **study: Any) -> Mapping[str, Pipeline]:
    """The pipelines of a session with these parameters."""
    ProjectConfigLoader(CONF, env=env, runtime_params={"study": study} if study else {}, **CONFIG_LOADER_ARGS)
    return register_pipelines()


def namespaces(pipeline: Pipeline, tag: str) -> list[str]:
    return sorted({str(node.namespace) for node in pipeline.nodes if tag in node.tags})


def test_there_is_a_pipeline_a_method_one_for_the_study_and_one_for_the_data() -> None:
    made = pipelines()
    assert ProjectConfigLoader.latest is not None
    methods = ProjectConfigLoader.latest["parameters"]["methods"]
    assert {"__default__", "ingestion", "study", *methods} <= made.keys()


def test_all_pipelines_can_be_listed_when_one_is_asked_for() -> None:
    # As Kedro's own plugin for telemetry does.
    every = dict(pipelines())
    ProjectConfigLoader(CONF, asked=["vanilla"], **CONFIG_LOADER_ARGS)
    made = dict(register_pipelines())
    assert {"vanilla", "study", "study_points"} <= made.keys() <= every.keys()
    assert made["vanilla"].describe() == every["vanilla"].describe()
    assert not made["study_points"].nodes


def test_the_default_is_the_main_method() -> None:
    made = pipelines()
    assert made["__default__"].describe() == made["relation_gan"].describe()


def test_an_unknown_pipeline_is_refused_with_the_known_ones() -> None:
    made = pipelines()
    with pytest.raises(click.UsageError) as refused:
        made["wgan_pg"]
    assert refused.value.message == f"there is no pipeline 'wgan_pg'; choose one of: {', '.join(sorted(made))}"


def test_a_study_has_a_run_for_every_method_and_seed() -> None:
    study = pipelines(methods="rahinge+vanilla", seeds="0+3")["study"]
    runs = [f"stacked_mnist_5k.{method}.seed{seed}" for method in ("rahinge", "vanilla") for seed in (0, 3)]
    assert namespaces(study, "training") == runs
    assert namespaces(study, "evaluation") == runs
    assert namespaces(study, "ingestion") == ["stacked_mnist_5k"]


def test_a_methods_pipeline_has_its_runs_alone() -> None:
    method = pipelines(methods="rahinge", seeds="1+2")["vanilla"]
    assert namespaces(method, "training") == [f"stacked_mnist_5k.vanilla.seed{seed}" for seed in (1, 2)]


def test_a_pipeline_is_put_together_when_it_is_looked_at() -> None:
    made = pipelines()
    assert isinstance(made, UserDict) and not isinstance(made.data["study"], Pipeline)
    assert made["study"] is made["study"]


def test_a_paper_s_study_has_the_runs_of_its_experiments_at_the_budget() -> None:
    made = pipelines(env="smoke")
    runs = {node.namespace for node in made["study_triplet_gan"].nodes if "training" in node.tags}
    ring = {f"ring8_smoke.{method}.seed0" for method in ("triplet_gan", "vanilla")}
    digits = {f"digits_smoke.{method}.seed0" for method in ("triplet_gan", "vanilla", "ebgan", "wgan")}
    assert runs == ring | digits
    assert "study_triplet_gan_smoke.report" in made["study_triplet_gan"].all_outputs()


def test_a_study_that_does_not_suit_what_is_typed_is_refused_when_it_is_asked_for() -> None:
    ProjectConfigLoader(CONF, env="ring8", runtime_params={"evaluation": {"samples": 500}}, **CONFIG_LOADER_ARGS)
    made = register_pipelines()
    assert made["study"].nodes
    with pytest.raises(ConfigError, match="evaluation.samples 500 must not be less than evaluation.kid_subset_size"):
        made["study_relation_gan"]


def test_what_belongs_to_a_study_is_made_with_it() -> None:
    made = pipelines(env="smoke")
    assert {"study_relation_gan_smoke.report", "study_dirac_smoke.report"} <= made["study_relation_gan"].all_outputs()


def test_a_sweep_is_trained_for_each_value() -> None:
    made = pipelines(env="smoke")["study_dmgan"]
    weights = [f"dmgan_weight_{value}" for value in ("1p0", "1p4", "1p8", "2p2", "2p6", "3p0")]
    trained = {str(node.namespace).split(".")[1] for node in made.nodes if "training" in node.tags}
    assert trained >= set(weights)


def test_each_run_is_trained_once_with_its_own_configuration() -> None:
    study = pipelines(methods="rahinge+vanilla", seeds="0+3")["study"]
    trained = {node.namespace: node.inputs for node in study.nodes if "training" in node.tags}
    assert len(trained) == 4
    for run, inputs in trained.items():
        dataset = str(run).split(".")[0]
        assert inputs == [f"{dataset}.images", f"params:runs.{run}", f"{run}.checkpoints"]


def test_every_run_ends_in_the_one_report() -> None:
    study = pipelines(methods="rahinge+vanilla", seeds="0+3")["study"]
    # What the report is made of, however many steps before.
    behind = study.to_outputs("study.report")
    assert namespaces(behind, "training") == namespaces(study, "training")
    assert behind.all_outputs() >= {f"{run}.scores" for run in namespaces(study, "training")}
    assert {"study.report", "study.table", "study.samples", "study.summary"} <= study.all_outputs()


def test_nothing_has_to_be_given_besides_parameters_and_handles() -> None:
    # Whatever else a node takes must be made by a node before it.
    free = {name for name in pipelines()["study"].inputs() if not name.startswith("params:")}
    handles = ("checkpoints", "classifier_file", "reference_classifier_file", "published")
    assert {name for name in free if name.rpartition(".")[2] not in handles} == set()


@pytest.mark.parametrize("extractor", ["efficientnet_lite0", "inception"])
def test_a_study_on_images_needs_no_classifier_and_keeps_a_reference_an_extractor(extractor: str) -> None:
    parameters = {"study": {"methods": "vanilla"}, "evaluation": {"extractor": extractor}, "data": {"classifier": None}}
    ProjectConfigLoader(CONF, env="cifar10", runtime_params=parameters, **CONFIG_LOADER_ARGS)
    study = register_pipelines()["study"]
    assert namespaces(study, "training") == ["cifar10.vanilla.seed0"]
    made = study.only_nodes_with_tags("ingestion").all_outputs()
    assert made == {"cifar10.images", f"cifar10.reference_{extractor}"}
    free = {name for name in study.inputs() if not name.startswith("params:")}
    assert free == {
        *("cifar10.images_file", f"cifar10.reference_{extractor}_file"),
        "cifar10.vanilla.seed0.checkpoints",
        "published",
    }
    assert "study_cifar10.report" in study.all_outputs()


def test_a_classifier_of_images_is_trained_once_and_sees_the_samples_of_every_run() -> None:
    study = pipelines(env="cifar10", methods="vanilla", seeds="0+1")["study"]
    made = study.only_nodes_with_tags("ingestion").all_outputs()
    assert {"cifar10.classifier", "cifar10.reference_classifier"} <= made
    free = {name for name in study.inputs() if not name.startswith("params:")}
    assert {"cifar10.classifier_file", "cifar10.reference_classifier_file"} <= free
    names = [node.name for node in pipelines(env="cifar10", methods="vanilla+dmgan+dragan")["study"].nodes]
    assert names.index("cifar10.build_classifier") < min(i for i, name in enumerate(names) if ".seed0." in name)
    classifiers = [node for node in study.nodes if "cifar10.classifier" in node.inputs and "evaluation" in node.tags]
    assert [node.namespace for node in classifiers] == ["cifar10.vanilla.seed0", "cifar10.vanilla.seed1"]


def test_a_study_can_span_points_and_images() -> None:
    study = pipelines(presets="ring8+mnist", methods="vanilla")["study"]
    assert namespaces(study, "ingestion") == ["mnist", "ring8"]
    assert namespaces(study, "training") == ["mnist.vanilla.seed0", "ring8.vanilla.seed0"]


def test_a_preset_gives_its_names_to_the_data_and_the_report() -> None:
    study = pipelines(env="smoke", methods="vanilla", seeds="5")["study"]
    assert namespaces(study, "training") == ["stacked_mnist_smoke.vanilla.seed5"]
    assert "study_smoke.report" in study.all_outputs()


def test_one_run_can_be_sliced_out_by_its_namespace() -> None:
    study = pipelines(methods="rahinge+vanilla", seeds="0+3")["study"]
    run = study.only_nodes_with_namespaces(["stacked_mnist_5k.vanilla.seed3"])
    assert namespaces(run, "training") == ["stacked_mnist_5k.vanilla.seed3"]
    assert namespaces(run, "ingestion") == []


def test_outside_any_session_the_pipelines_are_those_of_the_default_environment() -> None:
    configure_project("relation_gan")
    assert ProjectConfigLoader.latest is None
    assert namespaces(register_pipelines()["vanilla"], "training") == ["stacked_mnist_5k.vanilla.seed0"]


def test_stages_are_trained_one_from_the_other() -> None:
    chain = pipelines(seeds="2")["gogan_stage3"]
    trained = {str(node.namespace).split(".")[1]: node for node in chain.nodes if "training" in node.tags}
    assert list(trained) == ["gogan_stage1", "gogan", "gogan_stage3"]  # nodes are in the order of running
    for before, after in (("gogan_stage1", "gogan"), ("gogan", "gogan_stage3")):
        assert trained[after].inputs[-1] == f"stacked_mnist_5k.{before}.seed2.networks"


def test_a_stage_that_two_methods_build_on_is_trained_once() -> None:
    study = pipelines(methods="gogan+gogan_stage3+gogan_stage1")["study"]
    assert len([node for node in study.nodes if "training" in node.tags]) == 3


def test_a_study_of_several_presets_has_the_data_and_the_runs_of_each() -> None:
    study = pipelines(presets="ring8+grid25", methods="vanilla+gogan")["study"]
    assert namespaces(study, "ingestion") == ["grid25", "ring8"]
    runs = [f"{data}.{method}.seed0" for data in ("grid25", "ring8") for method in ("gogan", "gogan_stage1", "vanilla")]
    assert namespaces(study, "training") == runs


def test_named_studies_are_pipelines() -> None:
    made = pipelines()
    methods = {name.split(".")[1] for name in namespaces(made["study_relativistic"], "training")}
    assert {"rsgan", "rasgan", "ralsgan", "rahinge"} <= methods


def test_a_search_has_a_node_for_each_of_its_methods_and_no_training_of_a_study() -> None:
    parameters = {"search": {"methods": ["rahinge", "dmgan"]}}
    ProjectConfigLoader(CONF, env="ring8", runtime_params=parameters, asked=["search"], **CONFIG_LOADER_ARGS)
    search = register_pipelines()["search"]
    assert namespaces(search, "search") == ["search_ring8.dmgan", "search_ring8.rahinge"]
    assert namespaces(search, "ingestion") == ["ring8"] and not namespaces(search, "training")
    ProjectConfigLoader(CONF, env="ring8", asked=["vanilla"], **CONFIG_LOADER_ARGS)
    assert not register_pipelines()["search"].nodes
