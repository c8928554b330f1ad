"""A process that must not outlive the one that started it."""

import os
import signal
import threading
import time

_LOOK_S = 0.5


def stop_with_parent(pid: int) -> None:
    """Send this process SIGTERM when its parent is no longer the process ``pid``.

    A sweep that is killed can't stop its runs any more; they would go on unseen, and hold their
    folders against the next sweep.
    """

    def watch() -> None:
        while os.getppid() == pid:
            time.sleep(_LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
