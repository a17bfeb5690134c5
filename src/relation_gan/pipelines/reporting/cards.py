"""The best generator of a study on each data set, and a card that says what it is and what it is not."""

import math
from typing import Any

import yaml

from relation_gan.analysis.measures import COST, DECISIVE, better, label, number, scale_kid
from relation_gan.analysis.results import Part, RunResult, StudyResult

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

{use}
## Where it comes from

- data: {data}; SHA-256 {digest}
- commit: {commit} (uncommitted changes: {uncommitted}); {versions}
- made by: `{command}`

```yaml
{configuration}```

## What it is not

It imitates its training data and nothing else, with the gaps and the blur that the scores show. It was made to
compare losses, not to be used for anything that its samples would be taken for.
"""


FROM_LATENTS = """\
```python
import mlflow, numpy as np

generator = mlflow.pyfunc.load_model("models:/{name}@best")
samples = generator.predict(np.random.randn(64, {latent}).astype("float32"))  # {shape} in {range}
```
"""
OF_INPUTS = """\
```python
from relation_gan.gan.checkpoint import load_network

generator = load_network("data/06_models/{folder}/generator.safetensors")
```
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
        pick = min if better(measure) == "lower" else max
        best = pick(scored, key=lambda run, name=measure: run.shown[name])
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
    config, generator = run.history.run, run.history.run.networks.get("generator", {})
    origin = run.history.origin or study.provenance
    real = scale_kid(part.data.reference)
    rows = [
        f"| {label(name)} | {number(name, value)} | {number(name, real.get(name, math.nan))} |"
        for name, value in run.shown.items()
        if better(name) and name not in COST and not name.startswith("raw_")
    ]
    return CARD.format(
        name=f"{study.name}.{part.dataset}",
        title=config.title,
        run=run.name,
        dataset=part.dataset,
        steps=run.history.step,
        count=count,
        study=study.name,
        scores="\n".join(rows),
        protocol=part.data.protocol,
        data=next(of for of in study.provenance["data"].split("; ") if of.startswith(f"{part.dataset}: ")),
        digest=run.history.data_sha256,
        commit=origin["commit"],
        uncommitted=origin["uncommitted changes"],
        versions=origin["versions"],
        command=origin["command"],
        configuration=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
        use=_use(study, part, run, generator),
    )


def _use(study: StudyResult, part: Part, run: RunResult, generator: dict[str, Any]) -> str:
    """How to draw from it."""
    if "latent" not in generator:
        return OF_INPUTS.format(folder=run.name.replace(".", "/"))
    return FROM_LATENTS.format(
        name=f"{study.name}.{part.dataset}",
        latent=generator["latent"] + generator.get("classes", 0),
        shape=(64, *run.samples.shape[1:]),
        range="the plane" if part.of_points else "[-1, 1]",
    )
