"""One writer per folder: a second process ends at once, and names the process that has the lock.

The lock is the operating system's own (through filelock), so the lock of a dead process is free
again. The owner is recorded in a small file next to it, whose time is renewed every few seconds:
where a network file system doesn't pass locks on to other machines, this heartbeat distinguishes a
living owner from a dead one.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.atomic import make_folder

HEARTBEAT_S = 5.0
DEAD_AFTER_S = 60.0  # an owner on another machine without a heartbeat for so long counts as dead

_log = logging.getLogger(__name__)


class LockedError(PoseSmootherError):
    """Another process writes to the same folder, file or address."""


@contextmanager
def exclusive_lock(target: Path) -> Iterator[None]:
    """Lock ``.<name>.lock`` next to a target file or folder while the body runs.

    Raises
    ------
    LockedError : another process has the lock; names the process and its host. There is no wait.
    """
    make_folder(target.parent)
    lock = FileLock(target.parent / f".{target.name}.lock")
    note = owner_file(target)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _locked(target, _read_owner(note)) from None
    try:
        _raise_if_alive_elsewhere(target, note)
    except LockedError:
        lock.release()
        raise
    try:
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        stop = threading.Event()
        try:
            note.write_text(json.dumps(owner))
            beat = threading.Thread(target=_beat, args=(note, stop), daemon=True)
            beat.start()
            yield
        finally:
            stop.set()
            with suppress(
                OSError
            ):  # a disk that failed meanwhile: the process's end frees the lock
                note.unlink(missing_ok=True)
    finally:
        # Removed while locked: filelock refuses a lock on a file that has no name any more.
        with suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def owner_file(target: Path) -> Path:
    """The file next to a target that names the owner of its lock; unchanged while it is locked."""
    return target.parent / f".{target.name}.owner.json"


def raise_if_locked(target: Path) -> None:
    """Raise LockedError early, before slow imports; ``exclusive_lock`` still decides later."""
    if not (target.parent / f".{target.name}.lock").exists():
        return
    with exclusive_lock(target):
        pass


def _beat(owner_file: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        with suppress(OSError):
            os.utime(owner_file)


def _raise_if_alive_elsewhere(target: Path, owner_file: Path) -> None:
    """Raise LockedError where the lock is free here, but its owner lives on another machine."""
    owner = _read_owner(owner_file)
    if owner is None:
        return
    try:
        lock_file = target.parent / f".{target.name}.lock"
        os.utime(lock_file)  # the file system's own clock, not this machine's
        silent_s = lock_file.stat().st_mtime - owner_file.stat().st_mtime
    except OSError:
        return
    if owner["host"] != socket.gethostname() and silent_s < DEAD_AFTER_S:
        raise _locked(target, owner, f" (last seen {max(0.0, silent_s):.0f} s ago)")
    _log.info("%s was left by process %s on %s, which died", target, owner["pid"], owner["host"])


def _locked(target: Path, owner: dict[str, Any] | None, seen: str = "") -> LockedError:
    who = f"process {owner['pid']} on {owner['host']}{seen}" if owner else "another process"
    return LockedError(f"{target} is being written by {who}: wait for it")


def _read_owner(owner_file: Path) -> dict[str, Any] | None:
    try:
        owner = json.loads(owner_file.read_text())
        return {"pid": int(owner["pid"]), "host": str(owner["host"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
