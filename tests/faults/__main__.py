"""Runs faults at length: python -m tests.faults --rows 1,5 --tries 200 --seed 0 --minutes 10."""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

from tests.faults.harness import ROOT, Tally, all_rows, run_row, write_results

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main() -> int:
    """Run the rows asked for; the exit code says whether all were survived."""
    rows = all_rows()
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rows", default="all", help="numbers with commas between [all]")
    parser.add_argument("--tries", type=int, help="of each row [the full count]")
    parser.add_argument("--seed", type=int, default=0, help="names all randomness [0]")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="of each row at most")
    parser.add_argument("--only", type=int, help="play one attempt again, by its number")
    parser.add_argument(
        "--journal",
        type=Path,
        default=ROOT / "build" / "faults.csv",
        help="single attempts; what is in it is not made again [build/faults.csv]",
    )
    parser.add_argument("--scratch", type=Path, help="folder [memory, where there is /dev/shm]")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "build" / "faults_table.csv",
        help="the table of all rows, whose lines are replaced [build/faults_table.csv]",
    )
    chosen = parser.parse_args()
    for name in ("pipeline", "pose_smoother", "trainer"):  # what was assumed, again and again
        logging.getLogger(name).setLevel(logging.ERROR)
    numbers = list(rows) if chosen.rows == "all" else [int(n) for n in chosen.rows.split(",")]
    tallies = []
    with tempfile.TemporaryDirectory(prefix="faults-", dir=chosen.scratch or _MEMORY) as scratch:
        for number in numbers:
            row = rows[number]
            if lacking := row.needs():
                print(f"row {number:2}  skipped: {lacking}")
                continue
            tally = run_row(
                row,
                seed=chosen.seed,
                tries=chosen.tries or row.TRIES,
                scratch=Path(scratch),
                seconds=60 * chosen.minutes,
                only=chosen.only,
                journal=chosen.journal,
                told=_tell if sys.stderr.isatty() else lambda _: None,
            )
            print(_line(tally), flush=True)
            for index, problem in tally.failures:
                again = f"python -m tests.faults --rows {number} --seed {tally.seed} --only {index}"
                print(f"        {problem}\n        again: {again}", flush=True)
            tallies.append(tally)
            if chosen.only is None:
                write_results(chosen.out, [tally])
    return int(any(tally.failures for tally in tallies))


def _line(tally: Tally) -> str:
    notes = ", ".join(f"{name} {value:.2f}" for name, value in tally.notes.items())
    told = f"{tally.fault} ({notes})" if notes else tally.fault
    return (
        f"row {tally.row:2}  {tally.survived:>6,} of {tally.tries:>6,} survived  "
        f"{tally.seconds:7.0f} s  seed {tally.seed}  {told}"
    )


def _tell(tally: Tally) -> None:
    print(f"\r{_line(tally)[:110]}", end="\r", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
