"""Scores of a training in progress, by the scorers of a study and of fewer samples."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import click

from relation_gan.analysis.measures import DECISIVE, scale_kid
from relation_gan.config.search import AUTO
from relation_gan.gan import scoring
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.networks import Network
from relation_gan.gan.scoring import EvaluationConfig, Scores, Source, Subject
from relation_gan.gan.state import TrainState
from relation_gan.gan.tasks import Task
from relation_gan.pipelines.shared import device


def brief_evaluation(evaluation: EvaluationConfig, samples: int | None, seed: int) -> EvaluationConfig:
    """A study's evaluation with fewer samples, drawn from other latents than the study's."""
    few = samples or evaluation.curve_samples
    return evaluation.model_copy(
        update={"samples": few, "curve_samples": few, "seed": seed, "regenerations": 1, "kept_samples": 1}
    )


@dataclass
class TrialScorer:
    """Scores the EMA networks of a state.

    Args:
        over_training: the scorers, with the reference of each, or nothing.
        references: by those names.
        full: by all that the scorers give of a trained run, instead of what curves show.
    """

    over_training: Mapping[str, str]
    references: Mapping[str, Described]
    source: Source
    evaluation: EvaluationConfig
    full: bool = False

    def __post_init__(self) -> None:
        self._scorers = [
            (scoring.create(name, evaluation=self.evaluation, device=device()), self.references[reference])
            for name, reference in self.over_training.items()
        ]

    def __call__(self, state: TrainState) -> Scores:
        """Scores by the names that they have in tables.

        Raises:
            DivergedError: samples are not finite.
        """
        networks: dict[str, Network] = {name: deepcopy(of).to(device()).eval() for name, of in state.ema.items()}
        task: type[Task] = type(state.task)
        sampler = task.sampler(networks, self.source.store)
        found: Scores = {}
        for scorer, reference in self._scorers:
            if self.full:
                found |= scorer.score(Subject({"ema": sampler}, networks), self.source, reference)[0]
            else:
                found |= scorer.brief(sampler, self.source, reference)
        return scale_kid(found)

    def choose(self, objective: str, state: TrainState) -> str:
        """The objective by its name, after a look at an untrained state; `full` is set if curves do not show it.

        Raises:
            click.ClickException: such data has no such score.
        """
        wanted = DECISIVE if objective == AUTO else (objective,)
        self.full, found = False, self(state)
        if not any(name in found for name in wanted):
            self.full = True
            found = self(state)
        if there := next((name for name in wanted if name in found), None):
            return there
        raise click.ClickException(
            f"parameter 'search.objective' is '{objective}', which is not measured here; choose one of: "
            f"{', '.join(found)}"
        )
