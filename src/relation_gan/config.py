"""The parameters in force: typed, checked before any node runs, and resolved to one configuration a run."""

import difflib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Self

import click
from kedro.config import MissingConfigException, OmegaConfigLoader
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator, model_validator

from relation_gan.gan.metrics.judging import JudgeConfig
from relation_gan.gan.training import TrainingConfig


class ConfigError(click.ClickException):
    """A parameter that cannot be used: which, its value, and what is allowed. Shown without a traceback."""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Model):
    """The data set, and how its store is made."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="names the folders of everything made from it")
    size: PositiveInt
    channels: PositiveInt
    count: PositiveInt = Field(description="images in the store")
    held_out_per_class: PositiveInt = Field(le=400, description="digits of each class that only the judge's test sees")
    seed: int = Field(0, ge=0)
    judge: JudgeConfig


class EvaluationConfig(Model):
    """How a trained generator is scored."""

    samples: int = Field(ge=100)
    curve_samples: int = Field(ge=100, description="samples for each point of the score curve over training")
    pictures: PositiveInt = Field(256, description="samples kept as pictures")
    kid_subsets: PositiveInt = 50
    kid_subset_size: PositiveInt = 1000
    seed: int = Field(0, ge=0)
    batch_size: PositiveInt = 100

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.samples < self.kid_subset_size:
            raise ValueError(f"samples {self.samples} must not be fewer than kid_subset_size {self.kid_subset_size}")
        return self


def _split(value: Any) -> Any:
    """Lists typed on the command line are joined by `+`, since Kedro splits --params at commas."""
    if isinstance(value, str):
        return value.split("+")
    return value if isinstance(value, list | tuple) else [value]


class StudyConfig(Model):
    """Which runs one table compares."""

    name: str = Field("{pipeline}", pattern=r"^([a-z0-9_]|\{pipeline\})+$", description="the report's folder")
    methods: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)

    _split_methods = field_validator("methods", "seeds", mode="before")(_split)

    @field_validator("methods")
    @classmethod
    def _different(cls, methods: list[str]) -> list[str]:
        if len(set(methods)) < len(methods):
            raise ValueError("methods must be different ones")
        return methods

    @field_validator("seeds")
    @classmethod
    def _usable(cls, seeds: list[int]) -> list[int]:
        if any(not 0 <= seed < 2**22 for seed in seeds) or len(set(seeds)) < len(seeds):
            raise ValueError("seeds must be different numbers from 0 to 4194303")
        return seeds


class NetworksConfig(Model):
    generator: dict[str, Any]
    critic: dict[str, Any]


class MethodConfig(Model):
    """A named recipe. `critic`, `generator` and `training` override the common ones."""

    title: str
    loss: dict[str, Any]
    regularisers: list[dict[str, Any]] = []
    generator: dict[str, Any] = {}
    critic: dict[str, Any] = {}
    training: dict[str, Any] = {}


class RunConfig(Model):
    """Everything one run's weights depend on, besides the content of its data and the code."""

    dataset: str
    method: str
    title: str
    seed: int
    loss: dict[str, Any]
    regularisers: list[dict[str, Any]]
    generator: dict[str, Any]
    critic: dict[str, Any]
    training: TrainingConfig


class Parameters(Model):
    """All of conf/<env>/parameters*."""

    data: DataConfig
    networks: NetworksConfig
    methods: dict[str, MethodConfig]
    training: dict[str, Any]
    evaluation: EvaluationConfig
    study: StudyConfig


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries merged, the later ones over the earlier. An entry that names another class replaces all."""
    merged: dict[str, Any] = {}
    for layer in layers:
        if "name" in layer and layer["name"] != merged.get("name"):
            merged = {}
        for key, value in layer.items():
            old = merged.get(key)
            merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return deepcopy(merged)


def resolve(raw: Mapping[str, Any], typed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Check the parameters and add `runs`: {method: {seed<n>: RunConfig}}.

    Args:
        raw: the parameters of the environment, with what was typed merged in.
        typed: what was typed with --params. A typed `training.*` wins over the method's own.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    typed = typed or {}
    parameters = _validate(Parameters, raw)
    if parameters.data.count < parameters.evaluation.kid_subset_size:
        raise ConfigError(
            f"data.count {parameters.data.count} must not be less than evaluation.kid_subset_size "
            f"{parameters.evaluation.kid_subset_size}"
        )
    replace = raw["training"].get("replace", False)
    if not isinstance(replace, bool):
        raise ConfigError(f"parameter 'training.replace' is {replace!r}: it must be true or false")
    common = {key: value for key, value in raw["training"].items() if key != "replace"}
    typed_training = {key: value for key, value in typed.get("training", {}).items() if key != "replace"}
    unknown = [name for name in parameters.study.methods if name not in parameters.methods]
    if unknown:
        raise ConfigError(
            f"study.methods: unknown method '{unknown[0]}'{_suggest(unknown[0], parameters.methods)}; "
            f"choose from: {', '.join(parameters.methods)}"
        )
    pixels = {"size": parameters.data.size, "channels": parameters.data.channels}
    runs: dict[str, Any] = {}
    for name, method in parameters.methods.items():
        training = _validate(
            TrainingConfig, merge(common, method.training, typed_training), "training", f"methods.{name}.training"
        )
        for seed in parameters.study.seeds:
            run = RunConfig(
                dataset=parameters.data.name,
                method=name,
                title=method.title,
                seed=seed,
                loss=method.loss,
                regularisers=method.regularisers,
                generator=merge(parameters.networks.generator, method.generator, pixels),
                critic=merge(parameters.networks.critic, method.critic, pixels),
                training=training,
            )
            runs.setdefault(name, {})[f"seed{seed}"] = run.model_dump(mode="json")
    plain = parameters.model_dump(mode="json")
    return {**plain, "training": {**raw["training"], "replace": replace}, "runs": runs}


def _validate(model: type[BaseModel], values: Any, *prefixes: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(e, model, prefixes) for e in error.errors())) from None


def _explain(error: Any, model: type[BaseModel], prefixes: tuple[str, ...]) -> str:
    """One sentence: the key, its value, and what is allowed."""
    path = [str(part) for part in error["loc"]]
    key = ".".join([*prefixes[:1], *path])
    where = f" (or {prefixes[1]})" if len(prefixes) > 1 else ""
    if error["type"] == "extra_forbidden":
        siblings = _fields(model, path[:-1])
        return f"unknown parameter '{key}'{where}{_suggest(path[-1], siblings)}; known are: {', '.join(siblings)}"
    if error["type"] == "missing":
        return f"parameter '{key}'{where} is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"parameter '{key}'{where} is {error['input']!r}: {message[0].lower()}{message[1:]}"


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields at a path of nested models."""
    current: Any = model
    for part in path:
        annotation = current.model_fields[part].annotation if part in current.model_fields else None
        arguments = getattr(annotation, "__args__", ())
        current = next(
            (a for a in (annotation, *arguments) if isinstance(a, type) and issubclass(a, BaseModel)), current
        )
    return list(current.model_fields)


def _suggest(name: str, known: Any) -> str:
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean '{matches[0]}'?" if matches else ""


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader, whose parameters are checked and resolved: the same for a run, kedro-viz and a notebook."""

    latest: ClassVar["ProjectConfigLoader | None"] = None
    """The loader of the latest session: the registry builds the graph from its parameters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ProjectConfigLoader.latest = self

    def presets(self) -> list[str]:
        """The names that --env takes."""
        own = {self.base_env, self.default_run_env}
        return sorted(path.name for path in Path(self.conf_source).iterdir() if path.is_dir() and path.name not in own)

    def __getitem__(self, key: str) -> Any:
        try:
            value = super().__getitem__(key)
        except MissingConfigException as error:
            if self.env and not Path(self.conf_source, self.env).is_dir():
                raise ConfigError(
                    f"there is no preset '{self.env}'; choose one of: {', '.join(self.presets())}"
                ) from None
            raise error
        return resolve(value, self.runtime_params) if key == "parameters" else value
