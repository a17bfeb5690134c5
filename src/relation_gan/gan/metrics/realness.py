"""One number for how real a critic of any kind holds a sample to be."""

from torch import Tensor

from relation_gan.gan.networks import Critic


def realness(critic: Critic, at: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """(B,): how real a critic holds images (B, C, H, W) or points (B, 2) to be. Larger is more real.

    score critic:   C(p)
    pair critic:    E_y D(y, p) - E_x D(x, p), p being related rather to real x than to generated y
    feature critic: |f(p) - E f(y)| - |f(p) - E f(x)|, p lying nearer to the mean feature of real x

    The latter two are witnesses of the difference between real and generated samples, 0 where there is none.

    Args:
        real, fake: (n, ...) and (m, ...), over which the means are taken; a score critic looks at neither.
    """
    if critic.kind == "pair":
        place = critic.embed(at)
        return _mean_relation(critic, critic.embed(fake), place) - _mean_relation(critic, critic.embed(real), place)
    if critic.kind == "feature":
        f = critic(at)
        to_fake, to_real = ((f - critic(sample).mean(0)).norm(dim=1) for sample in (fake, real))
        return to_fake - to_real
    return critic(at)


def _mean_relation(critic: Critic, sample: Tensor, at: Tensor) -> Tensor:
    """The mean over a sample of D(sample, place), for each place. Embeddings (n, ...) and (m, ...) -> (m,)."""
    total = sum(critic.relate(one.expand_as(at), at) for one in sample)
    assert isinstance(total, Tensor)
    return total / len(sample)
