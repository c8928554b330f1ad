"""What a Dask worker does for a build: it checks itself, and has a child do the task.

The child may crash, hang or eat memory: it alone is lost, and the worker tells how. It ignores
SIGTERM, which queues send to every process of a job: otherwise a preempted job's last words would
be that a file crashed the parser. It ends when its worker is gone, or the build is another's.
"""

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from distributed import get_worker

from pipeline.cluster.compatibility import BuildToken, IncompatibleWorkerError
from pipeline.worker_pool import Workers

OWNER_POLL_S = 1.0

_lock = threading.Lock()
_children: Workers | None = None
_fit: set[str] = set()


def compatibility_problem(stamp: BuildToken) -> str:
    """Why this worker can't help with a build, naming it; "" when it can. Looked up once."""
    if stamp.said in _fit:
        return ""
    if problem := stamp.compatibility_problem():
        return f"the Dask worker on {socket.gethostname()} (process {os.getpid()}) {problem}"
    _fit.add(stamp.said)
    return ""


def run_task(
    stamp: BuildToken, timeout_s: float, function: Callable[..., Any], *args: Any
) -> tuple[Any, Exception | None]:
    """What a function returned or raised, called in a child of this Dask worker.

    Errors are values here: what Dask itself reports as failed is a fault of the cluster.
    """
    if problem := compatibility_problem(stamp):
        return None, IncompatibleWorkerError(problem)
    try:
        done = _pool().call(timeout_s, in_child, stamp, function, *args)
    except Exception as error:
        return None, error
    return done, None


def _pool() -> Workers:
    """This worker's children, one for each of its threads."""
    global _children
    with _lock:
        if _children is None:
            # Nannies start workers as daemons, and multiprocessing lets those have no children,
            # lest they be orphaned; ours end by themselves.
            multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
            _children = Workers(get_worker().state.nthreads)
        return _children


def in_child(stamp: BuildToken, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function, and end this process should the build stop owning its place meanwhile."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not stamp.is_current():
        os._exit(1)
    done = threading.Event()
    threading.Thread(target=_end_with, args=(stamp, done), daemon=True).start()
    try:
        return function(*args)
    finally:
        done.set()


def _end_with(stamp: BuildToken, done: threading.Event) -> None:
    """A task that outlived its build would write into the folder of the next one."""
    while not done.wait(OWNER_POLL_S):
        if not stamp.is_current():
            os._exit(1)
