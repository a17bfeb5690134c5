"""A system's flow -> its trajectories; all trajectories -> one report."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from relation_gan.analysis.provenance import provenance
from relation_gan.gan.checkpoint import Described, describe, load
from relation_gan.gan.theory import SolverConfig, SystemConfig, dirac, flows
from relation_gan.pipelines.dirac import figures, report
from relation_gan.pipelines.dirac.results import ADAPTIVE, runs_of


def simulate(system: SystemConfig, solver: SolverConfig, path: Path) -> Described:
    """Every variant of a system, by every solver, without and with the damping of the generator.

    What is kept at the path from the same parameters is taken up.

    Returns:
        `theta` and `phi` (variants, solvers, 2, T, 2), float64, the undamped run before the damped one. The solvers
        are Euler's method at each step size and then the adaptive one, NaN where the flow is not smooth.
    """
    description = {
        "system": system.model_dump(mode="json"),
        "solver": solver.model_dump(mode="json"),
        "solvers": [*(f"Euler {step:g}" for step in solver.steps), ADAPTIVE],
    }
    if path.exists() and describe(path) == description:
        return load(path)
    damping = np.array([[1.0], [solver.damping]])
    common = {"time": solver.time, "interval": solver.interval}
    found: list[list[dirac.Trajectory]] = []
    for variant in system.variants.values():
        flow = flows.create(**variant.flow)
        theta, phi = np.tile(solver.theta, (2, 1)), np.tile(variant.phi, (2, 1))
        by_euler = [dirac.euler(flow, theta, phi, damping, step, **common) for step in solver.steps]
        nothing = dirac.Trajectory(*(np.full_like(states, np.nan) for states in by_euler[0]))
        smooth = dirac.adaptive(flow, theta, phi, damping, **common) if flow.smooth else nothing
        found.append([*by_euler, smooth])
    states = np.array(found).transpose(2, 0, 1, 4, 3, 5)  # (theta or phi, variants, solvers, 2, T, 2)
    return Described({"theta": torch.tensor(states[0]), "phi": torch.tensor(states[1])}, description)


def write_report(
    study: str, *simulations: Described
) -> tuple[str, pd.DataFrame, np.ndarray, np.ndarray, dict[str, float], str]:
    """The HTML page, the table, the images of trajectories and fields, the main numbers, and the terminal's text."""
    runs = [run for simulation in simulations for run in runs_of(simulation)]
    fields = figures.fields(runs)
    page = report.render(study, runs, fields, provenance(Path.cwd()))
    return page, report.table(runs), figures.trajectories(runs), fields, report.measures(runs), report.summary(runs)
