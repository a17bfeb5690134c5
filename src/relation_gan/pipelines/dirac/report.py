"""What the study of the Dirac GAN says: every sentence follows from the measured numbers by a rule."""

import math
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from plotly.offline import get_plotlyjs

from relation_gan.gan.theory import measures as rules
from relation_gan.pipelines.dirac import figures
from relation_gan.pipelines.dirac.results import Pair, Run, by_variant, pairs
from relation_gan.pipelines.reporting import report as common
from relation_gan.pipelines.reporting.plots import as_html
from relation_gan.pipelines.shared import template

NEAR = 0.05
"""An end within this part of the start looks like 0 in a figure of the whole trajectory."""

CLAIMS = {True: "converges", False: "does not converge", None: "–"}


def table(runs: list[Run]) -> pd.DataFrame:
    """One row a run."""
    return pd.DataFrame(
        {
            "system": run.system,
            "variant": run.variant.title,
            "solver": run.solver,
            "damping": run.damping,
            "paper": CLAIMS[run.variant.paper] if run.variant.paper is not None else "",
            "outcome": run.outcome,
            "start": run.distance[0],
            "end": run.end,
            "rate": run.rate,
            "expected_rate": run.expected_rate,
        }
        for run in runs
    )


def measures(runs: list[Run]) -> dict[str, float]:
    """Flat, name -> number: where each variant ends and at what rate, by its most exact solver."""
    return {
        f"{name(pair.variant.title)}.{figures.group(run)}.{key}": value
        for pair in pairs(runs)
        for run in pair
        for key, value in (("end", run.end), ("rate", run.rate))
    }


def name(title: str) -> str:
    """A title as part of a metric's name."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def number(value: float) -> str:
    """`.0054`, `12.0`, `4.5e-09`; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:#.2g}" if abs(value) < 10 else f"{value:.1f}").rstrip(".")


def verdict(pair: Pair) -> str:
    """Whether the paper's word on a variant holds without the damping."""
    if pair.variant.paper is None:
        return "not in the paper"
    return "holds" if pair.variant.paper == pair.free.converged else "does not hold"


def ending(run: Run) -> str:
    """`comes to rest at .034`, `converges`."""
    at = {"comes to rest": "at", "keeps a distance": "of up to", "grows": "to", "shrinks": "to"}.get(run.outcome)
    return f"{run.outcome} {at} {number(run.end)}" if at else run.outcome


def lead(runs: list[Run]) -> str:
    """The result in a few plain sentences."""
    of, damping = pairs(runs), _damping(runs)
    sentences = [
        f"Of {len(of)} variants, {_count(pair for pair in of if pair.free.converged)} without the factor {damping} on "
        f"the generator’s speed, and {_count(pair for pair in of if pair.damped.converged)} with it."
    ]
    if claimed := [pair for pair in of if pair.variant.paper]:
        holds = [pair for pair in claimed if pair.free.converged]
        which = _list(f"“{pair.variant.title}”" for pair in holds or claimed)
        sentences.append(
            f"The paper’s claim that Relation GAN converges {'holds for' if holds else 'does not hold for'} {which}."
        )
    return " ".join(sentences)


def findings(runs: list[Run]) -> list[str]:
    """What holds, and what was an artefact of the released solver."""
    of, damping = pairs(runs), _damping(runs)
    said = [_corrections(chain, damping) for chain in _chains(of)]
    for pair in of:
        title, free = pair.variant.title, pair.free
        if free.converged and not pair.variant.paper:
            source = "Against the paper" if pair.variant.paper is False else "Not in the paper"
            theory = "" if free.expected_rate is None else f" (its linearised flow: {free.expected_rate:.4f})"
            stopped = "" if pair.damped.converged else f"; with it, it {ending(pair.damped)}"
            said.append(
                f"{source}: {title} converges without the damping, at the rate {free.rate:.4f}{theory}{stopped}."
            )
    resting = [pair for pair in of if pair.damped.outcome == "comes to rest"]
    moving = [pair for pair in resting if pair.free.outcome != "comes to rest"]
    if moving:
        said.append(
            f"The factor {damping} brings {len(resting)} of the {len(of)} generators to rest away from the data, "
            f"{len(moving)} of which would move on: to stand still is no convergence."
        )
    return said + _step_artefacts(runs, of)


def _chains(of: list[Pair]) -> list[list[Pair]]:
    """A released variant and, below it, what is left of it as its faults are put right one by one."""
    chains: list[list[Pair]] = []
    for pair in of:
        if pair.variant.corrects and chains:
            chains[-1].append(pair)
        else:
            chains.append([pair])
    return [chain for chain in chains if len(chain) > 1]


def _corrections(chain: list[Pair], damping: str) -> str:
    first, start = chain[0], chain[0].free.distance[0]
    part = first.damped.end / start
    sentences = [
        f"{first.variant.title}: with the factor {damping} the generator {ending(first.damped)}, {part:.1%} of its "
        f"first distance; without, it {ending(first.free)}."
    ]
    sentences += [
        f"With {pair.variant.corrects} {'also ' if i else ''}put right, it {ending(pair.damped)} with the factor, and "
        f"{ending(pair.free)} without."
        for i, pair in enumerate(chain[1:])
    ]
    causes = [f"the factor {damping}"] if part < NEAR <= first.free.end / start else []
    # The first correction that takes the end away from 0 names the fault; later ones come on top of it.
    worse = [pair for pair in chain[1:] if part < NEAR and pair.damped.end > 2 * first.damped.end]
    causes += [f"the error in {worse[0].variant.corrects}"] if worse else []
    if causes:
        sentences.append(f"That it ends near 0 is owed to {_list(causes)}, not to the loss.")
    return " ".join(sentences)


def _step_artefacts(runs: list[Run], of: list[Pair]) -> list[str]:
    """Variants that the coarsest Euler step takes elsewhere than the most exact solver."""
    coarsest = max(run.step or 0.0 for run in runs)
    sentences = []
    for pair, group in zip(of, by_variant(runs).values(), strict=True):
        coarse = next(run for run in group if run.step == coarsest and run.damping == 1)
        if not pair.free.converged and not 0.5 <= coarse.end / pair.free.end <= 2:
            sentences.append(f"{pair.variant.title} {number(coarse.end)} instead of {number(pair.free.end)}")
    if not sentences:
        return []
    return [
        f"Euler’s step of {coarsest:g} adds an error of its own. Without the damping it takes the generator to "
        f"these distances, where the most exact solver gives others: {'; '.join(sentences)}."
    ]


def _count(of: Iterable[Pair]) -> str:
    titles = [pair.variant.title for pair in of]
    if not titles:
        return "none converges"
    return f"{len(titles)} converge{'s' if len(titles) == 1 else ''} ({_list(titles)})"


def _list(words: Iterable[str]) -> str:
    return " and ".join(words)


def _damping(runs: list[Run]) -> str:
    return f"{min(run.damping for run in runs):g}ᵗ"


def summary(runs: list[Run]) -> str:
    """The table for the terminal, at most 100 columns wide, and the result below it."""
    said = {True: "converges", False: "does not", None: "–"}
    lines = [["", "paper", "undamped", f"with {_damping(runs)}"]]
    lines += [[p.variant.title, said[p.variant.paper], ending(p.free), ending(p.damped)] for p in pairs(runs)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*(row[: common.SUMMARY_WIDTH] for row in rows), *textwrap.wrap(lead(runs), common.SUMMARY_WIDTH)])


def render(study: str, runs: list[Run], fields: np.ndarray, provenance: dict[str, str]) -> str:
    """One HTML page that needs nothing else: scripts and images are inside, and it loads nothing."""
    page = template(Path(__file__).parent, "dirac.html.j2")
    groups = by_variant(runs)
    plots = [
        (
            pair,
            as_html(figures.plane(pair), f"plane-{i}"),
            as_html(figures.distances(groups[pair.variant.title]), f"distance-{i}"),
        )
        for i, pair in enumerate(pairs(runs))
    ]
    return page.render(
        study=study,
        lead=lead(runs),
        findings=findings(runs),
        damping=_damping(runs),
        pairs=pairs(runs),
        runs=runs,
        plots=plots,
        fields=figures.data_uri(fields),
        provenance=provenance,
        claims=CLAIMS,
        rules=rules,
        colours=figures.COLOURS,
        group=figures.group,
        number=number,
        verdict=verdict,
        ending=ending,
        plotly=get_plotlyjs(),
    )
