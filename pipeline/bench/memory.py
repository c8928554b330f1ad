"""How much memory a process and all that it started take."""

import os
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


class PeakMemory:
    """The most memory that this process and its descendants took while the body ran.

    Proportional set sizes are added: what processes share counts once. Linux only; elsewhere NaN.

    Attributes
    ----------
    peak_bytes : float.
    """

    def __init__(self, every_s: float = 0.2) -> None:
        self.peak_bytes = float("nan")
        self._every_s = every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._every_s):
            if found := sum(map(_proportional_bytes, family(os.getpid()))):
                self.peak_bytes = max(found, self.peak_bytes if self.peak_bytes > 0 else 0)


def family(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            children[int(parent)].append(int(folder.name))
    found = [root]
    for process in found:
        found += children[process]
    return found


def _proportional_bytes(process: int) -> int:
    with suppress(OSError):
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0
