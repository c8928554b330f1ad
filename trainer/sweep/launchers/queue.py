"""Runs as jobs of a queue: SLURM by submitit, or its local executor."""

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
    grouped_runs,
)


@dataclass
class Queue(AbstractContextManager["Queue"]):
    """submitit's executor.

    Attributes
    ----------
    threads : CPU cores of each run.
    runs_per_job : runs that share a job, and its GPU.
    cluster : "slurm"; "local", processes of this machine; "auto" is SLURM where it is.
    parameters : the executor's parameters, by submitit's names (``timeout_min``,
        ``slurm_partition``, ``gpus_per_node``, ...).
    stop_file : see ``JobGroup``.
    """

    out: Path
    threads: int
    runs_per_job: int
    cluster: str
    parameters: Mapping[str, Any]
    stop_file: Path
    _executor: Any = field(default=None, init=False)

    def __enter__(self) -> "Queue":
        try:
            import submitit
        except ImportError:
            raise InvalidInputError(
                "--launcher submitit needs submitit: pip install 'pose-smoother[cluster]'"
            ) from None
        folder = self.out / ".logs" / "queue"
        folder.mkdir(parents=True, exist_ok=True)
        name = None if self.cluster == "auto" else self.cluster
        try:
            # A run saves what it has, so it may be taken off its machine as often as need be.
            self._executor = submitit.AutoExecutor(
                folder, cluster=name, slurm_max_num_timeout=1000, local_max_num_timeout=1000
            )
            self._executor.update_parameters(**self.parameters)
        except (ValueError, TypeError, NameError, RuntimeError) as error:
            raise InvalidInputError(f"submitit: {error}") from None
        self.stop_file.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no file that would stop the next sweep."""
        self.stop_file.unlink(missing_ok=True)

    def begin(self, jobs: Sequence[Job]) -> Mapping[str, GroupedRun]:
        """Hand in a job for some runs."""
        group = JobGroup(tuple(jobs), self.out, self.threads, self.stop_file)
        return grouped_runs(_QueuedGroup(group, self._executor.submit(group)))


class _QueuedGroup(ClusterJob):
    """A group as a job of submitit."""

    def __init__(self, group: JobGroup, job: Any) -> None:
        super().__init__(group)
        self._job = job

    def is_done(self) -> bool:
        """Whether the queue reports its end; submitit asks once a minute."""
        return bool(self._job.done())

    def result(self) -> Outcomes:
        """The outcome that the job wrote into its folder."""
        found: Outcomes = self._job.result()
        return found

    def cancel(self) -> None:
        """``scancel``: the runs get a signal, too, and save."""
        self._job.cancel(check=False)
