"""Row 20: owners' notes of any date and host, with locks and without; who is alive is found out."""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files import lock
from pose_smoother.files.hdf5_file import open_file
from tests.faults.harness import Attempt

NUMBER, FAULT = 20, "notes of any date and host, file systems without locks"
TRIES, SHARE = 200, 12
_BEAT_S = 0.1
_DEAD_PID = 2**22 + 1  # above every number that Linux gives


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Path:
    """An HDF5 file."""
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"] = 1
    return folder / "a.h5"


def _no_lock(handle: int, operation: int) -> None:
    del handle, operation
    raise OSError(errno.ENOLCK, "No locks available")


def attempt(ready: Path, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """A note with some owner and date, renewed or not; then a second process wants the lock."""
    del index
    target, found = folder / "store", Attempt()
    has_locks, is_here = bool(rng.integers(2)), bool(rng.integers(2))
    is_renewed, is_process = bool(rng.integers(2)), bool(rng.integers(2))
    age_s = float(rng.choice([-1e7, -3600, 0, 30, 300, 1e7]))
    owner = {
        "pid": os.getppid() if is_process else _DEAD_PID,
        "host": socket.gethostname() if is_here else "elsewhere",
    }
    note = lock.owner_file(target)
    note.write_text(json.dumps(owner))
    stop = threading.Event()
    written_s = time.time() - age_s

    def renew() -> None:
        offset_s = 0.0
        while not stop.wait(_BEAT_S / 4):
            offset_s += 0.01
            with suppress(FileNotFoundError):
                os.utime(note, (written_s + offset_s,) * 2)

    os.utime(note, (written_s, written_s))
    beat = threading.Thread(target=renew)
    if is_renewed:
        beat.start()
    recent = 0 <= age_s < lock.DEAD_AFTER_S or is_renewed  # whatever its date: clocks jump
    alive = recent and not (is_here and (has_locks or not is_process))
    flock = fcntl.flock if has_locks else _no_lock
    try:
        with (
            patch.object(lock, "HEARTBEAT_S", _BEAT_S),
            patch("fcntl.flock", flock),
            lock.exclusive_lock(target),
        ):
            stop.set()
            got = True
    except lock.LockedError as error:
        got = False
        if str(note) not in str(error):
            found.problems.append("the error does not name the note")
    except PoseSmootherError as error:
        found.problems.append(str(error))
        return found
    finally:
        stop.set()
        if is_renewed:
            beat.join()
    if got == alive:
        words = f"age {age_s:g} s, renewed {is_renewed}, here {is_here}, process {is_process}"
        found.problems.append(f"{'taken' if got else 'refused'}: {words}, locks {has_locks}")
    with ready.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as another program's: a reader needs none
        try:
            open_file(ready).close()
        except OSError as error:
            found.problems.append(f"a reader wanted a lock: {error}")
    return found
