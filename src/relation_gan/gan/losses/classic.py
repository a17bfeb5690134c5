"""The losses of score critics D(x) that every newer one is compared with."""

from torch import Tensor
from torch.nn.functional import softplus

from relation_gan.gan.losses.base import Batch, Critic, Loss, register


@register("minimax")
class Minimax(Loss):
    """Goodfellow et al. 2014, eq. (1), on logits: D = sigmoid(C), so -log D = softplus(-C)."""

    critic_kind = "score"

    def critic_loss(self, critic: Critic, batch: Batch) -> Tensor:
        C_real, C_fake = critic(batch.real), critic(batch.fake)
        return softplus(-C_real).mean() + softplus(C_fake).mean()

    def generator_loss(self, critic: Critic, batch: Batch) -> Tensor:
        return -softplus(critic(batch.fake)).mean()


@register("non_saturating")
class NonSaturating(Minimax):
    """Goodfellow et al. 2014, section 3: the generator maximises log D(y) instead."""

    def generator_loss(self, critic: Critic, batch: Batch) -> Tensor:
        return softplus(-critic(batch.fake)).mean()
