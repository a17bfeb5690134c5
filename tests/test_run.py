"""The whole graph, as a person starts it: the smoke preset, in a project of its own."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import mlflow
import numpy as np
import pytest
import torch
import yaml
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from relation_gan.execution.hooks.mlflow import TrackingHooks
from relation_gan.execution.session import Session
from relation_gan.gan import loop
from relation_gan.gan.checkpoint import describe, load, load_network
from relation_gan.pipelines.reporting import nodes as reporting_nodes
from relation_gan.pipelines.training import nodes as training_nodes

REPOSITORY = Path(__file__).parents[1]
DATASET = "stacked_mnist_smoke"


def make_project(folder: Path) -> Path:
    """A copy of the project without data."""
    folder.mkdir(parents=True)
    for name in ("pyproject.toml", "conf", "src", ".telemetry"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, folder / name)
    return folder


def command(project: Path, *arguments: str, kedro: tuple[str, ...] = ("run", "--env=smoke")) -> subprocess.Popen[str]:
    """`kedro run --env=smoke ...` in a project, as a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("KEDRO", "MLFLOW"))}
    environment |= {
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "1",
        "KEDRO_ENV": "smoke",
        "PYTHONPATH": str(project / "src"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", *kedro, *arguments],
        cwd=project,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run(project: Path, *arguments: str, **options: tuple[str, ...]) -> str:
    process = command(project, *arguments, **options)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def in_process(project: Path, pipeline: str = "relation_gan", env: str = "smoke", **parameters) -> None:
    """The same within this process, which is faster but leaves Kedro's state behind."""
    # Without the study that spans other presets, whose parameters would be read and resolved, too.
    parameters = {"studies": {"study_points": None}, **parameters}
    os.chdir(project)
    bootstrap_project(project)
    pipelines.set_requested(None)
    with Session.create(project, env=env, runtime_params=parameters) as session:
        session.run(pipeline_names=[pipeline])


def times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def model(project: Path, method: str = "relation_gan", seed: int = 0) -> Path:
    return project / "data/06_models" / DATASET / method / f"seed{seed}"


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        time.sleep(0.02)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, str]:
    """A project in which the main job was run, and what it printed."""
    project = make_project(tmp_path_factory.mktemp("finished") / "project")
    return project, run(project, "--pipeline=relation_gan")


@pytest.fixture
def project(finished, tmp_path, monkeypatch) -> Path:
    """A copy of the finished project, to be degraded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return shutil.copytree(finished[0], tmp_path / "project")


def test_the_main_job_leaves_its_files_where_they_are_documented(finished):
    project, _ = finished
    scores = json.loads((project / "data/07_model_output" / DATASET / "relation_gan/seed0/scores.json").read_text())
    assert all(isinstance(value, float) for value in scores.values())
    assert {
        "modes",
        "modes_10",
        "reverse_kl",
        "confidence",
        "raw_modes",
        "fid_classifier",
        "kid_classifier",
    } <= scores.keys()
    assert {"seconds", "steps_per_second", "ms_per_step", "classifier_accuracy", "entropy"} <= scores.keys()
    assert scores["steps"] == 20
    manifest = json.loads((project / "data/03_primary" / DATASET / "manifest.json").read_text())
    assert len(manifest["sha256"]) == 64
    assert (model(project) / "generator.safetensors").exists()
    report = project / "data/08_reporting/relation_gan_smoke"
    assert {"report.html", "table.csv", "samples.png"} <= {path.name for path in report.iterdir()}


def test_the_main_job_says_where_to_look_and_what_to_type(finished):
    _, output = finished
    for expected in (
        "real data: confidence",
        "relation_gan_smoke/report.html",
        "mlflow ui",
        "kedro viz",
        "study --env=smoke",
    ):
        assert expected in output


def test_the_main_job_is_tracked(finished):
    project, _ = finished
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("relation_gan")
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"relation_gan", f"{DATASET}.relation_gan.seed0"}
    child = runs[f"{DATASET}.relation_gan.seed0"]
    assert child.data.tags["mlflow.parentRunId"] == runs["relation_gan"].info.run_id
    assert child.info.status == "FINISHED"
    assert child.data.params["training.steps"] == "20"
    assert "commit" in child.data.tags
    manifest = json.loads((project / "data/03_primary" / DATASET / "manifest.json").read_text())
    assert manifest["sha256"].startswith(child.inputs.dataset_inputs[0].dataset.digest)
    # log_every is 5: four rows of 20 steps.
    assert [m.step for m in client.get_metric_history(child.info.run_id, "train/critic_loss")] == [5, 10, 15, 20]
    scores = json.loads((project / "data/07_model_output" / DATASET / "relation_gan/seed0/scores.json").read_text())
    assert child.data.metrics["reverse_kl"] == pytest.approx(scores["reverse_kl"])
    assert len(child.outputs.model_outputs) == 1


def test_the_best_generator_is_in_the_registry_and_a_fresh_process_draws_the_same_from_it(finished, monkeypatch):
    project, _ = finished
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    name = f"relation_gan_smoke.{DATASET}"
    version = mlflow.MlflowClient().get_model_version_by_alias(name, "best")
    assert version.description.startswith(f"# {name}\n")
    latents = torch.randn(5, 16, generator=torch.Generator().manual_seed(3))
    script = (
        "import mlflow, numpy as np\n"
        f"generator = mlflow.pyfunc.load_model('models:/{name}@best')\n"
        "np.save('drawn.npy', generator.predict(np.load('latents.npy')))"
    )
    np.save(project / "latents.npy", latents.numpy())
    subprocess.run([sys.executable, "-c", script], cwd=project, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    with torch.no_grad():
        expected = load_network(model(project) / "generator.safetensors")(latents)
    np.testing.assert_allclose(np.load(project / "drawn.npy"), expected.numpy(), rtol=0, atol=1e-6)


def test_the_same_command_does_nothing_twice(project):
    folders = [project / "data/03_primary" / DATASET, model(project)]
    kept = ("images.npy", "checkpoint.safetensors")
    before = [{k: v for k, v in times(folder).items() if k in kept} for folder in folders]
    in_process(project)
    assert [{k: v for k, v in times(folder).items() if k in kept} for folder in folders] == before


def test_a_run_stopped_and_killed_goes_on_to_the_same_bits(finished, tmp_path):
    arguments = ("--pipeline=relation_gan", "--params=training.steps=400,training.save_every=20")
    projects = [make_project(tmp_path / name) for name in ("whole", "broken")]
    for project in projects:  # the ingestion is not what is tested here
        shutil.copytree(finished[0] / "data/03_primary", project / "data/03_primary")
    whole, broken = projects
    run(whole, *arguments)

    process = command(broken, *arguments)
    wait_for(model(broken) / "checkpoint.safetensors", process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "The same command resumes from there." in output
    stopped = model(broken) / "checkpoint.safetensors"
    before = stopped.stat().st_mtime_ns

    process = command(broken, *arguments)
    while stopped.stat().st_mtime_ns == before:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert not (model(broken) / "generator.safetensors").exists()

    run(broken, *arguments)
    for name in ("generator.safetensors", "generator_raw.safetensors", "critic.safetensors"):
        assert (model(broken) / name).read_bytes() == (model(whole) / name).read_bytes()


@pytest.mark.parametrize(
    ("pipeline", "parameters", "message"),
    [
        ("relation_gan", {"training": {"stepz": 3}}, "unknown parameter 'training.stepz'.*did you mean 'steps'"),
        ("relation_gan", {"training": {"steps": "many"}}, "parameter 'training.steps'.* is 'many'.*valid integer"),
        ("relation_gan", {"training": {"steps": -3}}, "parameter 'training.steps'.* is -3.*greater than 0"),
        ("study", {"study": {"methods": "relation_gun"}}, "unknown method 'relation_gun', did you mean 'relation_gan'"),
        ("relation_gone", {}, "there is no pipeline 'relation_gone'; choose one of: .*relation_gan"),
        ("relation_gan", {"networks": {"critic": {"mirge": "add"}}}, "has no option 'mirge'; its options are: .*merge"),
        ("relation_gan", {"networks": {"critic": {"merge": "mul"}}}, "merge 'mul' is unknown; choose one of: absdiff"),
        ("relation_gan", {"data": {"size": 27}}, "the image size 27 must be 4 to 7 times a power of two"),
        (
            "relation_gan",
            {"training": {"batch_size": 8}},
            r"another configuration \(run.training.batch_size: 16 -> 8\)",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence_and_changes_nothing(project, pipeline, parameters, message):
    before = times(project / "data")
    with pytest.raises(click.ClickException, match=message):
        in_process(project, pipeline, **parameters)
    assert times(project / "data") == before


def test_an_edited_store_is_refused(project):
    images = project / "data/03_primary" / DATASET / "images.npy"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    before = times(project / "data")
    with pytest.raises(click.ClickException, match=f"{DATASET} was changed after it was made.*delete the folder"):
        in_process(project)
    assert times(project / "data") == before


def test_a_truncated_store_is_refused(project):
    images = project / "data/03_primary" / DATASET / "images.npy"
    images.write_bytes(images.read_bytes()[:-1000])
    with pytest.raises(click.ClickException, match="images.npy is missing or truncated.*delete"):
        in_process(project)


def test_a_damaged_checkpoint_is_refused_and_kept(project):
    path = model(project) / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(click.ClickException, match="checkpoint.safetensors is damaged.*move it away"):
        in_process(project)
    assert path.stat().st_size == 100


def test_a_file_in_the_way_of_a_folder_is_named(project):
    shutil.rmtree(project / "data/06_models")
    (project / "data/06_models").write_text("")
    with pytest.raises(click.ClickException, match="06_models is a file where a folder is needed"):
        in_process(project)


def test_a_folder_that_cannot_be_written_to_is_named(project, monkeypatch):
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "06_models" not in str(path) and allowed(path, mode))
    with pytest.raises(click.ClickException, match="06_models.* cannot be written to"):
        in_process(project)


def test_training_anew_keeps_what_another_configuration_made(project):
    before = times(model(project))
    in_process(project, training={"steps": 10, "replace": True})
    assert json.loads((model(project) / "history.json").read_text())["step"] == 10
    (earlier,) = (model(project).parent / "seed0.earlier").iterdir()
    kept = times(earlier)
    assert kept.pop("mlflow_run.json") and before.pop("mlflow_run.json")  # of the other tracking server
    assert kept == before


def test_a_study_does_only_what_is_missing(tmp_path, monkeypatch, capsys):
    """Again, with a seed more, with another setting of one method, and back."""
    monkeypatch.setattr(TrackingHooks, "_log_networks", lambda *_: None)  # a second a run, tested elsewhere
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    data = make_project(tmp_path / "project") / "data"
    small = {"training": {"steps": 4, "batch_size": 16, "log_every": 2}, "evaluation": {"samples": 500}}

    def start(seeds: str = "0+1", **parameters) -> str:
        study = {"methods": "wgan_gp+vanilla", "seeds": seeds}
        in_process(tmp_path / "project", "study", "ring8", study=study, **small, **parameters)
        return capsys.readouterr().out

    def made() -> dict[str, int]:
        """The files of runs, without those that were set aside, and when they were written."""
        found = times(data / "06_models") | times(data / "07_model_output")
        return {name: time for name, time in found.items() if ".earlier" not in name}

    def table() -> str:
        return (data / "08_reporting/study_ring8/table.csv").read_text()

    weights = data / "06_models/ring8/vanilla/seed0/generator.safetensors"
    assert "4 runs: 4 to do; time unknown" in start()
    first, printed, vanilla = made(), table(), weights.read_bytes()
    assert start().startswith("4 runs: 4 done\n")
    assert (made(), table()) == (first, printed)

    assert "6 runs: 4 done, 2 to do; about " in start("0+1+2")
    extended = made()
    assert {name: extended[name] for name in first} == first and len(extended) > len(first)

    output = start(methods={"vanilla": {"training": {"lr_critic": 0.01}}})
    assert "4 runs: 2 done, 2 stale; about " in output
    assert "ring8.vanilla.seed0 and 1 more (run.training.lr_critic: 0.002 -> 0.01)" in output
    assert weights.read_bytes() != vanilla
    changed = made()
    assert {name for name in first if changed[name] != first[name]} == {name for name in first if "vanilla" in name}
    # The runs of both configurations are in MLflow, and those of the study below its latest parent.
    client = mlflow.MlflowClient()
    found = client.search_runs([client.get_experiment_by_name("relation_gan").experiment_id])
    assert sum(run.info.run_name == "ring8.vanilla.seed0" for run in found) == 2
    parent = max((run for run in found if run.info.run_name == "study"), key=lambda run: run.info.start_time)
    below = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.info.run_name for run in below) == sorted(
        f"ring8.{method}.seed{seed}" for method in ("wgan_gp", "vanilla") for seed in (0, 1)
    )

    assert start().startswith("4 runs: 4 done\n")  # taken back
    assert (made(), table()) == (extended, printed)


def test_a_study_killed_in_the_middle_ends_in_the_same_report(tmp_path, monkeypatch):
    monkeypatch.setattr(TrackingHooks, "_log_networks", lambda *_: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    # What may differ: a clock on which every look takes as long, no memory, and no names of MLflow runs.
    ticks = itertools.count()
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(ticks) / 1024)  # exact in binary
    monkeypatch.setattr(training_nodes, "peak_memory", lambda _: 1.0)
    monkeypatch.setattr(reporting_nodes, "mlflow_run", lambda *_: "")
    step = loop.train_step

    class Killed(BaseException):
        """As the death of the process: nothing is left to catch it."""

    def killed(state, *arguments):
        if state.step == 5 and state.task.adversary.critic.kind == "score" and state.seed == 1:
            raise Killed
        return step(state, *arguments)

    def start(project: Path) -> None:
        small = {"training": {"steps": 8, "batch_size": 16, "log_every": 2, "save_every": 2, "snapshots": 2}}
        study = {"methods": "relation_gan+vanilla", "seeds": "0+1"}
        in_process(project, "study", "ring8", study=study, evaluation={"samples": 500}, **small)

    whole, broken = make_project(tmp_path / "whole"), make_project(tmp_path / "broken")
    start(whole)
    monkeypatch.setattr(loop, "train_step", killed)
    with pytest.raises(Killed):
        start(broken)
    runs = broken / "data/06_models/ring8"
    finished_before = times(runs / "relation_gan/seed0") | times(runs / "vanilla/seed0")
    assert describe(runs / "vanilla/seed1/checkpoint.safetensors")["step"] == 4
    monkeypatch.setattr(loop, "train_step", step)
    start(broken)
    assert times(runs / "relation_gan/seed0") | times(runs / "vanilla/seed0") == finished_before
    reports = [project / "data/08_reporting/study_ring8" for project in (whole, broken)]
    names, others = (sorted(path.relative_to(report) for path in report.rglob("*.*")) for report in reports)
    assert names == others and Path("report.html") in names
    for name in names:
        assert (reports[0] / name).read_bytes() == (reports[1] / name).read_bytes(), name


def test_runs_belong_to_the_content_of_their_data(tmp_path, monkeypatch, capsys):
    """Other data under the same name, the first again, and the first made anew."""
    monkeypatch.setattr(TrackingHooks, "_log_networks", lambda *_: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    data = make_project(tmp_path / "project") / "data"
    small = {"training": {"steps": 4, "batch_size": 16, "log_every": 2}, "evaluation": {"samples": 500}}

    def start(radius: float) -> str:
        definition = {"definition": {"radius": radius}}
        in_process(tmp_path / "project", "study", "ring8", study={"methods": "vanilla+lsgan"}, data=definition, **small)
        return capsys.readouterr().out

    def made() -> dict[str, int]:
        found = times(data / "06_models") | times(data / "07_model_output")
        return {name: time for name, time in found.items() if ".earlier" not in name}

    start(1.0)
    first = made()
    assert "2 runs: 2 stale" in start(3.0)
    second = made()
    assert not {first[name] for name in first} & {second[name] for name in second}
    assert "2 runs: 2 done" in start(1.0)
    assert made() == first
    shutil.rmtree(data / "03_primary")
    start(3.0)
    assert made() == second


def test_only_the_scores_are_made_again_if_only_they_are_measured_otherwise(project):
    in_process(project)  # tells the other tracking server what it misses
    trained = times(model(project))
    scores = project / "data/07_model_output" / DATASET / "relation_gan/seed0/scores.json"
    before = json.loads(scores.read_text())
    in_process(project, evaluation={"samples": 600})
    assert times(model(project)) == trained
    assert json.loads(scores.read_text())["confidence"] != before["confidence"]


def test_a_failed_run_does_not_take_the_others_with_it(project, monkeypatch):
    step = loop.train_step

    def fails(state, *arguments):
        if state.step == 3 and state.task.adversary.critic.kind == "score":
            raise MemoryError("no room")
        return step(state, *arguments)

    monkeypatch.setattr(loop, "train_step", fails)
    with pytest.raises(click.ClickException, match=r"1 of 2 runs failed: rahinge seed 0 \(MemoryError: no room\)"):
        in_process(project, "study", study={"methods": "rahinge+relation_gan"})
    table = (project / "data/08_reporting/study_smoke/table.csv").read_text()
    assert "rahinge,0,failed" in table
    assert "relation_gan,0,finished" in table

    # The same command makes it again, and tells MLflow of its whole generator, too.
    monkeypatch.setattr(loop, "train_step", step)
    in_process(project, "study", study={"methods": "rahinge+relation_gan"})
    assert "rahinge,0,finished" in (project / "data/08_reporting/study_smoke/table.csv").read_text()
    note = json.loads((model(project, "rahinge") / "mlflow_run.json").read_text())
    logged = mlflow.MlflowClient().get_run(note["run_id"]).outputs.model_outputs
    assert sorted(of.step for of in logged) == [3, 20]


def test_a_failed_run_of_another_configuration_is_in_nobodys_way(project, monkeypatch):
    def fails(*_):
        raise MemoryError("no room")

    step = loop.train_step
    monkeypatch.setattr(loop, "train_step", fails)
    with pytest.raises(click.ClickException, match="1 of 1 runs failed"):
        in_process(project, "rahinge")
    monkeypatch.setattr(loop, "train_step", step)
    in_process(project, "rahinge", training={"batch_size": 8})
    assert json.loads((model(project, "rahinge") / "history.json").read_text())["status"] == "finished"


def test_a_diverged_run_is_a_result(project):
    in_process(
        project,
        "study",
        study={"methods": "rahinge+relation_gan"},
        methods={"rahinge": {"training": {"lr_critic": 1e38}}},
    )
    history = json.loads((model(project, "rahinge") / "history.json").read_text())
    assert history["status"] == "diverged"
    assert "rahinge,0,diverged" in (project / "data/08_reporting/study_smoke/table.csv").read_text()


def test_a_stage_keeps_the_one_before_frozen_and_starts_from_its_weights(project):
    in_process(project, "gogan", training={"steps": 4}, methods={"gogan": {"training": {"lr_generator": 1e-30}}})
    before = load_network(model(project, "gogan_stage1") / "generator_raw.safetensors").state_dict()
    tensors, description = load(model(project, "gogan") / "checkpoint.safetensors")
    for name, value in before.items():
        assert torch.equal(tensors[f"task/adversary.loss.before.generator.{name}"], value)
    # With a rate of nothing the generator is still where it started.
    learnt = [
        name for name, _ in load_network(model(project, "gogan") / "generator_raw.safetensors").named_parameters()
    ]
    assert all(torch.equal(tensors[f"task/generator.{name}"], before[name]) for name in learnt)
    assert description["config"]["run"]["after"]["method"] == "gogan_stage1"
    assert description["step"] == 2  # half of the steps
    table = (project / "data/08_reporting/gogan_smoke/table.csv").read_text()
    assert "gogan_stage1,0,finished" in table
    assert "gogan,0,finished" in table


def test_runs_side_by_side_are_the_same_as_one_after_the_other(finished, tmp_path):
    project = make_project(tmp_path / "project")
    shutil.copytree(finished[0] / "data/03_primary", project / "data/03_primary")
    output = run(
        project,
        "--pipeline=study",
        "--params=study.methods=relation_gan+vanilla+gogan",
        "--runner=relation_gan.runner.RunsInParallel",
    )
    assert "4 of 4" in output or "runs: 100%" in output
    alone = model(finished[0]) / "generator.safetensors"
    assert (model(project) / "generator.safetensors").read_bytes() == alone.read_bytes()
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("relation_gan")
    found = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    study = found.pop("study")
    assert set(found) == {f"{DATASET}.{m}.seed0" for m in ("relation_gan", "vanilla", "gogan_stage1", "gogan")}
    assert {r.data.tags["mlflow.parentRunId"] for r in found.values()} == {study.info.run_id}
    assert {r.info.status for r in [study, *found.values()]} == {"FINISHED"}


def test_every_method_trains_on_points_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(TrackingHooks, "_log_networks", lambda *_: None)  # a second a run, tested elsewhere
    project = make_project(tmp_path / "project")
    methods = list(yaml.safe_load((REPOSITORY / "conf/base/parameters/methods.yml").read_text())["methods"])
    small = {"training": {"steps": 4, "batch_size": 16, "log_every": 2}, "evaluation": {"samples": 500}}
    in_process(project, "study", "ring8", study={"methods": "+".join(methods)}, **small)
    for method in methods:
        history = json.loads((project / f"data/06_models/ring8/{method}/seed0/history.json").read_text())
        assert history["status"] == "finished", history["error"]
        scores = json.loads((project / f"data/07_model_output/ring8/{method}/seed0/scores.json").read_text())
        assert {"modes", "high_quality", "kl", "sliced_wasserstein"} <= scores.keys()


def test_a_study_can_span_several_data_sets(tmp_path):
    project = make_project(tmp_path / "project")
    small = {"training": {"steps": 4, "batch_size": 16, "log_every": 2}, "evaluation": {"samples": 500}}
    in_process(project, "study", "ring8", study={"methods": "vanilla", "presets": "ring8+swissroll"}, **small)
    table = (project / "data/08_reporting/study_ring8/table.csv").read_text()
    assert "ring8,vanilla,0,finished" in table
    assert "swissroll,vanilla,0,finished" in table


def test_kedro_viz_builds_a_graph_with_layers_and_one_result_a_run(project):
    run(project, "--include-previews", kedro=("viz", "build"))
    graph = json.loads((project / "build/api/main").read_text())
    assert graph["layers"] == ["primary", "models", "model_output", "reporting"]
    shown = {child["id"] for child in graph["modular_pipelines"]["__root__"]["children"]}
    top = {node["name"] for node in graph["nodes"] if node["id"] in shown}
    assert f"{DATASET}.relation_gan.seed0.result" in top
    assert f"{DATASET}.relation_gan.seed0.panels_classes" not in top
