"""How scores are named, printed and read."""

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from relation_gan.gan.metrics import extractors


@dataclass(frozen=True)
class Measure:
    """How a score is named, printed and read."""

    label: str
    short: str
    decimals: int
    better: str
    """`higher`, `lower`, or nothing where neither is."""
    note: str
    factor: float = 1
    """What the printed number is multiplied by."""


def _of_features(extractor: str, title: str, short: str) -> dict[str, Measure]:
    """How the scores by the features of a network other than Inception are named."""
    return {
        f"fid_{extractor}": Measure(
            f"Fréchet distance, features of {title}",
            f"FD({short})",
            2,
            "lower",
            f"Between features of real and generated images in {title}. Not Inception’s FID, and not comparable with "
            "any published FID.",
        ),
        f"kid_{extractor}_x1000": Measure(
            f"Kernel distance, features of {title}, × 1,000",
            f"1000·KD({short})",
            2,
            "lower",
            "As the Fréchet distance, but unbiased in the number of samples; not comparable with published KID.",
        ),
        f"kid_{extractor}_std_x1000": Measure(
            f"Spread of the kernel distance ({title}), × 1,000", "±KD", 2, "", "Over subsets or draws, not over seeds."
        ),
        f"precision_{extractor}": Measure(
            f"Precision, features of {title}",
            f"prec({short})",
            3,
            "higher",
            "The share of samples that lie no farther from some real image than its third neighbour does: quality.",
        ),
        f"recall_{extractor}": Measure(
            f"Recall, features of {title}",
            f"rec({short})",
            3,
            "higher",
            "The share of real images that lie as near to a sample as that: variety.",
        ),
        f"inception_score_{extractor}": Measure(
            f"Inception score, classes of {title}",
            f"IS({short})",
            2,
            "higher",
            "How sure and how varied the classes are that the network names; not comparable with a published IS.",
        ),
        f"inception_score_{extractor}_std": Measure(
            f"Spread of the Inception score ({title})", "±IS", 2, "", "Over splits or draws, not over seeds."
        ),
    }


SHORT = {"judge": "judge", "efficientnet_lite0": "EN0", "inception_torchvision": "tv"}
"""Names of extractors for narrow columns, where they are not short themselves."""
EXTRACTORS = {name: extractors.title(name) for name in extractors.names() if name != "inception"}
DISTANCES = ("kid_x1000", *(f"kid_{name}_x1000" for name in EXTRACTORS))
"""The distances to real pictures that a study on pictures is decided by."""

DECISIVE = ("reverse_kl", "kl", "sliced_wasserstein", *DISTANCES, "fid_judge")
"""What decides between methods: the first of these that a data set has."""

QUALITY = {
    "modes": Measure(
        "Modes",
        "modes",
        0,
        "higher",
        "How many modes appear at least once among the samples. Weak when alone: one lucky or unreadable sample "
        "is enough to count a mode.",
    ),
    "modes_10": Measure(
        "Modes, ten times or more",
        "≥10",
        0,
        "higher",
        "How many modes appear at least ten times, which noise rarely achieves.",
    ),
    "modes_published": Measure(
        "Modes, by the published counter",
        "published",
        0,
        "higher",
        "As Relation GAN’s code counts, faults included: a mode at most once in a batch of 100 samples and from the "
        "eleventh batch on, and any digit that the judge is unsure of as a 0. Comparable with the paper at "
        "evaluation.samples=100000 only.",
    ),
    "reverse_kl": Measure(
        "Reverse KL",
        "reverse KL",
        3,
        "lower",
        "KL(samples ‖ even spread over the modes), in nats. A finite sample never reaches 0: what as many real "
        "images score is the floor.",
    ),
    "high_quality": Measure(
        "High quality, %",
        "high %",
        1,
        "higher",
        "The share of samples within three standard deviations of the nearest mode’s centre; a mode counts as found "
        "with at least one of them. Of real points, 98.9 % lie so near.",
        factor=100,
    ),
    "kl": Measure(
        "KL to even modes",
        "KL",
        4,
        "lower",
        "KL(samples by their nearest mode ‖ even spread), in nats, also of samples far from any mode. What as many "
        "real points score is the floor.",
    ),
    "sliced_wasserstein": Measure(
        "Sliced Wasserstein distance",
        "sliced W",
        4,
        "lower",
        "Mean distance W₁ between generated and real points, projected on 64 directions, in the units of the data. Two "
        "samples of real points are not at 0 either: that is the floor.",
    ),
    "confidence": Measure(
        "Judge’s confidence",
        "confidence",
        3,
        "higher",
        "Mean probability that the judge, a classifier trained on real images, gives to the class it names. Low for "
        "smudges; says nothing about variety.",
    ),
    "entropy": Measure(
        "Entropy of the classes",
        "entropy",
        3,
        "higher",
        "Of the shares of the classes, in nats; an even spread has the logarithm of their number.",
    ),
    "l2": Measure("Distance to even classes", "L2", 4, "lower", "Euclidean distance of the class shares to even ones."),
    "l2_squared": Measure("The same, squared", "L2²", 5, "lower", "Papers print one or the other as “L2”."),
    "fid": Measure(
        "FID",
        "FID",
        2,
        "lower",
        "Fréchet distance between Inception’s features of real and generated pictures. It falls with the number of "
        "samples: compare equal numbers only.",
    ),
    "kid_x1000": Measure(
        "KID, × 1,000", "1000·KID", 2, "lower", "As FID, but unbiased in the number of samples: real pictures score 0."
    ),
    "kid_std_x1000": Measure("Spread of KID, × 1,000", "±KID", 2, "", "Over subsets or draws, not over seeds."),
    "precision": Measure(
        "Precision",
        "precision",
        3,
        "higher",
        "The share of samples that lie no farther from some real image than its third neighbour does, in Inception’s "
        "features (improved precision is published with VGG’s).",
    ),
    "recall": Measure(
        "Recall", "recall", 3, "higher", "The share of real images that lie as near to a sample as that: variety."
    ),
    "inception_score": Measure(
        "Inception score", "IS", 2, "higher", "How sure and how varied the classes are that Inception names."
    ),
    "inception_score_std": Measure(
        "Spread of the Inception score", "±IS", 2, "", "Over splits or draws, not over seeds."
    ),
    **{
        f"memorised_{space}": Measure(
            f"Like copies, by {space}, %",
            f"copies({short})",
            1,
            "",
            f"The share of samples that lie closer to a training picture, by their {space}, than 99 % of held-out (or, "
            "without any, of other real) pictures do: against the mean distance to the 50 nearest, so that blur is no "
            "copy. Fresh draws of the real distribution would score 1.",
            factor=100,
        )
        for space, short in (("pixels", "px"), ("features", "ft"))
    },
    **{
        name: measure
        for extractor, title in {"judge": "the judge", **EXTRACTORS}.items()
        for name, measure in _of_features(extractor, title, SHORT.get(extractor, title)).items()
    },
}
COST = {
    "seconds": Measure("Training time, seconds", "seconds", 0, "lower", "Wall time, on the device named below."),
    "steps_per_second": Measure("Steps a second", "steps/s", 1, "higher", "Depends on the machine and its load."),
    "ms_per_step": Measure(
        "Milliseconds a step", "ms/step", 1, "lower", "Of training; depends on the machine and its load."
    ),
    "ms_per_image": Measure("Milliseconds an image", "ms/image", 3, "lower", "Of a step, by the images of its batch."),
    "peak_memory_mib": Measure(
        "Peak memory, MiB",
        "MiB",
        0,
        "lower",
        "The most that the process held, with all else that it had done; on an accelerator, what training took there.",
    ),
    "parameters_generator": Measure("Generator’s parameters", "G params", 0, "", "Numbers that training moves."),
    "parameters_critic": Measure("Critic’s parameters", "C params", 0, "", "Numbers that training moves."),
    "multiply_adds_generator": Measure(
        "Generator’s multiply-adds", "G madds", 0, "", "Of one image, forwards; convolutions and matrix products alone."
    ),
    "multiply_adds_critic": Measure(
        "Critic’s multiply-adds", "C madds", 0, "", "Of one image, or of one pair where the critic sees pairs."
    ),
    "steps": Measure("Steps", "steps", 0, "", "Generator updates."),
}
MEASURES = QUALITY | COST
COMPLETION = re.compile(r"(occluded_)?(psnr|ssim|contextual|perceptual)_(\d+)")
COMPLETED = {
    "psnr": Measure("PSNR, dB", "PSNR", 2, "higher", ""),
    "ssim": Measure("SSIM", "SSIM", 4, "higher", ""),
    "contextual": Measure("Distance to what is known", "contextual", 1, "lower", ""),
    "perceptual": Measure("What the critic says against it", "perceptual", 3, "", ""),
}
"""The measures of completions, whose names end with the per cent that are hidden."""
HEADLINE = (
    *("modes", "modes_10", "modes_published", "reverse_kl", "high_quality", "kl", "sliced_wasserstein"),
    *("confidence", "fid_judge", "inception_score_judge", "entropy"),
    *(
        name.format(end)
        for end in ("", *(f"_{extractor}" for extractor in EXTRACTORS))
        for name in ("inception_score{}", "fid{}", "kid{}_x1000", "precision{}", "recall{}")
    ),
    "ms_per_step",
)


COMPARED = (*HEADLINE[:-1], "l2", "l2_squared", HEADLINE[-1])
"""What methods are compared by, besides their completions."""


def measure(name: str) -> Measure | None:
    """How a score is read; of completed pictures, for the share of them that was hidden."""
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


def family(name: str) -> str:
    """The measure that scores by several networks' features, or counters, are versions of: `fid` of `fid_judge`."""
    if name == "modes_published":
        return "modes"
    stem, thousand = name.removesuffix("_x1000"), "_x1000" if name.endswith("_x1000") else ""
    ends = [f"_{network}" for network in ("judge", *EXTRACTORS) if stem.endswith(f"_{network}")]
    return (stem.removesuffix(ends[0]) if ends else stem) + thousand


def kin(name: str, measured: Iterable[str]) -> str | None:
    """Of what was measured, the score itself or that of its family which comes nearest; None where there is none."""
    order = [name, family(name), *QUALITY]
    return min((of for of in measured if family(of) == family(name)), key=order.index, default=None)


def thousandfold(scores: Mapping[str, float]) -> dict[str, float]:
    """Kernel distances are small, and stand a thousandfold under `..._x1000`."""
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
    """A score as it is printed: `.019`, `994`, `1,203.5`, `8.88e6`; a dash where there is none."""
    if math.isnan(value):
        return "–"
    known = measure(name)
    shown = value * known.factor if known else value
    if 1e5 <= abs(shown) < math.inf:
        return f"{shown:.2e}".replace("e+0", "e").replace("e+", "e")
    return re.sub(r"^(-?)0\.", r"\1.", f"{shown:,.{known.decimals}f}" if known else f"{shown:,.4g}")


def spread(name: str, values: list[float], between: str = " ± ") -> str:
    """Mean ± standard deviation (n - 1) of several values, the value of one, a dash for none."""
    if len(values) < 2:
        return number(name, values[0] if values else math.nan)
    return number(name, statistics.mean(values)) + between + number(name, statistics.stdev(values))


def signed(name: str, value: float) -> str:
    """A difference of two scores as it is printed, with its sign."""
    return ("+" if value > 0 else "") + number(name, value)


def probability(p: float) -> str:
    """`.031`, `< .001`; a dash where there is none."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def joined(names: Sequence[str], word: str = "and") -> str:
    """Several names in a sentence."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
