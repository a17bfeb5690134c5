"""One training run: its configuration, the untrained task it describes, and what its weights depend on."""

from typing import Any

import torch
from pydantic import Field

from relation_gan.gan import tasks
from relation_gan.gan.model import Model
from relation_gan.gan.schedule import TrainingConfig
from relation_gan.gan.tasks import Parts, Task


class RunConfig(Model):
    """Everything one run's weights depend on, besides the content of its data and the code."""

    dataset: str
    method: str
    title: str
    seed: int
    task: dict[str, Any] = Field(default={"name": "generation"})
    loss: dict[str, Any]
    regularisers: list[dict[str, Any]]
    networks: dict[str, dict[str, Any]]
    """Name and options of each network of the task."""
    training: TrainingConfig
    after: "RunConfig | None" = None

    @property
    def name(self) -> str:
        """By which the catalog calls it."""
        return f"{self.dataset}.{self.method}.seed{self.seed}"

    def build(self) -> Task:
        """The untrained task, the same for the same seed on every device.

        Raises:
            ValueError: the configuration names something unknown, or parts that do not fit together.
        """
        parts = [("task", self.task), ("loss", self.loss), *self.networks.items()]
        for part, options in [*parts, *(("regulariser", options) for options in self.regularisers)]:
            if "name" not in options:
                raise ValueError(f"its {part} has no name, only {options}; add name: ...")
        if self.after and self.networks != self.after.networks:
            raise ValueError(f"its networks must be those of '{self.after.method}', whose weights it starts from")
        options = {key: value for key, value in self.task.items() if key != "name"}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            parts_of_method = Parts(self.networks, self.loss, self.regularisers)
            task = tasks.create(self.task["name"], parts=parts_of_method, **options)
        if self.after is None and any(adversary.loss.follows for adversary in task.adversaries().values()):
            raise ValueError(
                f"loss '{self.loss['name']}' ranks against a stage before it; name that method with after: ..."
            )
        if isinstance(self.training.devices, int):
            task.check_batch(self.training.share(self.training.devices))
        return task

    def depends_on(self, digest: str) -> dict[str, Any]:
        """Everything that the weights depend on; a checkpoint made with anything else is not resumed.

        Args:
            digest: of the data.
        """

        def relevant(run: dict[str, Any]) -> dict[str, Any]:
            training = {key: value for key, value in run["training"].items() if key != "save_every"}
            after = relevant(run["after"]) if run["after"] else None
            return {key: value for key, value in run.items() if key != "title"} | {"training": training, "after": after}

        return {"run": relevant(self.model_dump(mode="json")), "data_sha256": digest}
