"""Errors of a full or failing disk as messages: what is needed, free, intact, and what to do."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.atomic import WriteError

_FULL = {errno.ENOSPC: "disk full", errno.EDQUOT: "quota used up", errno.EFBIG: "file too large"}
_READ_ONLY = {errno.EROFS: "is read-only", errno.EACCES: "may not be written by this user"}
_BROKEN = {errno.EIO: "reports an input/output error", errno.ESTALE: "lost a file (stale handle)"}
_REFUSED = (errno.EROFS, errno.EIO)  # of any write; other errors may concern a file that is read


class DiskError(PoseSmootherError):
    """The file system refused a write; everything finished before is intact."""


class AtLeast(int):
    """A lower bound of the bytes that are needed."""


_LEAST = AtLeast(4096)  # one block: the least that a file or folder takes


@contextmanager
def translate_disk_errors(
    path: Path,
    needs_bytes: Callable[[], int | None] | None = None,
    preserved: Callable[[], str] | None = None,
) -> Iterator[None]:
    """Raise a DiskError where the file system refuses a write of the body.

    Parameters
    ----------
    path : what is written; the message is about its file system.
    needs_bytes : bytes that the body still has to write (``AtLeast`` where it can't know all); by
        default, or for None, the size of the refused write.
    preserved : a sentence that says what is intact.

    Raises
    ------
    DiskError : the disk is full, read-only or broken.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in {*_FULL, *_READ_ONLY, *_BROKEN}:
            raise
        sentence = ""
        with suppress(PoseSmootherError, OSError):
            sentence = preserved() if preserved else ""
        needed = getattr(error, "n_bytes", None)
        with suppress(PoseSmootherError, OSError):
            needed = (needs_bytes() if needs_bytes else None) or needed
        raise DiskError(_text(error, path, needed, sentence)) from error


def as_disk_error(error: OSError, path: Path | None = None) -> DiskError | None:
    """The DiskError for a refused write that no other code reports; None for other errors.

    Parameters
    ----------
    path : what was written, where the error does not name it.
    """
    named = error.filename2 or error.filename or (path and str(path))
    if error.errno not in {*_FULL, *_REFUSED} or not isinstance(named, str):
        return None
    return DiskError(_text(error, Path(named), getattr(error, "n_bytes", None), ""))


def free_bytes(path: Path) -> int:
    """Free bytes on the file system where ``path`` is or will be."""
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(existing).free


def check_room(path: Path, needs_bytes: int) -> None:
    """Raise the error of a full disk before anything is written, where too little is free."""
    if free_bytes(path) < needs_bytes:
        full = OSError(errno.ENOSPC, "No space left on device")
        raise WriteError.of(full, path, needs_bytes)


def amount(n_bytes: int) -> str:
    """A size as text, such as "3.1 GiB"."""
    value, unit = float(n_bytes), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1000 or unit == "TiB":
            break
        value /= 1024
    return f"{n_bytes} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def _text(error: OSError, path: Path, needed: int | None, preserved: str) -> str:
    preserved = f"{preserved} " if preserved else ""
    number = error.errno or 0
    if number in _FULL:
        needed = needed or _LEAST
        least = "at least " if isinstance(needed, AtLeast) else ""
        room = f"needs {least}{amount(needed)}, {amount(free_bytes(path))} free"
        return (
            f"{_FULL[number]} on {path}'s file system ({room}). "
            f"{preserved}Free space and run the same command again."
        )
    file = f" ({error.filename})" if error.filename else ""
    if number in _READ_ONLY:
        return (
            f"{path}'s file system {_READ_ONLY[number]}{file}. "
            f"{preserved}Make it writable, or choose another folder, and run the same command "
            "again."
        )
    return (
        f"{path}'s file system {_BROKEN[number]}{file}. "
        f"{preserved}Check the disk and run the same command again."
    )
