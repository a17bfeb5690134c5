"""What a session can skip: a run is done if its folders are labelled with what it is to be made from, and no
file is missing.

Networks are made from a run's configuration and the digest of its data, scores from that and from the evaluation of the
data set.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from relation_gan.config import Data, DatasetConfig
from relation_gan.execution import tracking
from relation_gan.execution.artifact_folder import ArtifactFolder
from relation_gan.gan.checkpoint import differences, fingerprint
from relation_gan.gan.run import RunConfig

RUN = re.compile(r"(?P<dataset>[^.]+)\.(?P<method>[^.]+)\.seed(?P<seed>\d+)")
OF_A_RUN = {"training", "evaluation"}
"""Tags of the nodes that make what is kept of a run."""


class RunName(NamedTuple):
    """A run's namespace, `dataset.method.seedN`."""

    dataset: str
    method: str
    seed: str

    @property
    def full(self) -> str:
        return f"{self.dataset}.{self.method}.seed{self.seed}"


def run_of(namespace: str | None) -> RunName | None:
    match = RUN.fullmatch(namespace or "")
    return RunName(**match.groupdict()) if match else None


def runs_of(pipeline: Pipeline, *tags: str) -> list[RunName]:
    """The runs that nodes with any of these tags belong to, in their order."""
    found = (run_of(node.namespace) for node in pipeline.nodes if node.tags & set(tags))
    return list(dict.fromkeys(run for run in found if run))


def source_of(catalog: Any, dataset: str) -> str:
    """The catalog's name of a prepared data set."""
    return f"{dataset}.{Data.of(dataset_of(catalog, dataset)).source}"


def dataset_of(catalog: Any, name: str) -> DatasetConfig:
    """The configuration of a data set."""
    return DatasetConfig.model_validate(catalog.load(f"params:datasets.{name}"))


def config_of(catalog: Any, run: RunName) -> RunConfig:
    """A run's configuration."""
    return RunConfig.model_validate(catalog.load(f"params:runs.{run.full}"))


def scores_depend_on(config: DatasetConfig) -> dict[str, Any]:
    """What scores depend on: not the folder of raw files, and not the batch size of completions."""
    left_out = {"data": {"folder", "download"}, "evaluation": {"completion": {"batch_size"}}}
    return config.model_dump(mode="json", exclude=left_out)


class RunFolders(NamedTuple):
    """The folders of a run's networks and of its scores, and what they are to be made from."""

    networks: ArtifactFolder
    scores: ArtifactFolder
    trained_from: dict[str, Any]
    scored_from: dict[str, Any]

    @classmethod
    def of(cls, catalog: Any, run: RunName, digest: str) -> "RunFolders":
        trained_from = config_of(catalog, run).depends_on(digest)
        scored_from = {
            "run": fingerprint(trained_from),
            "dataset": scores_depend_on(dataset_of(catalog, run.dataset)),
        }
        networks = ArtifactFolder(catalog.load(f"{run.full}.checkpoints").folder)
        return cls(networks, ArtifactFolder(scores_folder(catalog, run)), trained_from, scored_from)

    def activate(self) -> None:
        """Move aside what is made from anything else, and move back what is wanted."""
        self.networks.activate(self.trained_from)
        self.scores.activate(self.scored_from)

    def changes(self) -> list[str]:
        """How what the content is made from differs from what is wanted, a line a key."""
        found = []
        for artifacts, wanted in ((self.networks, self.trained_from), (self.scores, self.scored_from)):
            if (label := artifacts.label()) and not artifacts.holds(wanted):
                changed = differences(label.made_from, wanted) if label.made_from else ["an earlier version made it"]
                found += [line for line in changed if not line.startswith("run: '")]  # the digest of the networks'
        return found


def missing(pipeline: Pipeline, catalog: Any) -> set[Node]:
    """The nodes of runs with missing outputs, and the nodes that depend on them."""
    found: set[Node] = set()
    made: set[str] = set()
    sent = {
        run: tracking.is_sent(catalog.load(f"{run.full}.checkpoints").folder) for run in runs_of(pipeline, *OF_A_RUN)
    }
    for node in pipeline.nodes:  # sorted: a node comes after those that it depends on
        if not node.tags & OF_A_RUN:
            continue
        run = run_of(node.namespace)
        there = all(catalog.exists(name) for name in node.outputs) and not made.intersection(node.inputs)
        if not there or (run and not sent[run]) or failed(catalog, node):
            found.add(node)
            made.update(node.outputs)
    return found


def failed(catalog: Any, node: Node) -> bool:
    """Whether a training ended with an error, so that it is tried again."""
    history = next((name for name in node.outputs if name.endswith(".history")), None)
    return history is not None and catalog.load(history).status == "failed"


def unfinished(pipeline: Pipeline, catalog: Any) -> Pipeline:
    """The pipeline without runs that are done. Nodes of data and reports, which check for themselves, stay."""
    stay = [node for node in pipeline.nodes if not node.tags & OF_A_RUN]
    return Pipeline([*stay, *missing(pipeline, catalog)])


def scores_folder(catalog: Any, run: RunName) -> Path:
    return Path(str(catalog.get(f"{run.full}.scores")._filepath)).parent
