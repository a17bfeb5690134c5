"""What every adversarial loss is: a critic loss and a generator loss, both minimised."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from relation_gan.gan.registry import Registry


class Critic(Protocol):
    """What a loss may ask of a critic: whole scores, or the two modules of a pair critic."""

    def __call__(self, a: Tensor, b: Tensor | None = None) -> Tensor: ...
    def embed(self, x: Tensor) -> Tensor: ...
    def relate(self, a: Tensor, b: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Batch:
    """The images of one step, each a tensor (B, C, H, W) in [-1, 1], or points (B, 2).

    `real2` and `fake2` are the second samples of a pair loss. Where they are None, the second
    sample of image i is image i+1 of the same batch, which costs no further embedding.
    """

    real: Tensor
    fake: Tensor
    real2: Tensor | None = None
    fake2: Tensor | None = None
    labels: Tensor | None = None


class Loss(nn.Module):
    """An adversarial objective: what the critic gives the batch, and a function of it for each network.

    Both objectives are minimised. What a loss remembers between steps lives in its buffers.
    """

    critic_kind: ClassVar[str]
    fresh_second: bool = False
    """Whether the training step draws independent second samples for this loss."""

    def scores(self, critic: Critic, batch: Batch) -> Any:
        """A named tuple of tensors that both objectives are functions of."""
        raise NotImplementedError

    def critic_objective(self, scores: Any, batch: Batch) -> Tensor:
        """A scalar."""
        raise NotImplementedError

    def generator_objective(self, scores: Any, batch: Batch) -> Tensor:
        """A scalar."""
        raise NotImplementedError

    def critic_loss(self, critic: Critic, batch: Batch) -> Tensor:
        """The scalar that the critic minimises."""
        return self.critic_objective(self.scores(critic, batch), batch)

    def generator_loss(self, critic: Critic, batch: Batch) -> Tensor:
        """The scalar that the generator minimises."""
        return self.generator_objective(self.scores(critic, batch), batch)

    def recall(self, batch: Batch) -> Batch:
        """Complete a batch with what the loss remembers of earlier steps."""
        return batch

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Remember what the next step needs: the only mutation, once a step."""

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


registry: Registry[Loss] = Registry("loss")
register = registry.register
