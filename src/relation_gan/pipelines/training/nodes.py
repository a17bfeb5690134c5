"""One node trains one run."""

import logging
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any, NamedTuple

import click
import torch
from lightning_fabric import Fabric

from relation_gan.gan import parallel
from relation_gan.gan.checkpoint import CheckpointError, Described
from relation_gan.gan.data import ImageStore, Points
from relation_gan.gan.history import History, Status
from relation_gan.gan.loop import Interrupted, Stop, fit, stop_on_signal
from relation_gan.gan.networks import Network
from relation_gan.gan.parallel import Ranks
from relation_gan.gan.run import RunConfig
from relation_gan.gan.state import CheckpointStore, TrainState

logger = logging.getLogger(__name__)

Log = Callable[[int, dict[str, float]], None]


def peak_memory(device: torch.device) -> float:
    """MiB that the process has held at most: of the accelerator's memory where it trained on one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


class Job(NamedTuple):
    """What a process needs to train a run, alone or as one of several."""

    run: RunConfig
    source: ImageStore | Points
    checkpoints: CheckpointStore
    before: dict[str, Network] | None

    def state(self) -> TrainState:
        """The untrained state on this process's device, whichever of several it is.

        Raises:
            ValueError: the data does not suit the task.
        """
        training, ranks = self.run.training, Ranks.current()
        several = ranks.count > 1 and torch.cuda.is_available() and training.accelerator != "cpu"
        devices: Any = [ranks.rank] if several else 1
        task = self.run.build()
        task.check(self.source)
        task.check_batch(training.share(ranks.count))
        if self.before is not None:
            task.follow(self.before)
        fabric = Fabric(accelerator=training.accelerator, devices=devices, precision=training.precision)
        return TrainState(task, training, self.run.seed, fabric)

    def fit(self, state: TrainState, log: Log, stop: Stop | None = None) -> None:
        """Train to the last step."""
        run, device = self.run, state.fabric.device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        feeds = state.task.feeds(self.source, run.seed, device, run.training.flip)
        preview = state.task.preview(self.source, run.seed, device)
        title, quiet = f"{run.method} seed {run.seed}", not sys.stderr.isatty()
        fit(state, feeds, self.checkpoints, self.depends_on, preview, log, title, quiet, stop)

    @property
    def depends_on(self) -> dict[str, Any]:
        return self.run.depends_on(self.source.digest)


def train(
    source: ImageStore | Points,
    config: RunConfig,
    checkpoints: CheckpointStore,
    before: dict[str, Network] | None = None,
) -> tuple[dict[str, Network], History, Described]:
    """Train one run, resuming from its checkpoint.

    Args:
        before: the networks of the stage before, from whose weights a later stage starts.

    Returns the networks by name, the history and the grids over time. A run that diverges or fails is a result: its
    history says so, and the study continues.
    """
    run = RunConfig.model_validate(config)
    job = Job(run, source, replace(checkpoints, listeners=[]), before)  # Other processes cannot take listeners.
    try:
        devices = parallel.device_count(run.training.devices, run.training.accelerator)
        run.training.share(devices)
        state = job.state()
    except ValueError as error:
        raise click.ClickException(f"method '{run.method}': {error}") from None

    def log(step: int, row: dict[str, float]) -> None:
        for listen in checkpoints.listeners:
            listen(step, row)

    status: Status = "finished"
    error = ""
    try:
        if devices > 1:
            train_together(job, state, devices, log)
        else:
            job.fit(state, log)
        if state.diverged_at is not None:
            status, error = "diverged", f"a loss was not finite at step {state.diverged_at}"
    except Interrupted as stop:
        raise click.ClickException(f"{stop}. The same command resumes from there.") from None
    except CheckpointError as refused:
        raise click.ClickException(str(refused)) from None
    except click.ClickException:  # a second Ctrl-C
        raise
    except Exception as failure:
        logger.exception("Run %s failed at step %d", run.name, state.step)
        status, error = "failed", f"{type(failure).__name__}: {failure}"
    history = History(
        dataset=run.dataset,
        method=run.method,
        title=run.title,
        seed=run.seed,
        status=status,
        error=error,
        step=state.step,
        steps=run.training.steps,
        batch_size=run.training.batch_size,
        seconds=state.seconds,
        device=str(state.fabric.device) + (f" x {devices}" if devices > 1 else ""),
        threads=torch.get_num_threads(),
        peak_memory_mib=peak_memory(state.fabric.device),
        data_sha256=source.digest,
        origin=checkpoints.origin,
        config=run,
        rows=state.history,
    )
    trained = state.trained()
    for network in trained.values():
        network.notes = {"run": run.name, "step": state.step, "data_sha256": source.digest}
        network.cpu().eval()
    steps = [step for step in run.training.grid_steps() if step <= state.step][: len(state.grids)]
    grids = torch.stack(state.grids) if state.grids else torch.empty(0, 64, *source.shape, dtype=torch.uint8)
    return trained, history, Described({"grids": grids}, {"steps": steps, "dataset": run.dataset})


def train_together(job: Job, state: TrainState, devices: int, log: Log) -> None:
    """Train in several processes that share the batches, then bring the state up to their last checkpoint.

    Raises:
        Interrupted: a stop was asked for; the checkpoint is written.
        CheckpointError: the store holds the checkpoint of another configuration.
    """
    job.checkpoints.check(job.depends_on, devices)
    context = torch.multiprocessing.get_context("spawn")
    rows, stop = context.Queue(), context.Event()
    with stop_on_signal() as asked:

        def poll() -> None:
            if asked.is_set():
                stop.set()
            try:
                while True:
                    log(*rows.get_nowait())
            except Empty:
                pass

        try:
            parallel.launch(_train_rank, devices, job, rows, stop, poll=poll)
        finally:
            state.ranks = Ranks(count=devices)
            job.checkpoints.restore(state, job.depends_on)
    if stop.is_set() and state.step < job.run.training.steps and state.diverged_at is None:
        raise Interrupted(f"stopped at step {state.step} of {job.run.training.steps}")


def _train_rank(job: Job, rows: "Queue[Any]", stop: Any) -> None:
    """What each of several processes does."""
    with suppress(Interrupted):  # Its checkpoint is written; the process that waits sees the step.
        job.fit(job.state(), lambda step, row: rows.put((step, row)), stop)
