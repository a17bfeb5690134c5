"""One node trains one run."""

import logging
import sys
from typing import Any, NamedTuple, cast

import click
import torch
from lightning_fabric import Fabric

from relation_gan import tracking
from relation_gan.config import RunConfig
from relation_gan.gan import losses, networks, regularisers
from relation_gan.gan.checkpoint import CheckpointError, Described
from relation_gan.gan.data import ImageFeed, ImageStore
from relation_gan.gan.losses import Loss
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.regularisers import Regulariser
from relation_gan.gan.training import CheckpointStore, Interrupted, TrainState, fit

logger = logging.getLogger(__name__)


class Parts(NamedTuple):
    """What a run is built of."""

    generator: Generator
    critic: Critic
    loss: Loss
    regularisers: list[Regulariser]


def build(run: RunConfig) -> Parts:
    """The untrained parts of a run, the same for the same seed on every device.

    Raises:
        ValueError: the configuration names something unknown, or parts that do not fit together.
    """
    for part, options in (
        ("loss", run.loss),
        ("generator", run.generator),
        ("critic", run.critic),
        *(("regulariser", options) for options in run.regularisers),
    ):
        if "name" not in options:
            raise ValueError(f"its {part} has no name, only {options}; add name: ...")
    loss = losses.create(**run.loss)
    terms = [regularisers.create(**options) for options in run.regularisers]
    for term, options in zip(terms, run.regularisers, strict=True):
        if loss.critic_kind not in term.critic_kinds:
            raise ValueError(
                f"regulariser '{options['name']}' does not accept a {loss.critic_kind} critic, which loss "
                f"'{run.loss['name']}' needs; it accepts: {', '.join(sorted(term.critic_kinds))}"
            )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        generator = networks.create(**run.generator)
        critic = networks.create(**{**run.critic, "kind": loss.critic_kind})
    return Parts(cast(Generator, generator), cast(Critic, critic), loss, terms)


def depends_on(config: dict[str, Any], digest: str) -> dict[str, Any]:
    """Everything that a run's weights depend on. A checkpoint made with anything else is not taken up."""
    return {"run": RunConfig(**config).model_dump(mode="json"), "data_sha256": digest}


def train(
    images: ImageStore, config: dict[str, Any], training: dict[str, Any], checkpoints: CheckpointStore
) -> tuple[Generator, Generator, Critic, dict[str, Any], Described]:
    """Train one run, going on from its checkpoint.

    Returns the averaged generator, the raw one, the critic, the history and the grids over time. A
    run that diverges or fails is a result: its history says so, and the study goes on.
    """
    run = RunConfig(**config)
    fabric = Fabric(accelerator=run.training.accelerator, devices=1, precision=run.training.precision)
    generator, critic, loss, terms = build(run)
    for part in (generator, critic, loss):
        part.to(fabric.device)
    state = TrainState(generator, critic, loss, run.training, run.seed, fabric)
    dependencies = depends_on(config, images.digest)
    if training["replace"]:
        checkpoints.discard_others(dependencies)
    feed = ImageFeed(images, run.seed, fabric.device)
    status, error = "finished", ""
    try:
        title = f"{run.method} seed {run.seed}"
        fit(state, feed, terms, checkpoints, dependencies, tracking.log_step, title, quiet=not sys.stderr.isatty())
        if state.diverged_at is not None:
            status, error = "diverged", f"a loss was not finite at step {state.diverged_at}"
    except Interrupted as stop:
        raise click.ClickException(f"{stop}. The same command goes on from there.") from None
    except CheckpointError as refused:
        raise click.ClickException(str(refused)) from None
    except Exception as failure:
        logger.exception("Run %s.%s.seed%d failed at step %d", run.dataset, run.method, run.seed, state.step)
        status, error = "failed", f"{type(failure).__name__}: {failure}"
    history = {
        "dataset": run.dataset,
        "method": run.method,
        "title": run.title,
        "seed": run.seed,
        "status": status,
        "error": error,
        "step": state.step,
        "steps": run.training.steps,
        "batch_size": run.training.batch_size,
        "seconds": state.seconds,
        "device": str(fabric.device),
        "threads": torch.get_num_threads(),
        "data_sha256": images.digest,
        "config": dependencies["run"],
        "rows": state.history,
    }
    notes = {"run": f"{run.dataset}.{run.method}.seed{run.seed}", "step": state.step, "data_sha256": images.digest}
    averaged = state.averaged
    for network in (averaged, state.generator, state.critic):
        network.notes = notes
    steps = [step for step in run.training.grid_steps() if step <= state.step][: len(state.grids)]
    shape = (0, 64, *images.shape)
    grids = torch.stack(state.grids) if state.grids else torch.empty(shape, dtype=torch.uint8)
    return (
        averaged.cpu().eval(),
        state.generator.cpu().eval(),
        state.critic.cpu().eval(),
        history,
        Described({"grids": grids}, {"steps": steps}),
    )
