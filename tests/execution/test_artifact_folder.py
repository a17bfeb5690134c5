from pathlib import Path

import pytest

from relation_gan.execution.artifact_folder import LABEL, ArtifactFolder, Label
from relation_gan.gan.checkpoint import fingerprint

ONE, TWO = {"steps": 1}, {"steps": 2}


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactFolder:
    """A folder with a file made from ONE."""
    artifacts = ArtifactFolder(tmp_path / "seed0")
    artifacts.activate(ONE)
    (artifacts.folder / "weights").write_text("one")
    return artifacts


def test_a_label_says_what_the_content_is_made_from(artifacts: ArtifactFolder) -> None:
    assert artifacts.label() == Label(fingerprint(ONE), ONE)
    assert artifacts.holds(ONE) and not artifacts.holds(TWO)


def test_a_folder_without_content_has_no_label(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert ArtifactFolder(tmp_path / "absent").label() is None
    assert ArtifactFolder(tmp_path / "empty").label() is None


def test_nothing_changes_if_the_same_is_activated_again(artifacts: ArtifactFolder) -> None:
    before = (artifacts.folder / LABEL).stat().st_mtime_ns
    artifacts.activate(ONE)
    assert (artifacts.folder / LABEL).stat().st_mtime_ns == before
    assert (artifacts.folder / "weights").read_text() == "one"


def test_other_content_is_moved_aside_and_back(artifacts: ArtifactFolder) -> None:
    artifacts.activate(TWO)
    assert [path.name for path in artifacts.folder.iterdir()] == [LABEL]
    assert (artifacts.earlier(fingerprint(ONE)) / "weights").read_text() == "one"
    (artifacts.folder / "weights").write_text("two")
    artifacts.activate(ONE)
    assert (artifacts.folder / "weights").read_text() == "one"
    assert not artifacts.earlier(fingerprint(ONE)).exists()
    assert (artifacts.earlier(fingerprint(TWO)) / "weights").read_text() == "two"


def test_content_without_a_label_is_moved_aside_too(tmp_path: Path) -> None:
    artifacts = ArtifactFolder(tmp_path / "seed0")
    artifacts.folder.mkdir()
    (artifacts.folder / "weights").write_text("unlabelled")
    assert artifacts.label() == Label("unknown", {})
    artifacts.activate(ONE)
    assert artifacts.holds(ONE)
    assert (tmp_path / "seed0.earlier/unknown/weights").read_text() == "unlabelled"
    (artifacts.folder / LABEL).unlink()
    (artifacts.folder / "weights").write_text("unlabelled, too")
    artifacts.activate(TWO)
    assert [path.name for path in sorted((tmp_path / "seed0.earlier").iterdir())] == ["unknown", "unknown-2"]


def test_nothing_is_lost_when_two_processes_activate_at_once(
    artifacts: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = artifacts.label()
    ArtifactFolder(artifacts.folder).activate(TWO)
    (artifacts.folder / "weights").write_text("two")
    monkeypatch.setattr(artifacts, "label", lambda: seen)  # It looked before the other one moved anything.
    artifacts.activate(TWO)
    kept = sorted(path.read_text() for path in artifacts.folder.parent.rglob("weights"))
    assert kept == ["one", "two"]
