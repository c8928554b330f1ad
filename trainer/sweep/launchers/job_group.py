"""A job of a cluster: several runs at once, as processes of its own, on one GPU.

It runs where the cluster puts it; the folder of runs and the store must be the same paths there.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pose_smoother.files.lock import LockedError, exclusive_lock
from trainer.runs.layout import RunState
from trainer.runs.status import is_finished, read_status
from trainer.sweep.job import Job
from trainer.sweep.run_process import RunProcess, begin

#: (state, reason) by run name.
Outcomes = dict[str, tuple[RunState, str]]

_POLL_S = 0.2
_GRACE_S = 100.0
_WAIT_FOR_LOCK_S = 150.0  # the run's process of a worker that died still saves


@dataclass
class JobGroup:
    """Some runs. Call it where they are to run; it comes back when all have ended.

    Attributes
    ----------
    jobs, out, threads : as for one run.
    stop_file : when it exists, the runs are asked to save and stop.
    """

    jobs: tuple[Job, ...]
    out: Path
    threads: int
    stop_file: Path
    _processes: dict[str, RunProcess] = field(default_factory=dict)

    def __call__(self) -> Outcomes:
        """Begin the runs, and wait for all."""
        ended: Outcomes = {}
        for job in self.jobs:
            if is_finished(self.out / job.name):
                ended[job.name] = RunState.FINISHED, ""
            elif not self._is_free(job.name):
                ended[job.name] = RunState.STOPPED, "another process is at it"
            elif not self.stop_file.exists():
                self._processes[job.name] = begin(job, self.out, self.threads)
        while len(ended) < len(self.jobs):
            if self.stop_file.exists():
                self._stop()
                ended = {**{job.name: (RunState.STOPPED, "") for job in self.jobs}, **ended}
            for name, process in self._processes.items():
                outcome = process.outcome()
                if outcome is not None:
                    ended[name] = outcome
            time.sleep(_POLL_S)
        return ended

    def checkpoint(self) -> Any:
        """Save and requeue: submitit calls it before a job is preempted or out of time."""
        import submitit

        self._stop()
        return submitit.helpers.DelayedSubmission(replace(self, _processes={}))

    def _stop(self) -> None:
        """Ask all to save, and wait until they have."""
        for process in self._processes.values():
            process.stop()
        deadline = time.monotonic() + _GRACE_S
        for process in self._processes.values():
            while process.outcome() is None and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            if process.outcome() is None:
                process.kill()

    def _is_free(self, name: str) -> bool:
        deadline = time.monotonic() + _WAIT_FOR_LOCK_S
        while not self.stop_file.exists():
            try:
                with exclusive_lock(self.out / name):
                    return True
            except LockedError:
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL_S)
        return False


class ClusterJob:
    """A group's job, and its outcomes once it has ended. What all launchers of groups share."""

    def __init__(self, group: JobGroup) -> None:
        self.group = group
        self.began = time.monotonic()
        self._outcomes: Mapping[str, tuple[RunState, str]] | None = None

    def is_done(self) -> bool:
        """Whether the job has ended, with success or not."""
        raise NotImplementedError

    def result(self) -> Outcomes:
        """The outcomes of the group; raises if its job died."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Take the job away from the cluster."""
        raise NotImplementedError

    def outcomes(self) -> Mapping[str, tuple[RunState, str]] | None:
        """By run; None until the job has ended."""
        if self._outcomes is None and self.is_done():
            try:
                self._outcomes = self.result()
            except Exception as error:  # any error that the cluster reports of a job that died
                message = " ".join(f"{type(error).__name__}: {error}".split())[:200]
                self._outcomes = {
                    job.name: self._found(job.name, message) for job in self.group.jobs
                }
        return self._outcomes

    def _found(self, name: str, message: str) -> tuple[RunState, str]:
        """The outcome by the folder of a run whose job gave none."""
        if is_finished(self.group.out / name):
            return RunState.FINISHED, ""
        status = read_status(self.group.out / name)
        return (
            (RunState.LOST, message)
            if status.state != RunState.STOPPED
            else (RunState.LOST, status.reason or message)
        )


@dataclass
class GroupedRun:
    """One run of a group, as the supervisor sees it."""

    name: str
    remote: ClusterJob

    @property
    def minutes(self) -> float:
        """Minutes since the job was submitted; it may have waited in the queue."""
        return (time.monotonic() - self.remote.began) / 60

    def stop(self) -> None:
        """All groups of the sweep are asked by one file."""
        self.remote.group.stop_file.touch()

    def kill(self) -> None:
        """Take its job away; the runs of it see that, save and stop."""
        self.remote.cancel()

    def outcome(self) -> tuple[RunState, str] | None:
        """(state, reason) once all of the group have ended."""
        found = self.remote.outcomes()
        return None if found is None else found[self.name]


def grouped_runs(remote: ClusterJob) -> dict[str, GroupedRun]:
    """The handles of a group's runs."""
    return {job.name: GroupedRun(job.name, remote) for job in remote.group.jobs}
