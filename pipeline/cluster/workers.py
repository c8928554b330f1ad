"""A Dask cluster that makes the shards; all else is done by processes of this machine."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.cluster.compatibility import BuildToken, IncompatibleWorkerError
from pipeline.worker_pool import Workers
from pose_smoother.dask_cluster import ClusterError, connected
from pose_smoother.errors import PoseSmootherError

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

_MAX_SHARDS_A_TASK = 8  # a scheduler hands out some hundred tasks a second
_MAX_TASKS = 10_000  # that the scheduler has at a time; workers may come later
_KEPT = "what is done is kept; run the same command again"

_one_at_a_time = threading.Lock()  # HDF5 is not made for the threads of a worker


class DaskWorkers(Workers):
    """Processes of this machine, and a Dask cluster for the shards."""

    def __init__(self, client: "Client", token: BuildToken, n_workers: int, n_threads: int) -> None:
        super().__init__(n_workers)
        self._n_threads = max(1, n_threads)
        self._client = client
        self._token = token
        self._executor = client.get_executor(pure=False)

    def submit_shards(
        self, timeout_s: float, make: Callable[[list[Any]], list[T]], jobs: list[Any]
    ) -> "Future[list[T]]":
        """Have some shards made by a Dask worker; Dask has no time limit for a task."""
        try:
            future: Future[list[T]] = self._executor.submit(on_worker, self._token, make, jobs)
        except Exception as error:  # a closed client raises bare Exceptions
            raise self._error(error) from None
        return future

    def shards_of(self, future: "Future[list[T]]", timeout_s: float) -> list[T]:
        """What a task made.

        Raises
        ------
        ClusterError : the cluster was lost, or several workers died at the task.
        IncompatibleWorkerError : a worker must not work for this build.
        """
        try:
            return future.result(timeout_s)
        except PoseSmootherError:
            raise
        except (Exception, CancelledError) as error:
            raise self._error(error) from None

    def _error(self, fault: BaseException) -> ClusterError:
        from distributed import KilledWorker

        address = self._client.scheduler.address if self._client.scheduler else "?"
        if isinstance(fault, KilledWorker):
            return ClusterError(
                f"a task was given up: {fault.allowed_failures + 1} Dask workers died while they "
                f"had it, the last at {fault.last_worker.address} (memory?): {_KEPT}"
            )
        if isinstance(fault, CancelledError) or self._client.status != "running":
            return ClusterError(f"the Dask scheduler at {address} is gone: {_KEPT}")
        text = " ".join(str(fault).split())[:200]
        return ClusterError(
            f"the Dask cluster at {address} failed ({type(fault).__name__}: {text}; has every "
            f"worker the same version of this program?): {_KEPT}"
        )

    @property
    def max_tasks(self) -> int:
        """Tasks of shards that may be under way at a time."""
        return _MAX_TASKS

    def shards_per_task(self, n_shards: int) -> int:
        """Several, where there are plenty for every worker."""
        return max(1, min(_MAX_SHARDS_A_TASK, n_shards // (8 * self._n_threads)))

    def __exit__(self, *error: Any) -> None:
        """Cancel the tasks whose results are not needed any more."""
        with suppress(Exception):
            self._executor.shutdown(wait=False)
        super().__exit__(*error)


def on_worker(token: BuildToken, make: Callable[[list[Any]], list[T]], jobs: list[Any]) -> list[T]:
    """Make some shards, one after the other (runs in a Dask worker).

    Before each the worker looks whether the build still owns the folder: a task that outlived its
    build would write into the next one's.
    """
    if problem := _problem(token):
        raise IncompatibleWorkerError(
            f"the Dask worker on {socket.gethostname()} (process {os.getpid()}) {problem}"
        )
    made: list[T] = []
    for job in jobs:
        with _one_at_a_time:
            if not token.is_current():
                raise IncompatibleWorkerError("the build that this task belongs to has ended")
            made += make([job])
    return made


@lru_cache(maxsize=4)
def _problem(token: BuildToken) -> str:
    """Why this worker must not help with a build; looked up once."""
    return token.compatibility_problem()


@contextmanager
def dask_workers(
    address: str, n_workers: int, note: Path, report: Callable[[str], None]
) -> Iterator[DaskWorkers]:
    """Connect to a cluster.

    Parameters
    ----------
    address : of a scheduler, such as ``tcp://host:8786``; ``local`` starts a cluster here.
    n_workers : processes of this machine, for what is no shard; and workers of a local cluster.
    note : the file that names the build's owner (``pose_smoother.files.lock``).
    report : gets a line that says where the dashboard is.

    Raises
    ------
    InvalidInputError : Dask is not installed.
    ClusterError : nobody answers at the address, or no worker came.
    """
    with connected(address, n_workers) as client:
        n_threads = sum(client.nthreads().values())
        report(f"Dask: {n_threads} workers; dashboard: {client.dashboard_link}")
        with DaskWorkers(client, BuildToken.of(note), n_workers, n_threads) as workers:
            yield workers
