"""The best generator of a study on each data set, and a card that says what it is and what it is not."""

import math
from typing import Any

import yaml

from relation_gan.pipelines.reporting.measures import COST, DECISIVE, better, label, number, thousandfold
from relation_gan.pipelines.reporting.results import Part, RunResult, StudyResult

CARD = """\
# {name}

The generator of **{title}** (`{run}`), trained on `{dataset}` for {steps:,} steps: the best of {count} finished runs of
`{study}` on that data, by one score. The best of many is flattered by the choice; what the method is worth is the mean
over its seeds, in the study's report.

| score | this generator | real data |
|---|---|---|
{scores}

{protocol}

## Use

```python
import mlflow, numpy as np

generator = mlflow.pyfunc.load_model("models:/{name}@best")
samples = generator.predict(np.random.randn(64, {latent}).astype("float32"))  # {shape} in {range}
```

## Where it comes from

- data: {data}; SHA-256 {digest}
- commit: {commit} (uncommitted changes: {uncommitted}); {versions}
- made by: `{command}`

```yaml
{configuration}```

## What it is not

It imitates its training data and nothing else, with the gaps and the blur that the scores tell of. It was made to
compare losses, not to be used for anything that its samples would be taken for.
"""


def best_generators(study: StudyResult) -> dict[str, Any]:
    """On each data set, the finished run whose deciding score is best: `run`, `measure`, `score` and its `card`."""
    found = {}
    for part in study.parts:
        finished = [run for run in part.runs if run.finished]
        measure = next((name for name in DECISIVE if any(name in run.shown for run in finished)), "")
        scored = [run for run in finished if measure in run.shown]
        if not scored:
            continue
        sign = -1 if better(measure) == "lower" else 1
        best = max(scored, key=lambda run, name=measure, sign=sign: sign * run.shown[name])
        found[part.dataset] = {
            "run": best.name,
            "mlflow_run": best.mlflow_run,
            "measure": measure,
            "score": best.shown[measure],
            "card": model_card(study, part, best, len(finished)),
        }
    return found


def model_card(study: StudyResult, part: Part, run: RunResult, count: int) -> str:
    """Markdown. `count` is of the runs that this one was chosen from."""
    config, latent = run.history["config"], run.history["config"]["generator"]
    origin = run.history.get("origin") or study.provenance
    real = thousandfold(part.reference)
    rows = [
        f"| {label(name)} | {number(name, value)} | {number(name, real.get(name, math.nan))} |"
        for name, value in run.shown.items()
        if better(name) and name not in COST and not name.startswith("raw_")
    ]
    shape = (64, *run.samples.shape[1:])
    return CARD.format(
        name=f"{study.name}.{part.dataset}",
        title=config["title"],
        run=run.name,
        dataset=part.dataset,
        steps=run.history["step"],
        count=count,
        study=study.name,
        scores="\n".join(rows),
        protocol=part.protocol,
        latent=latent["latent"] + latent.get("classes", 0),
        shape=shape,
        range="the plane" if part.of_points else "[-1, 1]",
        data=next(of for of in study.provenance["data"].split("; ") if of.startswith(f"{part.dataset}: ")),
        digest=run.history["data_sha256"],
        commit=origin["commit"],
        uncommitted=origin["uncommitted changes"],
        versions=origin["versions"],
        command=origin["command"],
        configuration=yaml.safe_dump(config, sort_keys=False),
    )
