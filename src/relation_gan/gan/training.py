"""The training step, and the loop around it."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, field_validator
from torch import Tensor, nn
from tqdm import tqdm

from relation_gan.gan import checkpoint
from relation_gan.gan.data.feed import Feed, to_uint8
from relation_gan.gan.losses import Batch, Loss
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.regularisers import Regulariser
from relation_gan.gan.sampling import draw_latents

# Fabric sets this on import, after which every optimiser's step asks the driver for its devices again: a tenth of a
# small network's step.
os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)


class Interrupted(RuntimeError):
    """Training was asked to stop. Its checkpoint is written."""


LATENTS, PENALTIES = 0, 128
"""Purposes of random draws: a batch's latents, and a regulariser's noise."""

GRID_IMAGES, GRID_POINTS = 64, 1024
"""How much is drawn from fixed latents over training."""


class TrainingConfig(BaseModel):
    """How one run is trained. `steps` are generator updates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: PositiveInt
    batch_size: int = Field(ge=2)
    critic_steps: PositiveInt = Field(1, description="critic updates per generator update")
    critic_burst: bool = Field(
        False, description="100 critic updates in the first 25 steps and at every 500th, as in WGAN's code"
    )
    order: Literal["generator_first", "critic_first"] = "generator_first"
    flip: bool = Field(False, description="mirror images at random, left to right; no paper does")
    optimiser: Literal["adam", "rmsprop"] = "adam"
    lr_generator: PositiveFloat
    lr_critic: PositiveFloat
    betas: tuple[float, float] = (0.0, 0.9)
    decay_from: float = Field(1.0, ge=0, le=1, description="fraction of the steps after which rates fall linearly")
    decay_to: float = Field(0.0, ge=0, le=1, description="fraction of the rates left at the last step")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the generator's moving average per step; 0 is off")
    log_every: PositiveInt = 25
    save_every: PositiveInt = 250
    snapshots: PositiveInt = Field(10, description="generators kept over the run, evenly spaced, to score it over time")
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    @field_validator("betas")
    @classmethod
    def _below_one(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError("each beta must be at least 0 and below 1")
        return betas

    def rate(self, step: int) -> float:
        """Factor on the learning rates at a step: constant, then falling linearly."""
        start = self.decay_from * self.steps
        if step <= start:
            return 1.0
        return 1.0 - (1.0 - self.decay_to) * (step - start) / (self.steps - start)

    def critic_steps_at(self, step: int) -> int:
        """Critic updates of a step."""
        return 100 if self.critic_burst and (step < 25 or step % 500 == 0) else self.critic_steps

    def draws_before(self, step: int) -> int:
        """Batches that all steps before this one draw: one a critic update, and the generator's where it is another."""
        bursts = min(step, 25) + max(0, (step - 1) // 500) if self.critic_burst else 0
        return bursts * (100 - self.critic_steps) + step * (self.critic_steps + (self.order == "critic_first"))

    def snapshot_steps(self) -> list[int]:
        """The steps after which a generator is kept; the last is the end."""
        return sorted({max(1, round(self.steps * (i + 1) / self.snapshots)) for i in range(self.snapshots)})

    def grid_steps(self) -> list[int]:
        """The steps at which a grid is drawn: the start, then growing distances, then the end."""
        return [0, *sorted({max(1, round(self.steps / 2**i)) for i in range(8)})]


class SharedCritic:
    """A view of a critic that computes each distinct input once within a step.

    The critic's weights do not change while both losses are evaluated, so one forward pass of the
    distinct images serves the losses and the regularisers.
    """

    def __init__(self, critic: Critic) -> None:
        self.critic = critic
        self.kind, self.sphere = critic.kind, critic.sphere
        self.relate = critic.relate
        self._memo: dict[int, tuple[Tensor, Tensor]] = {}

    def _once(self, compute: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        if id(x) not in self._memo:
            # The input is kept beside the result: an id stays its own as long as it lives.
            self._memo[id(x)] = x, compute(x)
        return self._memo[id(x)][1]

    def embed(self, x: Tensor) -> Tensor:
        return self._once(self.critic.embed, x)

    def __call__(self, a: Tensor, b: Tensor | None = None) -> Tensor:
        if b is not None:
            return self.relate(self.embed(a), self.embed(b))
        return self._once(self.critic, a)


@dataclass
class TrainState:
    """Everything that going on needs, and nothing else. Every random draw is a function of (seed, step)."""

    generator: Generator
    critic: Critic
    loss: Loss
    config: TrainingConfig
    seed: int
    fabric: Fabric = field(default_factory=lambda: Fabric(accelerator="cpu", devices=1))
    step: int = 0
    seconds: float = 0.0
    diverged_at: int | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    grids: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.averaged = deepcopy(self.generator)
        self.opt_generator = self._optimiser(self.generator, self.config.lr_generator)
        self.opt_critic = self._optimiser(self.critic, self.config.lr_critic)

    def _optimiser(self, network: nn.Module, lr: float) -> torch.optim.Optimizer:
        parameters = [p for p in network.parameters() if p.requires_grad]
        if self.config.optimiser == "rmsprop":
            return torch.optim.RMSprop(parameters, lr)
        return torch.optim.Adam(parameters, lr, self.config.betas, fused=True)

    @torch.no_grad()
    def average(self) -> None:
        """Move the averaged generator towards the generator, after the step's update."""
        # A young average forgets faster, so that it is not held back by the first, random weights.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step)) if self.step else 0.0
        for old, new in zip(self.averaged.state_dict().values(), self.generator.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1 - decay)
            else:
                old.copy_(new)

    def random(self, purpose: int, step: int, device: torch.device) -> torch.Generator:
        """A source of random numbers for one purpose at one step."""
        # Torch's generator on a CPU takes 32 bits of a seed and drops the others, so they are mixed first.
        mixed = np.random.SeedSequence((self.seed, step, purpose)).generate_state(1)
        return torch.Generator(device).manual_seed(int(mixed[0]))

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of the state by name, for a checkpoint."""
        modules = {"generator": self.generator, "averaged": self.averaged, "critic": self.critic, "loss": self.loss}
        named = {
            f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()
        }
        for name, optimiser in (("opt_generator", self.opt_generator), ("opt_critic", self.opt_critic)):
            for i, values in optimiser.state_dict()["state"].items():
                named |= {f"{name}/{i}/{key}": value for key, value in values.items()}
        return named | {f"grids/{i:03}": grid for i, grid in enumerate(self.grids)}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of `tensors`."""

        def below(name: str) -> dict[str, Tensor]:
            return {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(name + "/")}

        self.generator.load_state_dict(below("generator"))
        self.critic.load_state_dict(below("critic"))
        self.loss.load_state_dict(below("loss"))
        self.averaged.load_state_dict(below("averaged"))
        for name, optimiser in (("opt_generator", self.opt_generator), ("opt_critic", self.opt_critic)):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in below(name).items():
                i, entry = key.split("/")
                state.setdefault(int(i), {})[entry] = value
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        self.grids = [value for _, value in sorted(below("grids").items())]


def train_step(
    state: TrainState, feed: Feed, regularisers: Sequence[Regulariser] = (), observe: bool = False
) -> dict[str, Tensor]:
    """One generator update with its critic updates. Returns detached scalars: losses, and scores if asked."""
    config = state.config
    for optimiser, lr in ((state.opt_generator, config.lr_generator), (state.opt_critic, config.lr_critic)):
        for group in optimiser.param_groups:
            group["lr"] = lr * config.rate(state.step)
    due = [regulariser for regulariser in regularisers if state.step % regulariser.every == 0]
    joint = config.order == "generator_first"
    terms: dict[str, Tensor] = {}

    alone = config.critic_steps_at(state.step) - joint
    for i in range(alone):
        batch = draw(state, feed, i, due, trains_generator=False)
        critic = SharedCritic(state.critic)
        scores = autocast(state, state.loss.scores, critic, batch)
        terms |= critic_terms(state, critic, scores, batch, due)
        descend(state.opt_critic, gradients(sum(terms.values()), state.opt_critic))
        project(state.critic, regularisers)

    batch = draw(state, feed, alone, due, trains_generator=True)
    critic = SharedCritic(state.critic)
    scores = autocast(state, state.loss.scores, critic, batch)
    generator_loss = autocast(state, state.loss.generator_objective, scores, batch)
    if joint:
        # Both gradients are taken before either network moves, so one forward pass of the critic serves
        # both: exactly the published order, generator first, then the critic on the same fakes.
        terms = critic_terms(state, critic, scores, batch, due)
        critic_gradients = gradients(sum(terms.values()), state.opt_critic, retain_graph=True)
    descend(state.opt_generator, gradients(generator_loss, state.opt_generator))
    if joint:
        descend(state.opt_critic, critic_gradients)
        project(state.critic, regularisers)

    state.average()
    state.loss.update(scores, batch)
    terms |= {"generator_loss": generator_loss}
    if observe:
        # An output that grows without bound tells a runaway before the losses do.
        terms |= {**state.loss.observations(scores, batch), "fake_max": batch.fake.abs().max()}
    state.step += 1
    return {name: value.detach() for name, value in terms.items()}


def draw(state: TrainState, feed: Feed, i: int, due: Sequence[Regulariser], *, trains_generator: bool) -> Batch:
    """The i-th batch of a step, completed by what the loss remembers."""
    config, loss = state.config, state.loss
    second = loss.fresh_second
    first = (config.draws_before(state.step) + i) * (1 + second)
    indices = range(first, first + 1 + second)
    reals = [feed.batch(index, config.batch_size) for index in indices]
    labels = torch.cat([feed.labels(index, config.batch_size) for index in indices]) if loss.classes else None
    random = state.random(LATENTS + i, state.step, reals[0].device)
    z = draw_latents(state.generator, config.batch_size * len(reals), random, labels)
    with torch.set_grad_enabled(trains_generator):
        fakes = autocast(state, state.generator, z).float().chunk(len(reals))
    if any(getattr(regulariser, "where", None) == "real" for regulariser in due):
        reals[0].requires_grad_()
    seconds = {"real2": reals[1], "fake2": fakes[1]} if second else {}
    n = config.batch_size
    batch = Batch(reals[0], fakes[0], **seconds, labels=labels[:n] if labels is not None else None, latents=z[:n])
    return loss.recall(batch)


def critic_terms(
    state: TrainState, critic: SharedCritic, scores: Any, batch: Batch, due: Sequence[Regulariser]
) -> dict[str, Tensor]:
    """The summands of what the critic minimises."""
    terms = {"critic_loss": autocast(state, state.loss.critic_objective, scores, batch)}
    for i, regulariser in enumerate(due):
        random = state.random(PENALTIES + i, state.step, batch.real.device)
        terms[f"penalty{i or ''}"] = autocast(state, regulariser.penalty, critic, batch, random)
    return terms


def autocast(state: TrainState, compute: Callable[..., Any], *inputs: Any) -> Any:
    with state.fabric.autocast():
        return compute(*inputs)


def parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """What an optimiser moves, in its order."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def gradients(
    loss: Tensor | float, optimiser: torch.optim.Optimizer, retain_graph: bool = False
) -> list[Tensor | None]:
    """Gradients of a loss with respect to what one optimiser moves, and nothing else."""
    found = torch.autograd.grad(loss, parameters(optimiser), retain_graph=retain_graph, allow_unused=True)  # type: ignore[arg-type]
    return list(found)


def descend(optimiser: torch.optim.Optimizer, gradients: list[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters(optimiser), gradients, strict=True):
        parameter.grad = gradient
    optimiser.step()


def project(critic: nn.Module, regularisers: Sequence[Regulariser]) -> None:
    for regulariser in regularisers:
        regulariser.project(critic)


class CheckpointStore:
    """The folder of one run: a checkpoint to go on from, and the generators kept over time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "checkpoint.safetensors"

    def check(self, config: dict[str, Any]) -> dict[str, Any] | None:
        """The description of the checkpoint there is, or None.

        Raises:
            CheckpointError: it is damaged, or it belongs to another configuration.
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
        return description

    def restore(self, state: TrainState, config: dict[str, Any]) -> bool:
        """Take the state up where it was left. False if there is nothing to take up.

        What went on from other weights of the stage before, which was made anew, is not taken up.
        """
        description = self.check(config)
        if description is None:
            return False
        tensors = checkpoint.load(self.path).tensors
        before = {name: value for name, value in state.tensors().items() if name.startswith("loss/before.")}
        if any(not torch.equal(tensors[name], value.cpu()) for name, value in before.items()):
            return False
        state.load_tensors(tensors)
        state.step, state.seconds = description["step"], description["seconds"]
        state.diverged_at, state.history = description["diverged_at"], description["history"]
        return True

    def save(self, state: TrainState, config: dict[str, Any]) -> None:
        description = {
            "config": config,
            "step": state.step,
            "seconds": state.seconds,
            "diverged_at": state.diverged_at,
            "history": state.history,
        }
        checkpoint.save(self.path, state.tensors(), description)

    def snapshot(self, state: TrainState) -> None:
        """Keep the generators of this step."""
        for name, network in (("averaged", state.averaged), ("raw", state.generator)):
            checkpoint.save_network(self.folder / "snapshots" / f"{state.step:07}.{name}.safetensors", network)

    def snapshots(self, name: str) -> Iterator[tuple[int, Generator]]:
        """(step, generator) of the kept generators, in order."""
        for path in sorted((self.folder / "snapshots").glob(f"*.{name}.safetensors")):
            yield int(path.name.split(".")[0]), cast(Generator, checkpoint.load_network(path))


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Turn Ctrl-C into an event that the loop looks at between two steps; a second one stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, ask)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)


def fit(
    state: TrainState,
    feed: Feed,
    regularisers: Sequence[Regulariser],
    store: CheckpointStore,
    config: dict[str, Any],
    log: Callable[[int, dict[str, float]], None] = lambda *_: None,
    title: str = "training",
    quiet: bool = False,
) -> TrainState:
    """Train to the last step, going on from the store's checkpoint.

    Args:
        config: everything the result depends on; a checkpoint of another one is refused.
        log: called with a step and its row of the history at every `log_every` steps.
        quiet: write the progress every half minute instead of live, for logs.

    Raises:
        CheckpointError: the store holds the checkpoint of another configuration.
        Interrupted: Ctrl-C was pressed; the checkpoint is written.
    """
    training = state.config
    store.restore(state, config)
    random = torch.Generator().manual_seed(state.seed)
    latents = draw_latents(state.generator, GRID_POINTS if state.generator.points else GRID_IMAGES, random)
    latents = latents.to(feed.device)
    grids, snapshots = set(training.grid_steps()), set(training.snapshot_steps())
    started = time.perf_counter() - state.seconds
    with (
        stop_on_signal() as stop,
        tqdm(
            total=training.steps,
            initial=state.step,
            desc=title,
            unit="step",
            dynamic_ncols=True,
            mininterval=30 if quiet else 0.2,
        ) as bar,
    ):
        if state.step == 0 and not state.grids:
            state.grids.append(grid(state, latents))
        while state.step < training.steps and state.diverged_at is None:
            last = state.step + 1 == training.steps
            observe = last or (state.step + 1) % training.log_every == 0
            terms = train_step(state, feed, regularisers, observe)
            state.seconds = time.perf_counter() - started
            bar.update()
            if observe:
                row = {name: float(value) for name, value in terms.items()}
                bar.set_postfix({"D": f"{row['critic_loss']:.3f}", "G": f"{row['generator_loss']:.3f}"}, refresh=False)
                if not all(map(math.isfinite, row.values())):
                    state.diverged_at = state.step
                    row = {name: value for name, value in row.items() if math.isfinite(value)}
                state.history.append({"step": state.step, "seconds": state.seconds, **row})
                log(state.step, state.history[-1])
            if state.step in grids:
                state.grids.append(grid(state, latents))
            if state.step in snapshots:
                store.snapshot(state)
            if last or stop.is_set() or state.diverged_at or state.step % training.save_every == 0:
                store.save(state, config)
            if stop.is_set() and state.step < training.steps:
                raise Interrupted(f"stopped at step {state.step} of {training.steps}")
    return state


@torch.no_grad()
def grid(state: TrainState, latents: Tensor) -> Tensor:
    """What the averaged generator draws from fixed latents: uint8 images (64, C, H, W), or points (1024, 2)."""
    network = state.averaged.eval()
    images = network(latents)
    network.train()
    return (images if network.points else to_uint8(images)).cpu()
