"""Kedro's loader of the parameters."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import OmegaConf

from relation_gan.config.merge import merge
from relation_gan.config.messages import ConfigError, suggested
from relation_gan.config.resolve import resolve
from relation_gan.config.studies import experiments_of
from relation_gan.gan.scoring.config import split_list

AXES = "axes"
"""The folder of what presets are composed of."""
TUNED = "tuned"
"""The folder of the settings that searches found, and the parameter that names those in force."""
WHOLE = ("data", "networks")
"""What an axis replaces as a whole; of all else, it overrides what it names."""


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader, whose parameters are checked and resolved: the same for a run, kedro-viz and a notebook.

    A preset is composed of `axes` (data, networks, a budget: files of conf/axes) and what it overrides of them; a study
    may span several presets.

    Args:
        asked: the pipelines that are to run: only what they need is resolved. None: everything.
    """

    latest: ClassVar["ProjectConfigLoader | None"] = None
    """The loader of the latest session: the registry builds the graph from its parameters."""

    def __init__(self, *args: Any, asked: Collection[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = asked
        ProjectConfigLoader.latest = self
        self._folders: dict[str, Mapping[str, Any]] = {}
        self._axes: dict[str, Any] = {}
        self._resolved: dict[str, Any] = {}

    def presets(self) -> list[str]:
        """The names that --env takes."""
        own = {self.base_env, self.default_run_env, AXES, TUNED}
        return sorted(path.name for path in Path(self.conf_source).iterdir() if path.is_dir() and path.name not in own)

    def __getitem__(self, key: str) -> Any:
        if key != "parameters":
            return super().__getitem__(key)
        self._resolved = self._resolved or self._resolve()
        return self._resolved

    def _resolve(self) -> dict[str, Any]:
        typed = self.runtime_params or {}
        raw = self._tuned(merge(self._composed(self.env or self.default_run_env), typed))
        resolved = resolve(raw, typed, asked=self.asked)
        compared = [of for study in resolved["studies"].values() for of in [study, *study["experiments"].values()]]
        names: dict[str, str] = {}
        refused: dict[str, ConfigError] = {}
        for preset in dict.fromkeys(preset for of in compared for preset in of["presets"]):
            try:
                names[preset] = self._add(resolved, preset, typed)
            except ConfigError as error:
                # What is typed for one study need not suit the data of another, which nobody asked for.
                refused[preset] = error
        for of in raw[TUNED]:
            if of.get("dataset") not in resolved["datasets"]:
                raise ConfigError(
                    f"parameter 'tuned': '{of.get('search')}' is a setting for {of.get('dataset')}, and this is about "
                    f"{', '.join(resolved['datasets'])}; choose the --env that it was searched on"
                )
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
            study["experiments"] = experiments_of(study, names, resolved["data"]["name"])
            study["searched"] = resolved["searched"]
        return {**resolved, "study": resolved["studies"]["study"], "study_names": ["study", *raw.get("studies", {})]}

    def _add(self, resolved: dict[str, Any], preset: str, typed: Mapping[str, Any]) -> str:
        """Add the data set and the runs of another preset, and return the data set's name."""
        # What is typed about data and networks is about the environment.
        about = () if preset == self.env else ("data", "networks")
        common = {key: value for key, value in typed.items() if key not in (*about, "study")}
        studies = {name: resolved[name] for name in ("study", "studies")}
        other = resolve({**self._tuned(merge(self._composed(preset), common)), **studies}, typed, preset)
        name = other["data"]["name"]
        resolved["datasets"] |= other["datasets"]
        resolved["searched"] |= other["searched"]
        runs = resolved["runs"].setdefault(name, {})
        for method, seeds in other["runs"][name].items():
            runs[method] = runs.get(method, {}) | seeds
        return name

    def _composed(self, env: str) -> dict[str, Any]:
        """The parameters of the base, of the axes of a preset over them, and its own."""
        if env != self.default_run_env and env not in (known := self.presets()):
            raise ConfigError(f"there is no preset '{env}'{suggested(env, known)}; choose one of: {', '.join(known)}")
        own, composed = self._folder(env), self._folder(self.base_env)
        if "based_on" in own:
            raise ConfigError(
                f"preset '{env}' has based_on: {own['based_on']}, of an earlier version; list the axes that it is "
                "composed of instead, such as axes: [data/ring8, networks/mlp_points, budgets/points]"
            )
        for name in own.get("axes", []):
            axis = self._axis(name, env)
            # Nothing of the base's data and networks stays in those of an axis.
            composed = merge({key: of for key, of in composed.items() if key not in WHOLE or key not in axis}, axis)
        return merge(composed, own)

    def _tuned(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters, with the content of the files that `tuned` names."""
        folder = Path(self.conf_source, TUNED)
        found = []
        for name in filter(None, split_list(parameters.get(TUNED, []))):
            path, known = folder / f"{name}.yml", sorted(path.stem for path in folder.glob("*.yml"))
            if name not in known:
                choice = f"; choose from: {', '.join(known)}" if known else ""
                raise ConfigError(
                    f"parameter 'tuned' is '{name}', but there is no {path}, which a search of that name "
                    f"writes{suggested(name, known)}{choice}"
                )
            found.append(OmegaConf.to_container(OmegaConf.load(path), resolve=True))
        return {**parameters, TUNED: found}

    def _axis(self, name: str, env: str) -> Mapping[str, Any]:
        """The parameters of one axis."""
        if name not in self._axes:
            folder = Path(self.conf_source, AXES)
            known = sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.yml"))
            if name not in known:
                choice = f"{suggested(name, known)}; choose from: {', '.join(known)}"
                raise ConfigError(f"preset '{env}' has an unknown axis '{name}'{choice}")
            self._axes[name] = OmegaConf.to_container(OmegaConf.load(folder / f"{name}.yml"), resolve=True)
        return self._axes[name]

    def _folder(self, env: str) -> Mapping[str, Any]:
        """The parameters in one folder alone."""
        if env not in self._folders:
            options = {"config_patterns": self.config_patterns, "base_env": env, "default_run_env": env}
            try:
                self._folders[env] = OmegaConfigLoader(str(self.conf_source), **options)["parameters"]
            except MissingConfigException:
                self._folders[env] = {}
        return self._folders[env]
