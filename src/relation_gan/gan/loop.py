"""The training step, and the loop around it."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils import parametrize
from tqdm import tqdm

from relation_gan.gan.data.feed import to_uint8
from relation_gan.gan.state import CheckpointStore, TrainState
from relation_gan.gan.tasks.base import Draws, Feeds

# Fabric sets this on import, after which every optimiser's step asks the driver for its devices again: a tenth of a
# small network's step.
os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)


class Interrupted(RuntimeError):
    """Training was asked to stop. Its checkpoint is written."""


def train_step(state: TrainState, feeds: Feeds, observe: bool = False) -> dict[str, Tensor]:
    """One step of all sides. Returns detached scalars: what each side minimises, and what is observed if asked."""
    task, config, ranks = state.task, state.config, state.ranks
    for side, optimiser in state.optimisers.items():
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate(side, state.step)
            if config.optimiser == "adam":
                group["betas"] = config.betas_at(state.step)
    adversaries = task.adversaries().values()
    logged: dict[str, Tensor] = {}
    for i, sides in enumerate(config.updates(state.step)):
        index = config.draws_before(state.step) + i
        place = (state.fabric.device, ranks.rank, ranks.count)
        progress = config.progress(state.step)
        draws = Draws(state.seed, state.step, i, index, state.batch_size, *place, progress)
        # What is derived from weights, such as those that are normalised, is computed once an update: all images, real
        # or generated, of either side or of a penalty, meet the same critic.
        with state.fabric.autocast(), parametrize.cached():
            terms = task.terms(feeds, draws, sides)
        # All gradients are taken before any network moves, so one forward pass serves all sides.
        gradients = {}
        for n, side in enumerate(sides):
            total = objective(side, terms)
            gradients[side] = torch.autograd.grad(
                total,
                parameters(state.optimisers[side]),
                retain_graph=n + 1 < len(sides),
                allow_unused=True,
            )
            logged |= {f"{side}_loss": total, **terms[side]}
        for side, found in gradients.items():
            ranks.average(found)
            for parameter, gradient in zip(parameters(state.optimisers[side]), found, strict=True):
                parameter.grad = gradient if gradient is None else as_laid_out(parameter, gradient)
            state.optimisers[side].step()
        if "critic" in sides:
            for adversary in adversaries:
                adversary.project(draws.progress)
    if observe:
        logged |= task.observations()
    for adversary in adversaries:
        adversary.remember()
    ranks.average(state.shared_buffers())
    state.average()
    state.step += 1
    logged = {name: value.detach() for name, value in logged.items()}
    if observe and ranks.count > 1:
        means = {name: value.float().clone() for name, value in logged.items()}
        ranks.average(means.values())
        return means
    return logged


def as_laid_out(parameter: Tensor, gradient: Tensor) -> Tensor:
    """A gradient in the memory order of its parameter, as `backward()` leaves it and fused optimisers demand it."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def objective(side: str, terms: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
    """What a side minimises: the sum of its terms.

    Raises:
        ValueError: the task gives it no term, or one that is no scalar.
    """
    if not terms.get(side):
        raise ValueError(
            f"the task's terms are of {', '.join(terms)}, and '{side}' moves, too: give it one to minimise"
        )
    for name, term in terms[side].items():
        if term.dim():
            shape = tuple(term.shape)
            raise ValueError(f"'{name}', which the {side} minimises, has the shape {shape}; make it a scalar: .mean()")
    first, *others = terms[side].values()
    return sum(others, first)


def parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """What an optimiser moves, in its order."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


class Stop(Protocol):
    """An event, of threads or of processes."""

    def is_set(self) -> bool: ...


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


@contextmanager
def repeatable() -> Iterator[None]:
    """Leave cuDNN only those of its algorithms that give the same bits every time."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


def fit(
    state: TrainState,
    feeds: Feeds,
    store: CheckpointStore,
    config: dict[str, Any],
    preview: Tensor,
    log: Callable[[int, dict[str, float]], None] = lambda *_: None,
    title: str = "training",
    quiet: bool = False,
    stop: Stop | None = None,
) -> TrainState:
    """Train to the last step, resuming from the store's checkpoint: on one device, to the same bits.

    Of several processes that share the batches, each calls this, and the first one writes and logs.

    Args:
        config: everything the result depends on; a checkpoint of another one is refused.
        preview: the task's fixed inputs, from which grids are drawn over time.
        log: called with a step and its row of the history at every `log_every` steps.
        quiet: write the progress every half minute instead of live, for logs.
        stop: asks for a stop; none: Ctrl-C does. Several processes look at it at logged steps alone.

    Raises:
        CheckpointError: the store holds the checkpoint of another configuration.
        Interrupted: a stop was asked for; the checkpoint is written.
    """
    training, ranks = state.config, state.ranks
    store.restore(state, config)
    preview = preview.to(state.fabric.device)
    grids, snapshots = set(training.grid_steps()), set(training.snapshot_steps())
    started = time.perf_counter() - state.seconds
    asked: AbstractContextManager[Stop] = stop_on_signal() if stop is None else nullcontext(stop)
    with (
        asked as event,
        repeatable(),
        tqdm(
            total=training.steps,
            initial=state.step,
            desc=title,
            unit="step",
            dynamic_ncols=True,
            mininterval=30 if quiet else 0.2,
            disable=not ranks.first,
        ) as bar,
    ):
        if state.step == 0 and not state.grids:
            state.grids.append(grid(state, preview))
        while state.step < training.steps and state.diverged_at is None:
            last = state.step + 1 == training.steps
            observe = last or (state.step + 1) % training.log_every == 0
            terms = train_step(state, feeds, observe)
            state.seconds = time.perf_counter() - started
            bar.update()
            if observe:
                row = {name: float(value) for name, value in terms.items()}
                bar.set_postfix({"D": f"{row['critic_loss']:.3f}", "G": f"{row['generator_loss']:.3f}"}, refresh=False)
                if not all(map(math.isfinite, row.values())):
                    state.diverged_at = state.step
                    row = {name: value for name, value in row.items() if math.isfinite(value)}
                state.history.append({"step": state.step, "seconds": state.seconds, **row})
                if ranks.first:
                    log(state.step, state.history[-1])
            if state.step in grids:
                state.grids.append(grid(state, preview))
            if state.step in snapshots:
                store.snapshot(state)
            stopping = ranks.any(event.is_set(), state.fabric.device) if observe or ranks.count == 1 else False
            if last or stopping or state.diverged_at or state.step % training.save_every == 0:
                store.save(state, config)
            if stopping and state.step < training.steps:
                raise Interrupted(f"stopped at step {state.step} of {training.steps}")
    return state


@torch.no_grad()
def grid(state: TrainState, preview: Tensor) -> Tensor:
    """What the EMA networks make of fixed inputs: uint8 images (n, C, H, W), or points (n, 2), on the CPU."""
    for network in state.ema.values():
        network.eval()
    made = state.task.draw(state.ema, preview)
    for network in state.ema.values():
        network.train()
    return (to_uint8(made) if made.dim() == 4 else made).cpu()
