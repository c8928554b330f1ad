"""Workers that are a Dask cluster: the same tasks, on other processes and machines."""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pipeline.cluster.compatibility import BuildToken
from pipeline.worker_pool import Workers
from pose_smoother.errors import InvalidInputError, PoseSmootherError

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

LOCAL = "local"
CONNECT_TIMEOUT_S = 15.0
WORKERS_TIMEOUT_S = 120.0  # for a queue to start the first worker
_CLOSE_TIMEOUT_S = 5.0
_BUNDLE = 8
_COUNT_EVERY_S = 2.0
_KEPT = "what is done is kept; run the same command again"


class ClusterError(PoseSmootherError):
    """The cluster can't be reached, has no fitting workers, or was lost."""


def require_dask() -> None:
    """Say how to install Dask where it is absent.

    Raises
    ------
    InvalidInputError : it is absent.
    """
    if find_spec("distributed") is None:
        raise InvalidInputError(
            "--scheduler needs Dask: python -m pip install 'pose-smoother[cluster]', "
            "here and where the workers run"
        )


class DaskWorkers(Workers):
    """Hands tasks to a Dask cluster.

    Each is one task with one owner; Dask does those of a lost worker again, elsewhere. Callers
    keep twice ``n_workers`` tasks on their way, so neither client nor scheduler grows with a build.
    """

    def __init__(self, client: "Client", stamp: BuildToken) -> None:
        self._client = client
        self._stamp = stamp
        self._address = client.scheduler.address if client.scheduler else "?"
        self._tasks: dict[Any, Future[Any]] = {}
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._counted = (0.0, 1)

    @property
    def n_workers(self) -> int:  # type: ignore[override]
        """Threads of all Dask workers that are there now: they may come and go."""
        counted_s, n = self._counted
        if time.monotonic() - counted_s > _COUNT_EVERY_S:
            with suppress(OSError, TimeoutError):  # a lost scheduler is told by its tasks
                n = max(1, sum(self._client.nthreads().values()))
            self._counted = (time.monotonic(), n)
        return n

    def submit(self, timeout_s: float, function: Callable[..., T], *args: Any) -> "Future[T]":
        """Have a module's function called in a child of a Dask worker."""
        from pipeline.cluster.task import run_task

        future: Future[T] = Future()
        try:
            task = self._client.submit(
                run_task, self._stamp, timeout_s, function, *args, pure=False
            )
        except Exception as error:  # a closed client raises bare Exceptions
            raise self._lost(error) from None
        self._tasks[task] = future
        task.add_done_callback(self._done.put)
        return future

    def _collect(self) -> None:
        """Carry what became of tasks over to the callers' futures.

        Those that ended meanwhile are fetched together: one by one, a question to the scheduler
        each, 64 threads would wait for us.
        """
        while (first := self._done.get()) is not None:
            tasks = [first]
            with suppress(Empty):
                while True:
                    tasks.append(self._done.get_nowait())
            if None in tasks:  # nobody waits any more
                return
            good = [task for task in tasks if task.status == "finished"]
            try:
                results = dict(zip(good, self._client.gather(good), strict=True))
            except (Exception, CancelledError):
                results = {}
            for task in tasks:
                self._settle(task, results.get(task))
            del first, task, tasks, good, results  # Dask keeps a result while its future lives

    def _settle(self, task: Any, result: tuple[Any, Exception | None] | None) -> None:
        future = self._tasks.pop(task, None)
        if future is None:
            return
        try:
            value, error = task.result() if result is None else result
        except (Exception, CancelledError) as fault:
            value, error = None, self._lost(fault)
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def _lost(self, fault: BaseException) -> PoseSmootherError:
        from distributed import KilledWorker

        if isinstance(fault, KilledWorker):
            return ClusterError(
                f"a task was given up: {fault.allowed_failures + 1} Dask workers died while they "
                f"had it, the last at {fault.last_worker.address} (memory?): {_KEPT}"
            )
        if isinstance(fault, CancelledError) or self._client.status != "running":
            return ClusterError(f"the Dask scheduler at {self._address} is gone: {_KEPT}")
        told = " ".join(str(fault).split())[:200]
        return ClusterError(
            f"the Dask cluster at {self._address} failed ({type(fault).__name__}: {told}): {_KEPT}"
        )

    def bundle(self, n_jobs: int) -> int:
        """Several, where there are plenty: a scheduler hands out some hundred tasks a second."""
        return max(1, min(_BUNDLE, n_jobs // (_BUNDLE * self.n_workers)))

    def local_pool(self) -> Workers:
        """Processes of this machine, for what needs no cluster."""
        return Workers(1)

    def __enter__(self) -> Self:
        self._collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of tasks that nobody waits for any more."""
        tasks = list(self._tasks)
        self._tasks.clear()
        self._done.put(None)
        if tasks and self._client.status == "running":
            with suppress(Exception):
                self._client.cancel(tasks)


@contextmanager
def dask_workers(
    address: str, n_workers: int, note: Path, tell: Callable[[str], None]
) -> Iterator[DaskWorkers]:
    """Connect to a cluster whose workers fit this build.

    Parameters
    ----------
    address : of a scheduler, such as ``tcp://host:8786``; ``local`` starts a cluster here.
    n_workers : worker processes of a local cluster.
    note : the file that names the build's owner (``pose_smoother.files.lock``).
    tell : gets a line that says where the dashboard is.

    Raises
    ------
    InvalidInputError : Dask is not installed.
    ClusterError : nobody answers at the address, no worker came, or one of them doesn't fit.
    """
    require_dask()
    with _connected(address, n_workers) as client:
        stamp = BuildToken.of(note)
        _check_workers(client, address, stamp)
        n_threads = sum(client.nthreads().values())
        tell(f"Dask: {n_threads} workers; dashboard: {client.dashboard_link}")
        with DaskWorkers(client, stamp) as workers:
            yield workers


@contextmanager
def _connected(address: str, n_workers: int) -> "Iterator[Client]":
    import dask
    from distributed import Client, LocalCluster

    quiet = {"distributed.admin.large-graph-warning-threshold": "1GiB"}
    with dask.config.set(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # versions are compared below, in words
        _hush()
        cluster = None
        try:
            if address == LOCAL:
                cluster = LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    memory_limit=0,  # tasks run in children with limits of their own
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            client = Client(cluster or address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            if cluster is not None:
                cluster.close(timeout=_CLOSE_TIMEOUT_S)
            raise ClusterError(
                f"no Dask scheduler answers at {address} within {CONNECT_TIMEOUT_S:g} s "
                f"({' '.join(str(error).split())[:160]}): start one with `dask scheduler`"
            ) from None
        try:
            yield client
        finally:
            with suppress(Exception):
                client.close(timeout=_CLOSE_TIMEOUT_S)
            if cluster is not None:
                with suppress(Exception):
                    cluster.close(timeout=_CLOSE_TIMEOUT_S)


def _hush() -> None:
    """Dask's own log lines to nobody: what matters to a user is told in one line."""
    for name in ("distributed", "bokeh", "tornado", *logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "bokeh", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _check_workers(client: "Client", address: str, stamp: BuildToken) -> None:
    """Wait for the first worker; then none may differ. Late ones look at themselves."""
    from pipeline.cluster.task import compatibility_problem

    try:
        client.wait_for_workers(1, timeout=WORKERS_TIMEOUT_S)
    except TimeoutError:
        raise ClusterError(
            f"the scheduler at {address} got no worker within {WORKERS_TIMEOUT_S:g} s: "
            f"start some with `dask worker {address}`"
        ) from None
    told = client.run(compatibility_problem, stamp, on_error="return")
    for worker, problem in told.items():
        if isinstance(problem, Exception):
            text = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
            raise ClusterError(
                f"the Dask worker {worker} can't run this program ({text}): "
                "install the same version of it there"
            )
        if problem:
            raise ClusterError(problem)
