"""The Dirac GAN (arXiv 1801.04406, section 2.1) as differential equations, one a loss.

The data are a point at 0 of the plane, the generator's samples a point theta, and the critic is C(x) = phi.x, so that
C(real) = 0 and C(fake) = phi.theta = q. Each player descends its own loss: the speeds of theta and phi are minus the
gradients of L_G by theta and of L_D by phi.
"""

import cmath
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from relation_gan.gan.registry import Registry

Array = NDArray[np.float64]


class Speeds(NamedTuple):
    """Speeds (..., 2) of the generator's point and of the critic's weights."""

    theta: Array
    phi: Array


class Flow(ABC):
    """A system's speeds as a function of its state."""

    smooth: ClassVar[bool] = True
    """Whether an adaptive solver can follow it: no jumps, and no memory of the step before."""

    @abstractmethod
    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        """Speeds at theta, phi (..., 2); `previous` is theta one step before."""

    def eigenvalue(self) -> complex | None:
        """Of the flow linearised at theta = phi = 0, the eigenvalue of largest real part; None if it is not known."""
        return None


registry: Registry[Flow] = Registry("flow")
register = registry.register
names = registry.names
create = registry.create


def dot(a: Array, b: Array) -> Array:
    """Inner products (..., 1) of vectors (..., 2)."""
    return np.vecdot(a, b)[..., None]


def norm(a: Array) -> Array:
    """Lengths (..., 1) of vectors (..., 2)."""
    return np.sqrt(dot(a, a))


@register("non_saturating")
@dataclass(frozen=True)
class NonSaturating(Flow):
    """L_D = softplus(q) and L_G = softplus(-q), up to constants: the vanilla GAN's losses, and RSGAN's."""

    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        p = expit(dot(phi, theta))
        return Speeds((1 - p) * phi, -p * theta)

    def eigenvalue(self) -> complex:
        return 0.5j


@register("lsgan")
@dataclass(frozen=True)
class Lsgan(Flow):
    """L_D = 1 + q^2, L_G = (q - 1)^2."""

    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        q = dot(phi, theta)
        return Speeds(2 * (1 - q) * phi, -2 * q * theta)


@register("wgan")
@dataclass(frozen=True)
class Wgan(Flow):
    """L_D = q, L_G = -q; with `normalised`, of the critic C(x) = phi.x / |phi|, as the released solver has it."""

    normalised: bool = False

    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        if not self.normalised:
            return Speeds(phi, -theta)
        length = norm(phi)
        return Speeds(phi / length, dot(phi, theta) * phi / length**3 - theta / length)

    def eigenvalue(self) -> complex | None:
        return None if self.normalised else 1j


@register("wgan_gp")
@dataclass(frozen=True)
class WganGp(Flow):
    """L_D = q + weight (|phi| - centre)^2, L_G = -q: the critic's gradient is phi everywhere."""

    weight: float
    centre: float

    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        pull = 1 - self.centre / norm(phi) if self.centre else 1.0
        return Speeds(phi, -theta - 2 * self.weight * pull * phi)

    def eigenvalue(self) -> complex | None:
        """The roots of m^2 + 2 weight m + 1."""
        return None if self.centre else -self.weight + cmath.sqrt(self.weight**2 - 1)


@register("gan_qp")
@dataclass(frozen=True)
class GanQp(Flow):
    """L_D = q + q^2 / (2 weight |theta|), L_G = -q (arXiv 1811.07296).

    The distance of real and fake is |theta|; the released solver has |phi| in its place (`by_critic`).
    """

    weight: float
    by_critic: bool = False

    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        distance = norm(phi) if self.by_critic else norm(theta)
        return Speeds(phi, -theta - dot(phi, theta) * theta / (self.weight * distance))


@register("relation_additive")
@dataclass(frozen=True)
class RelationAdditive(Flow):
    """Relation GAN (arXiv 2002.10174), eq. (5), with its critic D(a, b) = phi.(a + b); y2 is the previous step's fake.

    L_D = [D1 - q]+ + [D2 + phi.y2]+ and L_G = 2 D(0, theta) - D(theta, y2), with the margins D1 = margin +
    scale |theta|^2 and D2 = margin + scale |y2|^2, which carry no gradient. No gradient goes through y2 to theta.

    Options:
        factor: y2 is this times the previous theta: 1 in the paper, .8 in the released solver.
        sign: of the second hinge's gradient: -1 by eq. (5), 1 in the released solver.
    """

    smooth: ClassVar[bool] = False
    factor: float
    sign: float
    margin: float
    scale: float

    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        y2 = self.factor * previous
        first = dot(phi, theta) < self.margin + self.scale * dot(theta, theta)
        second = -dot(phi, y2) < self.margin + self.scale * dot(y2, y2)
        return Speeds(-phi, first * theta + self.sign * second * y2)


@register("relation_head")
@dataclass(frozen=True)
class RelationHead(Flow):
    """Relation GAN, eq. (6), with a non-linear head on the difference, and the gradient through both fakes.

    D(a, b) = sum of h(|e(a) - e(b)|) over the coordinates of the embedding, with the head h(u) = sqrt(1 + u^2) - 1.
    The embedding is e(x) = phi * x, coordinate by coordinate, or, with `scalar`, the one number phi.x. Both fakes
    are theta, so D(real, real) = D(fake, fake) = 0, L_D = 2 [margin - D(0, theta)]+ and L_G = 2 D(0, theta).
    """

    margin: float
    scalar: bool = False

    def __call__(self, theta: Array, phi: Array, previous: Array) -> Speeds:
        u = dot(phi, theta) if self.scalar else phi * theta
        root = np.sqrt(1 + u * u)
        slope = 2 * u / root
        open_hinge = (root - 1).sum(-1, keepdims=True) < self.margin
        return Speeds(-slope * phi, open_hinge * slope * theta)
