"""Worker processes that may crash, hang or eat memory without taking anything else with them."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.shared_locks import shared_locks_problem

T = TypeVar("T")

PARENT_POLL_S = 0.5
_MARGIN_S = 60.0  # for starting processes, on top of the tasks' own time
_STUCK = (
    "the worker processes can't be started or stopped answering (out of memory?): "
    "run the same command again, with fewer --workers"
)
_AHEAD = 4  # tasks that may be before one in a worker's queue, and itself


class WorkerDiedError(PoseSmootherError):
    """A worker process died or did not answer in time; the text says how."""


class WorkerPoolError(PoseSmootherError):
    """No worker answers: the whole pool is lost."""

    def __init__(self, text: str = _STUCK) -> None:
        super().__init__(text)


class Workers:
    """A pool of processes, in which each that dies or hangs is replaced.

    Spawned, not forked: no inherited threads or handles. A worker ends by itself when the process
    that started it is gone.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = max(1, n_workers)
        self._pool: ProcessPool | None = None

    def submit(self, timeout_s: float, function: Callable[..., T], *args: Any) -> "Future[T]":
        """Have a module's function called in a worker, which is killed when time is up."""
        if self._pool is not None and self._pool.active:
            return self._pool.schedule(function, args, timeout=timeout_s)
        if problem := shared_locks_problem():
            raise PoseSmootherError(f"{problem}: mount a tmpfs there")
        self._pool = ProcessPool(
            self.n_workers,
            initializer=_start,
            initargs=(os.getpid(),),
            context=multiprocessing.get_context("spawn"),
        )
        # This starts the processes: a signal that raises here, in the main thread, would leave one
        # that got half of its start-up data and prints a traceback. So another thread does it.
        with ThreadPoolExecutor(1) as starter:
            started = starter.submit(self._pool.schedule, function, args, timeout=timeout_s)
            return started.result()

    def call(self, timeout_s: float, function: Callable[..., T], *args: Any) -> T:
        """``submit`` and wait; see ``outcome``."""
        return outcome(self.submit(timeout_s, function, *args), timeout_s)

    @property
    def max_tasks(self) -> int:
        """Tasks of shards that may be under way at a time."""
        return 2 * self.n_workers

    def shards_per_task(self, n_shards: int) -> int:
        """How many of ``n_shards`` are best made by one task."""
        del n_shards
        return 1

    def submit_shards(
        self, timeout_s: float, make: Callable[[list[Any]], list[T]], jobs: list[Any]
    ) -> "Future[list[T]]":
        """Have some shards made, by whichever workers make shards."""
        return self.submit(timeout_s, make, jobs)

    def shards_of(self, future: "Future[list[T]]", timeout_s: float) -> list[T]:
        """What a task of ``submit_shards`` gave back; see ``outcome``."""
        return outcome(future, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is None:
            return
        if kind is None:
            self._pool.close()
        else:
            self._pool.stop()
            for process in multiprocessing.active_children():
                process.kill()
        with suppress(TimeoutError):  # they are daemons: they end with this process
            self._pool.join(None if kind is None else _MARGIN_S)


def outcome(future: "Future[T]", timeout_s: float) -> T:
    """What a worker gave back; raises what the function raised.

    Parameters
    ----------
    timeout_s : the task's own limit; it may have to wait for a few others before it.

    Raises
    ------
    WorkerDiedError : the worker died or hung.
    WorkerPoolError : no worker answers any more.
    """
    try:
        return future.result(_AHEAD * timeout_s + _MARGIN_S)
    except ProcessExpired as error:
        raise WorkerDiedError(f"crashed ({_cause(error.exitcode)})") from None
    except TimeoutError:
        if not future.done():
            raise WorkerPoolError() from None
        raise WorkerDiedError(f"did not end within {timeout_s:g} s") from None
    except BrokenProcessPool:
        raise WorkerPoolError() from None


def _cause(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"{name}: out of memory?" if name == "SIGKILL" else name


def _start(parent: int) -> None:
    """Runs first in every worker."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A worker that outlived its parent would still write into the folder of the next build."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(1)


@contextmanager
def memory_cap(n_bytes: int) -> Iterator[None]:
    """Let the body allocate about ``n_bytes`` more than the process has; then MemoryError.

    Where the system has no such limit (Windows, and macOS in part) the body runs without one.
    """
    try:
        import resource
        from pathlib import Path

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        before = resource.getrlimit(resource.RLIMIT_AS)
        cap = pages * resource.getpagesize() + n_bytes
        if before[1] != resource.RLIM_INFINITY:
            cap = min(cap, before[1])
        resource.setrlimit(resource.RLIMIT_AS, (cap, before[1]))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
