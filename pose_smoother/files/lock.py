"""One writer per folder: a second process ends at once, and names the process that has the lock.

The lock is the operating system's own (through filelock), so the lock of a dead process is free
again. The owner is recorded in a small file next to it, whose time is renewed every few seconds:
where a file system has no locks, or doesn't pass them on to other machines, this heartbeat
distinguishes a living owner from a dead one.
"""

import errno
import json
import logging
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.atomic import WriteError, make_folder
from pose_smoother.files.plain import read_plain

HEARTBEAT_S = 5.0
DEAD_AFTER_S = 60.0  # an owner without a lock and without a heartbeat for so long counts as dead
_MAX_NOTE_BYTES = 4096
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

_log = logging.getLogger(__name__)


class LockedError(PoseSmootherError):
    """Another process writes to the same folder, file or address."""


@contextmanager
def exclusive_lock(target: Path) -> Iterator[None]:
    """Lock ``.<name>.lock`` next to a target file or folder while the body runs.

    On a file system without locks the owner's note alone keeps others away.

    Raises
    ------
    LockedError : another process has the lock; names the process and its host. There is no wait,
        unless the note of a process elsewhere is from another time than the last minute: then it is
        watched for two heartbeats.
    PoseSmootherError : the lock's or the note's name is a link.
    """
    make_folder(target.parent)
    note = owner_file(target)
    lock = _acquire(target, note)
    try:
        _raise_if_alive(target, note, has_lock=lock is not None)
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        stop = threading.Event()
        try:
            _write_note(note, json.dumps(owner).encode())
            beat = threading.Thread(target=_beat, args=(note, stop), daemon=True)
            beat.start()
            yield
        finally:
            stop.set()
            with suppress(OSError):  # a failed disk: the process's end frees the lock
                note.unlink(missing_ok=True)
    finally:
        if lock is not None:
            # Removed while locked: filelock refuses a lock on a file that has no name any more.
            with suppress(OSError):
                Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


def owner_file(target: Path) -> Path:
    """The file next to a target that names the owner of its lock; unchanged while it is locked."""
    return target.parent / f".{target.name}.owner.json"


def raise_if_locked(target: Path) -> None:
    """Raise LockedError early, before slow imports; ``exclusive_lock`` still decides later."""
    if not _lock_file(target).exists():
        return
    with exclusive_lock(target):
        pass


def has_heartbeat(note: Path, now_s: float | None = None) -> bool:
    """Whether an owner's note was renewed within the last minute.

    Parameters
    ----------
    now_s : the file system's own time; None takes this machine's clock. A note from further in
        the future than clocks differ is no heartbeat.
    """
    age_s = (time.time() if now_s is None else now_s) - note.lstat().st_mtime
    return -DEAD_AFTER_S < age_s < DEAD_AFTER_S


def _lock_file(target: Path) -> Path:
    return target.parent / f".{target.name}.lock"


def _acquire(target: Path, note: Path) -> FileLock | None:
    """The lock, acquired; None where the file system has none."""
    file = _lock_file(target)
    for name in (file, note):
        if name.is_symlink():
            raise PoseSmootherError(f"{name} is a link, which a lock never is: remove it")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _locked(target, read_owner(note)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _log.warning("the file system of %s has no locks: %s keeps others away", target, note.name)
        with suppress(OSError):
            file.unlink(missing_ok=True)
        return None
    return lock


def _write_note(note: Path, content: bytes) -> None:
    """Write the owner's note under its own name: a kill leaves at most the note.

    The next owner replaces the note. An atomic write could leave its temporary file as well, which
    nobody would remove.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        note.unlink(missing_ok=True)
        with os.fdopen(os.open(note, flags, 0o666), "wb") as file:
            file.write(content)
    except OSError as error:
        raise WriteError.of(error, note, len(content)) from error


def _beat(owner_file: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        with suppress(OSError):
            os.utime(owner_file, follow_symlinks=False)


def _raise_if_alive(target: Path, note: Path, has_lock: bool) -> None:
    """Raise LockedError where the lock is free here, but the owner of the note is alive.

    Where the lock is free, an owner on this machine is dead: only where there are no locks is its
    process looked for.
    """
    owner = read_owner(note)
    if owner is None:
        return
    here = owner["host"] == socket.gethostname()
    is_dead = here and (has_lock or not is_process(owner["pid"]))
    if not is_dead and _beats(note):
        raise _locked(target, owner, " (it renewed its note within the last minute)")
    _log.info("%s was left by process %s on %s, which died", target, owner["pid"], owner["host"])


def _beats(note: Path) -> bool:
    """Whether a note is renewed, by its file system's own clock.

    A note from another time says nothing by its date, for a clock may have jumped since: it is
    alive if it changes while it is watched.
    """
    try:
        with tempfile.TemporaryFile(dir=note.parent) as probe:
            now_s = os.fstat(probe.fileno()).st_mtime
        before = note.lstat().st_mtime_ns
        if before / 1e9 <= now_s + HEARTBEAT_S and has_heartbeat(note, now_s):
            return True
        deadline = time.monotonic() + 2 * HEARTBEAT_S
        while time.monotonic() < deadline:
            time.sleep(HEARTBEAT_S / 10)
            if note.lstat().st_mtime_ns != before:
                return True
    except OSError:
        pass  # the note is gone: so is its owner
    return False


def is_process(pid: int) -> bool:
    """Whether a process of this machine lives."""
    try:
        if pid > 0:  # others name groups
            os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0


def _locked(target: Path, owner: dict[str, Any] | None, seen: str = "") -> LockedError:
    who = f"process {owner['pid']} on {owner['host']}{seen}" if owner else "another process"
    return LockedError(
        f"{target} is being written by {who}: wait for it, or, if you know that it is gone, "
        f"remove {owner_file(target)}"
    )


def read_owner(note: Path) -> dict[str, Any] | None:
    """The process and host of an owner's note; None where there is no readable one."""
    try:
        owner = json.loads(read_plain(note, _MAX_NOTE_BYTES))
        return {"pid": int(owner["pid"]), "host": str(owner["host"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
