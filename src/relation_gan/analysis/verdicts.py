"""What the scores of a study say to the claims of its paper, by written rules."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relation_gan.analysis.claims import Best, BestAt, Claim, Collapses, Reaches
from relation_gan.analysis.comparison import is_number
from relation_gan.analysis.measures import better, closest_measure, joined, label, number, probability
from relation_gan.analysis.results import Experiment, StudyResult
from relation_gan.analysis.statistics import Scores, holm, paired, summarise

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
    return [decide(name, claim, study) for name, claim in study.claims.items() if claim.study == study.design.name]


def decide(name: str, claim: Claim, study: StudyResult) -> Verdict:
    """Hold a claim against the scores of its experiment.

    A claim is tested on the data sets that it names, by a measure that it names, with three seeds or more that
    finished. A divergence is a result; a run that failed, by an error of the machine or the code, is none, and counts
    as not run. Differences between methods are taken seed by seed and tested by a two-sided paired t test, with p
    corrected by Holm's method over the comparisons on a data set.

    “A beats B, C, …” is reproduced if A is better than each with corrected p < 0.05 and none of its runs diverged. It
    is not reproduced if all runs of A diverged, or if one of the others is better than A with corrected p, times the
    number of data sets of the test, < 0.05. A rival whose runs all diverged is beaten.

    “A reaches a value” is reproduced if it does with every seed, and not reproduced if all its runs diverged, or if
    it does with none at the paper's budget: less training cannot refute what more might reach.

    “A is best at a value” of a parameter takes the value with the best mean among those that the claim names, and
    holds it against every other value as “A beats B, C, …” does.

    “A collapses above a limit” of a parameter: A has collapsed at a value where all runs diverge, or their mean is so
    many times worse, as the claim says, than the best mean up to the limit; it stands where all runs finish and it has
    not collapsed. The claim is reproduced if A stands at the last value up to the limit and has collapsed at every one
    above, and not reproduced if it stands at one above.

    Everything else is not testable at this budget: where the seeds do not decide, where a data set, a method, a
    measure or seeds are missing, and at the smoke budget, whose runs last seconds. On several data sets a claim is
    reproduced if it is on each of them, and not reproduced if it is not on one of them. What the same rule gives on
    other data sets of the experiment, or by a related measure, is printed as an indication, and is never a verdict.
    """
    experiments = (of for of in study.experiments if not claim.experiment or of.name in (claim.experiment, ""))
    experiment = next(experiments, None)
    if experiment is None:
        known = any(of.name == claim.experiment for of in study.design.experiments)
        missing = "is not run at this budget" if known else "is not part of this study"
        return Verdict(name, claim, OPEN, f"{claim.experiment} {missing}.", "")
    if study.design.budget == "smoke":
        return Verdict(name, claim, OPEN, "Smoke runs last seconds and test nothing.", "")
    used, related = _measures(claim, study, experiment)
    indications = []
    for dataset, by in related.items():
        finding = apply(claim, study.scores(experiment, dataset, by), by, experiment)
        says = {REPRODUCED: "it holds: ", REFUTED: "it does not hold: ", OPEN: ""}[finding.verdict]
        indications.append(f"On {dataset}, by {label(by)}: {says}{finding.why}")
    if not used:
        return Verdict(name, claim, OPEN, _untested(claim, experiment), " ".join(indications))
    verdicts, reasons = set(), []
    for dataset, by in used.items():
        scores, short = study.scores(experiment, dataset, by), study.design.budget == "reduced"
        finding = apply(claim, scores, by, experiment, tests=len(used), short=short)
        verdicts.add(finding.verdict)
        differs = f" ({claim.tested_on[dataset]})" if claim.tested_on[dataset] else ""
        reasons.append(f"On {dataset}{differs}, by {label(by)}: {finding.why}")
    verdict = REFUTED if REFUTED in verdicts else REPRODUCED if verdicts == {REPRODUCED} else OPEN
    return Verdict(name, claim, verdict, " ".join(reasons), " ".join(indications))


def _measures(claim: Claim, study: StudyResult, experiment: Experiment) -> tuple[dict[str, str], dict[str, str]]:
    """The measure of each data set that tests the claim, and of each other one on which its rule can be applied."""
    used, related = {}, {}
    rule = claim.rule
    for dataset in experiment.datasets:
        measured = study.measured(experiment, dataset)
        by = next((name for name in rule.by if name in measured), None) or closest_measure(rule.by[0], measured)
        # Where no run finished nothing was measured, but that all of them failed is known.
        if dataset in claim.tested_on and (by in rule.by or not measured):
            used[dataset] = by or rule.by[0]
        elif by and not isinstance(rule, Reaches):
            related[dataset] = by
    return used, related


def apply(
    claim: Claim, scores: Scores, by: str, experiment: Experiment, tests: int = 1, short: bool = False
) -> Finding:
    """The rule of a claim on the scores of one data set, by one measure.

    Args:
        tests: the number of data sets of which one can refute the claim.
        short: whether the runs were trained for less than the paper's.
    """
    match claim.rule:
        case Best(methods=methods, rivals=rivals):
            return _best(scores, methods, rivals, by, tests)
        case Reaches(methods=methods, value=value):
            return _reaches(scores, methods, value, by, short)
        case BestAt() as rule:
            sweep = _sweep(experiment, rule)
            inside = [m for m, value in sweep.items() if _at_least(value, rule.low) and _at_least(rule.high, value)]
            outside = [method for method in sweep if method not in inside]
            if not inside or not outside:
                return Finding(OPEN, f"{rule.method} was not run at these and at other values of {rule.over}.")
            means = {method: summarise(scores.get(method, {}).values()).mean for method in inside}
            there = {method: mean for method, mean in means.items() if math.isfinite(mean)} or dict.fromkeys(inside, 0)
            best = max(there, key=lambda method: _sign(by) * there[method])
            return _best(scores, [best], outside, by, tests)
        case Collapses() as rule:
            return _collapses(scores, rule, _sweep(experiment, rule), by)


def _best(scores: Scores, methods: Sequence[str], rivals: Sequence[str], by: str, tests: int) -> Finding:
    if unfit := _unfit(scores, [*methods, *rivals]) or _lost(scores, methods):
        return unfit
    beaten = [rival for rival in rivals if _none_finished(scores, rival)]
    pairs = [(method, rival) for method in methods for rival in rivals if rival not in beaten]
    found = [paired(scores[method], scores[rival]) for method, rival in pairs]
    corrected = holm([comparison.p for comparison in found])
    signs = [_sign(by) * comparison.difference for comparison in found]
    compared: dict[str, list[str]] = {}
    for (method, rival), of, sign, p in zip(pairs, found, signs, corrected, strict=True):
        if of.n >= SEEDS:
            relation = f"{method} is {'better' if sign > 0 else 'worse' if sign < 0 else 'no better'} than"
            chance = probability(p) if p < 0.001 else f"= {probability(p)}"
            compared.setdefault(relation, []).append(f"{rival} by {number(by, abs(of.difference))} (p {chance})")
    reasons = [f"{relation} {', '.join(rivals)}" for relation, rivals in compared.items()]
    if beaten:
        reasons.append(f"no run of {joined(beaten)} finished")
    few = [f"{method} and {rival}" for (method, rival), of in zip(pairs, found, strict=True) if of.n < SEEDS]
    if few:
        reasons.append(f"fewer than {SEEDS} seeds finished of both {'; of both '.join(few)}")
    diverged = [method for method in methods if summarise(scores[method].values()).n < len(scores[method])]
    reasons += [f"{_divergences(scores, method)} diverged" for method in diverged]
    why = "; ".join(reasons) + "."
    decided = [p if of.n >= SEEDS else math.nan for of, p in zip(found, corrected, strict=True)]
    if any(sign < 0 and tests * p < LEVEL for sign, p in zip(signs, decided, strict=True)):
        return Finding(REFUTED, why)
    if not diverged and all(sign > 0 and p < LEVEL for sign, p in zip(signs, decided, strict=True)):
        return Finding(REPRODUCED, why)
    return Finding(OPEN, why if few or diverged else f"the seeds do not decide: {why}")


def _divergences(scores: Scores, method: str) -> str:
    """`2 of 5 runs of relation_gan`."""
    there = summarise(scores[method].values())
    return f"{there.runs - there.n} of {there.runs} runs of {method}"


def _reaches(scores: Scores, methods: Sequence[str], value: float, by: str, short: bool) -> Finding:
    if unfit := _unfit(scores, methods) or _lost(scores, methods):
        return unfit
    reached, reasons = {}, []
    for method in methods:
        every = scores[method].values()
        reached[method] = sum(_at_least(_sign(by) * score, _sign(by) * value) for score in every)
        texts = ", ".join("diverged" if math.isnan(score) else number(by, score) for score in every)
        reasons.append(f"{method} reaches {number(by, value)} with {reached[method]} of {len(every)} seeds ({texts})")
    why = "; ".join(reasons)
    if few := [method for method in methods if summarise(scores[method].values()).n < SEEDS]:
        return Finding(OPEN, f"{why}; fewer than {SEEDS} seeds of {joined(few)} finished.")
    if 0 in reached.values():
        return Finding(OPEN, f"{why}, after less training than the paper's.") if short else Finding(REFUTED, why + ".")
    if all(reached[method] == len(scores[method]) for method in methods):
        return Finding(REPRODUCED, why + ".")
    return Finding(OPEN, f"the seeds do not decide: {why}.")


def _collapses(scores: Scores, rule: Collapses, sweep: Mapping[str, float], by: str) -> Finding:
    below = [method for method, value in sweep.items() if _at_least(rule.above, value)]
    above = [method for method in sweep if method not in below]
    if not above or not below:
        return Finding(OPEN, f"{rule.method} was not run above and below {rule.above:g} of {rule.over}.")
    if unfit := _unfit(scores, [*above, *below]):
        return unfit
    means = {method: summarise(scores[method].values()).mean for method in sweep}
    finite = {method: means[method] for method in below if math.isfinite(means[method])}
    if not finite:
        return Finding(OPEN, f"no run at {rule.above:g} or below finished.")
    best = max(finite, key=lambda method: _sign(by) * finite[method])
    limit = finite[best] * rule.times if better(by) == "lower" else finite[best] / rule.times

    last = max(below, key=sweep.__getitem__)
    # None where some runs diverged and the others did not collapse.
    collapsed: dict[str, bool | None] = {}
    reasons = []
    for method in (last, *above):
        worse = _none_finished(scores, method) or _at_least(_sign(by) * limit, _sign(by) * means[method])
        undecided = not worse and not all(map(math.isfinite, scores[method].values()))
        collapsed[method] = None if undecided else worse
        mean = number(by, means[method]) if math.isfinite(means[method]) else "nothing finished"
        diverged = f" ({_divergences(scores, method)} diverged)" if undecided else ""
        if method != best:
            reasons.append(f"{sweep[method]:g} gives {mean}{diverged}")
    why = (
        f"the best at {rule.above:g} or below is {number(by, finite[best])}, at {sweep[best]:g}; {', '.join(reasons)}."
    )
    if any(collapsed[method] is False for method in above):
        return Finding(REFUTED, why)
    sharp = collapsed[last] is False and all(collapsed[method] for method in above)
    return Finding(REPRODUCED, why) if sharp else Finding(OPEN, why)


def _unfit(scores: Scores, methods: Sequence[str]) -> Finding | None:
    """Why a rule cannot be applied: a method was not run, or with too few seeds."""
    if missing := [method for method in methods if method not in scores]:
        return Finding(OPEN, f"there are no scores of {joined(missing)}.")
    if few := [method for method in methods if len(scores[method]) < SEEDS]:
        return Finding(OPEN, f"{joined(few)} ran with fewer than {SEEDS} seeds.")
    return None


def _lost(scores: Scores, methods: Sequence[str]) -> Finding | None:
    """A method of which no run finished refutes a claim that it is good."""
    lost = [method for method in methods if _none_finished(scores, method)]
    return Finding(REFUTED, f"no run of {joined(lost)} finished.") if lost else None


def _none_finished(scores: Scores, method: str) -> bool:
    return not any(math.isfinite(score) for score in scores[method].values())


def _sweep(experiment: Experiment, rule: BestAt | Collapses) -> dict[str, float]:
    """The numbers at which a method was run."""
    sweeps = [of.methods for of in experiment.sweeps if (of.method, of.over) == (rule.method, rule.over)]
    return {method: value for of in sweeps for method, value in of.items() if is_number(value)}


def _untested(claim: Claim, experiment: Experiment) -> str:
    """Why no run counts as a test."""
    if there := [dataset for dataset in claim.tested_on if dataset in experiment.datasets]:
        return f"No run on {joined(there, 'or')} has {label(claim.rule.by[0])}."
    return f"No run is on {joined(list(claim.tested_on), 'or')}."


def _sign(by: str) -> float:
    return 1.0 if better(by) == "higher" else -1.0


def _at_least(value: float, limit: float) -> bool:
    return value >= limit or math.isclose(value, limit)
