"""Commands in processes that start at once: a server imports the program, then forks for each.

A cold start takes seconds, most of them imports; kills at random moments would mostly hit those.
Each command is a process (and a session) of its own, in which the program's own main runs.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 240.0
_IMPORTS = {
    "pipeline": ("pipeline.build", "pipeline.repair", "pipeline.audit", "pipeline.check"),
    "trainer": ("trainer.train", "trainer.run.repeat", "trainer.results.summary"),
}


@dataclass
class Ended:
    """How a process ended: exit code (negative for a signal), what it said, memory at its peak."""

    code: int
    said: str
    peak_mib: float
    seconds: float


class Started:
    """A command that runs."""

    def __init__(self, server: "Warm", pid: int, log: Path) -> None:
        self.pid = pid
        self._server, self._log = server, log
        self._began = time.monotonic()

    def signal(self, number: int, group: bool = False) -> None:
        """Send a signal to the process, or to its workers too."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    def wait(self) -> Ended:
        """Wait for its end; a command that hangs is a failure."""
        line = self._server.read_line(PATIENCE_S, self.pid)
        seconds = time.monotonic() - self._began
        said = self._log.read_text(errors="replace")
        return Ended(line["code"], said, line["peak_kib"] / 1024, seconds)


class Warm:
    """A server for one of the two programs; one command at a time."""

    def __init__(self, program: str, environment: dict[str, str] | None = None) -> None:
        self.program = program
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            text=True,
        )
        self.read_line(PATIENCE_S)

    def start(self, arguments: list[object], log: Path, folder: Path | None = None) -> Started:
        """Start a command; what it prints goes to ``log``."""
        order = {
            "arguments": [str(a) for a in arguments],
            "log": str(log),
            "folder": str(folder or log.parent),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Started(self, self.read_line(PATIENCE_S)["pid"], log)

    def run(self, arguments: list[object], log: Path, folder: Path | None = None) -> Ended:
        """Start a command and wait for its end."""
        return self.start(arguments, log, folder).wait()

    def read_line(self, seconds: float, pid: int | None = None) -> dict[str, int]:
        """The server's next line; past the time the command is killed and told as hung."""
        import select

        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            if pid is not None:
                os.killpg(pid, signal.SIGKILL)
                self._process.stdout.readline()
            raise TimeoutError(f"a {self.program} command hung for {seconds:g} s")
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


def _tell(**line: int) -> None:
    print(json.dumps(line), flush=True)


def _serve(program: str) -> None:
    import importlib

    for module in _IMPORTS[program]:
        importlib.import_module(module)
    cli = importlib.import_module(f"{program}.cli")
    _tell(ready=1)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(cli, order)
        _tell(pid=pid)
        _, status, usage = os.wait4(pid, 0)
        _tell(code=os.waitstatus_to_exitcode(status), peak_kib=usage.ru_maxrss)


def _become(cli: object, order: dict[str, object]) -> None:
    """The forked process: a session, a log and a folder of its own, then the program's main."""
    os.setsid()
    os.chdir(str(order["folder"]))
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 70
    try:
        cli.main(order["arguments"])  # type: ignore[attr-defined]
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if code != 70:
            _leave_as_python_does(code)
        os._exit(code)


def _leave_as_python_does(code: int) -> None:
    """End through atexit and the joining of threads, as a process of its own would."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
