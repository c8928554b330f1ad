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
from typing import Any, NoReturn

from pose_smoother.cli_support import run as whole_life
from tests.faults.nursery import Nursery, leave, nursed

PATIENCE_S = 240.0
_IMPORTS = {
    "pipeline": (
        "pipeline.build",
        "pipeline.verify",
        "pipeline.annotations.check",
    ),
    "trainer": ("trainer.training.train", "trainer.report.summary", "trainer.sweep.run_process"),
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

    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return Path(f"/proc/{self.pid}").exists()

    def wait(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for its end; a command that hangs is a failure."""
        line = self._server.read_line(patience_s, self.pid)
        seconds = time.monotonic() - self._began
        # One killed at once has not opened its log yet.
        said = self._log.read_text(errors="replace") if self._log.exists() else ""
        return Ended(line["code"], said, line["peak_kib"] / 1024, seconds)


class Warm:
    """A server for one of the two programs; one command at a time."""

    def __init__(
        self,
        program: str,
        environment: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.program = program
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.faults.warm", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            text=True,
        )
        self.read_line(PATIENCE_S)

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    def start(
        self,
        arguments: list[object],
        log: Path,
        folder: Path | None = None,
        settings: dict[str, float] | None = None,
    ) -> Started:
        """Start a command; what it prints goes to ``log``.

        ``settings`` are constants that it shall have otherwise, such as
        ``{"pipeline.shards:SHARD_TIMEOUT_S": 2.0}``.
        """
        order = {
            "arguments": [str(a) for a in arguments],
            "log": str(log),
            "folder": str(folder or log.parent),
            "settings": settings or {},
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
    learned = os.memfd_create("imports")
    _tell(ready=1)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(cli, order, learned)
        _tell(pid=pid)
        _, status, usage = os.wait4(pid, 0)
        _learn(learned)
        _tell(code=os.waitstatus_to_exitcode(status), peak_kib=usage.ru_maxrss)


def _become(cli: Any, order: dict[str, Any], learned: int) -> NoReturn:
    """The forked process: a session, a log and a folder of its own, then the program's main."""
    os.setsid()
    os.chdir(order["folder"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for name, value in order["settings"].items():
        module, _, constant = name.partition(":")
        setattr(sys.modules[module], constant, value)
    before = set(sys.modules)

    def run() -> None:
        with nursed(Nursery()):
            try:
                whole_life(lambda: cli.main(order["arguments"]))
            finally:
                names = [name for name in sys.modules if name not in before]
                os.pwrite(learned, json.dumps(names).encode(), 0)

    leave(run)


def _learn(learned: int) -> None:
    """Import what a command imported on its way: the next one has it from the start."""
    import importlib

    raw = os.pread(learned, 1 << 20, 0)
    os.ftruncate(learned, 0)
    with suppress(ValueError):  # nothing, or half a list: it was killed
        for name in json.loads(raw or b"[]"):
            with suppress(Exception):  # made up while running, not a module to be found
                importlib.import_module(name)


if __name__ == "__main__":
    _serve(sys.argv[1])
