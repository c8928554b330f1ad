"""Running jobs side by side: start, watch, stop in time, report how each ended.

Nothing here decides a number. Each run is a process with its own lock, checkpoints and atomic
results, so a sweep that is killed at any moment continues by the same command.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pose_smoother.errors import Interrupted, PoseSmootherError, RunError
from pose_smoother.files.lock import LockedError, exclusive_lock
from trainer.runs.folder import check_identity
from trainer.runs.layout import RunState
from trainer.runs.signals import Interrupt
from trainer.runs.status import SWEEP_CSV, RunStatus, is_finished, read_status
from trainer.runs.status_table import status_line, write_table
from trainer.sweep.job import Job
from trainer.sweep.launchers import Handle, Launcher
from trainer.sweep.launchers.local import Local
from trainer.sweep.progress_display import ProgressDisplay

_POLL_S = 0.1
_TRY_HELD_S = 1.0
MOST_DEATHS = 8
_GRACE_S = 120.0  # a run saves after its batch; the slowest model's takes seconds


@dataclass(frozen=True)
class SweepOptions:
    """The options of a sweep.

    Attributes
    ----------
    n_jobs : at a time.
    threads : of each.
    max_minutes : after this, runs are asked to save and stop; None has no limit.
    again : start runs again that were preempted, or whose process died, as a queue does; a run
        that dies ``MOST_DEATHS`` times has failed.
    """

    n_jobs: int = 1
    threads: int = 1
    max_minutes: float | None = None
    again: bool = False


class UnfinishedError(Interrupted):
    """Some runs are unfinished; the same command continues them."""


class Supervisor:
    """The state of one sweep. Use ``run`` once.

    Attributes
    ----------
    statuses : run name -> its state, in the order of the plan.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        out: Path,
        options: SweepOptions,
        interrupt: Interrupt,
        display: ProgressDisplay,
        launcher: Launcher | None = None,
    ) -> None:
        self._launcher = launcher or Local(out, options.threads)
        self._deaths: Counter[str] = Counter()
        self._out, self._options = out, options
        self._interrupt, self._display = interrupt, display
        self._jobs = {job.name: job for job in jobs}
        self._queue = list(self._jobs)
        self._processes: dict[str, Handle] = {}
        self._stopping_since: float | None = None
        self._held_tried = 0.0
        self._width = max(map(len, self._jobs))
        self.statuses: dict[str, RunStatus] = {}

    def run(self) -> list[RunStatus]:
        """Run all jobs, or until the time is up or a signal comes.

        Returns
        -------
        One state a job, in the order given; ``SWEEP_CSV`` in the folder of runs holds the same.

        Raises
        ------
        LockedError : another sweep is at work in this folder.
        """
        began = time.monotonic()
        with exclusive_lock(self._out / SWEEP_CSV), self._launcher:
            for stray in self._out.glob(f".{SWEEP_CSV}.*.tmp"):  # left by a kill
                stray.unlink()
            self._take_stock()
            try:
                while self._processes or (self._queue and self._stopping_since is None):
                    self._reap()
                    if self._stopping_since is not None:
                        self._kill_the_slow()
                    elif self._must_stop(began):
                        self._stop_all()
                    else:
                        self._begin_more()
                    self._show()
                    time.sleep(_POLL_S)
            finally:
                for process in self._processes.values():  # only after a second Ctrl-C or a defect
                    process.kill()
                self._write()
        return list(self.statuses.values())

    def _take_stock(self) -> None:
        for name in self._jobs:
            status = read_status(self._out / name)
            if status.state == RunState.FAILED:  # it is tried again
                status = replace(status, state=RunState.STOPPED)
            self.statuses[name] = status
        n_done = sum(status.state == RunState.FINISHED for status in self.statuses.values())
        self._display.write(
            f"{len(self._jobs)} runs, {n_done} of them finished; {self._options.n_jobs} at a time, "
            f"{self._options.threads} threads each; what they print is in {self._out}/.logs"
        )
        self._write()

    def _must_stop(self, began: float) -> bool:
        limit = self._options.max_minutes
        over = limit is not None and time.monotonic() - began > 60 * limit
        return over or self._interrupt.signum is not None

    def _stop_all(self) -> None:
        self._stopping_since = time.monotonic()
        if self._processes:
            self._display.write(f"stopping: {', '.join(self._processes)} save and stop")
        for process in self._processes.values():
            process.stop()

    def _kill_the_slow(self) -> None:
        assert self._stopping_since is not None
        if time.monotonic() - self._stopping_since > _GRACE_S:
            for process in self._processes.values():
                process.kill()

    def _reap(self) -> None:
        for name, process in list(self._processes.items()):
            ended = process.outcome()
            if ended is not None:
                del self._processes[name]
                if not self._goes_on(name, *ended):
                    state, reason = ended
                    state = RunState.FAILED if state == RunState.LOST else state
                    self._settle(name, state, reason, minutes=process.minutes)

    def _goes_on(self, name: str, state: RunState, reason: str) -> bool:
        """Queue a run again that was preempted or died; whether that was done."""
        self._deaths[name] += state == RunState.LOST
        if (
            not self._options.again
            or self._stopping_since is not None
            or state not in (RunState.STOPPED, RunState.LOST)
            or self._deaths[name] >= MOST_DEATHS
        ):
            return False
        self._queue.append(name)
        self._note(replace(read_status(self._out / name), state=state, reason=reason))
        return True

    def _begin_more(self) -> None:
        try_held = time.monotonic() - self._held_tried > _TRY_HELD_S
        if try_held:
            self._held_tried = time.monotonic()
        per_job = self._launcher.runs_per_job
        ready: list[str] = []
        for name in list(self._queue):
            if len(self._processes) + len(ready) >= self._options.n_jobs * per_job:
                break
            if (try_held or self.statuses[name].state != RunState.LOCKED) and self._is_ready(name):
                ready.append(name)
            if len(ready) == per_job:
                self._begin(ready)
                ready = []
        self._begin(ready)

    def _is_ready(self, name: str) -> bool:
        """Take a run from the queue that no process works on; False if it may not be started."""
        folder = self._out / name
        try:
            with exclusive_lock(folder):
                pass
        except LockedError as held:
            if self.statuses[name].state != RunState.LOCKED:
                self._note(replace(read_status(folder), state=RunState.LOCKED, reason=str(held)))
            return False
        self._queue.remove(name)
        try:
            if not is_finished(folder):
                return True
            check_identity(folder, self._jobs[name].identity)
            self._settle(name, RunState.FINISHED)
        except PoseSmootherError as error:
            self._settle(name, RunState.FAILED, str(error))
        return False

    def _begin(self, names: Sequence[str]) -> None:
        """Begin runs together."""
        if not names:
            return
        try:
            self._processes.update(self._launcher.begin([self._jobs[name] for name in names]))
        except (PoseSmootherError, OSError) as error:
            for name in names:
                self._settle(name, RunState.FAILED, str(error))
            return
        for name in names:
            self._note(replace(read_status(self._out / name), state=RunState.RUNNING, reason=""))

    def _settle(
        self, name: str, state: RunState, reason: str = "", minutes: float | None = None
    ) -> None:
        """A job has ended."""
        status = read_status(self._out / name)
        if status.minutes is None:
            status = replace(status, minutes=minutes)
        self._note(replace(status, state=state, reason=reason))
        self._write()

    def _note(self, status: RunStatus) -> None:
        self.statuses[status.run] = status
        self._display.write(self._line(status))

    def _line(self, status: RunStatus) -> str:
        done = sum(s.state == RunState.FINISHED for s in self.statuses.values())
        return f"[{done}/{len(self.statuses)}] {status_line(status, self._width)}"

    def _show(self) -> None:
        if self._display.is_due and self._processes:
            lines = []
            for name, process in self._processes.items():
                status = replace(read_status(self._out / name), state=RunState.RUNNING, reason="")
                spent = self.statuses[name].minutes or 0.0  # by earlier sweeps
                lines.append(self._line(replace(status, minutes=spent + process.minutes)))
            self._display.show(lines)

    def _write(self) -> None:
        write_table(self._out / SWEEP_CSV, list(self.statuses.values()))


def verdict(statuses: Sequence[RunStatus], interrupt: Interrupt) -> None:
    """Return if all is finished; else raise what a command should end with.

    Raises
    ------
    Interrupted : a signal came.
    UnfinishedError : the time is up, or runs were stopped from outside.
    RunError : runs failed; names each with its reason.
    """
    interrupt.leave_if_requested()
    failed = [status for status in statuses if status.state == RunState.FAILED]
    left = [
        status for status in statuses if status.state not in (RunState.FINISHED, RunState.FAILED)
    ]
    reasons = "; ".join(f"{status.run}: {status.reason}" for status in failed)
    if left:
        also = f"; {len(failed)} failed: {reasons}" if failed else ""
        raise UnfinishedError(
            f"{len(left)} of {len(statuses)} runs are unfinished; the same command continues them"
            f"{also}"
        )
    if failed:
        raise RunError(
            f"{len(failed)} of {len(statuses)} runs failed; the same command tries them again: "
            f"{reasons}"
        )
