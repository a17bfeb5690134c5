"""What studies compare: their methods, sweeps, seeds and experiments at a budget."""

from collections.abc import Mapping
from typing import Any

from relation_gan.config.merge import with_value
from relation_gan.config.messages import ConfigError, refuse_unknown, validated
from relation_gan.config.schema import BUDGETS, ComparisonConfig, StudyConfig, SweepConfig
from relation_gan.gan.ramp import in_words


def typed_study(name: str, raw: dict[str, Any]) -> StudyConfig:
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
    study = validated(StudyConfig, {**raw, "experiments": experiments, "seeds": seeds}, key)
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


def swept(methods: dict[str, Any], studies: Mapping[str, StudyConfig]) -> dict[str, Any]:
    """The methods, and one for each value of each sweep."""
    swept = dict(methods)
    for name, study in studies.items():
        for of in study.comparisons().values():
            key = "study.methods" if name == "study" else f"studies.{name}.methods"
            for sweep in of.sweeps:
                refuse_unknown(f"{key.removesuffix('.methods')}.sweeps", [sweep.method], methods)
                for value in sweep.values:
                    swept[sweep.name(value)] = with_value(methods[sweep.method], sweep.over, value, sweep.method)
            refuse_unknown(key, of.methods, swept)
        if study.main:
            refuse_unknown(f"{key.removesuffix('.methods')}.main", [study.main], swept)
    return swept


def experiments_of(study: Mapping[str, Any], names: Mapping[str, str], own: str) -> dict[str, Any]:
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
                    "methods": {sweep.name(value): in_words(value) for value in sweep.values},
                }
                for sweep in sweeps
            ],
        }
    return found
