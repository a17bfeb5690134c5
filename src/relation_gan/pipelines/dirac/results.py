"""What the report is made of: one run a (variant, solver, with or without the damping)."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.theory import SolverConfig, SystemConfig, VariantConfig, flows, measures
from relation_gan.gan.theory.flows import Array, Flow

ADAPTIVE = "adaptive"


@dataclass(frozen=True)
class Run:
    """One simulated trajectory of the generator."""

    system: str
    """The system's title."""
    variant: VariantConfig
    solver: str
    step: float | None
    """The step of Euler's method; None for the adaptive solver."""
    damping: float
    """The generator's speed was multiplied by this to the power t; 1 leaves it alone."""
    interval: float
    theta: Array
    """(T, 2)."""

    @property
    def flow(self) -> Flow:
        return flows.create(**self.variant.flow)

    @cached_property
    def distance(self) -> Array:
        """(T,) distances to the data."""
        return measures.distance(self.theta)

    @cached_property
    def outcome(self) -> measures.Outcome:
        return measures.outcome(self.interval, self.theta)

    @property
    def converged(self) -> bool:
        return self.outcome == "converges"

    @property
    def end(self) -> float:
        """The largest distance over the last tenth of the time."""
        return float(measures.tail(self.distance).max())

    @cached_property
    def rate(self) -> float:
        return measures.rate(self.interval, self.distance)

    @property
    def expected_rate(self) -> float | None:
        """By the linearised flow; there is none for a flow that is damped from outside."""
        eigenvalue = self.flow.eigenvalue() if self.damping == 1 else None
        return None if eigenvalue is None else measures.expected_rate(eigenvalue, self.step)


class Pair(NamedTuple):
    """A variant's runs without and with the damping, by the most exact solver that there is."""

    free: Run
    damped: Run

    @property
    def variant(self) -> VariantConfig:
        return self.free.variant


def runs_of(simulation: Described) -> list[Run]:
    """The runs of a system's simulation, without those that its flow has not."""
    system, solver = SystemConfig(**simulation.description["system"]), SolverConfig(**simulation.description["solver"])
    theta = simulation.tensors["theta"].numpy()
    steps = [*solver.steps, None]
    return [
        Run(system.title, variant, name, steps[s], damping, solver.interval, theta[v, s, d])
        for v, variant in enumerate(system.variants.values())
        for s, name in enumerate(simulation.description["solvers"])
        for d, damping in enumerate((1.0, solver.damping))
        if steps[s] is not None or flows.create(**variant.flow).smooth
    ]


def by_variant(runs: list[Run]) -> dict[str, list[Run]]:
    """The runs of each variant, by its title, in the order of the configuration."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.variant.title, []).append(run)
    return groups


def pairs(runs: list[Run]) -> list[Pair]:
    """Each variant's two runs by the adaptive solver, or else by Euler's method at its smallest step."""
    return [
        Pair(
            *(
                min((run for run in group if (run.damping == 1) == free), key=lambda run: run.step or 0.0)
                for free in (True, False)
            )
        )
        for group in by_variant(runs).values()
    ]
