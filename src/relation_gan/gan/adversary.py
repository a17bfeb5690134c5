"""The opponent of whatever generates: a critic, the loss that it plays, and its regularisers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from relation_gan.gan import losses, networks, regularisers
from relation_gan.gan.losses import Batch, Loss
from relation_gan.gan.networks import Critic, Network
from relation_gan.gan.regularisers import Regulariser

PENALTIES = 128
"""The first of the purposes of random draws that regularisers have."""


class Play(NamedTuple):
    """What one batch gives both sides to minimise."""

    generator: Tensor
    """A scalar: its loss and the regularisers of its side."""
    critic: dict[str, Tensor]
    """Scalars by name, which the critic minimises the sum of: its loss, then its penalties."""


class Random(Protocol):
    """The random draws of one update, and its place in the training."""

    @property
    def step(self) -> int: ...
    @property
    def progress(self) -> float: ...

    def random(self, purpose: int) -> torch.Generator: ...


class CriticView:
    """A critic as a loss sees it: with the condition of the batch, and each distinct input computed once.

    The critic's weights do not change while both sides' losses are evaluated, so one forward pass of the
    distinct images serves the losses and the regularisers.
    """

    def __init__(self, critic: Critic, condition: Tensor | None = None) -> None:
        self.critic, self.condition = critic, condition
        self.kind, self.sphere = critic.kind, critic.sphere
        self.relate = critic.relate
        self._memo: dict[int, tuple[Tensor, Tensor]] = {}

    def _once(self, compute: Callable[..., Tensor], x: Tensor) -> Tensor:
        if id(x) not in self._memo:
            given = {} if self.condition is None else {"condition": self.condition}
            # The input is kept with the result: an id stays its own as long as it lives.
            self._memo[id(x)] = x, compute(x, **given)
        return self._memo[id(x)][1]

    def embed(self, x: Tensor) -> Tensor:
        return self._once(self.critic.embed, x)

    def __call__(self, a: Tensor, b: Tensor | None = None) -> Tensor:
        if b is not None:
            return self.relate(self.embed(a), self.embed(b))
        return self._once(self.critic, a)


class Adversary(nn.Module):
    """What a method describes, for any task: its loss and critic are submodules, so that a checkpoint holds both.

    Args:
        conditional: the critic looks at a condition besides the images.

    Raises:
        ValueError: the critic or the loss does not suit that.
    """

    def __init__(
        self, critic: Critic, loss: Loss, terms: Sequence[Regulariser] = (), conditional: bool = False
    ) -> None:
        super().__init__()
        self.critic, self.loss, self.regularisers, self.conditional = critic, loss, list(terms), conditional
        self._last: list[tuple[Any, Batch]] = []
        if critic.conditional != conditional:
            takes, gives = ("a", "none") if critic.conditional else ("no", "one")
            name = critic.spec.get("name")
            raise ValueError(f"critic '{name}' takes {takes} condition, and the task gives {gives}; choose another")
        if conditional and (loss.recalls_images or loss.fresh_second):
            raise ValueError("its loss pairs images of several batches, whose conditions differ; choose second: both")

    def play(self, batch: Batch, draws: Random, condition: Tensor | None = None, seen: Tensor | None = None) -> Play:
        """The terms of both sides, from one forward pass of the critic.

        Args:
            condition: what a conditional critic looks at besides the images, such as labels (B,): the same for the
                real and the generated image of each place.
            seen: generated images that the critic learns from in place of the batch's own, as from an image pool.

        Raises:
            ValueError: the task does not give what the critic or the loss needs.
        """
        if (condition is not None) != self.conditional:
            raise ValueError("a condition is for a conditional adversary, which needs one")
        loss = self.loss
        if loss.fresh_second and batch.real2 is None:
            raise ValueError("its loss needs fresh second samples, which its task does not draw; choose second: both")
        due = [term.at(draws.progress) for term in self.regularisers if draws.step % term.every == 0]
        if any(term.at_real for term in due):
            batch.real.requires_grad_()
        batch = loss.recall(batch)
        view = CriticView(self.critic, condition)
        scores = loss.scores(view, batch)
        generator = loss.generator_objective(scores, batch)
        if seen is not None:
            batch = Batch(batch.real, seen, labels=batch.labels, period=batch.period)
            scores = loss.scores(view, batch)
        critic = {"critic_loss": loss.critic_objective(scores, batch)}
        for i, term in enumerate(due):
            penalty = term.penalty(view, batch, draws.random(PENALTIES + i))
            if term.of_generator:
                generator = generator + penalty
            else:
                critic[f"penalty{i or ''}"] = penalty
        self._last[:] = [(scores, batch)]
        return Play(generator, critic)

    def project(self, progress: float = 0.0) -> None:
        """Hold the critic to the constraints of its regularisers, after each of its updates.

        Args:
            progress: the share of the training that is done.
        """
        for term in self.regularisers:
            term.at(progress).project(self.critic)

    def remember(self) -> None:
        """Let the loss keep what its next step needs, once a step, after all updates."""
        for scores, batch in self._last:
            self.loss.update(scores, batch)
        self._last.clear()

    def observations(self) -> dict[str, Tensor]:
        """Scalars to log: what the loss says of the last batch, and the largest generated value.

        An output that grows without bound shows a runaway before the losses do.
        """
        found: dict[str, Tensor] = {}
        for scores, batch in self._last:
            found = {**self.loss.observations(scores, batch), "fake_max": batch.fake.abs().max()}
        return found


def create(
    critic: dict[str, Any],
    loss: dict[str, Any],
    terms: Sequence[dict[str, Any]] = (),
    generator: Network | None = None,
    conditional: bool = False,
) -> Adversary:
    """The adversary that a method's configuration describes.

    Args:
        critic, loss, terms: name and options of each; the critic's kind is the loss's.
        generator: whose options must suit the loss.
        conditional: see `Adversary`.

    Raises:
        ValueError: something unknown is named, or parts do not fit together.
    """
    made_loss = losses.create(**loss)
    made_terms = [regularisers.create(**options) for options in terms]
    kind = critic.get("kind", made_loss.critic_kind)
    if kind != made_loss.critic_kind:
        raise ValueError(
            f"loss '{loss['name']}' is of a {made_loss.critic_kind} critic, and critic.kind is '{kind}'; leave kind out"
        )
    if not getattr(generator, "latent", 0) and any(term.of_generator for term in made_terms):
        raise ValueError("its regulariser compares images with their latents, which the task has none of; leave it out")
    made_critic = networks.create(**{**critic, "kind": made_loss.critic_kind})
    assert isinstance(made_critic, Critic)
    _checked(f"loss '{loss['name']}'", made_loss.check, made_critic, generator)
    for term, options in zip(made_terms, terms, strict=True):
        _checked(f"regulariser '{options['name']}'", term.check, made_critic)
    return Adversary(made_critic, made_loss, made_terms, conditional)


def _checked(name: str, check: Callable[..., None], *parts: Any) -> None:
    try:
        check(*parts)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
