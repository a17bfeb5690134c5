"""Simulations of the Dirac GAN: Euler's method at fixed steps, and an adaptive one."""

from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, field_validator, model_validator
from scipy.integrate import solve_ivp

from relation_gan.gan.theory import flows
from relation_gan.gan.theory.flows import Array, Flow

Point = tuple[float, float]

RTOL, ATOL = 1e-9, 1e-13
"""Tolerances of the adaptive solver, below the smallest distance that a convergent system reaches by t = 200."""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SolverConfig(Model):
    """How every system is simulated. Times are in the flow's own unit, in which plain WGAN turns by one radian."""

    time: PositiveFloat
    interval: PositiveFloat = Field(description="time between two kept states")
    steps: tuple[PositiveFloat, ...] = Field(min_length=1, description="step sizes of Euler's method")
    damping: float = Field(gt=0, lt=1, description="the generator's speed is multiplied by this to the power t")
    theta: Point = Field(description="where the generator starts")

    @field_validator("steps", mode="before")
    @classmethod
    def _split(cls, steps: Any) -> Any:
        """A list typed on a command line is joined by `+`; a single step needs no list."""
        if isinstance(steps, str):
            return steps.split("+")
        return steps if isinstance(steps, list | tuple) else [steps]

    @model_validator(mode="after")
    def _on_the_grid(self) -> Self:
        for whole, part in ((self.time, self.interval), *((self.interval, step) for step in self.steps)):
            if round(whole / part) < 1 or abs(whole / part - round(whole / part)) > 1e-6:
                raise ValueError(f"{part:g} must divide {whole:g}: time is a multiple of interval, that of each step")
        if self.time < 100 * self.interval:
            raise ValueError(f"time {self.time:g} must be at least 100 intervals of {self.interval:g}")
        return self


class VariantConfig(Model):
    """One flow from one start."""

    title: str
    flow: dict[str, Any]
    phi: Point = Field(description="where the critic starts")
    paper: bool | None = Field(None, description="whether the paper says that it converges; null: it does not say")
    corrects: str = Field("", description="what it puts right in the variant above it")

    @field_validator("flow")
    @classmethod
    def _known(cls, flow: dict[str, Any]) -> dict[str, Any]:
        flows.create(**flow)
        return flow


class SystemConfig(Model):
    """The variants of one system, simulated and drawn together."""

    title: str
    variants: dict[str, VariantConfig] = Field(min_length=1)


class DiracConfig(Model):
    """The study of the Dirac GAN."""

    solver: SolverConfig
    systems: dict[str, SystemConfig] = Field(min_length=1)

    @field_validator("systems")
    @classmethod
    def _told_apart(cls, systems: dict[str, SystemConfig]) -> dict[str, SystemConfig]:
        titles = [variant.title for system in systems.values() for variant in system.variants.values()]
        if twice := [title for title in titles if titles.count(title) > 1]:
            raise ValueError(f"two variants have the title '{twice[0]}'; give one of them another")
        return systems


class Trajectory(NamedTuple):
    """States (T, n, 2) at evenly spaced times, the start first; NaN after a solver gave up."""

    theta: Array
    phi: Array


def euler(
    flow: Flow, theta: Array, phi: Array, damping: Array, step: float, time: float, interval: float
) -> Trajectory:
    """Euler's method; both players move at once.

    Args:
        theta, phi: (n, 2) starts.
        damping: (n, 1): the generator's speed at time t is multiplied by damping^t; 1 leaves it alone.
    """
    every, previous = round(interval / step), theta
    kept = [(theta, phi)]
    factor, fade = step * np.ones_like(damping), damping**step
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(1, round(time / step) + 1):
            speeds = flow(theta, phi, previous)
            previous, theta, phi = theta, theta + factor * speeds.theta, phi + step * speeds.phi
            factor = factor * fade
            if i % every == 0:
                kept.append((theta, phi))
    return Trajectory(*(np.stack(states) for states in zip(*kept, strict=True)))


def adaptive(flow: Flow, theta: Array, phi: Array, damping: Array, time: float, interval: float) -> Trajectory:
    """Runge and Kutta's method of order 5(4) with steps of its own choice; arguments as for `euler`.

    Raises:
        ValueError: the flow is not smooth.
    """
    if not flow.smooth:
        raise ValueError(f"{type(flow).__name__} jumps or looks a step back; use euler")
    shape, times = (2, *theta.shape), np.linspace(0, time, round(time / interval) + 1)

    def speeds(t: float, state: Array) -> Array:
        states = state.reshape(shape)
        moving = flow(states[0], states[1], states[0])
        return np.stack([damping**t * moving.theta, moving.phi]).ravel()

    start = np.stack([theta, phi]).ravel()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        solution = solve_ivp(speeds, (0, time), start, "RK45", t_eval=times, rtol=RTOL, atol=ATOL).y.T
    states = np.full((len(times), *shape), np.nan)
    states[: len(solution)] = solution.reshape(-1, *shape)
    return Trajectory(states[:, 0], states[:, 1])
