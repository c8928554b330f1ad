"""The table of goals that both ``bench`` commands print and write."""

from pathlib import Path

import pytest

from pose_smoother.bench.goals import Goal, draw_goals, read_goals, speed_up, table, write_goals
from pose_smoother.bench.timing import Timings

FAST = Goal("render", "scipy", 100.0, True, 125.0)
SLOW = Goal("step", "resident", 1.25, False, 1.5, what_s=0.03, against_s=0.02, repeats=7)
TIMED = Goal("step", "resident", 1.25, False, 1.5, cpu_ratio=1.234)


@pytest.mark.parametrize(
    ("goal", "met"),
    [(FAST, True), (SLOW, False), (Goal("a", "b", 2.0, True, 2.0), True)],
)
def test_met(goal: Goal, met: bool) -> None:
    assert goal.met is met


def test_table_reports_goal_number_and_verdict() -> None:
    lines = table([FAST, SLOW]).splitlines()
    assert lines[1].split() == ["render", "scipy", "≥", "100", "x", "125", "x", "yes"]
    assert lines[2].split() == ["step", "resident", "≤", "1.25", "x", "1.5", "x", "no"]


def test_processor_time_is_next_to_the_wall_clock_s_where_it_was_taken(tmp_path: Path) -> None:
    lines = table([SLOW, TIMED]).splitlines()
    assert lines[0].split()[-4:] == ["in", "CPU", "time", "met"]
    assert lines[2].split()[-5:] == ["1.5", "x", "1.23", "x", "no"]
    write_goals(tmp_path / "goals.csv", [SLOW, TIMED])
    assert [row["cpu_ratio"] for row in read_goals(tmp_path / "goals.csv")] == ["", "1.234"]


def test_a_speed_up_is_reported_in_both_clocks() -> None:
    timings = Timings({"fast": [1.0], "slow": [9.0]}, {"fast": [1.0], "slow": [4.0]})
    goal = speed_up("a", "b", 2.0, timings, ("fast", "slow"), "", times=2.0)
    assert (goal.measured, goal.cpu_ratio) == (18.0, 8.0)
    of_wall = Timings({"fast": [1.0], "slow": [9.0]})
    assert speed_up("a", "b", 2.0, of_wall, ("fast", "slow"), "").cpu_ratio is None


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
