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
from pose_smoother.poses.formats.tracks_io import MAX_BYTES
from pose_smoother.poses.tracks import Floats

#: What a cell without a number holds.
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "<na>"})

#: A line with its ending; line breaks within quotes belong to it. By the line's last character.
_RECORD = {end: re.compile(rf'(?:[^"{end}]+|"[^"]*")*{end}?') for end in ("\n", "\r")}
#: A number of at most six decimals is written in fewer characters than these.
_SHORT = 18
#: A header is looked for below so many comment lines at most.
_MAX_COMMENTS = 1000
_TOP_LINES = 32  # below the header
_HEAD_BYTES = (1 << 14, 1 << 20)  # that are read of a file for it: at first, and where it is long
_COMMA_NUMBER = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")
_POINT_NUMBER = re.compile(r"\s*[+-]?\d*\.\d+(?:[eE][+-]?\d+)?\s*")
_NUMBER = re.compile(r'\s*"?[+-]?[\d.,]+(?:[eE][+-]?\d+)?"?\s*|nan', flags=re.IGNORECASE)
_BOM = "\ufeff".encode()
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
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
        end = _line_end(self.data)
        if b'"' in self.data:
            return list(_each_line(self.data))
        lines = [line + end for line in self.data.decode().split(end)]
        lines[-1] = lines[-1][:-1]
        return [line for line in lines if line]

    @cached_property
    def _top(self) -> list[str]:
        """The lines to the header and some below it, which most readers need no more of."""
        return list(islice(_each_line(self.data), self.head + _TOP_LINES))

    def _line(self, index: int) -> str:
        return self._top[index] if index < len(self._top) else self.lines[index]

    @cached_property
    def filled(self) -> Sequence[int]:
        """The indices of the header and of the lines below it, without blank ones and comments."""
        n_lines = _count_plain_lines(self.data)
        if n_lines and self.data.find(b"#", self._start(self.head + 1)) < 0:
            return range(self.head, n_lines)
        if not self.lines:
            return []
        below = self.lines[self.head + 1 :]
        texts = enumerate(map(str.lstrip, below), self.head + 1)
        found = [i for i, text in texts if text and not text.startswith("#")]
        return [self.head, *found] if found or self._line(self.head).strip() else []

    @cached_property
    def decimal(self) -> str:
        """The decimal separator: a comma where numbers have one and none has a point."""
        if self.delimiter == ",":
            return "."
        cells = [plain(cell) for i in self.filled[1:20] for cell in self.cells(i)]
        comma = any(map(_COMMA_NUMBER.fullmatch, cells))
        return "," if comma and not any(map(_POINT_NUMBER.fullmatch, cells)) else "."

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
        return _texts(_uncommented(line) if index == self.head else line, self.delimiter)

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
                texts = [_with_point(text) for text in texts]
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
            if plain_cells and _are_short(texts):
                cells += [""] * (max(new) + 1 - len(cells))
                for column, text in zip(new, texts, strict=True):  # most lines
                    cells[column] = text
            else:
                for column, value in new.items():
                    cells += [""] * (column + 1 - len(cells))
                    cells[column] = number_text(value, cells[column], self.decimal)
            lines[index] = self.delimiter.join(cells) + line[len(body) :]
        return "".join(lines).encode(self.encoding)


def _are_short(texts: Sequence[str]) -> bool:
    """Whether Python's texts of numbers are what `number_text` writes: decimals, no exponent."""
    joined = ",".join(texts)
    return ".0," not in f"{joined}," and "e" not in joined and max(map(len, texts)) < _SHORT


def _with_point(text: str) -> str:
    return text.replace(",", ".") if _COMMA_NUMBER.fullmatch(text) else text


def _is_ascii_text(raw: bytes) -> bool:
    return raw.isascii() and b"\0" not in raw[:4096]


def _decoded(raw: bytes, errors: str = "strict") -> tuple[str, str]:
    """A file's text, a byte-order mark included, and its encoding."""
    encoding = _UTF_16.get(raw[:2], "utf-8")
    if encoding == "utf-8" and b"\0" in raw[:4096]:
        raise InvalidInputError(
            "expected text in UTF-8, found binary data or UTF-16 without a byte-order mark"
        )
    try:
        return raw.decode(encoding, errors), encoding
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise InvalidInputError(f"damaged: not UTF-16 ({error.reason})") from None
        return raw.decode("latin-1"), "latin-1"


def _line_end(data: bytes) -> str:
    """A line feed, or a carriage return in text without any."""
    return "\r" if b"\n" not in data and b"\r" in data else "\n"


def _each_line(data: bytes) -> Iterator[str]:
    """Lines with their endings.

    Raises
    ------
    InvalidInputError : at the last line: a quote is never closed.
    """
    start, end = 0, _line_end(data)
    if b'"' in data:
        text = data.decode()
        for match in _RECORD[end].finditer(text):
            if match[0]:
                yield match[0]
                start += len(match[0])
        if start < len(text):
            raise InvalidInputError('a quote (") is opened and never closed')
        return
    while at := data.find(end.encode(), start) + 1:
        yield data[start:at].decode()
        start = at
    if start < len(data):
        yield data[start:].decode()


def _count_plain_lines(text: bytes) -> int:
    """The number of lines that begin with a visible character of ASCII; 0 where some do not.

    0 as well where a line may be longer than to its line feed.
    """
    if b'"' in text or b"\n" not in text:
        return 0
    data = np.frombuffer(text, np.uint8)
    first = data[np.append(0, np.flatnonzero(data[:-1] == ord("\n")) + 1)]
    return len(first) if (first > ord(" ")).all() and (first < 127).all() else 0


def _delimiter(line: str) -> str:
    found = max(",;\t|", key=line.count)
    return found if found in line or " " not in line.strip() else " "


def _uncommented(line: str) -> str:
    """A header that may be a comment, as NumPy writes it."""
    return re.sub(r"^\ufeff?\s*#\s*", "", line)


def _texts(line: str, delimiter: str) -> list[str]:
    """The cells of a line as text."""
    cells = split(line.rstrip("\r\n"), delimiter)
    if '"' not in line and "\ufeff" not in line:  # most lines: nothing to take off
        return cells
    return [plain(cell) for cell in cells]


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
    text, encoding = ("", "utf-8") if _is_ascii_text(raw) else _decoded(raw)
    data = raw if encoding == "utf-8" else text.encode()
    head = _head(_each_line(data))
    line = next(islice(_each_line(data), head, None), "")
    table = Table(data, _delimiter(line) if line else ",", encoding, head)
    if b'"' in data:
        _ = table.lines  # refuses a quote that is never closed
    return table


def split(line: str, delimiter: str) -> list[str]:
    """The raw cells of a line without its ending; a quote that is not closed ends with the line."""
    if '"' not in line:
        return line.split(delimiter)
    # Possessive (`++`): an open quote would else take a time exponential in what is before it.
    mark = re.escape(delimiter)
    cell = re.compile(rf'((?:[^"{mark}]++|"[^"]*+(?:"|\Z))*+)(?:{mark}|\Z)')
    cells = cell.findall(line)
    # The end matches once more, empty, unless a delimiter is there.
    return cells[:-1] if len(cells) > 1 and not line.endswith(delimiter) else cells


def plain(cell: str) -> str:
    """A raw cell's text: unquoted, without the byte-order mark that may stand before the first."""
    cell = cell.removeprefix("\ufeff")
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def number_text(value: float, like: str, decimal: str = ".") -> str:
    """A raw cell for a rounded number: its decimals, no exponent, no minus before a zero.

    It is quoted, and has a decimal separator and blanks around it, where the cell that it replaces
    has.
    """
    inner = like.strip(" ")
    if inner != like:  # blanks around a number stay; one that filled up a column may be one less
        before, _, after = like.partition(inner) if inner else (like, "", "")
        return before + number_text(value, inner, decimal) + after
    text = np.format_float_positional(value, trim="-")
    if "." not in text and decimal in like:
        text += ".0"
    if text.startswith("-") and float(text) == 0:
        text = text[1:]
    text = text.replace(".", decimal)
    return f'"{text}"' if like.startswith('"') else text


def column_numbers(cells: Sequence[str], lines: Sequence[int], title: str) -> list[float]:
    """The numbers of one column, NaN where a cell holds none.

    Raises
    ------
    InvalidInputError : a cell holds something else; the text names the line and the column.
    """
    joined = "".join(cells)
    if not ("_" in joined or "f" in joined or "F" in joined):  # Python takes 1_000 and infinity
        with suppress(ValueError):
            return list(map(float, cells))
        with suppress(ValueError):
            return [float(cell or "nan") for cell in cells]
    return [number(cell, line, title) for cell, line in zip(cells, lines, strict=True)]


def number(text: str, line: int, column: str) -> float:
    """A cell's number, NaN where it holds none.

    Raises
    ------
    InvalidInputError : the cell holds something else; the text names the line and the column.
    """
    if text.isascii() and "_" not in text:  # most cells: one conversion
        try:
            value = float(text)
            return value if math.isfinite(value) else math.nan
        except ValueError:
            pass
    stripped = text.strip()
    if stripped.lower() in MISSING:
        return float("nan")
    try:
        if "_" in stripped:
            raise ValueError
        value = float(stripped)
    except ValueError:
        raise InvalidInputError(
            f"line {line + 1}, column {column!r}: expected a number, found {text!r:.60}"
        ) from None
    return value if math.isfinite(value) else float("nan")


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
        text, _ = _decoded(start, "ignore")
        lines = list(islice(io.StringIO(text, newline=""), _MAX_COMMENTS))
        head = _head(lines)
        if not lines:
            return [], False
        header = _texts(_uncommented(lines[head]), _delimiter(lines[head]))
        return header, len(lines) > head + 2  # the last line may be cut off
    except InvalidInputError:
        return [], True
