"""The performance page's tables come from the benchmarks' files."""

from pathlib import Path

from benchmarks.goals import rewritten
from pose_smoother.bench.goals import Goal, write_goals

PAGE = "Before\n<!-- table: goals_x -->\nold\n<!-- end -->\nAfter\n<!-- table: y --><!-- end -->\n"


def test_marked_tables_are_made_again_and_nothing_else(tmp_path: Path) -> None:
    write_goals(tmp_path / "goals_x.csv", [Goal("step", "bare", 1.05, False, 1.02, what_s=0.25)])
    (tmp_path / "before.csv").write_text("what,before,source\nstep,1.08,measured\n")
    page = rewritten(PAGE, tmp_path)
    assert page.startswith("Before\n<!-- table: goals_x -->\n| what |")
    assert "| step | bare | ≤ 1.05 × | 1.08 × | **1.02 ×** | yes | 250 ms |" in page
    assert "old" not in page
    assert page.endswith("After\n<!-- table: y --><!-- end -->\n")
    assert rewritten(page, tmp_path) == page


def test_processor_time_has_a_column_where_some_goal_has_it(tmp_path: Path) -> None:
    goals = [Goal("step", "bare", 1.05, False, 1.2, cpu_ratio=1.03), Goal("a", "b", 2.0, True, 3.0)]
    write_goals(tmp_path / "goals_x.csv", goals)
    page = rewritten(PAGE, tmp_path)
    assert "| now | in CPU time | met |" in page
    assert "| **1.2 ×** | 1.03 × | no |" in page
    assert "| **3 ×** |  | yes |" in page
    write_goals(tmp_path / "goals_x.csv", goals[1:])
    assert "CPU time" not in rewritten(PAGE, tmp_path)


def test_a_table_without_a_file_says_so(tmp_path: Path) -> None:
    assert "Not measured yet" in rewritten(PAGE, tmp_path)
