"""One file over HTTP, continued where it stopped.

Neither pooch nor requests resumes a download, so this uses the standard library: a ``Range``
request with ``If-Range``, so that a file which changed on the server is started again and never
glued together (RFC 9110, sections 13.1.5 and 14).
"""

import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import fsync_folder, write_json
from pose_smoother.files.plain import read_plain
from pose_smoother.progress_bars import bars_hidden

TIMEOUT_S = 60.0
#: A server that sends less than this for so long is given up: a drip would never end.
LEAST_BYTES_PER_S, PATIENCE_S = 1024, 60.0
#: Pauses before trying again after a fault that brought the download hardly further.
RETRY_AFTER_S = (1.0, 4.0, 15.0)
_BLOCK_BYTES = 1 << 20
_NUMBER = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18})")
_PASSING = (429, 500, 502, 503, 504)
_BREAKS = (http.client.HTTPException, ConnectionError, TimeoutError)


class _Interrupted(Exception):
    """The connection ended early; what arrived is kept."""


def part_of(file: Path) -> Path:
    """Where the bytes of an unfinished download are kept."""
    return file.with_name(file.name + ".part")


def fetch(url: str, file: Path, max_bytes: int) -> Path:
    """Download to ``part_of(file)``, continuing what is there; ``file`` itself is not touched.

    Parameters
    ----------
    url : an http or https address.
    file : the final name; the unfinished bytes are stored next to it.
    max_bytes : more than this is refused.

    Returns
    -------
    The complete part file, flushed to the disk.

    Raises
    ------
    InvalidInputError : no connection, a refusal by the server, no room on the disk, or an
        interruption that
        outlasted the retries; one line that says what to do.
    """
    part = part_of(file)
    part.parent.mkdir(parents=True, exist_ok=True)
    if part.is_symlink():
        raise InvalidInputError(f"{part} is a link, which no download makes: remove it")
    pauses = list(RETRY_AFTER_S)
    while True:
        before, began = _size(part), time.monotonic()
        try:
            _continue(url, part, max_bytes)
            fsync_folder(part.parent)
            return part
        except _Interrupted as fault:
            reason = str(fault)
        if _size(part) - before > LEAST_BYTES_PER_S * (time.monotonic() - began):
            pauses = list(RETRY_AFTER_S)
        if not pauses:
            kept = f"; {_size(part):,} bytes are kept" if _size(part) else ""
            raise InvalidInputError(
                f"{url} could not be downloaded ({reason}){kept}: "
                "check the connection and run the same command again to continue"
            )
        time.sleep(pauses.pop(0))


def _continue(url: str, part: Path, max_bytes: int) -> None:
    """One request: the whole file, or the rest of it when the server still has the same one."""
    have = _size(part)
    validator, total = _noted(part, url) if have else ("", None)
    headers = {"User-Agent": "pose-smoother", "Accept-Encoding": "identity"}
    if validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S
        )
    except urllib.error.HTTPError as error:
        if error.code == 416 and total == have and _range(error.headers)[2] == have:
            return
        if error.code == 416:
            part.unlink(missing_ok=True)
            raise _Interrupted("the server's file changed") from None
        if error.code in _PASSING:
            raise _Interrupted(f"the server answers {error.code}") from None
        raise InvalidInputError(f"{url} cannot be downloaded: the server answers {error}") from None
    except urllib.error.URLError as error:
        raise _Interrupted(f"no connection: {error.reason}") from None
    except _BREAKS as error:
        raise _Interrupted(f"no connection: {error!r}") from None
    except ValueError as error:  # a redirection that leads nowhere, for one
        raise InvalidInputError(f"{url} cannot be downloaded: {error}") from None
    with response:
        if response.status == 206 and validator:
            _receive(response, url, part, have, _rest(response.headers, validator, part), max_bytes)
            return
        if response.status != 200:
            raise _Interrupted(f"the server answers {response.status}")
        length = response.headers.get("Content-Length", "")
        if not _NUMBER.fullmatch(length) or not int(length):
            raise InvalidInputError(f"{url} cannot be downloaded: the server states no length")
        _receive(response, url, part, 0, int(length), max_bytes)


def _rest(headers: Any, validator: str, part: Path) -> int:
    """The whole file's size, by an answer with its rest; `_Interrupted` for another file."""
    found = {headers.get("ETag"), headers.get("Last-Modified")}
    start, stop, total = _range(headers)
    noted = _note_of(part).get("total")
    if validator not in found or total is None or noted not in (None, total):
        part.unlink()
        raise _Interrupted("the server's file changed")
    if start != _size(part) or stop != total - 1:
        raise _Interrupted("the server sent another part than was asked for")
    return total


def _receive(response: Any, url: str, part: Path, have: int, total: int, max_bytes: int) -> None:
    """Append the response's body to the first ``have`` bytes of the part file."""
    _check_room(url, part, have, total, max_bytes)
    if have == 0:
        part.unlink(missing_ok=True)  # else its note would be of another file's bytes
        _keep_validator(part, url, response.headers, total)
    with (
        part.open("ab") as out,
        tqdm(
            desc=part.name.removesuffix(".part"),
            initial=have,
            total=total,
            unit="B",
            unit_scale=True,
            disable=bars_hidden(),
        ) as bar,
    ):
        try:
            for block in _blocks(response):
                out.write(block)
                bar.update(len(block))
                if out.tell() > total:
                    raise InvalidInputError(f"{url} sends more than the {total:,} bytes stated")
        except _BREAKS as error:
            raise _Interrupted(f"the connection broke: {error!r}") from None
        finally:
            out.flush()
            os.fsync(out.fileno())
        arrived = out.tell()
    if arrived < total:
        raise _Interrupted(f"the connection ended at {arrived:,} of {total:,} bytes")


def _blocks(response: Any) -> Iterator[bytes]:
    """The body as it arrives; `_Interrupted` where too little does."""
    began, n_bytes = time.monotonic(), 0
    while block := response.read1(_BLOCK_BYTES):
        yield block
        n_bytes += len(block)
        if (spent_s := time.monotonic() - began) > PATIENCE_S:
            if n_bytes < LEAST_BYTES_PER_S * spent_s:
                raise _Interrupted(f"the server sent {n_bytes:,} bytes in {spent_s:.0f} s")
            began, n_bytes = time.monotonic(), 0


def _check_room(url: str, part: Path, have: int, total: int, max_bytes: int) -> None:
    if total > max_bytes:
        raise InvalidInputError(f"{url} has {total:,} bytes, more than the {max_bytes:,} expected")
    free = shutil.disk_usage(part.parent).free
    if total - have > free:
        raise InvalidInputError(
            f"{url} needs {total - have:,} more bytes, but {part.parent} has {free:,} free"
        )


def _keep_validator(part: Path, url: str, headers: Any, total: int) -> None:
    """Save what distinguishes this version of the file from others; weak tags don't."""
    tag = headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    write_json(_note(part), {"url": url, "validator": validator, "total": total})


def _noted(part: Path, url: str) -> tuple[str, int | None]:
    """(validator, size) of the file that an unfinished download is of; ("", None) if unknown."""
    note = _note_of(part)
    if note.get("url") != url:
        return "", None
    total = note.get("total")
    return str(note.get("validator", "")), total if isinstance(total, int) else None


def _note_of(part: Path) -> dict[str, Any]:
    try:
        note = json.loads(read_plain(_note(part), _BLOCK_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def forget(file: Path) -> None:
    """Remove the note kept beside an unfinished download."""
    _note(part_of(file)).unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _range(headers: Any) -> tuple[int | None, int | None, int | None]:
    """First byte, last byte and total of a ``Content-Range``; None where they are not stated."""
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    first, last, total = match.groups() if match else (None, None, None)
    return int(first) if first else None, int(last) if last else None, int(total) if total else None
