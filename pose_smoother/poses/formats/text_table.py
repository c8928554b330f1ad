"""Delimited text that is written back as it came: cells change in place, nothing is re-quoted.

`csv` and pandas lose which cells were quoted and how lines ended, and pandas makes something else
of ``007`` and ``NA``; here a file is its lines, and a line is split only to be read or changed.
"""

import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import open_plain
from pose_smoother.poses.formats.plain_cells import Coded, Indices, PlainCells, coded
from pose_smoother.poses.formats.table_cells import (
    COMMA_NUMBER,
    are_short,
    cell_texts,
    column_numbers,
    is_comment,
    number,
    number_text,
    plain,
    split,
    with_point,
)
from pose_smoother.poses.formats.table_lines import (
    count_plain_lines,
    decoded,
    each_line,
    is_ascii_text,
    line_end,
)
from pose_smoother.poses.formats.tracks_io import MAX_BYTES
from pose_smoother.poses.tracks import Floats

#: A header is looked for below so many comment lines at most.
_MAX_COMMENTS = 1000
_TOP_LINES = 32  # below the header
_HEAD_BYTES = (1 << 14, 1 << 20)  # that are read of a file for it: at first, and where it is long
_POINT_NUMBER = re.compile(r"\s*[+-]?\d*\.\d+(?:[eE][+-]?\d+)?\s*")
_NUMBER = re.compile(r'\s*"?[+-]?[\d.,]+(?:[eE][+-]?\d+)?"?\s*|nan', flags=re.IGNORECASE)
_BOM = "\ufeff".encode()
_FPS = re.compile(
    r"#.*\b(?:fps|frame_?rate)\s*[:=]\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?)", flags=re.IGNORECASE
)


@dataclass(frozen=True)
class Table:
    """A delimited text file.

    Attributes
    ----------
    data : the file's text in UTF-8, a byte-order mark included.
    delimiter : ``,``, ``;``, ``|``, a tab, or one space where there is none of these.
    encoding : what the file's bytes were decoded by.
    head : the index of the header, after comment lines (``# fps: 30``).
    """

    data: bytes
    delimiter: str
    encoding: str
    head: int

    @cached_property
    def lines(self) -> list[str]:
        """Every line with its ending, a quoted line break within one; blank lines are kept."""
        end = line_end(self.data)
        if b'"' in self.data:
            return list(each_line(self.data))
        lines = [line + end for line in self.data.decode().split(end)]
        lines[-1] = lines[-1][:-1]
        return [line for line in lines if line]

    @cached_property
    def _top(self) -> list[str]:
        """The lines to the header and some below it, which most readers need no more of."""
        return list(islice(each_line(self.data), self.head + _TOP_LINES))

    def _line(self, index: int) -> str:
        return self._top[index] if index < len(self._top) else self.lines[index]

    @cached_property
    def filled(self) -> Sequence[int]:
        """The indices of the header and of the lines below it, without blank ones and comments."""
        n_lines = count_plain_lines(self.data)
        if n_lines and self.data.find(b"#", self._start(self.head + 1)) < 0:
            return range(self.head, n_lines)
        if not self.lines:
            return []
        below = self.lines[self.head + 1 :]
        texts = enumerate(map(str.lstrip, below), self.head + 1)
        found = [i for i, text in texts if text and not (text[0] == "#" and is_comment(text))]
        return [self.head, *found] if found or self._line(self.head).strip() else []

    @cached_property
    def decimal(self) -> str:
        """The decimal separator: a comma where numbers have one and none has a point.

        The first lines decide, or all where the first ones have no such numbers.
        """
        if self.delimiter == "," or b"," not in self.data:
            return "."
        cells = [plain(cell) for i in self.filled[1:20] for cell in self.cells(i)]
        comma, point = (any(map(one.fullmatch, cells)) for one in (COMMA_NUMBER, _POINT_NUMBER))
        if not (comma or point):
            comma, point = self._has_number(","), self._has_number(".")
        return "," if comma and not point else "."

    def _has_number(self, separator: str) -> bool:
        """Whether some cell is a number with a decimal separator."""
        edge = rf'["\r\n{re.escape(self.delimiter)}]'
        blanks = "" if self.delimiter == " " else " *"
        digits = rf"[+-]?[0-9]*{re.escape(separator)}[0-9]+(?:[eE][+-]?[0-9]+)?"
        cell = re.compile(rf"(?<={edge}){blanks}{digits}{blanks}(?={edge}|\Z)".encode())
        return cell.search(self.data, self._start(self.head + 1)) is not None

    @property
    def fps(self) -> float | None:
        """Frames a second, where a comment line says so."""
        found = filter(None, map(_FPS.match, self._top[: self.head]))
        rates = [float(match[1]) for match in found]
        return rates[0] if rates and 0 < rates[0] < math.inf else None

    def cells(self, index: int) -> list[str]:
        """The raw cells of a line, quotes and all, without the line's ending."""
        return split(self._line(index).rstrip("\r\n"), self.delimiter)

    def texts(self, index: int) -> list[str]:
        """The cells of a line as text."""
        line = self._line(index)
        return cell_texts(_uncommented(line) if index == self.head else line, self.delimiter)

    def rows(
        self, first: int, n_cells: int, ragged: bool = False
    ) -> Iterator[tuple[int, list[str]]]:
        """(index, texts) of the filled lines from the given one of them on; numbers have points.

        Parameters
        ----------
        ragged : blank cells at the end of a line may be left out; more of them may always be there.

        Raises
        ------
        InvalidInputError : a line has another number of cells than ``n_cells``.
        """
        for index in self.filled[first:]:
            texts = self.texts(index)
            if len(texts) > n_cells and not any(map(str.strip, texts[n_cells:])):
                texts = texts[:n_cells]
            elif ragged:
                texts += [""] * (n_cells - len(texts))
            if len(texts) != n_cells:
                raise InvalidInputError(
                    f"line {index + 1}: expected {n_cells} cells, found {len(texts)}"
                )
            if self.decimal == ",":
                texts = [with_point(text) for text in texts]
            yield index, texts

    def columns(
        self,
        first: int,
        header: Sequence[str],
        texts: Sequence[int],
        numbers: Sequence[int],
        frame: int | None = None,
    ) -> tuple[Indices, list[Coded | Indices], Floats]:
        """Columns of the filled lines from the given one of them on.

        Plain lines are parsed all at once, as `rows` and `column_numbers` would.

        Parameters
        ----------
        header : the titles of all columns.
        texts, numbers : the columns wanted.
        frame : one of ``texts``, which may come as whole numbers, int64 (n,).

        Returns
        -------
        (the lines' indices, int64 (n,), columns of text, float64 (n, len(numbers)))
        """
        numbered = self.filled[first:]
        at, joined = self._joined(numbered)
        odd = b'"' in self.data or (not self.data.isascii() and self.data.find(_BOM, 1) >= 0)
        if not odd and self.decimal == ".":
            with suppress(ValueError):
                plain = PlainCells(joined, self.delimiter, len(header))
                values = plain.numbers(
                    numbers, lambda i, j, text: number(text, numbered[i], header[numbers[j]])
                )
                if values is not None:
                    found: list[Coded | Indices] = []
                    for column in texts:
                        whole = plain.whole_numbers(column) if column == frame else None
                        found.append(plain.texts(column) if whole is None else whole)
                    return at, found, values
        listed = [cells for _, cells in self.rows(first, len(header))]
        columns: list[Coded | Indices] = [coded([row[i] for row in listed]) for i in texts]
        values = np.empty((len(listed), len(numbers)))
        for i, column in enumerate(numbers):
            cells = [row[column] for row in listed]
            values[:, i] = column_numbers(cells, numbered, header[column])
        return at, columns, np.where(np.isfinite(values), values, np.nan)

    def _joined(self, numbered: Sequence[int]) -> tuple[Indices, bytes | memoryview]:
        """Lines' indices as an array, and the lines in UTF-8."""
        if not isinstance(numbered, range):
            listed = "".join(map(self.lines.__getitem__, numbered))
            return np.array(numbered, dtype=np.int64), listed.encode()
        lines = memoryview(self.data)[self._start(numbered.start) :]
        return np.arange(numbered.start, numbered.stop), lines if numbered else memoryview(b"")

    def _start(self, index: int) -> int:
        """Where a line begins in the data."""
        start = 0
        for _ in range(index):
            start = self.data.find(b"\n", start) + 1
        return start

    def changed(self, changes: Mapping[int, Mapping[int, float]]) -> bytes:
        """The file's bytes with other numbers: line index → cell index → its new value."""
        lines = list(self.lines)
        has_points, blank = self.decimal == ".", f"{self.delimiter} "
        for index, new in changes.items():
            line = lines[index]
            body = line.rstrip("\r\n")
            cells = split(body, self.delimiter)
            texts = list(map(repr, new.values()))
            plain_cells = has_points and '"' not in line and blank not in line
            if plain_cells and are_short(texts):
                cells += [""] * (max(new) + 1 - len(cells))
                for column, text in zip(new, texts, strict=True):  # most lines
                    cells[column] = text
            else:
                for column, value in new.items():
                    cells += [""] * (column + 1 - len(cells))
                    cells[column] = number_text(value, cells[column], self.decimal)
            lines[index] = self.delimiter.join(cells) + line[len(body) :]
        return "".join(lines).encode(self.encoding)


def _delimiter(line: str) -> str:
    found = max(",;\t|", key=line.count)
    return found if found in line or " " not in line.strip() else " "


def _uncommented(line: str) -> str:
    """A header that may be a comment, as NumPy writes it."""
    return re.sub(r"^\ufeff?\s*#\s*", "", line)


def _head(lines: Iterable[str]) -> int:
    """The index of the header: the first line that is neither blank nor a comment.

    A comment right before numbers, in as many cells as they are, is the header. Excel's ``sep=;``
    is a comment.
    """
    last, comment = None, ""
    for index, line in enumerate(lines):
        text = line.removeprefix("\ufeff").strip()
        if text.startswith("#"):
            last, comment = index, line
        elif index == 0 and text.lower().strip('"').startswith("sep="):
            continue
        elif text:
            if last is None:
                return index
            mark = _delimiter(text)
            titles = comment.removeprefix("\ufeff").lstrip("# \t").rstrip()
            alike = text.count(mark) == titles.count(mark) > 0
            return last if alike and _NUMBER.fullmatch(text.split(mark)[0]) else index
    return 0


def parse(raw: bytes) -> Table:
    """A table from a file's bytes: UTF-8, UTF-16 with a byte-order mark, or else Latin-1.

    Lines end in LF, CR LF or CR. Comment lines (``#``) before the header are kept, not read.

    Raises
    ------
    InvalidInputError : the bytes are no text, or a quote is never closed.
    """
    text, encoding = ("", "utf-8") if is_ascii_text(raw) else decoded(raw)
    data = raw if encoding == "utf-8" else text.encode()
    head = _head(each_line(data))
    line = next(islice(each_line(data), head, None), "")
    table = Table(data, _delimiter(line) if line else ",", encoding, head)
    if b'"' in data:
        _ = table.lines  # refuses a quote that is never closed
    return table


def head_texts(path: Path) -> list[str]:
    """The cells of a file's header, none where it is no text."""
    if not path.is_file():
        return []
    with open_plain(path, MAX_BYTES) as file:
        start = file.read(_HEAD_BYTES[0])
        found, is_whole = _head_texts(start)
        return found if is_whole else _head_texts(start + file.read(_HEAD_BYTES[1]))[0]


def _head_texts(start: bytes) -> tuple[list[str], bool]:
    """The cells of the header in the first bytes of a file, and whether lines follow it."""
    try:
        text, _ = decoded(start, "ignore")
        lines = list(islice(io.StringIO(text, newline=""), _MAX_COMMENTS))
        head = _head(lines)
        if not lines:
            return [], False
        header = cell_texts(_uncommented(lines[head]), _delimiter(lines[head]))
        return header, len(lines) > head + 2  # the last line may be cut off
    except InvalidInputError:
        return [], True
