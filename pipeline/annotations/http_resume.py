"""One file over HTTP, continued where it stopped.

Neither pooch nor requests resumes a download, so this uses the standard library: a ``Range``
request with ``If-Range``, so that a file which changed on the server is begun anew and never
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
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import fsync_folder, write_json

TIMEOUT_S = 60.0
#: Pauses before trying again after a fault that brought no byte further.
RETRY_AFTER_S = (1.0, 4.0, 15.0)
_BLOCK_BYTES = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")
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
    file : the final name; the unfinished bytes lie beside it.
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
    pauses = list(RETRY_AFTER_S)
    while True:
        before = _size(part)
        try:
            _continue(url, part, max_bytes)
            fsync_folder(part.parent)
            return part
        except _Interrupted as fault:
            reason = str(fault)
        if _size(part) > before:
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
    validator = _validator(part, url) if have else ""
    headers = {"User-Agent": "pose-smoother", "Accept-Encoding": "identity"}
    if validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S
        )
    except urllib.error.HTTPError as error:
        if error.code == 416 and _total(error.headers) == have:
            return
        if error.code == 416:
            part.unlink()
            raise _Interrupted("the server's file changed") from None
        if error.code in _PASSING:
            raise _Interrupted(f"the server answers {error.code}") from None
        raise InvalidInputError(f"{url} cannot be downloaded: the server answers {error}") from None
    except urllib.error.URLError as error:
        raise _Interrupted(f"no connection: {error.reason}") from None
    except _BREAKS as error:
        raise _Interrupted(f"no connection: {error!r}") from None
    with response:
        resumed = response.status == 206 and _start(response.headers) == have
        if response.status == 206 and not resumed:
            raise _Interrupted("the server sent another part than was asked for")
        _receive(response, url, part, have if resumed else 0, max_bytes)


def _receive(response: Any, url: str, part: Path, have: int, max_bytes: int) -> None:
    """Append the response's body to the first ``have`` bytes of the part file."""
    length = response.headers.get("Content-Length", "")
    total = have + int(length) if length.isdigit() else None
    _check_room(url, part, have, total, max_bytes)
    if have == 0:
        _keep_validator(part, url, response.headers)
    with (
        part.open("ab" if have else "wb") as out,
        tqdm(
            desc=part.name.removesuffix(".part"),
            initial=have,
            total=total,
            unit="B",
            unit_scale=True,
            disable=None,  # no bar where stderr is not a terminal
        ) as bar,
    ):
        try:
            while block := response.read(_BLOCK_BYTES):
                out.write(block)
                bar.update(len(block))
                if out.tell() > max_bytes:
                    raise InvalidInputError(
                        f"{url} sends more than the {max_bytes:,} bytes expected"
                    )
        except _BREAKS as error:
            raise _Interrupted(f"the connection broke: {error!r}") from None
        finally:
            out.flush()
            os.fsync(out.fileno())
        arrived = out.tell()
    if total is not None and arrived < total:
        raise _Interrupted(f"the connection ended at {arrived:,} of {total:,} bytes")


def _check_room(url: str, part: Path, have: int, total: int | None, max_bytes: int) -> None:
    if total is None:
        return
    if total > max_bytes:
        raise InvalidInputError(f"{url} has {total:,} bytes, more than the {max_bytes:,} expected")
    free = shutil.disk_usage(part.parent).free
    if total - have > free:
        raise InvalidInputError(
            f"{url} needs {total - have:,} more bytes, but {part.parent} has {free:,} free"
        )


def _keep_validator(part: Path, url: str, headers: Any) -> None:
    """Remember what tells this version of the file from others; weak tags don't."""
    tag = headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    write_json(_note(part), {"url": url, "validator": validator})


def _validator(part: Path, url: str) -> str:
    try:
        note = json.loads(_note(part).read_bytes())
        return str(note["validator"]) if note["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def forget(file: Path) -> None:
    """Remove the note kept beside an unfinished download."""
    _note(part_of(file)).unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _start(headers: Any) -> int | None:
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    return int(match[1]) if match and match[1] else None


def _total(headers: Any) -> int | None:
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    return int(match[2]) if match else None
