"""Runs distributed by Ray, in a project of their own: lost workers and nodes, interruptions, and a separate storage.

That a chain of stages gives the same in parallel as one after the other is tested in test_run.py.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import mlflow
import psutil
import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from ray.cluster_utils import Cluster

from relation_gan.execution.distributed.runner import RunsInParallel, files, together
from relation_gan.gan.checkpoint import load
from tests.test_run import make_project

SEEDS = (0, 1, 2)
STEPS, SAVED = 600, 60
PARAMETERS = {
    "study": {"methods": "vanilla", "seeds": "0+1+2"},
    "training": {"steps": STEPS, "save_every": SAVED, "snapshots": STEPS // SAVED, "log_every": 50},
    "evaluation": {"samples": 500, "curve_samples": 500, "kept_samples": 100},
}
RUNNER = "--runner=relation_gan.runner.RunsInParallel"


def command(project: Path, *arguments: str, runner: str = RUNNER, **environment: str) -> subprocess.Popen[str]:
    """A study of three runs in a project, as a process of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KEDRO", "MLFLOW"))}
    own = {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "PYTHONPATH": str(project / "src")}
    typed = [f"{part}.{key}={value}" for part, of in PARAMETERS.items() for key, value in of.items()]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "kedro", "run", "--pipeline=study", "--env=ring8"),
            *([runner] if runner else []),
            f"--params={','.join([*typed, *arguments])}",
        ],
        cwd=project,
        env=kept | own | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Tests may run in a shell's background, where Ctrl-C is ignored, and would be in here, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    return output


def model(project: Path, seed: int) -> Path:
    return project / f"data/06_models/ring8/vanilla/seed{seed}"


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not ready():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def saved(project: Path, seed: int) -> dict[str, int]:
    """The snapshots up to the checkpoint, and when they were made: a run that resumes from it leaves them alone."""
    path = model(project, seed) / "checkpoint.safetensors"
    step = load(path).description["step"] if path.exists() else 0
    kept = (model(project, seed) / "snapshots").glob("*")
    return {path.name: path.stat().st_mtime_ns for path in kept if int(path.name.split(".")[0]) <= step}


def under_way(project: Path, seed: int) -> bool:
    """Whether there is a checkpoint to resume from."""
    return bool(saved(project, seed))


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that train."""
    found = psutil.Process(process.pid).children(recursive=True)
    return [child for child in found if "ray::ring8.vanilla" in " ".join(child.cmdline())]


def same_weights(project: Path, undisturbed: Path) -> None:
    for seed in SEEDS:
        for name in ("generator.safetensors", "critic.safetensors"):
            assert (model(project, seed) / name).read_bytes() == (model(undisturbed, seed) / name).read_bytes()


def tracked(project: Path, uri: str = "") -> tuple[mlflow.entities.Run, list[mlflow.entities.Run]]:
    """The one study, and its runs."""
    client = mlflow.MlflowClient(uri or f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("relation_gan")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    study = runs.pop("study")
    assert set(runs) == {f"ring8.vanilla.seed{seed}" for seed in SEEDS}
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {study.info.run_id}
    assert {run.info.status for run in [study, *runs.values()]} == {"FINISHED"}
    assert {run.data.tags["command"] for run in runs.values()} == {study.data.tags["command"]}
    return study, list(runs.values())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the study was made by one plain command, one run after the other."""
    project = make_project(tmp_path_factory.mktemp("undisturbed") / "project")
    finish(command(project, runner=""))
    return project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def test_ctrl_c_saves_checkpoints_and_leaves_nothing_running_and_a_killed_command_neither(project, undisturbed):
    process = command(project)
    wait_for(lambda: under_way(project, 0), process)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the same command resumes from there" in output
    assert psutil.wait_procs(family, timeout=20)[1] == []
    stopped = (model(project, 0) / "checkpoint.safetensors").stat().st_mtime_ns
    # Two were training, and hardly both at a step at which they write a checkpoint anyway.
    assert any(load(path).description["step"] % SAVED for path in model(project, 0).parent.glob("*/checkpoint.*"))

    process = command(project)
    wait_for(lambda: (model(project, 0) / "checkpoint.safetensors").stat().st_mtime_ns > stopped, process)
    trainers = workers(process)
    assert trainers
    process.kill()
    process.communicate()
    # Ray's own agents look for their parent now and then, and end a little later.
    assert psutil.wait_procs(trainers, timeout=20)[1] == []
    assert not (model(project, 2) / "generator.safetensors").exists()

    finish(command(project))
    same_weights(project, undisturbed)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head without a CPU, where the command is typed, which notices within two seconds that a node is lost."""
    noticing = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": noticing}
    made = Cluster(initialize_head=True, head_node_args=head)
    yield made
    made.shutdown()


def test_a_run_whose_node_is_lost_resumes_elsewhere(project, undisturbed, cluster):
    nodes = {node.unique_id: node for node in (cluster.add_node(num_cpus=1) for _ in range(2))}
    process = command(project, RAY_ADDRESS=cluster.address)
    wait_for(lambda: under_way(project, 0), process)
    lost = next(iter(nodes.values()))
    before = {seed: saved(project, seed) for seed in SEEDS}
    cluster.remove_node(lost, allow_graceful=False)
    finish(process)
    same_weights(project, undisturbed)
    tracked(project)
    assert all(before[seed].items() <= saved(project, seed).items() for seed in SEEDS)


def test_runs_kept_at_a_url_outlive_their_workers_and_come_back_from_there(project, undisturbed, tmp_path):
    uri, storage = f"sqlite:///{tmp_path}/elsewhere.db", tmp_path / "storage"
    process = command(project, f"parallel.storage=file://{storage}", MLFLOW_TRACKING_URI=uri)
    wait_for(lambda: under_way(storage, 0), process)
    assert not (model(project, 0) / "checkpoint.safetensors").exists()
    (worker,) = [worker for worker in workers(process) if "seed0" in " ".join(worker.cmdline())]
    before = saved(storage, 0)
    worker.kill()
    assert "3 of 3 runs" in finish(process)
    same_weights(project, undisturbed)
    tracked(project, uri)
    assert before.items() <= saved(storage, 0).items()
    for folder in ("data/06_models", "data/07_model_output"):
        kept, here = (
            {str(path.relative_to(place)) for path in (place / folder).rglob("*") if path.is_file()}
            for place in (storage, project)
        )
        assert kept == here


def in_process(project: Path, monkeypatch: pytest.MonkeyPatch, **parameters: dict[str, object]) -> None:
    """The same within this process, two short runs."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", str(project / "src"))
    bootstrap_project(project)
    pipelines.set_requested(None)
    short = {"training": {"steps": 4, "log_every": 2}, "study": {"methods": "vanilla", "seeds": "0+1"}}
    parameters = {"evaluation": PARAMETERS["evaluation"], "studies": {"study_points": None}, **short, **parameters}
    with KedroSession.create(project, env="ring8", runtime_params=parameters) as session:
        session.run(pipeline_names=["study"], runner=RunsInParallel())


@pytest.mark.parametrize(
    ("parallel", "environment", "message"),
    [
        ({"cpus": 1000}, {}, r"parallel.cpus=1000 and parallel.gpus=\S+, and no node has them.*ask for less"),
        ({"gpus": 1.5}, {}, "parameter 'parallel.gpus.*' is 1.5.*below 1 or a whole one"),
        ({"gpus": "some"}, {}, "parameter 'parallel.gpus.*' is 'some'"),
        ({"storage": "nowhere://x"}, {}, "'parallel.storage' is 'nowhere://x': Protocol not known"),
        (
            {"storage": "/tmp/x"},
            {"MLFLOW_TRACKING_URI": None},
            "sqlite:///mlflow.db, which nodes do not share: start an MLflow server",
        ),
        ({}, {"RAY_ADDRESS": "127.0.0.1:1"}, "Ray at RAY_ADDRESS=127.0.0.1:1 cannot be reached"),
    ],
)
def test_what_cannot_be_distributed_is_refused_before_any_work(project, monkeypatch, parallel, environment, message):
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(click.ClickException, match=message):
        in_process(project, monkeypatch, parallel=parallel)
    assert not (project / "data").exists()


FAILS = """
_{name} = {name}


def {name}({first}, *arguments):
    if {when}:
        raise MemoryError("no room")
    return _{name}({first}, *arguments)
"""


def test_a_run_with_an_error_of_its_own_does_not_take_the_others_with_it(project, monkeypatch):
    # In the code that the workers use: one run fails in training, which is a result, another outside it.
    for path, name, first, when in (
        ("gan/loop.py", "train_step", "state", "state.seed == 0 and state.step == 2"),
        ("pipelines/training/nodes.py", "train", "source, config", "RunConfig.model_validate(config).seed == 2"),
    ):
        with (project / "src/relation_gan" / path).open("a") as code:
            code.write(FAILS.format(name=name, first=first, when=when))
    with pytest.raises(click.ClickException, match=r"1 of 2 runs failed: vanilla seed 0 \(MemoryError: no room\)"):
        in_process(project, monkeypatch)
    table = (project / "data/08_reporting/study_ring8/table.csv").read_text()
    assert "vanilla,0,failed" in table
    assert "vanilla,1,finished" in table

    with pytest.raises(
        click.ClickException, match=r"1 of 2 tasks failed: ring8.vanilla.seed2 \(MemoryError: no room\)"
    ):
        in_process(project, monkeypatch, study={"methods": "vanilla", "seeds": "2+3"})
    assert (project / "data/07_model_output/ring8/vanilla/seed3/scores.json").exists()


def test_without_ray_the_runner_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(click.ClickException, match=r"needs Ray.*pip install -c constraints.txt -e '.\[ray\]'"):
        RunsInParallel()


def identity(x: object) -> object:
    return x


def chain(*runs: tuple[str, str | None]) -> Pipeline:
    """A training and an evaluation for each run, after the training of another one where that is named."""
    nodes = []
    for run, after in runs:
        source = f"{after}.critic" if after else "images"
        nodes += [
            node(identity, source, f"{run}.critic", name="train", namespace=run),
            node(
                identity,
                f"{run}.critic",
                f"{run}.scores",
                name="score",
                namespace=run,
            ),
        ]
    return Pipeline(nodes)


def test_runs_that_build_on_one_another_stay_together_and_in_order():
    pipeline = chain(("d.c.seed0", "d.b.seed0"), ("d.x.seed0", None), ("d.a.seed0", None), ("d.b.seed0", "d.a.seed0"))
    groups = together(pipeline)
    assert sorted(groups, key=len) == [("d.x.seed0",), ("d.a.seed0", "d.b.seed0", "d.c.seed0")]


def test_the_files_of_a_run_are_in_its_own_folders(tmp_path):
    place = "{dataset}/{method}/seed{seed}"
    datasets = {
        "networks": ("NetworksDataset", f"models/{place}"),
        "checkpoints": ("CheckpointStoreDataset", f"models/{place}"),
        "scores": ("JSONDataset", f"scores/{place}/scores.json"),
    }
    catalog = DataCatalog.from_config(
        {
            f"{{dataset}}.{{method}}.seed{{seed}}.{name}": {
                "type": f"relation_gan.io.{kind}",
                "filepath": f"{tmp_path}/{path}",
            }
            for name, (kind, path) in datasets.items()
        }
    )
    run = "d.m.seed0"
    made = Pipeline(
        [
            node(identity, "images", f"{run}.networks", name="train", namespace=run),
            node(identity, f"{run}.networks", f"{run}.scores", name="score", namespace=run),
        ]
    )
    own = {"models/d/m/seed0", "scores/d/m/seed0"}
    assert set(files(made, (run,), catalog, tmp_path)) == own | {f"{folder}.earlier" for folder in own}
