"""One run as a process of its own: its start, its stop and its outcome."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pose_smoother.errors import PoseSmootherError
from trainer.runs.layout import STATE, RunState
from trainer.runs.results_io import read_json
from trainer.runs.signals import EXIT_CODES
from trainer.runs.status import is_finished, plain
from trainer.sweep.job import Job

LOGS = ".logs"
_SAVED = frozenset(EXIT_CODES.values())
_TAIL_BYTES = 16_384


@dataclass
class RunProcess:
    """A running job.

    Attributes
    ----------
    log : what the process prints; later tries are appended.
    log_start : where this attempt starts in it.
    began : monotonic seconds.
    state_before : bytes of the run's state file then.
    """

    job: Job
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    began: float
    state_before: bytes = b""
    asked_to_stop: bool = False

    @property
    def minutes(self) -> float:
        """Minutes since it was started."""
        return (time.monotonic() - self.began) / 60

    def stop(self) -> None:
        """Ask it to save and stop."""
        self.asked_to_stop = True
        self.process.terminate()

    def kill(self) -> None:
        """End it at once; its last checkpoint stays."""
        self.process.kill()
        self.process.wait()

    def outcome(self) -> tuple[RunState, str] | None:
        """(state, reason) of a process that has ended; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        if code == 0 and is_finished(self.folder):
            return RunState.FINISHED, ""
        if code in _SAVED or (self.asked_to_stop and code == -signal.SIGTERM):
            return RunState.STOPPED, ""
        written = self._written_state()
        if written == "preempted":  # torchrun ends with 1 whatever its processes ended with
            return RunState.STOPPED, ""
        if code < 0:
            hint = ": out of memory?" if code == -signal.SIGKILL else ""
            return RunState.LOST, f"ended by {signal.Signals(-code).name}{hint} (see {self.log})"
        state = (
            RunState.LOST if written in ("lost", "running") else RunState.FAILED
        )  # one of torchrun's was killed
        return state, self._last_words() or f"exit code {code} (see {self.log})"

    def _written_state(self) -> str:
        """The state that this try wrote; "" if it wrote none."""
        with suppress(OSError, PoseSmootherError):
            if (self.folder / STATE).read_bytes() != self.state_before:
                return str(read_json(self.folder / STATE, "").get("state"))
        return ""

    def _last_words(self) -> str:
        """The error that it printed, or else its last line."""
        with self.log.open("rb") as file:
            file.seek(max(self.log_start, self.log.stat().st_size - _TAIL_BYTES))
            lines = [plain(line) for line in file.read().decode(errors="replace").splitlines()]
        found = [line for line in lines if line.startswith("error: ")] or list(filter(None, lines))
        return found[-1].removeprefix("error: ") if found else ""


def begin(job: Job, out: Path, threads: int) -> RunProcess:
    """Start a job in a session of its own, so that a terminal's Ctrl-C does not reach it."""
    log = out / LOGS / f"{job.name}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    before = b""
    with suppress(OSError):
        before = (out / job.name / STATE).read_bytes()
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with log.open("ab") as file:
        start = file.tell()
        process = subprocess.Popen(
            [*job.command, "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return RunProcess(job, out / job.name, process, log, start, time.monotonic(), before)
