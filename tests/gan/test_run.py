from typing import Any

import pytest
import torch

from relation_gan.gan.run import RunConfig
from tests.gan.helpers import CRITIC, GENERATOR

SMALL: dict[str, dict[str, Any]] = {"generator": GENERATOR, "critic": CRITIC}


def run(after: RunConfig | None = None, **changes: Any) -> RunConfig:
    names = {"dataset": "set", "method": "m", "title": "M", "seed": 0, "loss": {"name": "rahinge"}}
    training = {"steps": 2, "batch_size": 8, "lr_generator": 0.01, "lr_critic": 0.01, **changes.pop("training", {})}
    parts = {"regularisers": [], "networks": SMALL, "training": training, "after": after}
    return RunConfig.model_validate({**names, **parts, **changes})


def test_a_run_depends_on_all_but_its_title_and_its_checkpoints() -> None:
    other = run(title="Another title", training={"save_every": 7})
    assert run().depends_on("0") == other.depends_on("0")
    assert run().depends_on("0") != run().depends_on("1")
    assert run().depends_on("0") != run(training={"log_every": 7}).depends_on("0")
    assert run(other).depends_on("0") == run(run()).depends_on("0") != run().depends_on("0")


def test_the_same_seed_builds_the_same_weights() -> None:
    one, again, other = (run(seed=seed).build().state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": {"name": "generatoin"}}, "unknown task 'generatoin'; choose one of: .*generation"),
        ({"task": {"name": "generation", "cycle": 3}}, "task 'generation' has no option 'cycle'"),
        ({"task": {}}, "its task has no name"),
        ({"loss": {"margin": 1}}, r"its loss has no name, only {'margin': 1}; add name"),
        ({"networks": {"critic": SMALL["critic"]}}, "the task needs a network 'generator'; configured are: critic"),
        ({"loss": {"name": "gogan", "epsilon": 1.0}}, "loss 'gogan' ranks against a stage before it; name that method"),
        ({"after": run()}, None),
        (
            {"after": run(networks={**SMALL, "critic": {**SMALL["critic"], "width": 2}})},
            "its networks must be those of 'm', whose weights it starts from",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str | None) -> None:
    if message is None:
        run(**changes).build()
        return
    with pytest.raises(ValueError, match=message):
        run(**changes).build()
