"""Penalties on the norm of a critic's gradient with respect to its images."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from relation_gan.gan.losses.base import Batch, Critic
from relation_gan.gan.regularisers.base import Regulariser, register

Where = Literal["real", "fake", "interpolates", "dragan"]


@register("gradient_penalty")
class GradientPenalty(Regulariser):
    """weight * E(||grad D|| - centre)^2.

    WGAN-GP (arXiv 1704.00028, eq. 3) is centre 1 at interpolates; R1 (arXiv 1801.04406, eq. 9) with
    its gamma is centre 0 at reals, weight gamma / 2; DRAGAN (arXiv 1705.07215) is centre 1 around reals.

    A pair critic is penalised at a pair of such images (the second is the next of the batch, or of its class): the
    gradient of the pair's score with respect to its two images.
    """

    critic_kinds = frozenset({"score", "pair"})

    def __init__(self, weight: float, centre: float = 0.0, where: Where = "real", every: int = 1) -> None:
        if where not in get_args(Where):
            raise ValueError(
                f"regulariser 'gradient_penalty': where '{where}' is unknown; "
                f"choose one of: {', '.join(get_args(Where))}"
            )
        if weight < 0 or centre < 0 or every < 1:
            raise ValueError(
                f"regulariser 'gradient_penalty': weight {weight} and centre {centre} must not be negative, "
                f"every {every} must be at least 1"
            )
        self.weight, self.centre, self.where, self.every = weight, centre, where, every
        self.at_real = where == "real"

    def check(self, critic: nn.Module) -> None:
        super().check(critic)
        if getattr(critic, "batch_norm", False):
            raise ValueError(
                "with batch norm a score depends on the whole batch, and its gradient is no image's own; set norm: none"
            )

    def points(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The images (B, ...) at which the gradient is taken."""
        x, y = batch.real, batch.fake
        if self.where == "real":
            # The very tensor of the batch, when it records gradients, shares the step's embedding.
            return x if x.requires_grad else x.detach().requires_grad_()
        if self.where == "fake":
            return y.detach().requires_grad_()
        if self.where == "interpolates":
            u = torch.rand(len(x), *[1] * (x.dim() - 1), generator=generator, device=x.device)
            return torch.lerp(y.detach(), x.detach(), u).requires_grad_()
        noise = torch.rand(x.shape, generator=generator, device=x.device)
        return (x.detach() + 0.5 * x.std() * noise).requires_grad_()

    def penalty(self, critic: Critic, batch: Batch, generator: torch.Generator) -> Tensor:
        points = self.points(batch, generator)
        if getattr(critic, "kind", "score") == "pair":
            embedded = critic.embed(points)
            scores = critic.relate(embedded, embedded.roll(batch.period, 0))
        else:
            scores = critic(points)
        (gradient,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
        squared = gradient.flatten(1).square().sum(1)
        if self.centre:
            return self.weight * self.every * ((squared + 1e-12).sqrt() - self.centre).square().mean()
        return self.weight * self.every * squared.mean()
