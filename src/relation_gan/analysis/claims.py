"""What the papers claim, as rules that a study's scores can be held against: conf/base/parameters/claims.yml."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from relation_gan.analysis import measures
from relation_gan.gan.model import Model


class Rule(Model):
    """A statement about one measure, which has a better direction."""

    by: list[str] = Field(
        min_length=1, description="the score, as in table.csv or scores.json, or several that will do"
    )

    @field_validator("by", mode="before")
    @classmethod
    def _one_or_more(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    @field_validator("by")
    @classmethod
    def _has_a_direction(cls, names: list[str]) -> list[str]:
        shown = list(measures.scale_kid(dict.fromkeys(names, 0.0)))
        if not all(map(measures.better, shown)):
            raise ValueError("of this measure neither more nor less is known to be better")
        return shown


class Best(Rule):
    """Each of some methods beats each of its rivals."""

    methods: list[str] = Field(min_length=1)
    rivals: list[str] = Field(min_length=1)


class Reaches(Rule):
    """Each of some methods reaches a value, or is better."""

    methods: list[str] = Field(min_length=1)
    value: float


class BestAt(Rule):
    """A method is best with a parameter from one value to another."""

    method: str
    over: str = Field(description="the parameter, such as loss.weight")
    low: float
    high: float


class Collapses(Rule):
    """A method fails with a parameter above a value: its score is so many times worse than the best one below."""

    method: str
    over: str
    above: float
    times: float = Field(2.0, gt=1)


class Claim(Model):
    """One sentence of a paper, and the rule that tests it."""

    study: str
    experiment: str = Field("", description="of the study; none: its first")
    says: str
    tested_on: dict[str, str] = Field(
        min_length=1,
        description="the data sets that count as a test, and how each differs from the paper's; a list where none does",
    )
    best: Best | None = None
    reaches: Reaches | None = None
    best_at: BestAt | None = None
    collapses: Collapses | None = None

    @field_validator("tested_on", mode="before")
    @classmethod
    def _alike(cls, given: Any) -> Any:
        return dict.fromkeys(given, "") if isinstance(given, list) else given

    @model_validator(mode="after")
    def _one_rule(self) -> "Claim":
        given = [name for name in ("best", "reaches", "best_at", "collapses") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"a claim has one rule: best, reaches, best_at or collapses, not {given or 'none'}")
        return self

    @property
    def rule(self) -> Best | Reaches | BestAt | Collapses:
        (rule,) = filter(None, (self.best, self.reaches, self.best_at, self.collapses))
        return rule


def read_claims(parameters: Mapping[str, Any]) -> dict[str, Claim]:
    """Claims by their names, from `params:claims`.

    Raises:
        ValidationError: one of them has an unknown key, a measure without direction, or no rule.
    """
    return {name: Claim.model_validate(of) for name, of in parameters.items()}
