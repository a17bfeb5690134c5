"""A web server on this machine, whose faults a test chooses."""

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from relation_gan.gan.data.sources import download


class Server:
    """Serves `files` by their path, and notes what was asked for.

    `faults` holds one entry a request, as long as there are any: a status to answer with, or, if negative, minus the
    number of bytes after which the connection breaks.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        """Paths, and the range of bytes that was asked for."""
        self.faults: Sequence[int | None] = []
        self.ranges = True
        self.most: int | None = None
        """The most bytes that an answer to a range has."""
        self.headers: dict[str, str] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                span = self.headers["Range"]
                server.asked.append((self.path, span))
                fault, *server.faults = server.faults or [None]
                content = server.files.get(self.path)
                status = fault if fault and fault > 0 else 404 if content is None else 200
                if content is None or status != 200:
                    self.send_response(status)
                    self.end_headers()
                    return
                size, start = len(content), 0
                if span and server.ranges:
                    start = int(span.removeprefix("bytes=").removesuffix("-"))
                    self.send_response(206 if start < size else 416)
                    self.send_header(
                        "Content-Range", f"bytes {start}-{size - 1}/{size}" if start < size else f"bytes */{size}"
                    )
                    content = content[start:][: server.most]
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content if fault is None else content[:-fault])

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and no waiting between tries."""
    monkeypatch.setattr(download, "BACK_OFF", 0)
    server = Server()
    yield server
    server.close()
