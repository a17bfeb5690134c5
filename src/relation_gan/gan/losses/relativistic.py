"""Relativistic average losses (Jolicoeur-Martineau, arXiv 1807.00734)."""

from torch import Tensor
from torch.nn.functional import relu

from relation_gan.gan.losses.base import Batch, Critic, Loss, register


@register("rahinge")
class RaHinge(Loss):
    """Relativistic average hinge loss: how far above the average fake is a real, and the reverse.

    With the gaps a = C(x) - E C(y) and b = C(y) - E C(x). This is the loss that the Relation GAN
    paper lists as "Relativistic".
    """

    critic_kind = "score"

    @staticmethod
    def gaps(critic: Critic, batch: Batch) -> tuple[Tensor, Tensor]:
        C_real, C_fake = critic(batch.real), critic(batch.fake)
        return C_real - C_fake.mean(), C_fake - C_real.mean()

    def critic_loss(self, critic: Critic, batch: Batch) -> Tensor:
        a, b = self.gaps(critic, batch)
        return (relu(1 - a).mean() + relu(1 + b).mean()) / 2

    def generator_loss(self, critic: Critic, batch: Batch) -> Tensor:
        a, b = self.gaps(critic, batch)
        return (relu(1 + a).mean() + relu(1 - b).mean()) / 2
