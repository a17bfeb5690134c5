"""What every adversarial loss is: a critic loss and a generator loss, both minimised."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from relation_gan.gan.registry import Registry


class Critic(Protocol):
    """What a loss may ask of a critic: whole scores, or the two modules of a pair critic."""

    kind: str
    sphere: bool

    def __call__(self, a: Tensor, b: Tensor | None = None) -> Tensor: ...
    def embed(self, x: Tensor) -> Tensor: ...
    def relate(self, a: Tensor, b: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Batch:
    """The images of one step, each a tensor (B, C, H, W) in [-1, 1], or points (B, 2).

    `real2` and `fake2` are the second samples of a pair loss. Where they are None, the second
    sample of image i is image i+1 of the same batch, which costs no further embedding.
    `labels` (B,) are the classes of the real images, and what a conditional generator drew as well.
    `latents` (B, latent) are what the fakes were drawn from.
    `period`: images so many places apart are of one class, and the second samples of a pair loss are that far away.
    """

    real: Tensor
    fake: Tensor
    real2: Tensor | None = None
    fake2: Tensor | None = None
    labels: Tensor | None = None
    latents: Tensor | None = None
    period: int = 1


class Loss(nn.Module, ABC):
    """An adversarial objective: what the critic gives the batch, and a function of it for each network.

    Both objectives are minimised. What a loss remembers between steps lives in its buffers.
    """

    critic_kind: ClassVar[str]
    fresh_second: bool = False
    """Whether the training step draws independent second samples for this loss."""
    classes: int = 0
    """How many classes the loss distinguishes by `Batch.labels`; 0 if it looks at none."""

    recalls_images: bool = False
    """Whether the loss compares the images of a step with those of steps before."""
    local_buffers: ClassVar[tuple[str, ...]] = ()
    """Buffers that hold images of this process; the other ones are the same in all processes that share a batch."""

    follows: ClassVar[bool] = False
    """Whether the loss needs the networks of a stage before."""

    def follow(self, generator: nn.Module, critic: nn.Module) -> None:
        """Take the trained networks of the stage before."""

    def check(self, critic: Critic, generator: nn.Module) -> None:
        """Refuse networks that this loss has no meaning for.

        Raises:
            ValueError: naming the option to change.
        """
        if critic.kind != self.critic_kind:
            raise ValueError(f"it needs a {self.critic_kind} critic, got kind '{critic.kind}'; set kind to the former")
        classes = getattr(generator, "classes", 0)
        if self.classes and classes != self.classes:
            raise ValueError(
                f"it distinguishes {self.classes} classes, the generator draws {classes} (0: unconditional); "
                "set the same number of classes in the loss and in the generator"
            )

    @abstractmethod
    def scores(self, critic: Critic, batch: Batch) -> Any:
        """A named tuple of tensors that both objectives are functions of."""

    @abstractmethod
    def critic_objective(self, scores: Any, batch: Batch) -> Tensor:
        """A scalar."""

    @abstractmethod
    def generator_objective(self, scores: Any, batch: Batch) -> Tensor:
        """A scalar."""

    def critic_loss(self, critic: Critic, batch: Batch) -> Tensor:
        """The scalar that the critic minimises."""
        return self.critic_objective(self.scores(critic, batch), batch)

    def generator_loss(self, critic: Critic, batch: Batch) -> Tensor:
        """The scalar that the generator minimises."""
        return self.generator_objective(self.scores(critic, batch), batch)

    def observations(self, scores: Any, batch: Batch) -> dict[str, Tensor]:
        """Scalars to log with the losses: the means of what the critic gave."""
        return {f"score_{name}": score.mean() for name, score in scores._asdict().items()}

    def recall(self, batch: Batch) -> Batch:
        """Complete a batch with what the loss remembers of earlier steps."""
        return batch

    @torch.no_grad()
    def update(self, scores: Any, batch: Batch) -> None:
        """Remember what the next step needs: the only mutation, once a step, after both networks moved."""

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A memory is empty until its first step, so it takes the shape of what is loaded.
        for name, buffer in self.named_buffers(recurse=False):
            saved = state_dict.get(prefix + name)
            if saved is not None and saved.shape != buffer.shape:
                setattr(self, name, buffer.new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Scores(NamedTuple):
    """Scores (B,) of real and generated images."""

    real: Tensor
    fake: Tensor


class ScoreLoss(Loss):
    """A loss of a score critic: a function of C(x) and C(y)."""

    critic_kind = "score"

    def scores(self, critic: Critic, batch: Batch) -> Scores:
        return Scores(critic(batch.real), critic(batch.fake))


class SeparableLoss(ScoreLoss):
    """A sum of a function of C(x) and a function of C(y), which also has relativistic forms.

    The generator maximises what the critic gives its images, as if they were real.
    """

    @abstractmethod
    def real_term(self, t: Tensor) -> Tensor:
        """What the critic minimises at the scores (B,) of reals, elementwise."""

    @abstractmethod
    def fake_term(self, t: Tensor) -> Tensor:
        """What the critic minimises at the scores (B,) of fakes, elementwise."""

    def critic_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return self.real_term(scores.real).mean() + self.fake_term(scores.fake).mean()

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        return self.real_term(scores.fake).mean()


class Features(NamedTuple):
    """Features (B, F) of real and generated images."""

    real: Tensor
    fake: Tensor


class FeatureLoss(Loss):
    """A loss of a feature critic: a function of f(x) and f(y)."""

    critic_kind = "feature"

    def scores(self, critic: Critic, batch: Batch) -> Any:
        return Features(critic(batch.real), critic(batch.fake))

    def observations(self, scores: Any, batch: Batch) -> dict[str, Tensor]:
        """The mean lengths of the features, and the distance between the two means."""
        return {
            "feature_length_real": scores.real.norm(dim=1).mean(),
            "feature_length_fake": scores.fake.norm(dim=1).mean(),
            "feature_distance": (scores.real.mean(0) - scores.fake.mean(0)).norm(),
        }


registry: Registry[Loss] = Registry("loss")
register = registry.register
