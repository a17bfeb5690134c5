"""Parameters, checked and resolved to one configuration a run."""

from collections.abc import Collection, Mapping
from itertools import product
from typing import Any

from relation_gan.analysis.claims import Claim
from relation_gan.config.merge import inherit, merge
from relation_gan.config.messages import ConfigError, refuse_unknown, validated
from relation_gan.config.schema import MethodConfig, Parameters
from relation_gan.config.search import (
    MethodSearch,
    TunedConfig,
    refuse_overlap,
    searched,
    searches,
    typed_search,
    with_tuned,
)
from relation_gan.config.studies import swept, typed_study
from relation_gan.gan import networks
from relation_gan.gan.data.config import AnyDataConfig, DataConfig, ImagesConfig, PointsConfig, StackedDigitsConfig
from relation_gan.gan.metrics import extractors
from relation_gan.gan.run import RunConfig
from relation_gan.gan.schedule import TrainingConfig
from relation_gan.gan.scoring import EvaluationConfig


def resolve(
    raw: Mapping[str, Any],
    typed: Mapping[str, Any] | None = None,
    preset: str | None = None,
    asked: Collection[str] | None = None,
) -> dict[str, Any]:
    """Check the parameters, and add what is resolved from them.

    `datasets`: {data set: {data, evaluation}}; `runs`: {data set: {method: {seed<n>: RunConfig}}}, as far as a pipeline
    has them; `studies`: {name: StudyConfig}, with `study` among them. `methods` have those of sweeps among them.
    `searches`: {method: MethodSearch} of `--pipeline=search`; `searched`: {data set: {method: how}} of what is `tuned`.

    Args:
        raw: the parameters of the environment, with what was typed merged in.
        typed: what was typed with --params. A typed `training.*` wins over the method's own, a typed
            `study.*` over a named study's.
        preset: whose parameters these are, if they are not the environment's.
        asked: the pipelines that are to run: studies and runs of others are left out. None: all there are.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    typed = typed or {}
    evaluation, changed = _evaluation(raw)
    studies = {
        name: typed_study(name, merge(raw["study"], own, typed.get("study", {})))
        for name, own in {"study": {}, **asked_studies(raw.get("studies", {}), asked)}.items()
    }
    tuned = [validated(TunedConfig, of, f"tuned.{of.get('search', '?')}") for of in raw.get("tuned", [])]
    dataset = raw["data"].get("name", "") if isinstance(raw["data"], Mapping) else ""
    # After methods took over one another: what was found for one is no setting of those that are like it.
    raw_methods = raw["methods"]
    methods = swept(with_tuned(inherit(raw_methods), tuned, dataset), studies)
    for found, (name, study) in product((each for each in tuned if each.dataset == dataset), studies.items()):
        refuse_overlap(f"tuned '{found.search}'", found.seeds, name, study)
    raw = {**raw, "methods": methods, "evaluation": evaluation}
    parameters = validated(Parameters, raw)
    data = _data(raw["data"], parameters.evaluation)
    for name, claim in parameters.claims.items() if preset is None else ():
        validated(Claim, claim, f"claims.{name}")
    replace = raw["training"].get("replace", False)
    if not isinstance(replace, bool):
        raise ConfigError(f"parameter 'training.replace' is {replace!r}: it must be true or false")
    common, typed_training = (
        {key: value for key, value in of.get("training", {}).items() if key != "replace"} for of in (raw, typed)
    )
    trained = {
        name: _training(name, method, merge(common, method.training, typed_training))
        for name, method in parameters.methods.items()
    }

    def run(name: str, seed: int, later: tuple[str, ...] = ()) -> RunConfig:
        method = parameters.methods[name]
        if method.after is not None:
            refuse_unknown(f"methods.{name}.after", [method.after], parameters.methods)
            if method.after in (*later, name):
                raise ConfigError(
                    f"parameter 'methods.{name}.after' is '{method.after}': no method can come after itself"
                )
        return RunConfig(
            dataset=data.name,
            method=name,
            title=method.title,
            seed=seed,
            loss=method.loss,
            regularisers=method.regularisers,
            task=parameters.task,
            networks={
                part: shaped(merge(options, method.networks.get(part, {}), key="generator"), data.sample)
                for part, options in parameters.networks.items()
            },
            training=trained[name],
            after=run(method.after, seed, (*later, name)) if method.after else None,
        )

    wanted: dict[str, list[int]] = {}
    for name in parameters.methods if preset is None else ():
        if asked is None or name in asked or (name == MAIN and "__default__" in asked):
            wanted[name] = list(studies["study"].seeds)
    for pipeline, study in studies.items():
        if asked is None or pipeline != "study" or "study" in asked:
            for name in study.methods_on(preset):
                wanted[name] = wanted.get(name, []) + study.seeds
    to_search: dict[str, MethodSearch] = {}
    if preset is None and raw.get("search") and (asked is None or "search" in asked):
        try:
            search = typed_search(raw["search"])
            _refuse_too_few(search.samples, data, parameters.evaluation)
            to_search = searches(search, data.name, run, raw_methods, typed_training, studies)
        except ConfigError:
            # What is typed for runs need not suit a search that nobody asked for.
            if asked is not None:
                raise
    runs: dict[str, dict[str, Any]] = {}
    for name, seeds in wanted.items():
        for seed in dict.fromkeys(seeds):
            of: RunConfig | None = run(name, seed)
            while of is not None:  # with the stages before it
                runs.setdefault(of.method, {})[f"seed{seed}"] = of.model_dump(mode="json")
                of = of.after
    plain = parameters.model_dump(mode="json")
    checked = {
        "data": data.model_dump(mode="json"),
        "evaluation": {**plain["evaluation"], "changed": changed},
        "task": parameters.task,
    }
    return {
        **plain,
        **checked,
        "training": {**raw["training"], "replace": replace},
        "studies": {name: study.model_dump(mode="json") for name, study in studies.items()},
        "datasets": {data.name: checked},
        "runs": {data.name: runs},
        "searches": {name: of.model_dump(mode="json") for name, of in to_search.items()},
        "searched": {data.name: searched(tuned, data.name)},
    }


def shaped(network: dict[str, Any], sample: Mapping[str, int]) -> dict[str, Any]:
    """A network's options with what it takes of a sample's shape, whatever is configured."""
    try:
        known: Collection[str] = networks.options(network.get("name", ""))
    except ValueError:  # of a name that is refused when the network is built
        known = sample
    return {**network, **{key: value for key, value in sample.items() if key in known}}


MAIN = "relation_gan"
"""The method of the default pipeline."""


def asked_studies(studies: Mapping[str, Any], asked: Collection[str] | None) -> dict[str, Any]:
    """The named studies that pipelines belong to, with those that each brings along."""
    if asked is None:
        return dict(studies)
    found: dict[str, Any] = {}
    for name in asked:
        if name in studies:
            also = studies[name].get("also", [])
            others = {key: of for key, of in studies.items() if key != name}
            found |= {name: studies[name], **asked_studies(others, also)}
    return found


def _evaluation(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of the evaluation over those of its protocol, and the protocol's own where they differ."""
    own, protocols = raw["evaluation"], raw.get("protocols", {})
    name = own.get("protocol", "standard")
    if name not in protocols:
        raise ConfigError(f"parameter 'evaluation.protocol' is {name!r}; choose one of: {', '.join(protocols)}")
    merged = merge(protocols[name], own)
    return merged, {key: value for key, value in protocols[name].items() if merged.get(key) != value}


def _data(raw: Mapping[str, Any], evaluation: EvaluationConfig) -> DataConfig:
    data: DataConfig = validated(AnyDataConfig, raw, "data")  # type: ignore[arg-type]
    if evaluation.completion.images and not (isinstance(data, ImagesConfig) and data.held_out):
        raise ConfigError(
            f"evaluation.completion.images {evaluation.completion.images} asks for held-out images, of which "
            f"{data.name} has none; {'set data.held_out, or ' if isinstance(data, ImagesConfig) else ''}leave it at 0"
        )
    if evaluation.extractor == extractors.CLASSIFIER and not (isinstance(data, ImagesConfig) and data.classifier):
        remedy = (
            "set data.classifier and data.held_out, or choose another extractor"
            if isinstance(data, ImagesConfig)
            else "leave evaluation.extractor out, which is about images"
        )
        raise ConfigError(
            f"parameter 'evaluation.extractor' is '{evaluation.extractor}', but {data.name} has no image classifier; "
            f"{remedy}"
        )
    if not isinstance(data, PointsConfig):
        counts = {"evaluation.samples": evaluation.samples}
        counts |= {"data.count": data.count} if isinstance(data, StackedDigitsConfig) else {}
        if isinstance(data, ImagesConfig):
            counts["evaluation.curve_samples"] = evaluation.curve_samples
            counts |= {"evaluation.real_samples": evaluation.real_samples} if evaluation.real_samples else {}
        for key, value in counts.items():
            if value < evaluation.kid_subset_size:
                raise ConfigError(
                    f"{key} {value} must not be less than evaluation.kid_subset_size {evaluation.kid_subset_size}"
                )
    return data


def _refuse_too_few(samples: int | None, data: DataConfig, evaluation: EvaluationConfig) -> None:
    """Refuse scorings of a search that a subset of the kernel distance is larger than."""
    least = 0 if isinstance(data, PointsConfig) else evaluation.kid_subset_size
    if samples is not None and samples < least:
        raise ConfigError(f"search.samples {samples} must not be less than evaluation.kid_subset_size {least}")


def _training(name: str, method: MethodConfig, values: dict[str, Any]) -> TrainingConfig:
    training = validated(TrainingConfig, values, "training", f"methods.{name}.training")
    return training.model_copy(update={"steps": max(1, round(training.steps * method.share))})
