"""What a search found, as a file that a study takes up by its name."""

from collections.abc import Mapping, Sequence

import yaml

from relation_gan.analysis.search import SearchResult
from relation_gan.config.search import TunedConfig, TunedMethod


def tuned_file(results: Sequence[SearchResult], origin: Mapping[str, str]) -> str:
    """YAML of a `TunedConfig`: the overrides of the best trial of each method, and how it was found."""
    first = results[0]
    tuned = TunedConfig(
        search=first.search,
        dataset=first.dataset,
        data_sha256=first.data_sha256,
        objective=first.objective,
        trials=first.asked,
        seconds=first.budget_seconds,
        steps=first.budget_steps,
        seed=first.seed,
        commit=origin.get("commit", ""),
        methods={of.method: tuned_method(of) for of in results},
    )
    head = [
        f"# What a search found, written by: {origin.get('command', 'kedro run --pipeline=search')}",
        f"# A study takes it up with the same --env: kedro run {usage(results)}",
    ]
    return "\n".join([*head, yaml.safe_dump(tuned.model_dump(mode="json"), sort_keys=False)])


def tuned_method(of: SearchResult) -> TunedMethod:
    """The best trial of a method."""
    best, finished = of.best, of.count["finished"]
    if best is None:
        return TunedMethod(trial=None, finished=finished)
    return TunedMethod(trial=best.number, score=best.score, finished=finished, overrides=best.overrides)


def usage(results: Sequence[SearchResult]) -> str:
    """The arguments of a study of the methods with the settings that were found."""
    methods = "+".join(of.method for of in results)
    return f"--pipeline=study --params=tuned={results[0].search},study.methods={methods}"
