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
COST = dict(scoring.scorer("cost").measures)
QUALITY = {
    name: measure
    for scorer in scoring.names()
    if scorer != "cost"
    for name, measure in scoring.scorer(scorer).measures.items()
}
MEASURES = QUALITY | COST
HEADLINE = tuple(name for name, measure in MEASURES.items() if measure.headline)
COMPARED = tuple(name for name, measure in MEASURES.items() if measure.headline or measure.compared)
"""What methods are compared by, in addition to their scores by share."""
DECISIVE = tuple(sorted((name for name in MEASURES if MEASURES[name].decides), key=lambda name: MEASURES[name].decides))
"""What decides between methods: the first of these that a data set has."""
DISTANCES = ("kid_x1000", *(f"kid_{name}_x1000" for name in EXTRACTORS))
"""The distances to real images that a study on images is decided by."""
COMPLETED = {name: measure for scorer in scoring.names() for name, measure in scoring.scorer(scorer).by_share.items()}
"""The measures of scores whose names end with the per cent that are hidden."""
COMPLETION = re.compile(rf"(occluded_)?({'|'.join(COMPLETED)})_(\d+)")
UNKNOWN = -1
"""The decimals of a score that no scorer declares: it is printed with four significant digits."""


def measure(name: str) -> Measure:
    """How a score is read; of completed images, for the share that was hidden. An unknown one has no direction."""
    if completed := COMPLETION.fullmatch(name):
        of = COMPLETED[completed[2]]
        return replace(of, label=f"{of.label}, {completed[3]} % hidden", short=f"{of.short} {completed[3]}")
    return MEASURES.get(name.removeprefix("raw_"), Measure(name, name, UNKNOWN, "", ""))


def label(name: str) -> str:
    """What people call a score."""
    return measure(name).label


def better(name: str) -> str:
    """`higher`, `lower`, or nothing where neither is, or is known."""
    return measure(name).better


def family(name: str) -> str:
    """The measure of which a score by other features, or another counter, is a version: `fid` of `fid_classifier`."""
    if name == "modes_published":
        return "modes"
    return re.sub(rf"_({'|'.join(['classifier', *EXTRACTORS])})(?=(_x1000)?$)", "", name)


def closest_measure(name: str, measured: Iterable[str]) -> str | None:
    """Of what was measured, the score itself or that of its family which comes nearest; None where there is none."""
    order = [name, family(name), *QUALITY]
    return min((of for of in measured if family(of) == family(name)), key=order.index, default=None)


def scale_kid(scores: Mapping[str, float]) -> dict[str, float]:
    """Kernel distances are small, and are shown times 1,000, under `..._x1000`."""
    small = {name for name in scores if re.match(r"(raw_)?kid(_|$)(?!.*_x1000$)", name)}
    return {
        f"{name}_x1000" if name in small else name: 1000 * of if name in small else of for name, of in scores.items()
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
    shown, decimals = value * measure(name).factor, measure(name).decimals
    if 1e5 <= abs(shown) < math.inf:
        text = f"{shown:.2e}".replace("e+0", "e").replace("e+", "e")
    else:
        text = f"{shown:,.4g}" if decimals == UNKNOWN else f"{shown:,.{decimals}f}"
    return text.replace("-", "−")


def spread(name: str, values: list[float], between: str = " ± ") -> str:
    """Mean ± standard deviation (n - 1) of several values, the value of one, a dash for none."""
    mean = statistics.mean(values) if values else math.nan
    return plus_minus(name, mean, statistics.stdev(values) if len(values) > 1 else math.nan, between)


def plus_minus(name: str, value: float, deviation: float, between: str = " ± ") -> str:
    """`11.0 ± 1.0`; the value alone where there is no deviation."""
    text = number(name, value)
    return text if math.isnan(deviation) else text + between + number(name, deviation)


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
