"""Scores as they are printed and compared; what each is, its scorer declares."""

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from relation_gan.gan import scoring
from relation_gan.gan.metrics import extractors
from relation_gan.gan.scoring.measures import Measure

EXTRACTORS = {name: extractors.title(name) for name in extractors.names() if name != "inception"}
"""Titles of the networks that scores are named after."""
COST = dict(scoring.scorer("cost").measures)
QUALITY = {
    name: measure
    for scorer in scoring.names()
    if scorer != "cost"
    for name, measure in scoring.scorer(scorer).measures.items()
}
MEASURES = QUALITY | COST
HEADLINE = tuple(name for name, measure in MEASURES.items() if measure.headline)
"""What stands at the top of a report."""
COMPARED = tuple(name for name, measure in MEASURES.items() if measure.headline or measure.compared)
"""What methods are compared by, besides their scores by share."""
DECISIVE = tuple(sorted((name for name in MEASURES if MEASURES[name].decides), key=lambda name: MEASURES[name].decides))
"""What decides between methods: the first of these that a data set has."""
DISTANCES = ("kid_x1000", *(f"kid_{name}_x1000" for name in EXTRACTORS))
"""The distances to real images that a study on images is decided by."""
COMPLETED = {name: measure for scorer in scoring.names() for name, measure in scoring.scorer(scorer).by_share.items()}
"""The measures of scores whose names end with the per cent that are hidden."""
COMPLETION = re.compile(rf"(occluded_)?({'|'.join(COMPLETED)})_(\d+)")


def measure(name: str) -> Measure | None:
    """How a score is read; of completed images, for the share of them that was hidden."""
    if completed := COMPLETION.fullmatch(name):
        of = COMPLETED[completed[2]]
        return replace(of, label=f"{of.label}, {completed[3]} % hidden", short=f"{of.short} {completed[3]}")
    return MEASURES.get(name.removeprefix("raw_"))


def label(name: str) -> str:
    """What people call a score."""
    known = measure(name)
    return known.label if known else name


def better(name: str) -> str:
    """`higher`, `lower`, or nothing where neither is, or is known."""
    known = measure(name)
    return known.better if known else ""


def logarithmic(name: str) -> bool:
    """Whether it falls by powers of ten while a method learns."""
    known = measure(name)
    return known is not None and known.logarithmic


def family(name: str) -> str:
    """The measure of which a score by other features, or another counter, is a version: `fid` of `fid_classifier`."""
    if name == "modes_published":
        return "modes"
    stem, thousand = name.removesuffix("_x1000"), "_x1000" if name.endswith("_x1000") else ""
    ends = [f"_{network}" for network in ("classifier", *EXTRACTORS) if stem.endswith(f"_{network}")]
    return (stem.removesuffix(ends[0]) if ends else stem) + thousand


def closest_measure(name: str, measured: Iterable[str]) -> str | None:
    """Of what was measured, the score itself or that of its family which comes nearest; None where there is none."""
    order = [name, family(name), *QUALITY]
    return min((of for of in measured if family(of) == family(name)), key=order.index, default=None)


def scale_kid(scores: Mapping[str, float]) -> dict[str, float]:
    """Kernel distances are small, and stand a scale_kid under `..._x1000`."""
    small = re.compile(r"(raw_)?kid(_|$)(?!.*_x1000$)")
    return {
        f"{name}_x1000" if small.match(name) else name: 1000 * value if small.match(name) else value
        for name, value in scores.items()
    }


def rank(name: str) -> tuple[int, int]:
    """The order of scores: the served generator's, the raw weights', cost, and those of unknown name."""
    raw, stem = name.startswith("raw_"), name.removeprefix("raw_")
    if stem in QUALITY:
        return int(raw), list(QUALITY).index(stem)
    return (2, list(COST).index(name)) if name in COST else (3, 0)


def number(name: str, value: float) -> str:
    """A score as it is printed: `0.019`, `994`, `1,203.5`, `8.88e6`; a dash where there is none."""
    if math.isnan(value):
        return "–"
    known = measure(name)
    shown = value * known.factor if known else value
    if 1e5 <= abs(shown) < math.inf:
        return f"{shown:.2e}".replace("e+0", "e").replace("e+", "e")
    return f"{shown:,.{known.decimals}f}" if known else f"{shown:,.4g}"


def spread(name: str, values: list[float], between: str = " ± ") -> str:
    """Mean ± standard deviation (n - 1) of several values, the value of one, a dash for none."""
    if len(values) < 2:
        return number(name, values[0] if values else math.nan)
    return number(name, statistics.mean(values)) + between + number(name, statistics.stdev(values))


def signed(name: str, value: float) -> str:
    """A difference of two scores as it is printed, with its sign."""
    return ("+" if value > 0 else "") + number(name, value)


def probability(p: float) -> str:
    """`0.031`, `< 0.001`; a dash where there is none."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def joined(names: Sequence[str], word: str = "and") -> str:
    """Several names in a sentence."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
