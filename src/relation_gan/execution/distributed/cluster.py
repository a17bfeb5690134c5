"""Runs distributed by Ray: to processes of this machine, or, with RAY_ADDRESS, of a cluster."""

import logging
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from logging.handlers import QueueHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import uuid4

# Set before Ray is imported: no usage statistics are sent.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import click
import ray
from filelock import FileLock
from joblib import cpu_count
from ray.exceptions import RayError

from relation_gan.execution.distributed.progress import Display, Progress
from relation_gan.execution.distributed.remote_sync import Mirror

# A worker imports this module before it knows the project: what is heavy, or reads the project, comes later.
if TYPE_CHECKING:
    from relation_gan.config import ParallelConfig

logger = logging.getLogger(__name__)

STOP_SECONDS = 120.0
"""How long to wait for runs that were asked to stop."""
REPORT_SECONDS = 0.5
"""Between two reports of a run's step."""
NEEDED = ("conf", "src", "pyproject.toml", ".telemetry")
"""What is copied to nodes that do not share the project's folder."""


class Task(NamedTuple):
    """Runs that build on one another, and their folders in the project."""

    chain: tuple[str, ...]
    folders: list[str]
    nodes: list[str]
    """The names of the nodes to run."""


def address() -> str | None:
    """RAY_ADDRESS, if it names a cluster."""
    named = os.environ.get("RAY_ADDRESS", "")
    return None if named in ("", "local") else named


@contextmanager
def connected(config: "ParallelConfig", project: Path, accelerator: str) -> "Iterator[Workers]":
    """Ray's workers, for as long as the context lasts.

    Args:
        accelerator: that of the training; on a CPU no run asks for a GPU.

    Raises:
        click.ClickException: the cluster or the storage cannot be reached, or no node has what a run needs.
    """
    if config.storage:
        Mirror(config.storage, project, [])
        tracking = os.environ.get("MLFLOW_TRACKING_URI", "")  # MLflow sets it to what is in force.
        if tracking.startswith("sqlite:///") and not tracking.startswith("sqlite:////"):
            raise click.ClickException(
                f"parameter 'parallel.storage' is '{config.storage}', and runs are tracked in {tracking}, which nodes "
                "do not share: start an MLflow server that all of them reach, and set MLFLOW_TRACKING_URI=http://..."
            )
    with ExitStack() as stack:
        local: dict[str, Any] = {}
        if address() is None:
            # Ray's sockets lie there, whose paths may be 107 characters long.
            short = tempfile.gettempdir() if len(tempfile.gettempdir()) <= 20 else "/tmp"
            folder = tempfile.TemporaryDirectory(prefix="ray_", dir=short, ignore_cleanup_errors=True)
            local = {
                "num_cpus": cpu_count(),
                "include_dashboard": False,
                "object_store_memory": 100 * 2**20,  # Results come by files.
                "_temp_dir": stack.enter_context(folder),
            }
            if "RAY_AUTH_TOKEN_PATH" not in os.environ:
                # Ray would leave one in the home folder, which every cluster started later would ask for. A process
                # keeps its token, since Ray reads it once.
                os.environ.setdefault("RAY_AUTH_TOKEN", uuid4().hex)
        try:
            check_reachable(address())
            ray.init(
                address=address() or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=environment(config, project),
                **local,
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise click.ClickException(
                f"Ray{f' at RAY_ADDRESS={address()}' if address() else ''} cannot be reached ({error}); start the "
                "cluster (ray start --head), give this shell its RAY_AUTH_MODE and token, or unset RAY_ADDRESS to use "
                "this machine alone"
            ) from None
        try:
            yield Workers(config, project, accelerator)
        finally:
            ray.shutdown()


def check_reachable(address: str | None) -> None:
    """Refuse at once an address at which nothing listens, which Ray would try for minutes.

    Raises:
        OSError: nothing listens.
    """
    host, _, port = (address or "").rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def environment(config: "ParallelConfig", project: Path) -> dict[str, Any]:
    """Ray's `runtime_env` of the workers: the threads of a run, and the code."""
    code = str(project / "src")
    copied: dict[str, Any] = {}
    if config.storage:
        code = "${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}/src"
        others = sorted(path.name for path in project.iterdir() if path.name not in NEEDED)
        copied = {"working_dir": str(project), "excludes": [f"/{name}" for name in others]}
    return {"env_vars": {"OMP_NUM_THREADS": str(config.cpus), "PYTHONPATH": code}, **copied}


class Workers:
    """Distributes tasks, and waits for them."""

    def __init__(self, config: "ParallelConfig", project: Path, accelerator: str) -> None:
        self.config, self.project = config, project
        gpus = config.gpus
        if isinstance(gpus, str):
            gpus = float(accelerator != "cpu" and ray.cluster_resources().get("GPU", 0) > 0)
        self.wanted = {"CPU": config.cpus, "GPU": gpus}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(all(node.get(kind, 0) >= n for kind, n in self.wanted.items()) for node in nodes):
            found = ", ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes)
            raise click.ClickException(
                f"a run needs parallel.cpus={config.cpus} and parallel.gpus={gpus:g}, and no node has them: there are "
                f"{found}; ask for less, or start such a node"
            )

    def run(
        self,
        tasks: Sequence[Task],
        steps: Mapping[str, int],
        shared: list[str],
        session: dict[str, Any],
        setting: Mapping[str, str],
    ) -> list[tuple[tuple[str, ...], str]]:
        """Run all tasks.

        Args:
            steps: of each run.
            shared: folders and files in the project that all runs read.
            session: arguments of a session on some of the runs.
            setting: environment variables of the workers, in addition to MLflow's.

        Returns the chains of the tasks that failed, each with its error. An exception here, such as that of Ctrl-C,
        makes the runs save their checkpoints and stop, and is raised again after that.
        """
        if self.config.storage:
            Mirror(self.config.storage, self.project, shared).send()
        progress = ray.remote(num_cpus=0, max_restarts=-1)(Progress).remote()
        # For system failures only: a run's own error would be raised again. A worker with a GPU serves one run, as Ray
        # does by default, since a process keeps its GPU memory.
        remote = ray.remote(num_cpus=self.wanted["CPU"], num_gpus=self.wanted["GPU"], max_retries=self.config.retries)(
            work
        )
        passed_on = {key: value for key, value in os.environ.items() if key.startswith("MLFLOW_")}
        setting = {**setting, **passed_on, "DO_NOT_TRACK": "1", "TQDM_DISABLE": "1"}
        if not self.wanted["GPU"]:
            setting["CUDA_VISIBLE_DEVICES"] = ""
        running: dict[Any, Task] = {}
        display = Display([task.chain for task in tasks], steps)
        failures = []
        try:
            for task in tasks:
                if mirror := self._mirror(task):
                    mirror.offer()
                storage = (self.config.storage, shared) if self.config.storage else None
                arguments = (task, session, setting, self.config.cpus, steps, storage, progress)
                running[remote.options(name=task.chain[-1]).remote(*arguments)] = task
            while running:
                done, _ = ray.wait(list(running), timeout=0.5)
                self._show(progress, display)
                for reference in done:
                    task = running.pop(reference)
                    error = self._error(reference, task)
                    failures += [(task.chain, error)] if error else []
                    display.finish(task.chain, failed=bool(error))
        except BaseException:
            self._stop(running)
            raise
        finally:
            display.close()
        return failures

    def _error(self, reference: Any, task: Task) -> str:
        """Why a task failed, if it did. Either way its files are fetched from the storage first."""
        message = ""
        try:
            ray.get(reference)
        except RayError as error:
            message = reason(error)
        try:
            if mirror := self._mirror(task):
                mirror.fetch()
        except Exception as error:  # noqa: BLE001  Storages have exceptions of their own.
            message = message or f"its files cannot be fetched from {self.config.storage}: {error}"
        return message

    def _mirror(self, task: Task) -> Mirror | None:
        return Mirror(self.config.storage, self.project, task.folders) if self.config.storage else None

    @staticmethod
    def _show(progress: Any, display: Display) -> None:
        with suppress(RayError):  # It is being restarted.
            at, records = ray.get(progress.news.remote(), timeout=5)
            for record in records:
                display.log(record)
            display.update(at)

    @staticmethod
    def _stop(running: Mapping[Any, Task]) -> None:
        """Interrupt running tasks, drop waiting ones, and wait for checkpoints to be written."""
        for reference in running:
            ray.cancel(reference)  # a KeyboardInterrupt in the worker, which training takes as Ctrl-C
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=STOP_SECONDS)


def reason(error: RayError) -> str:
    """The error in one line; a traceback goes to the log."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, click.ClickException):
        return cause.format_message()
    logger.error("%s", error)
    return f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[0]}"


class Forward(QueueHandler):
    """Sends what a worker logs to the process that started the study."""

    def __init__(self, progress: Any) -> None:
        super().__init__(progress)
        self._progress = progress

    def enqueue(self, record: logging.LogRecord) -> None:
        self._progress.log.remote(record)


def work(
    task: Task,
    session: dict[str, Any],
    setting: Mapping[str, str],
    threads: int,
    steps: Mapping[str, int],
    storage: tuple[str, list[str]] | None,
    progress: Any,
) -> None:
    """Train and evaluate the runs of a task, in a session like the one that started the study."""
    progress.report.remote(task.chain, task.chain[0], 0)
    os.environ.update(setting)
    # Nodes that do not share the project's folder start in a copy of it.
    project = Path.cwd() if storage else Path(session["project_path"])
    if not (project / "pyproject.toml").is_file():
        raise click.ClickException(
            f"{project} does not exist on the node {ray.util.get_node_ip_address()}: share the project's folder with "
            "all nodes, at the same path, or set parallel.storage"
        )
    os.chdir(project)
    # Kedro reads the project's logging when it is imported.
    import torch
    from kedro.framework.startup import bootstrap_project

    from relation_gan.execution.hooks.checks import RunsFailed
    from relation_gan.execution.session import Session

    torch.set_num_threads(threads)
    bootstrap_project(project)
    reported = time.monotonic()

    def listen(run: str, step: int) -> None:
        nonlocal reported
        if step == steps[run] or time.monotonic() > reported + REPORT_SECONDS:
            reported = time.monotonic()
            progress.report.remote(task.chain, run, step)

    forward = Forward(progress)
    forward.setLevel(logging.WARNING)
    options = {"env": session["env"], "runtime_params": session["runtime_params"]}
    selection = {"pipeline_names": session["pipeline_names"], "node_names": task.nodes}
    own = cast(Session, Session.create(project, **options))
    own.run_context.listeners.append(listen)
    logging.getLogger().addHandler(forward)
    try:
        # The session that started the study reports all failures at its end.
        with (
            followed(storage, task, project),
            own,
            suppress(RunsFailed),
        ):
            own.run(**selection)
    finally:
        logging.getLogger().removeHandler(forward)


@contextmanager
def followed(storage: tuple[str, list[str]] | None, task: Task, project: Path) -> Iterator[None]:
    """Fetch what the runs need from the storage, and send what they write to it."""
    if storage is None:
        yield
        return
    url, shared = storage
    with FileLock(project / ".storage.lock"):  # One worker of a node fetches for all.
        Mirror(url, project, shared).fetch()
    own = Mirror(url, project, task.folders)
    own.fetch()
    with own.followed():
        yield
