"""Copies of a project's files at another place."""

import os
import threading
import time
from pathlib import Path

import pytest

from relation_gan.execution.distributed.remote_sync import Mirror

RUN = "data/06_models/d/m/seed0"


def write(project: Path, **contents: str) -> None:
    for name, content in contents.items():
        path = project / RUN / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, as checkpoints are.
        partial = path.with_name(f"{name}.1.partial")
        partial.write_text(content)
        os.replace(partial, path)


def files(project: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((project / RUN).rglob("*")) if path.is_file()}


def stamps(project: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (project / RUN).rglob("*")}


@pytest.fixture(params=["file", "memory", "path"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    place = tmp_path / "storage"
    return {"file": f"file://{place}", "memory": f"memory://{place}", "path": str(place)}[request.param]


def test_what_is_sent_is_fetched_elsewhere_and_only_what_changed_the_next_time(url: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    write(here, a="1", b="2", unfinished="3")
    (here / RUN / "unfinished").rename(here / RUN / "unfinished.2.partial")
    Mirror(url, here, [RUN]).send()
    Mirror(url, there, [RUN]).fetch()
    assert files(there) == {"a": "1", "b": "2"}

    before = stamps(there)
    write(here, a="4")
    Mirror(url, here, [RUN]).send()
    Mirror(url, there, [RUN]).fetch()
    assert files(there) == {"a": "4", "b": "2"}
    assert {name for name, stamp in stamps(there).items() if before[name] != stamp} == {"a"}

    # Elsewhere one is changed and one removed, and both are so here after that.
    mirror = Mirror(url, there, [RUN])
    mirror.fetch()
    write(there, a="5")
    (there / RUN / "b").unlink()
    mirror.send()
    Mirror(url, here, [RUN]).fetch()
    assert {name: text for name, text in files(here).items() if "partial" not in name} == {"a": "5"}


def test_nothing_here_is_touched_for_a_path_that_is_not_there(url: str, tmp_path: Path) -> None:
    write(tmp_path / "here", a="1")
    Mirror(url, tmp_path / "here", [RUN]).fetch()
    assert files(tmp_path / "here") == {"a": "1"}


def test_what_was_set_aside_is_only_added_to(url: str, tmp_path: Path) -> None:
    here, there, aside = tmp_path / "here", tmp_path / "there", f"{RUN}.earlier"
    for project, name in ((here, "one"), (there, "two")):
        (project / aside / name).mkdir(parents=True)
        (project / aside / name / "generator").write_text(name)
    Mirror(url, there, [aside]).send()
    Mirror(url, here, [aside]).fetch()
    assert {path.name for path in (here / aside).iterdir()} == {"one", "two"}


def test_offering_leaves_what_is_there_alone(url: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    write(there, a="further")
    Mirror(url, there, [RUN]).send()
    write(here, a="earlier")
    (here / "other").write_text("new")
    Mirror(url, here, [RUN, "other"]).offer()
    Mirror(url, here, [RUN, "other"]).fetch()
    assert files(here) == {"a": "further"}
    (here / "other").unlink()
    Mirror(url, here, ["other"]).fetch()
    assert (here / "other").read_text() == "new"


def test_a_checkpoint_is_never_there_before_what_it_goes_with(tmp_path: Path) -> None:
    here, storage = tmp_path / "here", tmp_path / "storage"
    checkpoint, stop = storage / RUN / "checkpoint.safetensors", threading.Event()
    looked = []

    def train() -> None:
        for step in range(400):
            write(here, **{f"snapshot{step}": "", "checkpoint.safetensors": str(step)})

    def look() -> None:
        while not stop.is_set():
            if checkpoint.exists():
                step = int(checkpoint.read_text())
                looked.append((storage / RUN / f"snapshot{step}").exists())

    threads = [threading.Thread(target=train), threading.Thread(target=look)]
    mirror = Mirror(str(storage), here, [RUN])
    for thread in threads:
        thread.start()
    while threads[0].is_alive():
        mirror.send()
    mirror.send()
    while not looked:
        time.sleep(0.01)
    stop.set()
    threads[1].join()
    assert all(looked)
    assert files(storage) == files(here)


def test_changes_are_sent_as_they_come_and_what_cannot_be_sent_waits(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr("relation_gan.execution.distributed.remote_sync.SECONDS", 0.01)
    here, storage = tmp_path / "here", tmp_path / "storage"

    def soon(happened) -> None:
        deadline = time.monotonic() + 20
        while not happened():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    storage.write_text("in the way of a folder")
    with Mirror(str(storage), here, [RUN]).followed():
        write(here, a="1")
        soon(lambda: "does not take files" in caplog.text)
        storage.unlink()
        soon(lambda: storage.is_dir() and files(storage) == {"a": "1"})
        write(here, b="2")
    assert files(storage) == {"a": "1", "b": "2"}
