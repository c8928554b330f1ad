"""Where progress is drawn, and where lines may be redrawn."""

import io
import sys

import pytest

from pose_smoother.progress_bars import bars_hidden, can_redraw, hide_bars
from trainer.sweep.progress_display import ProgressDisplay


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "quiet", "bars", "redrawn"),
    [
        ({"TERM": "xterm"}, False, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, True, False),
        ({"TERM": "dumb"}, False, True, False),
        ({"TERM": "xterm"}, True, False, False),
    ],
)
def test_what_a_terminal_gets(
    env: dict[str, str],
    quiet: bool,
    bars: bool,
    redrawn: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("os.environ", env)
    hide_bars(quiet)
    try:
        assert (not bars_hidden(), can_redraw()) == (bars, redrawn)
        display = ProgressDisplay(hidden=quiet)
        display.show(["one", "two"])
        display.write("done")
    finally:
        hide_bars(False)
    assert ("\x1b[2F" in terminal.getvalue()) == redrawn
    assert ("done" in terminal.getvalue()) != quiet


def test_no_terminal_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert bars_hidden()
    assert not can_redraw()
