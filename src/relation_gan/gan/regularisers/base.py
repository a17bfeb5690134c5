"""What every regulariser is."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from relation_gan.gan.losses.base import Batch, Critic
from relation_gan.gan.registry import Registry


class Regulariser:
    """A term added to the critic loss, or a projection of the critic's parameters after its step."""

    critic_kinds: ClassVar[frozenset[str]] = frozenset({"score", "pair", "feature"})
    every: int = 1
    """Applied at every n-th step; a lazy penalty is scaled by n to keep its mean strength."""

    at_real: bool = False
    """Whether it takes gradients at the real images of the batch, which then must record them."""

    def check(self, critic: nn.Module) -> None:
        """Refuse a critic that this term has no meaning for.

        Raises:
            ValueError: naming what to change.
        """
        kind = getattr(critic, "kind", "score")
        if kind not in self.critic_kinds:
            raise ValueError(
                f"it does not accept a {kind} critic, only: {', '.join(sorted(self.critic_kinds))}; leave it out, "
                "or use weight_clip"
            )

    def penalty(self, critic: Critic, batch: Batch, generator: torch.Generator) -> Tensor:
        """A scalar, already weighted. `generator` is the step's source of random numbers."""
        return batch.real.new_zeros(())

    def project(self, critic: nn.Module) -> None:
        """Change the critic's parameters in place, after its optimiser step."""


registry: Registry[Regulariser] = Registry("regulariser")
register = registry.register
