"""Downloads that resume where they stopped, which torchvision's own do not."""

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from relation_gan.gan.data.sources.base import SourceError

CHUNK = 1 << 18
TRIES = 5
"""Tries in a row that bring nothing new."""
BACK_OFF = 1.0
"""Seconds before the next try, doubled by every try that brought nothing new."""
TIMEOUT = 30.0
"""Seconds without an answer, or without a byte of it."""


def fetch(url: str, path: Path, md5: str | None = None) -> None:
    """Download a file, unless it is there and whole. What a broken download left, `<path>.part`, is kept.

    Raises:
        OSError: the server cannot be reached, or refuses (requests' errors are of this kind).
        SourceError: the content is another one than expected.
    """
    if path.is_file() and (md5 is None or _md5(path) == md5):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    best, tries = _size(part), 0
    while True:
        try:
            _fetch_rest(url, part)
            break
        except (requests.RequestException, HTTPError) as error:
            response = getattr(error, "response", None)
            refused = response is not None and response.status_code < 500 and response.status_code not in (408, 429)
            best, tries = max(best, _size(part)), 0 if _size(part) > best else tries + 1
            if refused or tries == TRIES:
                raise OSError(f"{url}: {error}") from error
            time.sleep(BACK_OFF * 2**tries)
    if md5 is not None and (found := _md5(part)) != md5:
        part.unlink()
        raise SourceError(f"{url} gave a file of MD5 {found}, not {md5}: it was deleted")
    os.replace(part, path)


def fetch_from(mirrors: Iterable[str], path: Path, md5: str | None = None) -> None:
    """Download a file from the first of several addresses that gives it.

    Raises:
        SourceError: none does.
    """
    failed = []
    for url in mirrors:
        try:
            return fetch(url, path, md5)
        except (OSError, SourceError) as error:
            failed.append(str(error))
    raise SourceError("; ".join(failed))


def _fetch_rest(url: str, part: Path) -> None:
    """Append what is still missing, or start again where the server gives only the whole."""
    start = _size(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if response.status_code == 416:
            if total == str(start):
                return
            part.unlink()
            raise requests.ConnectionError(f"a file of {total or 'unknown'} bytes has none from {start} on")
        response.raise_for_status()
        if response.status_code != 206:
            start, total = 0, response.headers.get("Content-Length", "")
        size = int(total) if total.isdigit() else None
        bar = tqdm(
            desc=part.stem, initial=start, total=size, unit="B", unit_scale=True, dynamic_ncols=True, disable=None
        )
        with bar, part.open("ab" if start else "wb") as file:
            # Not `iter_content`, which would unpack a .gz file that the server calls an encoding.
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                file.write(chunk)
                bar.update(len(chunk))
    if size is not None and _size(part) != size:
        raise requests.ConnectionError(f"{_size(part)} of {size} bytes arrived")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
