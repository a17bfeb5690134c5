"""A data set as pipelines see it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from relation_gan.gan import scoring, tasks
from relation_gan.gan.data.config import AnyDataConfig, ImagesConfig, PointsConfig, StackedDigitsConfig
from relation_gan.gan.model import Model
from relation_gan.gan.scoring import EvaluationConfig, Scorer


class DatasetConfig(Model):
    """An entry of the resolved `datasets`."""

    data: AnyDataConfig
    evaluation: EvaluationConfig
    task: dict[str, Any]
    """The name and the options of what is learnt: the task's own."""


class Data(NamedTuple):
    """A data set, and what the catalog calls the parts of it: `<name>.<part>`."""

    name: str
    kind: str
    source: str
    """The part that batches come from: `images` or `points`."""
    scorers: tuple[str, ...]
    """Those that apply."""
    compared_with: tuple[tuple[str, str], ...]
    """The reference of each scorer that has one."""
    describing: tuple[str, ...]
    """The scorers that make a reference; the others use one of theirs."""
    over_training: tuple[str, ...]
    """The scorers that the curve over training shows."""
    classified: tuple[str, ...]
    """The scorers that ask the data set's classifier."""
    classifier: bool
    """Whether there is a classifier of the data set's own classes."""
    best: bool
    """Whether the best checkpoint is scored, instead of the last weights."""

    @property
    def references(self) -> tuple[str, ...]:
        """The names of all that samples are compared with."""
        return tuple(dict.fromkeys(reference for _, reference in self.compared_with))

    def reference_of(self, scorer: str) -> str:
        """What a scorer compares with; nothing for one that compares with nothing."""
        return dict(self.compared_with).get(scorer, "")

    @classmethod
    def of(cls, entry: DatasetConfig | Mapping[str, Any]) -> "Data":
        """From an entry of the resolved `datasets`."""
        config = DatasetConfig.model_validate(entry)
        data, evaluation = config.data, config.evaluation
        gives = tasks.task_class(config.task["name"]).gives
        scorers = scoring.applicable(data, evaluation, gives)
        references = ((name, scoring.scorer(name).reference(evaluation)) for name in scorers)
        return cls(
            name=data.name,
            kind=data.kind,
            source="points" if isinstance(data, PointsConfig) else "images",
            scorers=tuple(scorers),
            compared_with=tuple((name, reference) for name, reference in references if reference),
            describing=tuple(name for name in scorers if scoring.scorer(name).describe is not Scorer.describe),
            over_training=tuple(name for name in scorers if scoring.scorer(name).over_training(data, evaluation)),
            classified=tuple(name for name in scorers if scoring.scorer(name).classified(evaluation)),
            classifier=isinstance(data, StackedDigitsConfig | ImagesConfig) and data.classifier is not None,
            best=evaluation.checkpoint == "best",
        )
