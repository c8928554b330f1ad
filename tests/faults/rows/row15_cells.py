"""Row 15: cells that spreadsheets compute, and ids that readers of CSV change."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from tests.faults.harness import Attempt
from trainer.runs.results_io import csv_bytes, read_csv, unescape_cell, write_csv

NUMBER, FAULT = 15, "formulas and odd ids in CSV cells"
TRIES, SHARE = 2_000, 100
_ODD = (
    "=1+1", "+1", "-abc", "@SUM(A1)", "=cmd|' /C calc'!A0", "NA", "NaN", "nan", "null", "None", "",
    "007", "1e5", "0x10", "1_000", "TRUE", "inf", "-inf", "'", "''", "'=1", '"', '""', "a,b", "a;b",
    " lead", "trail ", "ü", "日本", "🕺", "-", "--", "1.10", "#N/A", "2021-01-01", "a'b",
)  # fmt: skip
_LETTERS = list("=+-@'\",; aZ0_é\u00a0\u2028")
_COLUMNS = ("id", "other", "number")
_KINDS = {"id": "text", "other": "text", "number": "float64"}


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> None:
    """Nothing."""
    del folder


def attempt(ready: None, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Write odd cells; read them with our reader, with pandas, and after pandas wrote them."""
    del ready
    rows = [
        {"id": _cell(rng, index + i), "other": _cell(rng, -1), "number": _number(rng)}
        for i in range(4)
    ]
    found = Attempt()
    file = folder / "t.csv"
    write_csv(file, _COLUMNS, rows)
    for line in csv.reader(io.StringIO(file.read_bytes().decode())):
        if any(cell.startswith(("=", "+", "@")) or _is_formula(cell) for cell in line):
            found.problems.append(f"a cell begins a formula: {line}")
    ours = read_csv(file, _KINDS)
    pandas = pd.read_csv(file, dtype=str, keep_default_na=False)
    pandas.to_csv(folder / "again.csv", index=False)
    again = read_csv(folder / "again.csv", _KINDS)
    for name in ("id", "other"):
        wanted = [row[name] for row in rows]
        for kind, cells in (
            ("read_csv", ours[name]),
            ("pandas", pandas[name].map(unescape_cell)),
            ("after pandas wrote it", again[name]),
        ):
            if list(cells) != wanted:
                found.problems.append(f"{kind}: {list(cells)} for {wanted}")
    numbers = np.array([np.nan if row["number"] is None else row["number"] for row in rows])
    if not np.array_equal(ours["number"].to_numpy(), numbers, equal_nan=True):
        found.problems.append(f"numbers {ours['number'].tolist()} for {numbers.tolist()}")
    if csv_bytes(_COLUMNS, rows) != file.read_bytes():
        found.problems.append("written twice, it differs")
    return found


def _is_formula(cell: str) -> bool:
    """Whether a cell begins with a minus and is no number."""
    if not cell.startswith("-"):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _cell(rng: np.random.Generator, index: int) -> str:
    if 0 <= index < len(_ODD) or rng.integers(2):
        return _ODD[index % len(_ODD) if index >= 0 else int(rng.integers(len(_ODD)))]
    return "".join(rng.choice(_LETTERS, int(rng.integers(0, 8))))


def _number(rng: np.random.Generator) -> float | None:
    numbers = (None, 0.1, -1e-300, 1e300, float(rng.normal()), float(rng.normal()) * 1e-9, -0.0)
    return numbers[int(rng.integers(len(numbers)))]
