"""A few attempts of every row; `make faults` makes the full count."""

from pathlib import Path

import numpy as np
import pytest

from tests.faults import __main__ as program
from tests.faults import servers, small_disk
from tests.faults.harness import ROOT, Tally, all_rows, attempts, run_row, write_results

ROWS = all_rows()
SEED = 20_260


def test_every_row_of_the_table_is_there() -> None:
    assert list(ROWS) == list(range(1, 26))


@pytest.mark.parametrize("number", list(ROWS))
def test_a_few_faults_of_the_row_do_no_harm(number: int, tmp_path: Path) -> None:
    row = ROWS[number]
    if lacking := row.needs():
        pytest.skip(lacking)
    tally = Tally(number, row.FAULT, SEED, row.TRIES)
    for index, found, seconds in attempts(row, SEED, tmp_path, iter(range(row.SHARE))):
        tally.add(index, found, seconds)
    assert tally.tries >= row.SHARE
    assert tally.failures == [], f"seed {SEED}"


@pytest.mark.parametrize("task", ["hdf5", "train"])  # all five are in `make faults`
def test_what_filled_a_small_disk_goes_on_when_there_is_room(task: str, tmp_path: Path) -> None:
    if lacking := servers.mounts_lacking():
        pytest.skip(lacking)
    found = small_disk.attempt(tmp_path, np.random.default_rng(SEED), task)
    assert found.problems == []


def test_a_run_that_was_stopped_goes_on_and_harm_is_reported(tmp_path: Path) -> None:
    class Fake:
        NUMBER, FAULT, TRIES, SHARE = 99, "fake", 5, 1
        made: list[int] = []  # noqa: RUF012

        def prepare(self, folder: Path) -> Path:
            return folder

        def attempt(self, ready, folder, rng, index):  # type: ignore[no-untyped-def]
            from tests.faults.harness import Attempt

            self.made.append(index)
            if index == 3:
                raise ValueError("odd")
            return Attempt(1, ["lost"] if index == 1 else [], {"slowest": float(index)})

    row, journal = Fake(), tmp_path / "journal.csv"
    for tries in (2, 5):
        tally = run_row(row, seed=1, tries=tries, scratch=tmp_path, journal=journal)  # type: ignore[arg-type]
    assert row.made == [0, 1, 2, 3, 4]
    assert (tally.tries, tally.survived) == (5, 3)
    assert tally.failures[0] == (1, "lost")
    assert "ValueError: odd" in tally.failures[1][1]
    assert tally.notes == {"slowest": 4.0}
    write_results(tmp_path / "results.csv", [tally])
    assert "99,fake,5,5,3," in (tmp_path / "results.csv").read_text()


def test_committed_results_are_not_written_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(program, "run_row", lambda row, **_: Tally(row.NUMBER, "", SEED, 1))
    monkeypatch.setattr(program, "write_results", lambda path, _: written.append(path))
    for more in ([], ["--out", str(tmp_path / "table.csv")]):
        monkeypatch.setattr("sys.argv", ["faults", "--rows", "23", *more])
        program.main()
    assert written == [ROOT / "build" / "faults_table.csv", tmp_path / "table.csv"]
