"""A sweep's progress: lines that stay, and on a terminal a live line for each run at work."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from pose_smoother.progress_bars import can_redraw
from pose_smoother.text import one_line

_REDRAW_S = 1.0
_REPEAT_S = 300.0  # in a file, a run's line is repeated this often at most


class ProgressDisplay:
    """Writes progress to a terminal or a file.

    Parameters
    ----------
    stream : None is stderr.
    live : whether lines can be redrawn; None asks whether stderr is such a terminal.
    hidden : nothing is written.
    """

    def __init__(
        self, stream: TextIO | None = None, live: bool | None = None, hidden: bool = False
    ) -> None:
        self._stream = stream or sys.stderr
        self._live = stream is None and can_redraw() if live is None else live
        self._hidden = hidden
        self._n_drawn = 0
        self._last = time.monotonic()

    def write(self, line: str) -> None:
        """Print a line that stays."""
        self._wipe()
        self._print(line)

    @property
    def is_due(self) -> bool:
        """Whether ``show`` is due."""
        return time.monotonic() - self._last > (_REDRAW_S if self._live else _REPEAT_S)

    def show(self, lines: Sequence[str]) -> None:
        """Redraw the live lines; in a file they are simply the next ones."""
        self._wipe()
        for line in lines:
            self._print(line)
        self._n_drawn = len(lines) if self._live else 0
        self._last = time.monotonic()

    def _print(self, line: str) -> None:
        if not self._hidden:
            print(one_line(line), file=self._stream, flush=True)

    def _wipe(self) -> None:
        if self._n_drawn:  # up to the first live line, then clear to the screen's end
            print(f"\x1b[{self._n_drawn}F\x1b[J", end="", file=self._stream, flush=True)
        self._n_drawn = 0
