"""Workers that start at once: forked from a helper that has the program imported, not spawned.

A spawned worker imports for seconds before it works, and kills at random moments would mostly hit
that. What a worker must see is as with a spawned one: it is a child of the process that asked for
it (which takes orphans in, and the helper orphans it), it is in that process's group, and it has no
open file but those that it was given.
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import util
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent.parent
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
_HIGH = 200  # file numbers that nothing uses
_MAX_ORDER = 1 << 16


class Nursery:
    """A helper of this process, forked now: call it before there are threads or open files."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = os.fork()
        if self._pid == 0:
            self._socket.close()
            _tend(other)
        other.close()

    @classmethod
    def importing(cls, *modules: str) -> "Nursery":
        """A helper that is a fresh Python process, whatever threads and files this one has."""
        nursery = cls.__new__(cls)
        nursery._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = other.fileno()
        code = f"import socket, {', '.join(modules)}; from tests.faults import nursery; "
        code += f"nursery._tend(socket.socket(fileno={number}))"
        helper = subprocess.Popen([sys.executable, "-c", code], pass_fds=[number], cwd=ROOT)
        nursery._pid, helper.returncode = helper.pid, 0  # `close` waits for it
        other.close()
        return nursery

    def born(self, kind: str, words: Sequence[Any], fds: Sequence[int], **more: Any) -> int:
        """A new child of this process; ``fds`` are open in it under the same numbers."""
        numbers = [int(fd) for fd in fds]
        order = {"kind": kind, "words": [_text(word) for word in words], "fds": numbers, **more}
        socket.send_fds(self._socket, [json.dumps(order).encode()], numbers)
        return int(self._socket.recv(64))

    def close(self) -> None:
        """End the helper; what it bore lives on."""
        self._socket.close()
        os.waitpid(self._pid, 0)


def _text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)


def workers_of(parent: int) -> list[int]:
    """The workers that a process has at the moment."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, _, rest = stat.read_text().partition(" (")
            name, _, rest = rest.rpartition(") ")
            if name == "worker" and int(rest.split()[1]) == parent:
                found.append(int(pid))
    return found


@contextmanager
def nursed(nursery: Nursery) -> Iterator[None]:
    """In the body, what multiprocessing would spawn comes from the helper."""
    _take_in_orphans(True)
    spawn = util.spawnv_passfds

    def born(path: bytes, words: Sequence[Any], fds: Sequence[int]) -> int:
        if "--multiprocessing-fork" not in words:  # multiprocessing's own helper
            return int(spawn(path, words, fds))
        return nursery.born("worker", words, fds)

    util.spawnv_passfds = born  # type: ignore[assignment]
    child = sys.modules.get("trainer.sweep.run_process")
    real = child.subprocess if child else None  # type: ignore[attr-defined]
    if child:
        Run.nursery = nursery
        child.subprocess = SimpleNamespace(Popen=Run, DEVNULL=None, STDOUT=None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        util.spawnv_passfds = spawn
        if child:
            child.subprocess = real  # type: ignore[attr-defined]
        _take_in_orphans(False)


class Run:
    """What ``trainer.sweep.run_process`` uses of ``subprocess.Popen``: a run of the trainer,
    forked.
    """

    nursery: Nursery

    def __init__(self, command: Sequence[str], *, stdout: Any, env: dict[str, str], **_: Any):
        # The words after "python -m trainer"; the log stands for both outputs.
        words, log = command[3:], os.dup(stdout.fileno())
        self.pid = self.nursery.born("run", words, [log], log=log, environment=env)
        os.close(log)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._look(os.WNOHANG)

    def wait(self) -> int | None:
        """The exit code."""
        return self._look(0)

    def _look(self, how: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def terminate(self) -> None:
        """SIGTERM."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def leave(run: Callable[[], object]) -> NoReturn:
    """Run a program's main and end as a Python process of its own would."""
    code = 70
    try:
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if code != 70:
            import atexit
            import threading

            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
        os._exit(code)


def _take_in_orphans(yes: bool) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def _call_oneself(name: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def _tend(parent: socket.socket) -> NoReturn:
    """The helper: fork for every order, until the process that it belongs to is gone."""
    _call_oneself("nursery")
    while True:
        raw, fds, _, _ = socket.recv_fds(parent, _MAX_ORDER, 16)
        if not raw:
            os._exit(0)
        reading, writing = os.pipe()
        between = os.fork()
        if between == 0:
            between = os.getpid()
            child = os.fork()
            if child == 0:
                while os.getppid() == between:  # until the process that it is for has taken it in
                    time.sleep(0.001)
                for fd in (reading, writing, parent.fileno()):
                    os.close(fd)
                _grow_up(json.loads(raw), fds)
            os.write(writing, str(child).encode())
            os._exit(0)
        os.waitpid(between, 0)
        with suppress(BrokenPipeError):  # the process that it belongs to has just gone
            parent.send(os.read(reading, 64))
        for fd in (reading, writing, *fds):
            os.close(fd)


def _grow_up(order: dict[str, Any], fds: list[int]) -> NoReturn:
    """The child: files under the numbers that it knows, then its work."""
    _call_oneself(order["kind"])
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH) for fd in fds]
    for fd in fds:
        os.close(fd)
    for fd, number in zip(high, order["fds"], strict=True):
        os.dup2(fd, number, inheritable=False)
        os.close(fd)
    if order["kind"] == "worker":
        at = order["words"].index("-c")
        code, sys.argv = order["words"][at + 1], ["-c", *order["words"][at + 2 :]]
        leave(lambda: exec(code, {"__name__": "__main__"}))
    os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    for number in (1, 2):
        os.dup2(order["log"], number)
    os.close(order["log"])
    from trainer.cli import main

    leave(lambda: main(order["words"]))
