"""What a configuration says of how samples are scored."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from relation_gan.gan.metrics import completion, extractors
from relation_gan.gan.metrics.features import KEPT
from relation_gan.gan.model import Model


def split_list(value: Any) -> Any:
    """Lists typed on the command line are joined by `+`, since Kedro splits --params at commas."""
    if isinstance(value, str):
        return value.split("+")
    return value if isinstance(value, list | tuple) else [value]


class CompletionConfig(Model):
    """GoGAN's image completion, of images that no training sees."""

    images: int = Field(default=0, ge=0, description="held-out images that are completed; none at 0")
    shares: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=list(completion.SHARES),
        min_length=1,
        description="parts of the image that are hidden",
    )
    steps: PositiveInt = 1000
    weight: float = Field(default=0.1, ge=0, description="of what the critic says")
    lr: float = Field(default=0.01, gt=0)
    batch_size: PositiveInt = Field(default=64, description="images completed at once, which changes no result")

    _split_shares = field_validator("shares", mode="before")(split_list)

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
    regenerations: PositiveInt = Field(
        1, description="times that the samples are drawn again; scores are means of them"
    )
    curve_samples: int = Field(ge=100, description="samples for each point of the score curve over training")
    kept_samples: PositiveInt = Field(256, description="samples that are kept, for the report to show")
    extractor: str = Field(
        "auto",
        validate_default=True,
        description="the network in gan/metrics/extractors.py whose features of images are compared, or classifier: "
        "that of data.classifier",
    )
    weights: str = Field("", description="the file of the extractor's weights; none: torch's cache, or a download")
    real_samples: PositiveInt | None = Field(None, description="real images that are compared with; none: all")
    kid_subsets: PositiveInt = 100
    kid_subset_size: PositiveInt = Field(1000, le=KEPT)
    inception_splits: PositiveInt = 10
    completion: CompletionConfig = CompletionConfig()
    diagnostics: bool = Field(True, description="look closer at images: neighbours, copies, paths, odd ones")
    seed: int = Field(0, ge=0)
    batch_size: PositiveInt = 100
    changed: dict[str, Any] = Field(default={}, description="what differs from the protocol, with the value there")
    published_counter: bool = Field(
        False, description="count the modes of stacked digits as Relation GAN's code does, too"
    )

    @field_validator("extractor")
    @classmethod
    def _known_extractor(cls, name: str) -> str:
        if name == "auto":
            return extractors.at_hand()
        known = [*extractors.names(), extractors.CLASSIFIER]
        if name not in known:
            raise ValueError(f"there is no such extractor; choose auto or one of: {', '.join(known)}")
        return name

    @model_validator(mode="after")
    def _weights_are_read(self) -> "EvaluationConfig":
        if self.weights and self.extractor == extractors.CLASSIFIER:
            raise ValueError(
                f"weights '{self.weights}' cannot be the classifier's, which is trained as data.classifier says; leave "
                "evaluation.weights out, or choose another evaluation.extractor"
            )
        return self
