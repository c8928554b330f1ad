"""Whether progress bars are drawn: on a terminal, and not with ``-q``."""

import os
import sys

_hidden = False


def hide_bars(hidden: bool) -> None:
    """Draw no bars from now on, or draw them where there is a terminal."""
    global _hidden
    _hidden = hidden


def bars_hidden() -> bool:
    """Whether no bar is to be drawn: stderr is no terminal, or the command is quiet."""
    return _hidden or not sys.stderr.isatty()


def can_redraw() -> bool:
    """Whether several lines may be redrawn, which takes escape sequences."""
    return not (bars_hidden() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")
