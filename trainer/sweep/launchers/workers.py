"""Runs as tasks on the workers of Dask."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError
from trainer.sweep.job import Job
from trainer.sweep.launchers.job_group import (
    ClusterJob,
    GroupedRun,
    JobGroup,
    Outcomes,
    packed_runs,
)

_CONNECT_S = 30


@dataclass
class DaskWorkers(AbstractContextManager["DaskWorkers"]):
    """A client of a Dask scheduler.

    Attributes
    ----------
    threads : CPU cores of each run.
    runs_per_job : runs that a worker makes at once.
    scheduler : address, such as tcp://host:8786; None starts workers on this machine.
    n_workers : of them.
    gpus : of a job; the workers must offer them as the resource GPU.
    stop_file : see ``JobGroup``.
    """

    out: Path
    threads: int
    runs_per_job: int
    scheduler: str | None
    n_workers: int
    gpus: int
    stop_file: Path
    _client: Any = field(default=None, init=False)
    _cluster: Any = field(default=None, init=False)

    def __enter__(self) -> "DaskWorkers":
        try:
            from distributed import Client, LocalCluster
        except ImportError:
            raise InvalidInputError(
                "--launcher dask needs distributed: pip install 'pose-smoother[cluster]'"
            ) from None
        logging.getLogger("distributed").setLevel(logging.WARNING)
        if self.scheduler is None:
            self._cluster = LocalCluster(
                n_workers=self.n_workers, threads_per_worker=1, dashboard_address=":0"
            )
        try:
            self._client = Client(self._cluster or self.scheduler, timeout=_CONNECT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise InvalidInputError(f"no Dask scheduler at {self.scheduler}: {error}") from None
        self.stop_file.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the scheduler; workers of our own are ended."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
        self.stop_file.unlink(missing_ok=True)

    def begin(self, jobs: Sequence[Job]) -> Mapping[str, GroupedRun]:
        """Hand in a task for some runs; if its worker dies, Dask gives it to another one."""
        pack = JobGroup(tuple(jobs), self.out, self.threads, self.stop_file)
        resources = {"GPU": self.gpus} if self.gpus else None
        future = self._client.submit(_make, pack, pure=False, resources=resources)
        return packed_runs(_Task(pack, future))


class _Task(ClusterJob):
    """A pack as a task of Dask."""

    def __init__(self, pack: JobGroup, future: Any) -> None:
        super().__init__(pack)
        self._future = future

    def is_done(self) -> bool:
        """Whether it came back, or died more often than Dask allows."""
        return self._future.status != "pending"

    def result(self) -> Outcomes:
        """What the pack returned."""
        found: Outcomes = self._future.result()
        return found

    def cancel(self) -> None:
        """Forget the task; one that runs is stopped by the stop file alone."""
        self.pack.stop_file.touch()
        self._future.cancel()


def _make(pack: JobGroup) -> Outcomes:
    """What a worker does."""
    return pack()
