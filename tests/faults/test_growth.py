"""Row 25's files are read, and its judgement tells a square from a line."""

from pathlib import Path

import pytest

from tests.faults.forked import Outcome
from tests.faults.growing_files import KINDS, Maker, instances
from tests.faults.keypoint_files import smoothed
from tests.faults.rows.row25_growth import growth_problem


@pytest.mark.parametrize("maker", KINDS, ids=lambda maker: maker.__name__)
def test_a_small_file_of_each_kind_is_smoothed(maker: Maker, tmp_path: Path) -> None:
    path = maker(tmp_path, 1 if maker is instances else 8)  # more instances are refused
    assert smoothed(path, tmp_path / f"out{path.suffix}")


@pytest.mark.parametrize(
    ("few", "many", "problem"),
    [
        (0.5, 2.0, ""),
        (0.5, 8.0, "x: 100 take 0.50 s, 400 8.00 s"),
        (0.01, 1.0, ""),  # too short to say
        (0.01, 3.0, "x: 100 take 0.01 s, 400 3.00 s"),
        (5.0, 31.0, "x of 100: took 31.0 s of processor time: "),
    ],
)
def test_what_takes_sixteen_times_as_long_is_a_problem(
    few: float, many: float, problem: str
) -> None:
    outcomes = (Outcome("done", "", seconds, 0) for seconds in (few, many))
    assert growth_problem("x", 100, *outcomes) == problem


def test_a_file_that_hangs_is_a_problem() -> None:
    done, hung = Outcome("done", "", 1, 0), Outcome("hang", "no end", 60, 0)
    assert growth_problem("x", 100, done, hung) == "x of 100: hang: no end"
