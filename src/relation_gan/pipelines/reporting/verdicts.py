"""What the scores of a study say to the claims of its paper, by written rules."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relation_gan.pipelines.reporting.claims import Best, BestAt, Claim, Collapses, Reaches
from relation_gan.pipelines.reporting.comparison import is_number
from relation_gan.pipelines.reporting.measures import better, joined, kin, label, number, probability
from relation_gan.pipelines.reporting.results import Experiment, StudyResult
from relation_gan.pipelines.reporting.statistics import Scores, holm, paired, summarise

REPRODUCED, REFUTED, OPEN = "reproduced", "not reproduced", "not testable at this budget"
SEEDS, LEVEL = 3, 0.05


@dataclass(frozen=True)
class Finding:
    """What a rule gives on one data set."""

    verdict: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """What becomes of a claim."""

    name: str
    claim: Claim
    verdict: str
    why: str
    indication: str
    """What the same rule gives where it is no test."""


def verdicts(study: StudyResult) -> list[Verdict]:
    """Of every claim about this study, in their order."""
    return [judge(name, claim, study) for name, claim in study.claims.items() if claim.study == study.design.name]


def judge(name: str, claim: Claim, study: StudyResult) -> Verdict:
    """Hold a claim against the scores of its experiment.

    A claim is tested on the data sets that it names, by a measure that it names, with three seeds or more that
    finished. Differences between methods are taken seed by seed and tested by a two-sided paired t test, with p
    corrected by Holm's method over the comparisons of the claim.

    “A beats B, C, …” is reproduced if A is better than each with corrected p < .05. It is not reproduced if one of
    them is better than A with corrected p < .05, or if all runs of A diverged or failed. A rival whose runs all
    diverged or failed is beaten.

    “A reaches a value” is reproduced if it does with every seed, and not reproduced if it does with none, or if all
    its runs diverged or failed.

    “A is best at a value” of a parameter takes the value with the best mean among those that the claim names, and
    holds it against every other value as “A beats B, C, …” does.

    “A collapses above a value” of a parameter is reproduced if at each value above it all runs diverge or fail, or
    the mean score is so many times worse as the claim says than the best mean at the values below; it is not
    reproduced if one value above it does neither.

    Everything else is not testable at this budget: where the seeds do not decide, where a data set, a method, a
    measure or seeds are missing, and at the smoke budget, whose runs last seconds. On several data sets a claim is
    reproduced if it is on each of them, and not reproduced if it is not on one of them. What the same rule gives on
    other data sets of the experiment, or by a related measure, is printed as an indication, and is never a verdict.
    """
    experiment = next(
        (of for of in study.experiments if not claim.experiment or of.name in (claim.experiment, "")), None
    )
    if experiment is None:
        known = any(of.name == claim.experiment for of in study.design.experiments)
        missing = "is not run at this budget" if known else "is not part of this study"
        return Verdict(name, claim, OPEN, f"{claim.experiment} {missing}.", "")
    if study.design.budget == "smoke":
        return Verdict(name, claim, OPEN, "Smoke runs last seconds and test nothing.", "")
    rule, tested, hints = claim.rule, {}, []
    used: dict[str, str] = {}
    for dataset in experiment.datasets:
        measured = study.measured(experiment, dataset)
        by = next((name for name in rule.by if name in measured), None) or kin(rule.by[0], measured)
        # Where no run finished nothing was measured, but that all of them failed is known.
        if dataset in claim.tested_on and (by in rule.by or not measured):
            used[dataset] = by or rule.by[0]
            scores = study.scores(experiment, dataset, used[dataset])
            tested[dataset] = apply(claim, scores, used[dataset], experiment)
        elif by and not isinstance(rule, Reaches):
            finding = apply(claim, study.scores(experiment, dataset, by), by, experiment)
            hints.append(f"On {dataset}, by {label(by)}: {_hint(finding)}")
    indication = " ".join(hints)
    if not tested:
        return Verdict(name, claim, OPEN, _untested(claim, study, experiment), indication)
    every = {finding.verdict for finding in tested.values()}
    verdict = REFUTED if REFUTED in every else REPRODUCED if every == {REPRODUCED} else OPEN
    why = [
        f"On {dataset}{_of(claim.tested_on[dataset])}, by {label(used[dataset])}: {of.why}"
        for dataset, of in tested.items()
    ]
    return Verdict(name, claim, verdict, " ".join(why), indication)


def apply(claim: Claim, scores: Scores, by: str, experiment: Experiment) -> Finding:
    """The rule of a claim on the scores of one data set, by one measure."""
    match claim.rule:
        case Best(methods=methods, rivals=rivals):
            return _best(scores, methods, rivals, by)
        case Reaches(methods=methods, value=value):
            return _reaches(scores, methods, value, by)
        case BestAt() as rule:
            sweep = _sweep(experiment, rule)
            inside = [m for m, value in sweep.items() if _at_least(value, rule.low) and _at_least(rule.high, value)]
            outside = [method for method in sweep if method not in inside]
            if not inside or not outside:
                return Finding(OPEN, f"{rule.method} was not run at these and at other values of {rule.over}.")
            means = {method: summarise(scores.get(method, {}).values()).mean for method in inside}
            there = {method: mean for method, mean in means.items() if math.isfinite(mean)} or dict.fromkeys(inside, 0)
            best = max(there, key=lambda method: _sign(by) * there[method])
            return _best(scores, [best], outside, by)
        case Collapses() as rule:
            return _collapses(scores, rule, _sweep(experiment, rule), by)


def _best(scores: Scores, methods: Sequence[str], rivals: Sequence[str], by: str) -> Finding:
    if lacking := _lacking(scores, [*methods, *rivals]):
        return lacking
    if lost := [method for method in methods if _none_finished(scores, method)]:
        return Finding(REFUTED, f"no run of {joined(lost)} finished.")
    beaten = [rival for rival in rivals if _none_finished(scores, rival)]
    pairs = [(method, rival) for method in methods for rival in rivals if rival not in beaten]
    found = [paired(scores[method], scores[rival]) for method, rival in pairs]
    corrected = holm([comparison.p for comparison in found])
    signs = [_sign(by) * comparison.difference for comparison in found]
    compared: dict[str, list[str]] = {}
    for (method, rival), of, sign, p in zip(pairs, found, signs, corrected, strict=True):
        if of.n >= SEEDS:
            relation = f"{method} is {'better' if sign > 0 else 'worse' if sign < 0 else 'no better'} than"
            compared.setdefault(relation, []).append(f"{rival} by {number(by, abs(of.difference))} (p {_p(p)})")
    told = [f"{relation} {', '.join(rivals)}" for relation, rivals in compared.items()]
    told += [f"no run of {joined(beaten)} finished"] if beaten else []
    few = [f"{method} and {rival}" for (method, rival), of in zip(pairs, found, strict=True) if of.n < SEEDS]
    told += [f"fewer than {SEEDS} seeds finished of both {'; of both '.join(few)}"] if few else []
    short = [method for method in methods if summarise(scores[method].values()).n < SEEDS]
    if short and not few:
        return Finding(OPEN, f"{'; '.join(told)}; fewer than {SEEDS} seeds of {joined(short)} finished.")
    why = "; ".join(told) + "."
    decided = [of.n >= SEEDS and p < LEVEL for of, p in zip(found, corrected, strict=True)]
    if any(sign < 0 and sure for sign, sure in zip(signs, decided, strict=True)):
        return Finding(REFUTED, why)
    if all(sign > 0 and sure for sign, sure in zip(signs, decided, strict=True)):
        return Finding(REPRODUCED, why)
    return Finding(OPEN, why if few else f"the seeds do not decide: {why}")


def _reaches(scores: Scores, methods: Sequence[str], value: float, by: str) -> Finding:
    if lacking := _lacking(scores, methods):
        return lacking
    if lost := [method for method in methods if _none_finished(scores, method)]:
        return Finding(REFUTED, f"no run of {joined(lost)} finished.")
    there = {method: [score for score in scores[method].values() if math.isfinite(score)] for method in methods}
    reached = {
        method: sum(_at_least(_sign(by) * score, _sign(by) * value) for score in of) for method, of in there.items()
    }
    target = number(by, value)
    why = "; ".join(
        f"{method} reaches {target} with {reached[method]} of {len(of)} seeds ({', '.join(number(by, s) for s in of)})"
        for method, of in there.items()
    )
    if few := [method for method, of in there.items() if len(of) < SEEDS]:
        return Finding(OPEN, f"{why}; fewer than {SEEDS} seeds of {joined(few)} finished.")
    if 0 in reached.values():
        return Finding(REFUTED, why + ".")
    if all(reached[method] == len(scores[method]) for method in methods):
        return Finding(REPRODUCED, why + ".")
    return Finding(OPEN, f"the seeds do not decide: {why}.")


def _collapses(scores: Scores, rule: Collapses, sweep: Mapping[str, float], by: str) -> Finding:
    below = [method for method, value in sweep.items() if _at_least(rule.above, value)]
    above = [method for method in sweep if method not in below]
    if not above or not below:
        return Finding(OPEN, f"{rule.method} was not run above and below {rule.above:g} of {rule.over}.")
    if lacking := _lacking(scores, [*above, *below]):
        return lacking
    means = {method: summarise(scores[method].values()).mean for method in [*below, *above]}
    finite = {method: means[method] for method in below if math.isfinite(means[method])}
    if not finite:
        return Finding(OPEN, f"no run at {rule.above:g} or below finished.")
    best = max(finite, key=lambda method: _sign(by) * finite[method])
    limit = finite[best] * rule.times if better(by) == "lower" else finite[best] / rule.times
    standing = [m for m in above if math.isfinite(means[m]) and not _at_least(_sign(by) * limit, _sign(by) * means[m])]
    told = [
        f"{sweep[method]:g} gives {number(by, means[method]) if math.isfinite(means[method]) else 'nothing finished'}"
        for method in above
    ]
    why = f"the best at {rule.above:g} or below is {number(by, finite[best])}, at {sweep[best]:g}; {', '.join(told)}."
    return Finding(REFUTED if standing else REPRODUCED, why)


def _lacking(scores: Scores, methods: Sequence[str]) -> Finding | None:
    """Why a rule cannot be applied: a method was not run, or with too few seeds to tell anything."""
    if missing := [method for method in methods if method not in scores]:
        return Finding(OPEN, f"there are no scores of {joined(missing)}.")
    if few := [method for method in methods if len(scores[method]) < SEEDS]:
        return Finding(OPEN, f"{joined(few)} ran with fewer than {SEEDS} seeds.")
    return None


def _none_finished(scores: Scores, method: str) -> bool:
    return not any(math.isfinite(score) for score in scores[method].values())


def _sweep(experiment: Experiment, rule: BestAt | Collapses) -> dict[str, float]:
    """The numbers at which a method was run."""
    sweeps = [of.methods for of in experiment.sweeps if (of.method, of.over) == (rule.method, rule.over)]
    return {method: value for of in sweeps for method, value in of.items() if is_number(value)}


def _untested(claim: Claim, study: StudyResult, experiment: Experiment) -> str:
    """Why no run counts as a test."""
    there = [dataset for dataset in claim.tested_on if dataset in experiment.datasets]
    return (
        f"No run on {joined(there, 'or')} has {label(claim.rule.by[0])}."
        if there
        else f"No run is on {joined(list(claim.tested_on), 'or')}."
    )


def _hint(finding: Finding) -> str:
    says = {REPRODUCED: "it holds: ", REFUTED: "it does not hold: ", OPEN: ""}[finding.verdict]
    return says + finding.why


def _of(differs: str) -> str:
    return f" ({differs})" if differs else ""


def _sign(by: str) -> float:
    return 1.0 if better(by) == "higher" else -1.0


def _at_least(value: float, limit: float) -> bool:
    return value >= limit or math.isclose(value, limit)


def _p(p: float) -> str:
    told = probability(p)
    return told if told.startswith("<") else f"= {told}"
