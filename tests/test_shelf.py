from pathlib import Path

import pytest

from relation_gan.gan.checkpoint import fingerprint
from relation_gan.shelf import LABEL, Label, Shelf

ONE, TWO = {"steps": 1}, {"steps": 2}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A shelf with a file made from ONE."""
    shelf = Shelf(tmp_path / "seed0")
    shelf.claim(ONE)
    (shelf.folder / "weights").write_text("one")
    return shelf


def test_a_shelf_tells_what_its_content_is_made_from(shelf: Shelf) -> None:
    assert shelf.label() == Label(fingerprint(ONE), ONE)
    assert shelf.holds(ONE) and not shelf.holds(TWO)


def test_a_shelf_without_content_has_no_label(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert Shelf(tmp_path / "absent").label() is None
    assert Shelf(tmp_path / "empty").label() is None


def test_nothing_changes_if_the_same_is_claimed_again(shelf: Shelf) -> None:
    before = (shelf.folder / LABEL).stat().st_mtime_ns
    shelf.claim(ONE)
    assert (shelf.folder / LABEL).stat().st_mtime_ns == before
    assert (shelf.folder / "weights").read_text() == "one"


def test_other_content_is_set_aside_and_taken_back(shelf: Shelf) -> None:
    shelf.claim(TWO)
    assert [path.name for path in shelf.folder.iterdir()] == [LABEL]
    assert (shelf.earlier(fingerprint(ONE)) / "weights").read_text() == "one"
    (shelf.folder / "weights").write_text("two")
    shelf.claim(ONE)
    assert (shelf.folder / "weights").read_text() == "one"
    assert not shelf.earlier(fingerprint(ONE)).exists()
    assert (shelf.earlier(fingerprint(TWO)) / "weights").read_text() == "two"


def test_content_without_a_label_is_set_aside_too(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "seed0")
    shelf.folder.mkdir()
    (shelf.folder / "weights").write_text("of old")
    assert shelf.label() == Label("unknown", {})
    shelf.claim(ONE)
    assert shelf.holds(ONE)
    assert (tmp_path / "seed0.earlier/unknown/weights").read_text() == "of old"
    (shelf.folder / "made_from.json").unlink()
    (shelf.folder / "weights").write_text("of old, too")
    shelf.claim(TWO)
    assert [path.name for path in sorted((tmp_path / "seed0.earlier").iterdir())] == ["unknown", "unknown-2"]


def test_nothing_is_lost_to_another_process_that_claims_at_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shelf.label()
    Shelf(shelf.folder).claim(TWO)
    (shelf.folder / "weights").write_text("two")
    monkeypatch.setattr(shelf, "label", lambda: seen)  # It looked before the other one moved anything.
    shelf.claim(TWO)
    kept = sorted(path.read_text() for path in shelf.folder.parent.rglob("weights"))
    assert kept == ["one", "two"]
