"""Write the tables of a page from the CSV files of the benchmarks.

    python -m benchmarks.goals docs/performance.md

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``, and is made of
``benchmarks/results/NAME.csv``; everything else of the page is left as it is. Files of goals get
the goals' columns beside what was measured before (``before.csv``), the others all their
columns. Conditions that all rows share stand below the table.
"""

import argparse
import csv
import re
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
_MARKED = re.compile(r"(<!-- table: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_CONDITIONS = ("conditions", "machine", "versions", "device")

Row = dict[str, str]


def rewritten(page: str, results: Path) -> str:
    """The page with every marked table made again."""
    return _MARKED.sub(lambda m: f"{m[1]}{table_of(m[2], results)}\n{m[3]}", page)


def table_of(name: str, results: Path) -> str:
    """One file's table as Markdown."""
    path = results / f"{name}.csv"
    if not path.exists():
        return f"Not measured yet: there is no `benchmarks/results/{name}.csv`."
    rows = read(path)
    if rows and "at_least" in rows[0]:
        earlier = results / "before.csv"
        before = {row["what"]: row for row in read(earlier)} if earlier.exists() else {}
        shown = [goal_cells(row, before.get(row["what"], {})) for row in rows]
        if not any(cells["in CPU time"] for cells in shown):
            for cells in shown:
                del cells["in CPU time"]
    else:
        shown = [{key: cell for key, cell in row.items() if key not in _CONDITIONS} for row in rows]
    return f"{markdown(shown)}\n\n{conditions(rows)}".rstrip()


def goal_cells(row: Row, before: Row) -> Row:
    """A goal's cells, in the page's words."""
    sign = "≥" if row["at_least"] == "True" else "≤"
    unit = "×" if row["unit"] == "x" else row["unit"]
    what_s, against_s = (seconds(row[key]) for key in ("what_s", "against_s"))
    return {
        "what": row["what"],
        "against": row["against"],
        "goal": f"{sign} {row['goal']} {unit}",
        "before": f"{before['before']} {unit}" if before else "",
        "now": f"**{row['measured']} {unit}**",
        "in CPU time": f"{row['cpu_ratio']} {unit}" if row.get("cpu_ratio") else "",
        "met": row["met"],
        "took": f"{what_s} / {against_s}" if against_s else what_s,
        "how": row["note"],
    }


def seconds(text: str) -> str:
    """Seconds in words; nothing for none."""
    value = float(text or "nan")
    if value != value:
        return ""
    return f"{1e3 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def markdown(rows: Sequence[Row]) -> str:
    """A table of rows that have the same columns."""
    if not rows:
        return "No rows."
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in li) + " |" for li in lines
    )


def conditions(rows: Sequence[Row]) -> str:
    """What all rows were measured with, where the file tells it."""
    kept: list[str] = []
    for key in _CONDITIONS:
        kept += dict.fromkeys(row[key] for row in rows if row.get(key))
    return f"({'; '.join(kept)})" if kept else ""


def read(path: Path) -> list[Row]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Rewrite the pages given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", type=Path, nargs="+")
    for page in parser.parse_args().pages:
        text = page.read_text(encoding="utf-8")
        page.write_text(rewritten(text, RESULTS), encoding="utf-8")


if __name__ == "__main__":
    main()
