"""What every task is: networks that learn together, what each side minimises, and what it makes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from relation_gan.gan import adversary, networks
from relation_gan.gan.adversary import Adversary
from relation_gan.gan.data.feed import Feed, open_feed
from relation_gan.gan.data.points import Points
from relation_gan.gan.data.store import ImageStore
from relation_gan.gan.networks import Network
from relation_gan.gan.registry import Registry
from relation_gan.gan.sampling import Sampler

Feeds = Mapping[str, Feed]
"""Where real batches come from, by name: `data` where there is one data set."""


def seeded(device: torch.device, *parts: int) -> torch.Generator:
    """A source of random numbers that is a function of whole numbers, such as seed, step and purpose."""
    # Torch's generator on a CPU takes 32 bits of a seed and drops the others, so they are mixed first.
    mixed = np.random.SeedSequence(parts).generate_state(1)
    return torch.Generator(device).manual_seed(int(mixed[0]))


@dataclass(frozen=True)
class Draws:
    """Everything random in one update, as a function of (seed, step, update, rank): nothing to save or restore."""

    seed: int
    step: int
    update: int
    """Of the step, from 0."""
    index: int
    """Of the update's batch, counted over the whole training."""
    batch_size: int
    """Of this process."""
    device: torch.device
    rank: int = 0
    ranks: int = 1
    progress: float = 0.0
    """The share of the training's steps that is done, of which schedules are a function."""

    def random(self, purpose: int) -> torch.Generator:
        """For one purpose at this step; of each process its own."""
        return seeded(self.device, self.seed, self.step, purpose, *([self.rank] if self.rank else []))

    def shared(self, purpose: int) -> torch.Generator:
        """For one purpose at this step, the same in every process."""
        return seeded(self.device, self.seed, self.step, purpose)

    def own(self, whole: Tensor) -> Tensor:
        """This process's part of a tensor whose rows are drawn for all processes."""
        return whole.chunk(self.ranks)[self.rank]

    def real(self, feed: Feed, count: int = 1) -> list[Tensor]:
        """Real batches of this process. Images of all processes together are those that one alone would draw."""
        return [feed.batch(place, self.batch_size) for place in self._places(count)]

    def labels(self, feed: Feed, count: int = 1) -> list[Tensor]:
        """The labels of these batches."""
        return [feed.labels(place, self.batch_size) for place in self._places(count)]

    def _places(self, count: int) -> list[int]:
        first = self.index * count
        return [(first + k) * self.ranks + self.rank for k in range(count)]


@dataclass(frozen=True)
class Parts:
    """What a configuration gives a task to be built of: networks by name, and a method's loss and regularisers."""

    networks: Mapping[str, dict[str, Any]]
    loss: dict[str, Any]
    regularisers: Sequence[dict[str, Any]] = ()

    def network(self, name: str = "generator") -> Network:
        """An untrained network.

        Raises:
            ValueError: none of that name is configured, or the configuration is wrong.
        """
        return networks.create(**self._of(name))

    def adversary(self, generator: Network | None = None, conditional: bool = False) -> Adversary:
        """An untrained critic with its loss and regularisers.

        Args:
            generator: whose options must suit the loss.
            conditional: the task gives a condition with each batch.

        Raises:
            ValueError: parts do not fit together.
        """
        return adversary.create(self._of("critic"), self.loss, self.regularisers, generator, conditional)

    def _of(self, name: str) -> dict[str, Any]:
        if name not in self.networks:
            raise ValueError(f"the task needs a network '{name}'; configured are: {', '.join(self.networks)}")
        return self.networks[name]


class Task(nn.Module, ABC):
    """Networks that learn together. Everything that a checkpoint must hold is a submodule or a buffer.

    A subclass's __init__ takes `parts`, then its own options. Networks that are constant, such as one that extracts
    features, are kept out of the submodules, in a list.
    """

    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    """The networks of which a moving average is kept, and whose averages are scored."""
    gives: ClassVar[frozenset[str]] = frozenset({"output"})
    """What its samples are: fields of `Sample`, and `latents` where they are drawn by one generator from latents."""

    def adversaries(self) -> dict[str, Adversary]:
        """By the names of the attributes that they are."""
        return {name: module for name, module in self.named_children() if isinstance(module, Adversary)}

    def networks(self) -> dict[str, Network]:
        """What is learnt, by the names of its files. One adversary's critic is `critic`, of several `<name>_critic`."""
        own = {name: module for name, module in self.named_children() if isinstance(module, Network)}
        adversaries = self.adversaries()
        alone = len(adversaries) == 1
        return {**own, **{"critic" if alone else f"{name}_critic": of.critic for name, of in adversaries.items()}}

    def sides(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that move together."""
        adversaries = self.adversaries().values()
        critics = [p for module in adversaries for p in module.critic.parameters() if p.requires_grad]
        held = {id(p) for module in adversaries for p in module.parameters()}
        others = [p for p in self.parameters() if p.requires_grad and id(p) not in held]
        return {"generator": others, "critic": critics}

    @abstractmethod
    def terms(self, feeds: Feeds, draws: Draws, sides: Sequence[str]) -> dict[str, dict[str, Tensor]]:
        """By side and name, scalars of which each side minimises the sum.

        Args:
            sides: those that move in this update; of the others no gradient is asked for.
        """

    def observations(self) -> dict[str, Tensor]:
        """Scalars to log besides the terms: what each adversary observes, of several under their own names."""
        found = self.adversaries()
        if len(found) == 1:
            return next(iter(found.values())).observations()
        return {f"{key}_{name}": value for name, of in found.items() for key, value in of.observations().items()}

    def feeds(self, source: ImageStore | Points, seed: int, device: torch.device, flip: bool) -> Feeds:
        """Where its real batches come from; `flip` mirrors images at random."""
        return {"data": open_feed(source, seed, device, flip)}

    def check_batch(self, size: int) -> None:
        """Refuse a batch size of a process.

        Raises:
            ValueError: naming what to change.
        """

    def check(self, source: ImageStore | Points) -> None:
        """Refuse data that this task, or its adversaries' losses, cannot learn from.

        Raises:
            ValueError: naming what to change.
        """

    def follow(self, before: Mapping[str, Network]) -> None:
        """Start from the trained networks of a stage before, by their names.

        Raises:
            ValueError: this task has no stages.
        """
        raise ValueError("this task has no stages: leave `after` out of the method")

    @abstractmethod
    def preview(self, source: ImageStore | Points, seed: int, device: torch.device) -> Tensor:
        """Fixed inputs, from which images are drawn over training by `draw`."""

    def draw(self, averages: Mapping[str, nn.Module], inputs: Tensor) -> Tensor:
        """What averaged networks make of fixed inputs: images (n, C, H, W) in [-1, 1], or points (n, 2)."""
        return averages["generator"](inputs)

    @classmethod
    @abstractmethod
    def sampler(cls, trained: Mapping[str, Network], source: ImageStore | Points) -> Sampler:
        """Samples of trained networks, by their names: those of `averaged` are the EMA or the last weights.

        It knows no option of the task: what it needs besides the weights is an option of a network, in its `spec`.
        """


registry: Registry[Task] = Registry("task", given=("parts",))
register = registry.register
