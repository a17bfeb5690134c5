"""Numbers that change over a training."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, FiniteFloat, GetCoreSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from relation_gan.gan.model import Model


class Ramp(Model):
    """A number that goes from a start to an end, and stays there: a pure function of how much of a training is done.

    `cosine` is flat at both ends, as R3GAN's code has it: start + (1 - cos(pi t)) / 2 * (end - start), where t is the
    share of the ramp that is done.
    """

    start: FiniteFloat
    end: FiniteFloat
    over: float = Field(1.0, gt=0, le=1, description="the share of the steps that it takes, from the first on")
    shape: Literal["linear", "cosine"] = "linear"

    def at(self, progress: float) -> float:
        """The number when this share of the steps is done, from 0 to 1."""
        t = min(progress / self.over, 1.0)
        if t == 1.0:
            return self.end
        if self.shape == "cosine":
            t = (1 - math.cos(math.pi * t)) / 2
        return self.start + t * (self.end - self.start)


Scheduled = float | Ramp
"""A number, or one that changes."""


def in_words(value: Any) -> Any:
    """A value for names and titles: a schedule in words, anything else as it is."""
    if not isinstance(value, Mapping):
        return value
    ends, others = ("start", "end"), [f"{key} {of}" for key, of in value.items() if key not in ("start", "end")]
    return ", ".join([" to ".join(str(value.get(end)) for end in ends), *others])


def at(number: Scheduled, progress: float) -> float:
    """A number when this share of the steps is done; a plain one is the same at all times."""
    return number.at(progress) if isinstance(number, Ramp) else number


def ends(number: Scheduled) -> tuple[float, float]:
    """Where a number starts and ends."""
    return (number.start, number.end) if isinstance(number, Ramp) else (number, number)


def _plain(number: Scheduled | None) -> Any:
    return number.model_dump(mode="json") if isinstance(number, Ramp) else number


@dataclass(frozen=True)
class Within:
    """Annotates a `Scheduled` number of a typed configuration: both ends of a ramp keep a plain number's bounds."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.float_schema(gt=self.gt, ge=self.ge, lt=self.lt)
        plain = core_schema.plain_serializer_function_ser_schema(_plain)
        return core_schema.no_info_wrap_validator_function(self._read, number, serialization=plain)

    @staticmethod
    def _read(value: Any, plain: ValidatorFunctionWrapHandler) -> Scheduled:
        if not isinstance(value, Mapping | Ramp):
            return plain(value)
        ramp = Ramp.model_validate(value)
        wrong: list[InitErrorDetails] = []
        for end in ("start", "end"):
            try:
                plain(getattr(ramp, end))
            except ValidationError as error:
                of = error.errors()[0]
                wrong.append(InitErrorDetails(type=of["type"], loc=(end,), input=of["input"], ctx=of.get("ctx", {})))
        if wrong:
            raise ValidationError.from_exception_data("Ramp", wrong)
        return ramp
