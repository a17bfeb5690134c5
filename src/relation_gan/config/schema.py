"""What parameters may say, typed."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import Field, PositiveInt, field_validator

from relation_gan.gan import tasks
from relation_gan.gan.model import Model
from relation_gan.gan.ramp import in_words
from relation_gan.gan.scoring.config import EvaluationConfig, split_list
from relation_gan.gan.theory import DiracConfig

Budget = Literal["smoke", "reduced", "paper"]
"""What a study may cost: seconds, half an hour on two cores, or the paper's iterations on a GPU."""
BUDGETS: tuple[str, ...] = get_args(Budget)
SEEDS = 2**22
"""Seeds are below this."""


class SweepConfig(Model):
    """A hyper-parameter of a method, and the values that it takes: each makes a method of its own."""

    method: str
    over: str = Field(pattern=r"^\w+(\.\w+)+$", description="dotted, as in the method's entry: loss.weight")
    values: list[Any] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _numbers(cls, values: Any) -> list[Any]:
        return [number(value) if isinstance(value, str) else value for value in split_list(values)]

    def name(self, value: Any) -> str:
        """What the method with this value is called: `dmgan_weight_1p4`."""
        name = re.sub(r"\W", "_", str(in_words(value)).replace(".", "p").replace("-", "m").replace("+", ""))
        return f"{self.method}_{self.over.rpartition('.')[2]}_{name}"


def number(typed: str) -> Any:
    """What was typed, as YAML reads it; but 1e-3 is a number, too."""
    value = yaml.safe_load(typed)
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


class ComparisonConfig(Model):
    """What is compared with what."""

    methods: list[str] = Field(default=[])
    sweeps: list[SweepConfig] = Field(default=[])
    presets: list[str] = Field(default=[], description="whose data sets are compared; none: that of the environment")

    _split_names = field_validator("methods", "presets", mode="before")(split_list)

    @field_validator("sweeps", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, Mapping) else value

    @field_validator("methods", "presets")
    @classmethod
    def _different(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("the names must be different ones")
        return names

    def contenders(self) -> list[str]:
        """The methods by name, those of the sweeps among them."""
        swept = [sweep.name(value) for sweep in self.sweeps for value in sweep.values]
        return list(dict.fromkeys([*self.methods, *swept]))


class ExperimentConfig(ComparisonConfig):
    """A table or a figure of a paper; without presets at a budget, it is not run there."""

    title: str


class StudyConfig(ComparisonConfig):
    """Which runs one report compares: methods on data sets, or several experiments of that kind."""

    name: str = Field(
        "{pipeline}", pattern=r"^([a-z0-9_]|\{(pipeline|dataset|budget)\})+$", description="the report's folder"
    )
    budget: Budget = "reduced"
    main: str = Field("", description="the method that the others are compared with; none: the first")
    seeds: list[int] = Field(min_length=1)
    experiments: dict[str, ExperimentConfig] = Field({}, description="by number, as `published.csv` has them")
    note: str = Field("", description="how its methods differ from the paper's, for the report")
    also: list[str] = Field([], description="other pipelines that belong to it, with reports of their own")

    _split_seeds = field_validator("seeds", mode="before")(split_list)

    @field_validator("seeds")
    @classmethod
    def _usable(cls, seeds: list[int]) -> list[int]:
        if any(not 0 <= seed < SEEDS for seed in seeds) or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must be different numbers from 0 to {SEEDS - 1}")
        return seeds

    def comparisons(self) -> dict[str, ComparisonConfig]:
        """The experiments that are run at the study's budget, or the study itself under no name."""
        return {name: of for name, of in self.experiments.items() if of.presets} if self.experiments else {"": self}

    def methods_on(self, preset: str | None) -> list[str]:
        """What is trained on a preset's data, or on the environment's."""
        found = [of for of in self.comparisons().values() if (preset in of.presets if preset else not of.presets)]
        return list(dict.fromkeys(name for of in found for name in of.contenders()))


class EvaluateConfig(Model):
    """What `--pipeline=evaluate` scores."""

    samples: str = Field("", description="a generator's file, or a folder or zip file of images")


class ParallelConfig(Model):
    """What a run is given by `RunsInParallel`, and where it keeps its files."""

    cpus: PositiveInt = Field(default=1, description="of a run, which computes with as many threads")
    gpus: Literal["auto"] | Annotated[float, Field(ge=0)] = Field(
        default="auto", description="of a run; below 1: shared"
    )
    retries: int = Field(default=10, ge=0, description="of a run whose process or machine was lost")
    storage: str = Field(
        default="", description="path or fsspec URL where data/ is kept; none: in the project's folder"
    )

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, gpus: str | float) -> str | float:
        if not isinstance(gpus, str) and gpus > 1 and gpus % 1:
            raise ValueError("it must be auto, a number below 1 or a whole one")
        return gpus


class MethodConfig(Model):
    """A named recipe. `critic`, `generator` and `training` override the common ones."""

    title: str
    loss: dict[str, Any]
    regularisers: list[dict[str, Any]] = Field(default=[])
    generator: dict[str, Any] = Field(default={})
    critic: dict[str, Any] = Field(default={})
    training: dict[str, Any] = Field(default={})
    after: str | None = Field(None, description="the method whose networks, trained with the same seed, it starts from")
    share: float = Field(1.0, gt=0, description="of the common steps, so that stages can share a budget")

    @property
    def networks(self) -> dict[str, dict[str, Any]]:
        """What it overrides of the networks, by their names."""
        return {"generator": self.generator, "critic": self.critic}


class Parameters(Model):
    """All of conf/<env>/parameters*."""

    axes: list[str] = Field(default=[], description="files of conf/axes that a preset is composed of: data/ring8")
    data: dict[str, Any]
    task: dict[str, Any] = Field(default={"name": "generation"}, description="name and options of what is learnt")
    networks: dict[str, dict[str, Any]]
    methods: dict[str, MethodConfig]
    training: dict[str, Any]
    evaluation: EvaluationConfig
    protocols: dict[str, dict[str, Any]] = Field({}, description="named ways to score: what they say of `evaluation`")
    evaluate: EvaluateConfig = EvaluateConfig(samples="")
    study: dict[str, Any]
    studies: dict[str, dict[str, Any]] = Field({}, description="named studies: what they override of `study`")
    claims: dict[str, dict[str, Any]] = Field({}, description="what papers claim, for the reports of studies")
    search: dict[str, Any] = Field(default={}, description="what `--pipeline=search` tries")
    tuned: list[dict[str, Any]] = Field(default=[], description="settings that searches found: files of conf/tuned")
    dirac: DiracConfig | None = None
    parallel: ParallelConfig = ParallelConfig()

    @field_validator("task")
    @classmethod
    def _known_task(cls, task: dict[str, Any]) -> dict[str, Any]:
        tasks.entry(task.get("name", ""))
        return task
