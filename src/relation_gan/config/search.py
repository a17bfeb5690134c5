"""What a search varies, of which methods and at which cost; and the settings that finished searches found."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from relation_gan.analysis.measures import COMPARED, better
from relation_gan.config.merge import merge
from relation_gan.config.messages import ConfigError, refuse_unknown, suggested, validated
from relation_gan.config.schema import SEEDS, StudyConfig, number
from relation_gan.config.setting import has, with_setting
from relation_gan.gan.model import Model
from relation_gan.gan.run import RunConfig
from relation_gan.gan.schedule import TrainingConfig
from relation_gan.gan.scoring.config import split_list

AUTO = "auto"


class Range(Model):
    """The values that a search may try: an interval, or choices."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = Field(False, description="draw evenly on a logarithmic scale")
    integer: bool = Field(False, description="whole numbers alone")
    choices: list[bool | int | float | str] = Field([], description="in place of an interval")

    @field_validator("choices", mode="before")
    @classmethod
    def _numbers(cls, values: Any) -> list[Any]:
        return [number(value) if isinstance(value, str) else value for value in split_list(values)]

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "Range":
        if self.choices:
            if (self.low, self.high, self.log, self.integer) != (None, None, False, False):
                raise ValueError("it has choices and an interval; leave out one of them")
            return self
        if self.low is None or self.high is None:
            raise ValueError("it needs low and high, or choices")
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low} must be above 0 on a logarithmic scale")
        if self.integer and (self.low % 1 or self.high % 1):
            raise ValueError(f"low {self.low} and high {self.high} must be whole numbers")
        return self

    @property
    def ends(self) -> list[Any]:
        """The values that stand for all others when they are checked."""
        if self.choices:
            return list(self.choices)
        low, high = self.interval
        return [int(low), int(high)] if self.integer else [low, high]

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends; there are none where there are choices."""
        assert self.low is not None and self.high is not None  # by the validator
        return self.low, self.high

    def holds(self, value: Any) -> bool:
        """Whether a value is one of those that may be tried."""
        if self.choices:
            return value in self.choices
        low, high = self.interval
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return low <= value <= high and not (self.integer and value % 1)


class SearchSettings(Model):
    """What is the same for every method of a search."""

    name: str = Field("{pipeline}_{dataset}", pattern=r"^([a-z0-9_]|\{(pipeline|dataset)\})+$")
    trials: PositiveInt
    seconds: PositiveFloat | None = Field(
        None, description="of training of a trial: CPU seconds of one thread; on an accelerator, its seconds"
    )
    steps: PositiveInt | None = Field(None, description="of a trial, in place of seconds")
    seed: int = Field(ge=0, description="of the search; trial n trains with seed + n")
    objective: str = Field(AUTO, description="a score; auto: the one that decides on such data")
    samples: int | None = Field(None, ge=100, description="for each scoring; none: evaluation.curve_samples")
    rungs: list[float] = Field([0.25, 0.5], description="parts of a trial after which it is scored and may be pruned")
    pruner: Literal["median", "halving", "none"] = "median"
    own_first: bool = Field(True, description="begin with the method's own setting")

    _split_rungs = field_validator("rungs", mode="before")(split_list)

    @field_validator("rungs")
    @classmethod
    def _in_order(cls, rungs: list[float]) -> list[float]:
        if any(not 0.01 <= rung < 1 for rung in rungs) or rungs != sorted(set(rungs)):
            raise ValueError("rungs must be parts from 0.01 to below 1, each greater than the one before")
        return rungs

    @field_validator("objective")
    @classmethod
    def _has_a_direction(cls, name: str) -> str:
        if name != AUTO and not better(name):
            raise ValueError(
                f"it must be a score of which more or less is better{suggested(name, COMPARED)}; choose {AUTO} or one "
                f"of: {', '.join(COMPARED)}"
            )
        return name

    @model_validator(mode="after")
    def _has_a_budget(self) -> "SearchSettings":
        if self.seconds is None and self.steps is None:
            raise ValueError("search.seconds and search.steps are missing; give one of them")
        if self.seed + self.trials > SEEDS:
            raise ValueError(f"search.seed {self.seed} + search.trials {self.trials} must be at most {SEEDS}")
        return self

    @property
    def seeds(self) -> range:
        """Those that trials train with."""
        return range(self.seed, self.seed + self.trials)


class SearchConfig(SearchSettings):
    """`search`, as conf/base/parameters/search.yml has it."""

    methods: list[str] = Field(min_length=1)
    ranges: dict[str, Range] = Field({}, description="by path, of every method that has such a parameter")
    own: dict[str, dict[str, Range]] = Field({}, description="by method and path; `like` takes them over")

    _split_methods = field_validator("methods", mode="before")(split_list)


class MethodSearch(SearchSettings):
    """What the search of one method is made from."""

    run: RunConfig
    """The method's own setting."""
    ranges: dict[str, Range]
    left_out: list[str] = Field(default=[])
    """Ranges of all methods that this one has no parameter for."""

    def depends_on(self, digest: str) -> dict[str, Any]:
        """Everything that a trial depends on besides its number; trials of anything else belong to another search.

        Args:
            digest: of the data.
        """
        run = self.run.depends_on(digest)
        for key in ("steps", "log_every", "snapshots"):  # A trial has its own.
            del run["run"]["training"][key]
        return {**self.model_dump(mode="json", exclude={"name", "trials", "left_out", "run"}), **run}


class TunedMethod(Model):
    """What a search found for one method."""

    trial: int | None
    """The best; None where none finished, and the method keeps its own setting."""
    score: float | None = None
    finished: int
    """Trials that were trained and scored to the end; the others were pruned, diverged or failed."""
    overrides: dict[str, Any] = Field(default={})
    """Of the method's entry in methods.yml."""


class TunedConfig(Model):
    """What a search writes: conf/tuned/<search>.yml."""

    search: str
    dataset: str
    """The data set whose runs it is for."""
    data_sha256: str
    objective: str
    trials: int
    seconds: float | None = None
    steps: int | None = None
    seed: int
    commit: str = ""
    methods: dict[str, TunedMethod]

    @property
    def seeds(self) -> range:
        """Those that its trials were trained with."""
        return range(self.seed, self.seed + self.trials)


def nested(ranges: Mapping[str, Any]) -> dict[str, Any]:
    """Ranges by nested dictionaries as ranges by dotted path: what is typed is nested, what is in a file is dotted."""

    def unfold(key: str, value: Any) -> dict[str, Any]:
        first, _, rest = key.partition(".")
        inner = unfold(rest, value) if rest else value
        if isinstance(inner, Mapping) and not rest:
            inner = {part: of for name, each in inner.items() for part, of in unfold(name, each).items()}
        return {first: inner}

    def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in values.items():
            leaf = not isinstance(value, Mapping) or not any(isinstance(of, Mapping) for of in value.values())
            found |= ({f"{prefix}{key}": value} if value != {} else {}) if leaf else flat(value, f"{prefix}{key}.")
        return found

    return flat(merge(*(unfold(key, value) for key, value in ranges.items()))) if ranges else {}


def typed_search(raw: Mapping[str, Any]) -> SearchConfig:
    """The parameters of a search.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    ranges, own = raw.get("ranges", {}), raw.get("own", {})
    unfolded = {"ranges": nested(ranges), "own": {method: nested(of) for method, of in own.items()}}
    return validated(SearchConfig, {**raw, **unfolded}, "search")


def searches(
    config: SearchConfig,
    dataset: str,
    run: Callable[[str, int], RunConfig],
    methods: Mapping[str, Any],
    typed_training: Collection[str],
    studies: Mapping[str, StudyConfig],
) -> dict[str, MethodSearch]:
    """What the search of each method is made from.

    Args:
        run: the configuration of a method with a seed.
        methods: entries of methods.yml, before they take over one another.
        typed_training: the keys of `training` that were typed, which win over every setting.
        studies: whose seeds the search keeps away from.

    Raises:
        ConfigError: a method is unknown or starts from another, a range suits no method or its values are refused, or
            a seed is a study's.
    """
    refuse_unknown("search.methods", config.methods, methods)
    refuse_unknown("search.own", config.own, methods)
    for name, study in studies.items():
        refuse_overlap("search.seed", config.seeds, name, study)
    for path in config.ranges:
        if not any(has(run(name, config.seed), path) for name in dict.fromkeys([*config.methods, *methods])):
            near = suggested(path, [f"training.{field}" for field in TrainingConfig.model_fields])
            raise ConfigError(f"parameter 'search.ranges.{path}': no method has such a parameter{near}")
    common = {key: value for key, value in config.model_dump().items() if key in SearchSettings.model_fields}
    common["name"] = config.name.format(pipeline="search", dataset=dataset)
    found = {}
    for name in config.methods:
        of = run(name, config.seed)
        if of.after is not None:
            raise ConfigError(
                f"parameter 'search.methods': '{name}' starts from the networks of '{of.after.method}', which every "
                "trial would have to train first; search that one"
            )
        ranges = _ranges(of, config, methods)
        for path, each in ranges.items():
            section, key, *_ = path.split(".")
            if section == "training" and key in typed_training:
                raise ConfigError(f"parameter 'training.{key}' is typed and searched over; leave out one of the two")
            _check(of, path, each)
        left_out = [path for path in config.ranges if path not in ranges]
        found[name] = MethodSearch(**common, run=of, ranges=ranges, left_out=left_out)
    return found


def _ranges(run: RunConfig, config: SearchConfig, methods: Mapping[str, Any]) -> dict[str, Range]:
    """The common ranges and its own that a method has parameters for."""
    name = run.method
    for path in config.own.get(name, {}):
        if not has(run, path):
            raise ConfigError(f"parameter 'search.own.{name}.{path}': the method has no such parameter")
    wanted = {**config.ranges, **_own(name, config, methods)}
    found = {path: of for path, of in wanted.items() if has(run, path)}
    if not found:
        raise ConfigError(f"parameter 'search.ranges': method '{name}' has none of these parameters; give it own")
    return found


def _own(name: str, config: SearchConfig, methods: Mapping[str, Any]) -> dict[str, Range]:
    """A method's own ranges, over those of the method that it is like.

    What its entry says itself makes it another method than that one, and is not taken over: the fixed centres of
    `dmgan_fixed`.
    """
    like = methods[name].get("like")
    taken = _own(like, config, methods) if like else {}
    return {path: of for path, of in taken.items() if not _says(methods[name], path)} | config.own.get(name, {})


def _says(entry: Any, path: str) -> bool:
    """Whether an entry of methods.yml has something at a path."""
    for part in path.split("."):
        if not isinstance(entry, Mapping) or part not in entry:
            return False
        entry = entry[part]
    return True


def _check(run: RunConfig, path: str, of: Range) -> None:
    """Refuse a range with a value that the run cannot be built with."""
    for end in of.ends:
        try:
            changed = with_setting(run, {path: end})
            if not path.startswith("training."):
                with torch.device("meta"):
                    changed.build()
        except (ValueError, TypeError, RuntimeError) as error:  # torch raises the last two
            raise ConfigError(f"search over '{path}': method '{run.method}' refuses {end!r}: {error}") from None


def refuse_overlap(key: str, seeds: range, name: str, study: StudyConfig) -> None:
    """Refuse a study with seeds that a search has trained with: its scores would be those that were picked."""
    if both := [seed for seed in study.seeds if seed in seeds]:
        place = name if name == "study" else f"studies.{name}"
        raise ConfigError(
            f"parameter '{place}.seeds' has {', '.join(map(str, both))}, and {key} covers {seeds[0]} to {seeds[-1]}: "
            "what was picked by a seed must not be compared by it; choose other seeds for one of them"
        )


def with_tuned(methods: Mapping[str, Any], tuned: Sequence[TunedConfig], dataset: str) -> dict[str, Any]:
    """Methods with what searches on a data set have found for them.

    Raises:
        ConfigError: a method is not known any more, or two searches have a setting for it.
    """
    found = dict(methods)
    by: dict[str, str] = {}
    for of in tuned:
        if of.dataset != dataset:
            continue
        refuse_unknown(f"tuned '{of.search}'", of.methods, methods)
        for name, each in of.methods.items():
            if name in by:
                raise ConfigError(f"parameter 'tuned': '{by[name]}' and '{of.search}' both have a setting of '{name}'")
            found[name], by[name] = merge(methods[name], each.overrides), of.search
    return found


def searched(tuned: Sequence[TunedConfig], dataset: str) -> dict[str, dict[str, Any]]:
    """How each method was searched on a data set, for reports: `TunedConfig` and `TunedMethod` in one, flat."""
    return {
        name: {**of.model_dump(exclude={"methods"}), **each.model_dump(exclude={"overrides"})}
        for of in tuned
        if of.dataset == dataset
        for name, each in of.methods.items()
    }
