"""SIGTERM and Ctrl-C set a flag; the next step saves and stops (DESIGN section 12)."""

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from pose_smoother.errors import EXIT_TRY_AGAIN, Interrupted

#: Exit codes by signal: a scheduler starts the first again, and 130 is a shell's Ctrl-C.
EXIT_CODES = {signal.SIGTERM: EXIT_TRY_AGAIN, signal.SIGINT: 130}
_LOOK_S = 0.5


class Interrupt:
    """While entered, records SIGTERM and SIGINT instead of ending the process.

    A second Ctrl-C acts at once, without saving; SIGTERM may come several times, as schedulers
    send it. Outside the main thread (Python forbids handlers there) both are left alone.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        if signum == signal.SIGINT == self.signum:
            raise KeyboardInterrupt
        self.signum = signum

    def leave_if_requested(self) -> None:
        """Raise Interrupted when a signal came."""
        raise_if_interrupted(self.signum)


def raise_if_interrupted(signum: int | None) -> None:
    """Raise Interrupted when there is a signal."""
    if signum is not None:
        number = signal.Signals(signum)
        text = f"stopped by {number.name}; the same command continues the run"
        raise Interrupted(text, EXIT_CODES[number])


def stop_with_parent(pid: int) -> None:
    """Send this process SIGTERM when its parent is no longer the process ``pid``.

    A sweep that is killed can't stop its runs any more; they would continue unseen, and lock their
    folders against the next sweep.
    """

    def watch() -> None:
        while os.getppid() == pid:
            time.sleep(_LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
