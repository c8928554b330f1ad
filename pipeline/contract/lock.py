"""One writer a folder: the second process leaves at once and says who holds it.

The lock is the operating system's own (through filelock), so that a dead holder's lock is free
again by itself; who holds it stands in a small file beside it.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.contract.errors import PoseError


class Held(PoseError):
    """Another process writes to the same place."""


@contextmanager
def only_writer(target: Path) -> Iterator[None]:
    """Hold ``.<name>.lock`` beside a target file or folder while the body runs.

    Raises
    ------
    Held : at once, naming process and host, when another process holds it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.parent / f".{target.name}.lock")
    owner_file = target.parent / f".{target.name}.owner.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Held(f"{target} is being written by {_owner(owner_file)}: wait for it") from None
    try:
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        owner_file.write_text(json.dumps(owner))
        yield
    finally:
        owner_file.unlink(missing_ok=True)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _owner(owner_file: Path) -> str:
    try:
        owner = json.loads(owner_file.read_text())
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"
