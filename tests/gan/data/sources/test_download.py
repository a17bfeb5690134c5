import gzip
import hashlib
from pathlib import Path

import pytest

from relation_gan.gan.data.sources import SourceError, download
from relation_gan.gan.data.sources.download import fetch, fetch_from
from tests.gan.data.sources.conftest import Server
from tests.gan.data.sources.formats import pieces

CONTENT = pieces(4, 300, 300).tobytes()  # a megabyte
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def served(server: Server) -> None:
    server.files["/a.bin"] = CONTENT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "a.bin"


def left(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def test_a_file_arrives_whole_and_alone(server: Server, path: Path) -> None:
    fetch(f"{server.url}/a.bin", path, MD5)
    assert path.read_bytes() == CONTENT
    assert left(path) == ["a.bin"]
    assert server.asked == [("/a.bin", None)]


def test_a_file_that_is_there_is_not_asked_for(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    fetch(f"{server.url}/a.bin", path, MD5)
    assert server.asked == []


def test_a_damaged_file_is_replaced(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    fetch(f"{server.url}/a.bin", path, MD5)
    assert path.read_bytes() == CONTENT


def test_a_connection_that_breaks_twice_goes_on_from_where_it_was(server: Server, path: Path) -> None:
    server.faults = [-1000, -5000, None]
    fetch(f"{server.url}/a.bin", path, MD5)
    assert server.asked == [("/a.bin", None), ("/a.bin", "bytes=1000-"), ("/a.bin", "bytes=6000-")]
    assert path.read_bytes() == CONTENT


def test_a_later_run_goes_on_from_where_the_first_gave_up(server: Server, path: Path) -> None:
    server.faults = [-1000, 503, 503, 503, 503, 503]
    with pytest.raises(OSError, match=f"{server.url}/a.bin: 503 Server Error"):
        fetch(f"{server.url}/a.bin", path, MD5)
    assert left(path) == ["a.bin.part"]
    server.asked.clear()
    fetch(f"{server.url}/a.bin", path, MD5)
    assert server.asked == [("/a.bin", "bytes=1000-")]
    assert path.read_bytes() == CONTENT


def test_tries_are_counted_from_the_last_one_that_brought_something(server: Server, path: Path) -> None:
    server.faults = [500, 500, 500, 500, -100, 500, 500, 500, 500, -100]
    fetch(f"{server.url}/a.bin", path, MD5)
    assert len(server.asked) == 11
    assert path.read_bytes() == CONTENT


def test_a_server_that_breaks_each_time_and_knows_no_ranges_is_given_up(server: Server, path: Path) -> None:
    server.ranges, server.faults = False, [-1000] * 20
    with pytest.raises(OSError, match="a.bin"):
        fetch(f"{server.url}/a.bin", path, MD5)
    assert len(server.asked) == 1 + download.TRIES


def test_the_waits_grow(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(download, "BACK_OFF", 1)
    monkeypatch.setattr("time.sleep", waits.append)
    server.faults = [-1000, 500, 429, 500, -1000, 500]
    fetch(f"{server.url}/a.bin", path, MD5)
    assert waits == [1, 2, 4, 8, 1, 2]


def test_a_server_without_ranges_begins_anew(server: Server, path: Path) -> None:
    server.ranges, server.faults = False, [-1000]
    fetch(f"{server.url}/a.bin", path, MD5)
    assert server.asked == [("/a.bin", None), ("/a.bin", "bytes=1000-")]
    assert path.read_bytes() == CONTENT


def test_a_server_that_gives_a_little_at_a_time_is_asked_on(server: Server, path: Path) -> None:
    server.most = len(CONTENT) // 3
    path.parent.mkdir()
    path.with_name("a.bin.part").write_bytes(CONTENT[:10])
    fetch(f"{server.url}/a.bin", path, MD5)
    assert [span for _, span in server.asked] == [f"bytes={10 + server.most * number}-" for number in range(3)]
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_complete_is_only_renamed(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("a.bin.part").write_bytes(CONTENT)
    fetch(f"{server.url}/a.bin", path, MD5)
    assert server.asked == [("/a.bin", f"bytes={len(CONTENT)}-")]
    assert left(path) == ["a.bin"]


def test_a_part_that_is_too_long_is_dropped(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("a.bin.part").write_bytes(CONTENT + b"more")
    fetch(f"{server.url}/a.bin", path, MD5)
    assert server.asked == [("/a.bin", f"bytes={len(CONTENT) + 4}-"), ("/a.bin", None)]
    assert path.read_bytes() == CONTENT


def test_another_content_is_deleted(server: Server, path: Path) -> None:
    server.files["/a.bin"] = b"<html>Please log in</html>"
    found = hashlib.md5(server.files["/a.bin"]).hexdigest()
    with pytest.raises(SourceError, match=f"{server.url}/a.bin gave a file of MD5 {found}, not {MD5}: it was deleted"):
        fetch(f"{server.url}/a.bin", path, MD5)
    assert left(path) == []


def test_a_refusal_is_not_asked_again(server: Server, path: Path) -> None:
    with pytest.raises(OSError, match="404 Client Error"):
        fetch(f"{server.url}/b.bin", path)
    assert len(server.asked) == 1


def test_a_server_that_cannot_be_reached_is_given_up(server: Server, path: Path) -> None:
    server.close()
    with pytest.raises(OSError, match=f"{server.url}/a.bin: .*[Cc]onnection"):
        fetch(f"{server.url}/a.bin", path)


def test_a_compressed_file_is_left_as_it_is(server: Server, path: Path) -> None:
    # Some servers call the compression of a .gz file an encoding of its content, which clients undo.
    server.files["/a.bin"] = gzip.compress(CONTENT)
    server.headers = {"Content-Encoding": "gzip"}
    fetch(f"{server.url}/a.bin", path)
    assert path.read_bytes() == server.files["/a.bin"]


def test_mirrors_are_tried_in_turn(server: Server, path: Path) -> None:
    server.files["/wrong.bin"] = b"<html>"
    fetch_from([f"{server.url}/{name}.bin" for name in ("none", "wrong", "a")], path, MD5)
    assert [asked for asked, _ in server.asked] == ["/none.bin", "/wrong.bin", "/a.bin"]
    assert path.read_bytes() == CONTENT


def test_what_every_mirror_said_is_told(server: Server, path: Path) -> None:
    with pytest.raises(SourceError, match="/x.bin: 404 .*; .*/y.bin: 404 "):
        fetch_from([f"{server.url}/x.bin", f"{server.url}/y.bin"], path, MD5)
