"""Everything that a training needs to resume, and the folder that keeps it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from relation_gan.gan import checkpoint
from relation_gan.gan.networks import Network
from relation_gan.gan.parallel import Ranks
from relation_gan.gan.schedule import TrainingConfig
from relation_gan.gan.tasks import Task


@dataclass
class TrainState:
    """A task in training. Every random draw is a function of (seed, step), so that there is nothing else to keep."""

    task: Task
    config: TrainingConfig
    seed: int
    fabric: Fabric = field(default_factory=lambda: Fabric(accelerator="cpu", devices=1))
    step: int = 0
    seconds: float = 0.0
    diverged_at: int | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    grids: list[Tensor] = field(default_factory=list)
    ranks: Ranks = field(default_factory=Ranks.current)

    def __post_init__(self) -> None:
        self.task.to(self.fabric.device)
        self.ema: dict[str, Network] = {name: deepcopy(getattr(self.task, name)) for name in self.task.averaged}
        self.optimisers = {side: self._optimiser(side, of) for side, of in self.task.sides().items()}

    def _optimiser(self, side: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        rate, decay = self.config.learning_rate(side), self.config.weight_decay
        if self.config.optimiser == "rmsprop":
            return torch.optim.RMSprop(parameters, rate, weight_decay=decay)
        return torch.optim.Adam(parameters, rate, self.config.betas_at(0), weight_decay=decay, fused=True)

    @property
    def batch_size(self) -> int:
        """Of this process."""
        return self.config.share(self.ranks.count)

    @torch.no_grad()
    def average(self) -> None:
        """Move the EMA networks towards the task's, after the step's update."""
        decay = self.config.ema_decay(self.step)
        for name, average in self.ema.items():
            current = getattr(self.task, name).state_dict()
            for old, new in zip(average.state_dict().values(), current.values(), strict=True):
                if old.is_floating_point():
                    old.lerp_(new, 1 - decay)
                else:
                    old.copy_(new)

    def shared_buffers(self) -> Iterator[Tensor]:
        """Statistics that every process keeps of its own part of the batches, such as those of batch norm."""
        local = self._local().keys()
        yield from (of for name, of in self.task.named_buffers() if name not in local and of.is_floating_point())

    def _local(self) -> dict[str, Tensor]:
        """Buffers of which each process has its own content."""
        names = {
            f"{prefix}.{name}"
            for prefix, module in self.task.named_modules()
            for name in getattr(module, "local_buffers", ())
        }
        return {name: of for name, of in self.task.named_buffers() if name in names}

    def trained(self) -> dict[str, Network]:
        """The networks by the names of their files: the EMA of those averaged, and `<name>_raw` the last weights."""
        found: dict[str, Network] = {}
        for name, network in self.task.networks().items():
            found |= {name: self.ema[name], f"{name}_raw": network} if name in self.ema else {name: network}
        return found

    def constants(self) -> dict[str, Tensor]:
        """Weights that no step changes, such as those of a stage before: a checkpoint with others is not this run's."""
        return {f"task/{name}": of for name, of in self.task.named_parameters() if not of.requires_grad}

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of the state by name, for a checkpoint; every process must ask for them."""
        named = {f"task/{key}": value for key, value in self.task.state_dict().items()}
        named |= {f"ema/{name}/{key}": of for name, ema in self.ema.items() for key, of in ema.state_dict().items()}
        for side, optimiser in self.optimisers.items():
            for i, values in optimiser.state_dict()["state"].items():
                named |= {f"optimiser/{side}/{i}/{key}": value for key, value in values.items()}
        for rank, local in enumerate(self.ranks.gather(self._local())):
            named |= {f"rank{rank}/{key}": value for key, value in local.items()} if rank else {}
        return named | {f"grids/{i:03}": grid for i, grid in enumerate(self.grids)}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of `tensors`."""

        def below(name: str) -> dict[str, Tensor]:
            return {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(name + "/")}

        self.task.load_state_dict({**below("task"), **below(f"rank{self.ranks.rank}")})
        for name, ema in self.ema.items():
            ema.load_state_dict(below(f"ema/{name}"))
        for side, optimiser in self.optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in below(f"optimiser/{side}").items():
                i, entry = key.split("/")
                state.setdefault(int(i), {})[entry] = value
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        self.grids = [value for _, value in sorted(below("grids").items())]


@dataclass
class CheckpointStore:
    """The folder of one run: a checkpoint to resume from, and the networks kept over time."""

    folder: Path
    origin: dict[str, str] = field(default_factory=dict)
    """Commit, versions and command of the session that trains, for the history."""
    listeners: list[Callable[[int, dict[str, float]], None]] = field(default_factory=list)
    """Called with a step and its row of the history at every logged step."""

    @property
    def path(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    def check(self, config: dict[str, Any], devices: int = 1) -> dict[str, Any] | None:
        """The description of the checkpoint there is, or None.

        Raises:
            CheckpointError: it is damaged, or it belongs to another configuration or to another number of devices.
        """
        if not self.path.exists():
            return None
        description = checkpoint.describe(self.path)
        changed = checkpoint.differences(description["config"], config)
        if changed:
            raise checkpoint.CheckpointError(
                f"{self.path} was written by another configuration ({'; '.join(changed)}); "
                "go back to that configuration, or choose another folder"
            )
        if description["devices"] != devices:
            raise checkpoint.CheckpointError(
                f"{self.path} was written by a training on {description['devices']} devices, which {devices} cannot "
                f"resume bit for bit; set training.devices to {description['devices']}, or choose another folder"
            )
        return description

    def restore(self, state: TrainState, config: dict[str, Any]) -> bool:
        """Resume a state from the checkpoint. False if there is none, or it is of other constant weights.

        Raises:
            CheckpointError: it is damaged, or it belongs to another configuration or to another number of devices.
        """
        description = self.check(config, state.ranks.count)
        if description is None:
            return False
        tensors = checkpoint.load(self.path).tensors
        if any(not torch.equal(tensors[name], value.cpu()) for name, value in state.constants().items()):
            return False
        state.load_tensors(tensors)
        state.step, state.seconds = description["step"], description["seconds"]
        state.diverged_at, state.history = description["diverged_at"], description["history"]
        return True

    def save(self, state: TrainState, config: dict[str, Any]) -> None:
        """Write the checkpoint; every process must ask for it."""
        tensors = state.tensors()
        if state.ranks.first:
            kept = {name: getattr(state, name) for name in ("step", "seconds", "diverged_at", "history")}
            checkpoint.save(self.path, tensors, {"config": config, "devices": state.ranks.count, **kept})

    def snapshot(self, state: TrainState) -> None:
        """Keep the averaged networks of this step, and their last weights."""
        for name, network in state.trained().items() if state.ranks.first else ():
            if name.removesuffix("_raw") in state.ema:
                checkpoint.save_network(self.folder / "snapshots" / f"{state.step:07}.{name}.safetensors", network)

    def snapshot_steps(self, name: str) -> list[int]:
        """The steps at which a network of this name, such as `generator` or `generator_raw`, was kept."""
        return sorted(
            int(path.name.split(".")[0]) for path in (self.folder / "snapshots").glob(f"*.{name}.safetensors")
        )

    def snapshot_at(self, name: str, step: float) -> Network | None:
        """A network as it was kept at a step, if it was."""
        path = self.folder / "snapshots" / f"{int(step):07}.{name}.safetensors"
        return cast(Network, checkpoint.load_network(path)) if path.exists() else None

    def snapshots(self, name: str) -> Iterator[tuple[int, Network]]:
        """(step, network) of the kept networks of a name, such as `generator` or `generator_raw`, in order."""
        for path in sorted((self.folder / "snapshots").glob(f"*.{name}.safetensors")):
            yield int(path.name.split(".")[0]), cast(Network, checkpoint.load_network(path))
