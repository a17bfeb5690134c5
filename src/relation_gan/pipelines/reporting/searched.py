"""How the methods of a study came by their settings."""

from relation_gan.analysis.results import StudyResult
from relation_gan.analysis.search import how


def lines(study: StudyResult) -> list[tuple[str, str, str]]:
    """(data set, method, how it was searched) of all methods; nothing where nothing was trained."""
    swept = {
        name: (sweep.method, sweep.over) for of in study.experiments for sweep in of.sweeps for name in sweep.methods
    }
    found = []
    for part in study.parts:
        of = study.design.searched.get(part.dataset, {})
        for method in dict.fromkeys(run.method for run in part.runs if run.history.steps):
            base, over = swept.get(method, (method, ""))
            text = how(of.get(base))
            found.append(
                (part.dataset, method, f"as {base}, {text}; then {over} was swept" if over and base in of else text)
            )
    return found
