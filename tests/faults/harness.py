"""Runs rows of faults: every attempt has its own seed, so that a failure can be played again.

An attempt may inject several faults (a chain of kills, a folder of damaged files); each counts as a
try. Results are kept as they come: a run that is stopped goes on where it was.
"""

import csv
import importlib
import pkgutil
import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from tests.faults import rows

ROOT = Path(__file__).parent.parent.parent
COLUMNS = ("row", "fault", "tries", "full", "survived", "seconds", "seed", "command", "failures")


@dataclass
class Attempt:
    """What came of some faults: how many there were, and a line for each that did harm.

    ``notes`` are measurements worth telling, such as the slowest answer in seconds.
    """

    tries: int = 1
    problems: list[str] = field(default_factory=list)
    notes: dict[str, float] = field(default_factory=dict)


class Row(Protocol):
    """What a module of ``rows`` offers.

    ``TRIES`` is the full count, ``SHARE`` the number of attempts that the test suite makes.
    ``needs()`` says why the row can't run here ("" if it can).
    """

    NUMBER: int
    FAULT: str
    TRIES: int
    SHARE: int

    def needs(self) -> str:
        """Why the row can't run on this machine, or ""."""

    def prepare(self, folder: Path) -> Any:
        """What all attempts share, made once."""

    def attempt(self, ready: Any, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
        """Inject faults and judge; ``folder`` is empty and goes away afterwards."""


@dataclass
class Tally:
    """What came of a row; ``full`` is its full count of tries."""

    row: int
    fault: str
    seed: int
    full: int
    tries: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def survived(self) -> int:
        """Tries without harm."""
        return self.tries - len(self.failures)

    def add(self, index: int, found: Attempt, seconds: float) -> None:
        """Count an attempt."""
        self.tries += found.tries
        self.failures += [(index, problem) for problem in found.problems]
        self.seconds += seconds
        for name, value in found.notes.items():
            self.notes[name] = max(value, self.notes.get(name, value))


def all_rows() -> dict[int, Row]:
    """Every row by its number."""
    found = {}
    for info in pkgutil.iter_modules(rows.__path__):
        module = cast(Row, importlib.import_module(f"{rows.__name__}.{info.name}"))
        found[module.NUMBER] = module
    return dict(sorted(found.items()))


def attempts(
    row: Row, seed: int, scratch: Path, indices: Iterator[int]
) -> Iterator[tuple[int, Attempt, float]]:
    """Make attempts, one after another; each by itself in a folder of its own."""
    shared = scratch / f"row{row.NUMBER}"
    shutil.rmtree(shared, ignore_errors=True)
    (shared / "ready").mkdir(parents=True)
    ready = row.prepare(shared / "ready")
    try:
        for index in indices:
            folder = shared / "attempt"
            folder.mkdir()
            rng = np.random.default_rng((seed, row.NUMBER, index))
            began = time.monotonic()
            try:
                found = row.attempt(ready, folder, rng, index)
            except Exception:
                last = traceback.format_exc().strip().replace("\n", " | ")
                found = Attempt(1, [f"the harness met {last[-400:]}"])
            yield index, found, time.monotonic() - began
            shutil.rmtree(folder)
    finally:
        if close := getattr(ready, "close", None):
            close()
        shutil.rmtree(shared, ignore_errors=True)


def run_row(
    row: Row,
    *,
    seed: int,
    tries: int,
    scratch: Path,
    seconds: float = float("inf"),
    only: int | None = None,
    journal: Path | None = None,
    told: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Run a row until it has had its tries or its time.

    Parameters
    ----------
    only : one attempt alone, to play a failure again.
    journal : CSV of single attempts; those of this row and seed in it are not made again.
    """
    tally = Tally(row.NUMBER, row.FAULT, seed, row.TRIES)
    start = 0
    if journal is not None and only is None:
        for index, found, spent in _saved(journal, row.NUMBER, seed):
            tally.add(index, found, spent)
            start = max(start, index + 1)
    began = time.monotonic()

    def indices() -> Iterator[int]:
        index = start
        while tally.tries < tries and time.monotonic() - began < seconds:
            yield index
            index += 1

    if only is None and tally.tries >= tries:
        return tally
    for index, found, spent in attempts(
        row, seed, scratch, iter([only]) if only is not None else indices()
    ):
        tally.add(index, found, spent)
        if journal is not None and only is None:
            _save(journal, row.NUMBER, seed, index, found, spent)
        told(tally)
    return tally


def _save(journal: Path, row: int, seed: int, index: int, found: Attempt, seconds: float) -> None:
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a", newline="") as file:
        notes = ";".join(f"{name}={value:.3f}" for name, value in found.notes.items())
        line = [row, seed, index, found.tries, f"{seconds:.3f}", notes, *found.problems]
        csv.writer(file).writerow(line)


def _saved(journal: Path, row: int, seed: int) -> Iterator[tuple[int, Attempt, float]]:
    if not journal.exists():
        return
    with journal.open(newline="") as file:
        for number, its_seed, index, tries, seconds, notes, *problems in csv.reader(file):
            if (int(number), int(its_seed)) == (row, seed):
                told = {
                    k: float(v)
                    for k, _, v in (note.partition("=") for note in notes.split(";") if note)
                }
                yield int(index), Attempt(int(tries), problems, told), float(seconds)


def _plain(text: str) -> str:
    """A failure on one line, without paths of this machine."""
    return " ".join(re.sub(r"(/[\w.@-]+){2,}", "(path)", text).split())


def write_results(path: Path, tallies: list[Tally]) -> None:
    """Put the rows' results into the table of all rows, which is written again."""
    lines: dict[int, dict[str, Any]] = {}
    if path.exists():
        with path.open(newline="") as file:
            lines = {int(line["row"]): dict(line) for line in csv.DictReader(file)}
    for tally in tallies:
        lines[tally.row] = {
            "row": tally.row,
            "fault": tally.fault,
            "tries": tally.tries,
            "full": tally.full,
            "survived": tally.survived,
            "seconds": f"{tally.seconds:.0f}",
            "seed": tally.seed,
            "command": f"make faults ARGS='--rows {tally.row} --seed {tally.seed}'",
            "failures": "; ".join(
                f"attempt {index}: {_plain(text)}" for index, text in tally.failures
            ),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines[number] for number in sorted(lines))
