"""Runs as processes of this machine."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from trainer.sweep.job import Job
from trainer.sweep.run_process import RunProcess, begin


@dataclass
class Local(AbstractContextManager["Local"]):
    """Children of this process.

    Attributes
    ----------
    threads : of each.
    """

    out: Path
    threads: int
    runs_per_job: int = 1

    def begin(self, jobs: Sequence[Job]) -> Mapping[str, RunProcess]:
        """Start a process for each run."""
        return {job.name: begin(job, self.out, self.threads) for job in jobs}

    def __exit__(self, *_: object) -> None:
        """Nothing is open: the supervisor ends its children."""
