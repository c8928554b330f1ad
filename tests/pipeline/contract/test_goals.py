"""The table of goals that both ``bench`` commands print and write."""

from pathlib import Path

import pytest

from pipeline.contract.goals import Goal, draw_goals, read_goals, table, write_goals

FAST = Goal("render", "scipy", 100.0, True, 125.0)
SLOW = Goal("step", "resident", 1.25, False, 1.5, what_s=0.03, against_s=0.02, repeats=7)


@pytest.mark.parametrize(
    ("goal", "met"),
    [(FAST, True), (SLOW, False), (Goal("a", "b", 2.0, True, 2.0), True)],
)
def test_met(goal: Goal, met: bool) -> None:
    assert goal.met is met


def test_table_tells_goal_number_and_verdict() -> None:
    lines = table([FAST, SLOW]).splitlines()
    assert lines[1].split() == ["render", "scipy", "≥", "100", "x", "125", "x", "yes"]
    assert lines[2].split() == ["step", "resident", "≤", "1.25", "x", "1.5", "x", "no"]


def test_a_file_of_goals_reads_back(tmp_path: Path) -> None:
    write_goals(tmp_path / "goals.csv", [FAST, SLOW], "numpy", "no-such-package")
    rows = read_goals(tmp_path / "goals.csv")
    assert [row["met"] for row in rows] == ["yes", "no"]
    assert (rows[1]["measured"], rows[1]["what_s"], rows[1]["repeats"]) == ("1.5", "0.03", "7")
    assert "numpy" in rows[0]["versions"]
    assert "no-such" not in rows[0]["versions"]
    assert "cores" in rows[0]["machine"]


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    draw_goals(tmp_path / "goals.png", [FAST, SLOW])
    assert (tmp_path / "goals.png").read_bytes().startswith(b"\x89PNG")
