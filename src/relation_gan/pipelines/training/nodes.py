"""One node trains one run."""

import logging
import resource
import sys
from functools import partial
from typing import Any, NamedTuple, cast

import click
import torch
from lightning_fabric import Fabric

from relation_gan import tracking
from relation_gan.config import RunConfig
from relation_gan.gan import losses, networks, regularisers
from relation_gan.gan.checkpoint import CheckpointError, Described
from relation_gan.gan.data import ImageStore, Points, feed
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
    if loss.follows and run.after is None:
        raise ValueError(f"loss '{run.loss['name']}' ranks against a stage before it; name that method with after: ...")
    if run.after and (run.generator, run.critic) != (run.after.generator, run.after.critic):
        raise ValueError(f"its networks must be those of '{run.after.method}', whose weights it starts from")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        generator = cast(Generator, networks.create(**run.generator))
        critic = cast(Critic, networks.create(**{**run.critic, "kind": loss.critic_kind}))
    parts = [("loss", run.loss, partial(loss.check, critic, generator))]
    parts += [
        ("regulariser", options, partial(term.check, critic))
        for term, options in zip(terms, run.regularisers, strict=True)
    ]
    for family, options, check in parts:
        try:
            check()
        except ValueError as error:
            raise ValueError(f"{family} '{options['name']}': {error}") from None
    return Parts(generator, critic, loss, terms)


def check_labels(loss: Loss, source: ImageStore | Points) -> None:
    """Refuse a loss that tells other classes apart than the data has.

    Raises:
        ValueError: it does.
    """
    if loss.classes and loss.classes != source.n_classes:
        raise ValueError(
            f"its loss tells {loss.classes} classes apart, {source.name} has {source.n_classes}; set loss.classes and "
            f"generator.classes to {source.n_classes}"
        )


def depends_on(config: dict[str, Any], digest: str) -> dict[str, Any]:
    """Everything that a run's weights depend on. A checkpoint made with anything else is not taken up."""

    def relevant(run: dict[str, Any]) -> dict[str, Any]:
        training = {key: value for key, value in run["training"].items() if key != "save_every"}
        after = relevant(run["after"]) if run["after"] else None
        return {key: value for key, value in run.items() if key != "title"} | {"training": training, "after": after}

    return {"run": relevant(RunConfig(**config).model_dump(mode="json")), "data_sha256": digest}


def peak_memory(device: torch.device) -> float:
    """MiB that the process has held at most: of the accelerator's memory where it trained on one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def train(
    source: ImageStore | Points,
    config: dict[str, Any],
    checkpoints: CheckpointStore,
    generator_before: Generator | None = None,
    critic_before: Critic | None = None,
) -> tuple[Generator, Generator, Critic, dict[str, Any], Described]:
    """Train one run, going on from its checkpoint.

    A later stage starts from the weights of the stage before, which its loss keeps, frozen.

    Returns the averaged generator, the raw one, the critic, the history and the grids over time. A
    run that diverges or fails is a result: its history says so, and the study goes on.
    """
    run = RunConfig(**config)
    fabric = Fabric(accelerator=run.training.accelerator, devices=1, precision=run.training.precision)
    generator, critic, loss, terms = build(run)
    try:
        check_labels(loss, source)
    except ValueError as error:
        raise click.ClickException(f"method '{run.method}': {error}") from None
    if generator_before is not None and critic_before is not None:
        generator.load_state_dict(generator_before.state_dict())
        critic.load_state_dict(critic_before.state_dict())
        loss.follow(generator_before, critic_before)
    for part in (generator, critic, loss):
        part.to(fabric.device)
    state = TrainState(generator, critic, loss, run.training, run.seed, fabric)
    dependencies = depends_on(config, source.digest)
    if fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(fabric.device)
    batches = feed(source, run.seed, fabric.device, run.training.flip)
    name = f"{run.dataset}.{run.method}.seed{run.seed}"

    def log(step: int, row: dict[str, float]) -> None:
        tracking.log_step(step, row)
        tracking.tell(name, step)

    status, error = "finished", ""
    try:
        title = f"{run.method} seed {run.seed}"
        fit(state, batches, terms, checkpoints, dependencies, log, title, quiet=not sys.stderr.isatty())
        if state.diverged_at is not None:
            status, error = "diverged", f"a loss was not finite at step {state.diverged_at}"
    except Interrupted as stop:
        raise click.ClickException(f"{stop}. The same command goes on from there.") from None
    except CheckpointError as refused:
        raise click.ClickException(str(refused)) from None
    except click.ClickException:  # a second Ctrl-C
        raise
    except Exception as failure:
        logger.exception("Run %s failed at step %d", name, state.step)
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
        "peak_memory_mib": peak_memory(fabric.device),
        "data_sha256": source.digest,
        "origin": tracking.origin,
        "config": run.model_dump(mode="json"),
        "rows": state.history,
    }
    notes = {"run": name, "step": state.step, "data_sha256": source.digest}
    averaged = state.averaged
    for network in (averaged, state.generator, state.critic):
        network.notes = notes
    steps = [step for step in run.training.grid_steps() if step <= state.step][: len(state.grids)]
    grids = torch.stack(state.grids) if state.grids else torch.empty(0, 64, *source.shape, dtype=torch.uint8)
    return (
        averaged.cpu().eval(),
        state.generator.cpu().eval(),
        state.critic.cpu().eval(),
        history,
        Described({"grids": grids}, {"steps": steps, "dataset": run.dataset}),
    )
