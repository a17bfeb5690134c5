"""How the runs of a study are shared out to processes. That they run is tested in test_run.py."""

import pytest
from kedro.pipeline import Pipeline, node

from relation_gan.runner import chunks, together


def identity(x: object) -> object:
    return x


def chain(*runs: tuple[str, str | None]) -> Pipeline:
    """A training and an evaluation for each run, after the training of another one where that is named."""
    nodes = []
    for run, after in runs:
        source = f"{after}.critic" if after else "images"
        nodes += [
            node(identity, source, f"{run}.critic", name="train", namespace=run),
            node(identity, f"{run}.critic", f"{run}.scores", name="score", namespace=run),
        ]
    return Pipeline(nodes)


def test_runs_that_build_on_one_another_stay_together_and_in_order() -> None:
    pipeline = chain(("d.c.seed0", "d.b.seed0"), ("d.x.seed0", None), ("d.a.seed0", None), ("d.b.seed0", "d.a.seed0"))
    groups = together(pipeline)
    assert sorted(groups, key=len) == [["d.x.seed0"], ["d.a.seed0", "d.b.seed0", "d.c.seed0"]]


@pytest.mark.parametrize(
    ("chains", "processes", "expected"),
    [
        # Few runs: each on its own.
        ([["a"], ["b"], ["c"]], 2, [["a"], ["b"], ["c"]]),
        # 32 runs for 2 processes: 32 / 16 = 2 a group.
        ([[str(i)] for i in range(32)], 2, [[str(i), str(i + 1)] for i in range(0, 32, 2)]),
        # A chain is not taken apart.
        ([["a", "b", "c"], ["d"]], 4, [["a", "b", "c"], ["d"]]),
        ([], 2, []),
    ],
)
def test_groups_are_some_eight_a_process(chains: list[list[str]], processes: int, expected: list[list[str]]) -> None:
    assert list(chunks(chains, processes)) == expected
