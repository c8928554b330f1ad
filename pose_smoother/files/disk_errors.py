"""A file system that refuses, told in the user's words: what is needed, free, safe, to be done."""

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
_REFUSED = (errno.EROFS, errno.EIO)  # whatever was tried; other errors may be of a file to be read


class DiskError(PoseSmootherError):
    """The file system refused a write; what was finished before is intact."""


class AtLeast(int):
    """Bytes that are needed, and maybe more."""


_LEAST = AtLeast(4096)  # a block: what any file or folder takes, where nothing else is known


@contextmanager
def translate_disk_errors(
    place: Path,
    needs_bytes: Callable[[], int | None] | None = None,
    kept: Callable[[], str] | None = None,
) -> Iterator[None]:
    """Turn a file system's refusals in the body into a DiskError.

    Parameters
    ----------
    place : what is being written; its file system is looked at.
    needs_bytes : how much the body still has to write (``AtLeast`` so much, while it can't know);
        by default (or None) what the refused write says.
    kept : a sentence that says what is safe.

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
            sentence = kept() if kept else ""
        needed = getattr(error, "n_bytes", None)
        with suppress(PoseSmootherError, OSError):
            needed = (needs_bytes() if needs_bytes else None) or needed
        raise DiskError(_text(error, place, needed, sentence)) from error


def as_disk_error(error: OSError) -> DiskError | None:
    """A refused write in a command that has no words of its own for it; None for other errors."""
    named = error.filename2 or error.filename
    if error.errno not in {*_FULL, *_REFUSED} or not isinstance(named, str):
        return None
    return DiskError(_text(error, Path(named), getattr(error, "n_bytes", None), ""))


def free_bytes(place: Path) -> int:
    """Free bytes on the file system where ``place`` is or will be."""
    there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def check_room(place: Path, needs_bytes: int) -> None:
    """Raise as a full disk would, before anything is written, where there is too little room."""
    if free_bytes(place) < needs_bytes:
        full = OSError(errno.ENOSPC, "No space left on device")
        raise WriteError.of(full, place, needs_bytes)


def amount(n_bytes: int) -> str:
    """A size for people, such as "3.1 GiB"."""
    value, unit = float(n_bytes), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1000 or unit == "TiB":
            break
        value /= 1024
    return f"{n_bytes} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def _text(error: OSError, place: Path, needed: int | None, kept: str) -> str:
    kept = f"{kept} " if kept else ""
    number = error.errno or 0
    if number in _FULL:
        needed = needed or _LEAST
        least = "at least " if isinstance(needed, AtLeast) else ""
        room = f"needs {least}{amount(needed)}, {amount(free_bytes(place))} free"
        return (
            f"{_FULL[number]} on {place}'s file system ({room}). "
            f"{kept}Free space and run the same command again."
        )
    file = f" ({error.filename})" if error.filename else ""
    if number in _READ_ONLY:
        return (
            f"{place}'s file system {_READ_ONLY[number]}{file}. "
            f"{kept}Make it writable, or choose another place, and run the same command again."
        )
    return (
        f"{place}'s file system {_BROKEN[number]}{file}. "
        f"{kept}Check the disk and run the same command again."
    )
