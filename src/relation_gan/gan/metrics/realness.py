"""One number for how real a critic of any kind holds a sample to be."""

from collections.abc import Callable

import torch
from torch import Tensor

from relation_gan.gan.networks import Critic


def realness(critic: Critic, real: Tensor, fake: Tensor) -> Callable[[Tensor], Tensor]:
    """How real a critic holds images (B, C, H, W) or points (B, 2) to be: (B,), larger is more real.

    score critic:   C(p)
    pair critic:    E_y D(y, p) - E_x D(x, p), p being related rather to real x than to generated y
    feature critic: |f(p) - E f(y)| - |f(p) - E f(x)|, p lying nearer to the mean feature of real x

    The latter two are witnesses of the difference between real and generated samples, 0 where there is none.

    Args:
        real, fake: (n, ...) and (m, ...), over which the means are taken; a score critic looks at neither.
    """
    if critic.kind == "score":
        return critic
    # The witnesses are looked at once, however often the function is asked.
    with torch.no_grad():
        if critic.kind == "pair":
            of_real, of_fake = critic.embed(real), critic.embed(fake)
        else:
            of_real, of_fake = critic(real).mean(0), critic(fake).mean(0)

    def witness(at: Tensor) -> Tensor:
        if critic.kind == "pair":
            place = critic.embed(at)
            return _mean_relation(critic, of_fake, place) - _mean_relation(critic, of_real, place)
        f = critic(at)
        return (f - of_fake).norm(dim=1) - (f - of_real).norm(dim=1)

    return witness


def _mean_relation(critic: Critic, sample: Tensor, at: Tensor) -> Tensor:
    """The mean over a sample of D(sample, place), for each place. Embeddings (n, ...) and (m, ...) -> (m,)."""
    total = sum(critic.relate(one.expand_as(at), at) for one in sample)
    assert isinstance(total, Tensor)
    return total / len(sample)
