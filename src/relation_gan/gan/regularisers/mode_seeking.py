"""A term of the generator's loss against images that differ less than their latents do."""

import torch
from torch import Tensor

from relation_gan.gan.losses.base import Batch, Critic
from relation_gan.gan.regularisers.base import Regulariser, register


@register("mode_seeking")
class ModeSeeking(Regulariser):
    """weight / (mean |G(z1) - G(z2)| / mean |z1 - z2| + 1e-5), MSGAN (arXiv 1903.05628), eq. 4 and 5, as in its code.

    z1 and z2 are two latents of the batch, of one class where there are classes.
    """

    of_generator = True

    def __init__(self, weight: float) -> None:
        if weight < 0:
            raise ValueError(f"regulariser 'mode_seeking': weight {weight} must not be negative")
        self.weight = weight

    def penalty(self, critic: Critic, batch: Batch, generator: torch.Generator) -> Tensor:
        assert batch.latents is not None  # `Adversary` sees to it.
        y, z = ((of - of.roll(batch.period, 0)).abs() for of in (batch.fake, batch.latents))
        # Labels of one class do not differ, and are no part of the latents.
        return self.weight / (y.mean() / (z.sum() / z.count_nonzero()) + 1e-5)
