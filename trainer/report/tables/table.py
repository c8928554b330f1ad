"""A table before it has a form, and its forms: CSV, Markdown and LaTeX (the page has its own).

A table shows text in rows of kinds; its CSV holds the numbers behind, one a row, unrounded.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pose_smoother.text import one_line
from trainer.runs.results_io import csv_bytes

#: Rows of these kinds are under the row of a value and belong to it.
UNDER_A_VALUE = ("interval", "published", "difference")
ABSENT = "–"


@dataclass(frozen=True)
class Row:
    """One row of text.

    Attributes
    ----------
    kind : "block" (a heading over all columns, no cells), "fact" (such as counts), "value", or one
        of ``UNDER_A_VALUE``.
    best : columns in which this row's value is the best.
    """

    kind: str
    label: str
    cells: tuple[str, ...] = ()
    best: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : the files' stem.
    heads : header rows of (text, columns it spans), without the first column of labels.
    columns, records : the CSV's columns and rows.
    notes : what a reader must know, a sentence each.
    corner : what the first column holds.
    """

    name: str
    title: str
    heads: tuple[tuple[tuple[str, int], ...], ...]
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    corner: str = ""

    @property
    def n_columns(self) -> int:
        """Columns besides the labels."""
        return sum(span for _, span in self.heads[-1])


def measured_rows(table: Table) -> Table | None:
    """The table without rows, and headings, under which nothing was measured; None if none is left.

    A row of a value without any, which only the published number under it fills, is left out.
    """
    kept: list[Row] = []
    heading: Row | None = None
    shown = True
    for row in table.rows:
        if row.kind == "block":
            heading, shown = row, True
            continue
        if row.kind not in UNDER_A_VALUE:
            shown = any(cell not in ("", ABSENT) for cell in row.cells)
        if shown:
            kept += [heading, row] if heading is not None else [row]
            heading = None
    has_values = any(row.kind == "value" for row in table.rows)
    left = [row for row in kept if row.kind == "value" or not has_values]
    return replace(table, rows=tuple(kept)) if left else None


def csv_of(table: Table) -> bytes:
    """The table's numbers; an absent one is an empty cell."""
    return records_csv(table.columns, table.records)


def records_csv(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> bytes:
    """Records as CSV, NaN as an empty cell."""
    return csv_bytes(columns, [{k: _blank(v) for k, v in record.items()} for record in records])


def _blank(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def markdown(table: Table) -> str:
    """The table as a GitHub table with its title and notes; names are shown as they are."""
    heads = [_spread(head) for head in table.heads]
    joined = [" ".join(filter(None, parts)) for parts in zip(*heads, strict=True)]
    lines = [f"## {_text(table.title)}", "", _piped(map(_plain, [table.corner, *joined]))]
    lines.append(_piped(["---", *["---:"] * table.n_columns]))
    for row in table.rows:
        if row.kind == "block":
            lines.append(_piped([f"**{_plain(row.label)}**", *[""] * table.n_columns]))
            continue
        cells = [
            f"**{_plain(cell)}**" if at in row.best else _plain(cell)
            for at, cell in enumerate(row.cells)
        ]
        label = _plain(row.label)
        lines.append(_piped([f"*{label}*" if row.kind in UNDER_A_VALUE else label, *cells]))
    return "\n".join([*lines, "", *(f"- {_text(note)}" for note in table.notes), ""])


def _spread(head: Sequence[tuple[str, int]]) -> list[str]:
    """A header row with its spans written out."""
    return [text for text, span in head for _ in range(span)]


def _text(text: str) -> str:
    """Text that may come from strangers, on one line, without HTML, links or pictures."""
    return one_line(text).replace("<", "&lt;").replace("](", "]\\(")


def _plain(text: str) -> str:
    return _text(text).replace("|", "\\|").replace("*", "\\*")


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "–": "--",
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "α": r"$\alpha$",
    "σ": r"$\sigma$",
    "²": "$^2$",
}


def latex(table: Table) -> str:
    """The table as a LaTeX ``table``; it needs ``booktabs``, and ``graphicx`` to fit the page."""
    lines = [
        r"% needs \usepackage{booktabs} and \usepackage{graphicx}",
        r"\begin{table}",
        r"\centering",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * table.n_columns}}}",
        r"\toprule",
    ]
    for at, head in enumerate(table.heads):
        corner = table.corner if at == len(table.heads) - 1 else ""
        cells = [_spanning(text, span) for text, span in head]
        lines.append(" & ".join([_tex(corner), *cells]) + r" \\")
    lines.append(r"\midrule")
    for at, row in enumerate(table.rows):
        if row.kind == "block":
            lines += [r"\midrule"] if at else []
            heading = rf"\textbf{{{_tex(row.label)}}}"
            lines.append(rf"\multicolumn{{{table.n_columns + 1}}}{{l}}{{{heading}}} \\")
        else:
            lines.append(_latex_row(row))
    lines += [r"\bottomrule", r"\end{tabular}}"]
    caption = " ".join([f"{table.title}.", *table.notes])
    lines += [rf"\caption{{{_tex(caption)}}}", rf"\label{{tab:{table.name}}}", r"\end{table}", ""]
    return "\n".join(lines)


def _latex_row(row: Row) -> str:
    cells = [
        rf"\textbf{{{_tex(cell)}}}" if at in row.best else _tex(cell)
        for at, cell in enumerate(row.cells)
    ]
    label = _tex(row.label)
    if row.kind in UNDER_A_VALUE:
        label, *cells = [rf"\scriptsize {cell}" for cell in (rf"\quad {label}", *cells)]
    return " & ".join([label, *cells]) + r" \\"


def _spanning(text: str, span: int) -> str:
    return _tex(text) if span == 1 else rf"\multicolumn{{{span}}}{{c}}{{{_tex(text)}}}"


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
