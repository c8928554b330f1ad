"""Delimited text that is written back as it came: cells change in place, nothing is re-quoted.

`csv` and pandas lose which cells were quoted and how lines ended, and pandas makes something else
of ``007`` and ``NA``; here a file is its lines, and a line is split only to be read or changed.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import open_plain
from pose_smoother.poses.formats.tracks_io import DECIMALS, MAX_BYTES

#: What stands in a cell without a number.
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "<na>"})

_RECORD = re.compile(r'(?:[^"\n]+|"[^"]*")*\n?')


@dataclass(frozen=True)
class Table:
    """A delimited text file.

    Attributes
    ----------
    lines : every line with its ending, a quoted line break within one; blank lines are kept.
    delimiter : ``,``, ``;`` or a tab.
    encoding : what the bytes were decoded by.
    """

    lines: list[str]
    delimiter: str
    encoding: str

    @cached_property
    def filled(self) -> list[int]:
        """The indices of lines that are not blank."""
        return [i for i, line in enumerate(self.lines) if line.strip()]

    def cells(self, index: int) -> list[str]:
        """The raw cells of a line, quotes and all, without the line's ending."""
        return split(self.lines[index].rstrip("\r\n"), self.delimiter)

    def texts(self, index: int) -> list[str]:
        """The cells of a line as text."""
        line = self.lines[index]
        cells = self.cells(index)
        if '"' not in line and "\ufeff" not in line:  # most lines: nothing to take off
            return cells
        return [plain(cell) for cell in cells]

    def rows(self, first: int, n_cells: int) -> Iterator[tuple[int, list[str]]]:
        """(index, texts) of the filled lines from the given one of them on.

        Raises
        ------
        InvalidInputError : a line has another number of cells than ``n_cells``.
        """
        for index in self.filled[first:]:
            texts = self.texts(index)
            if len(texts) != n_cells:
                raise InvalidInputError(
                    f"line {index + 1}: expected {n_cells} cells, found {len(texts)}"
                )
            yield index, texts

    def changed(self, changes: Mapping[int, Mapping[int, float]]) -> bytes:
        """The file's bytes with other numbers: line index → cell index → its new value."""
        lines = list(self.lines)
        for index, new in changes.items():
            cells = self.cells(index)
            for column, value in new.items():
                cells[column] = number_text(value, like=cells[column])
            body = lines[index].rstrip("\r\n")
            lines[index] = self.delimiter.join(cells) + lines[index][len(body) :]
        return "".join(lines).encode(self.encoding)


def parse(raw: bytes) -> Table:
    """A table from a file's bytes: UTF-8, or Latin-1 where it is not; a byte-order mark is kept.

    Raises
    ------
    InvalidInputError : the bytes are no text, or a quote is never closed.
    """
    if b"\0" in raw[:4096]:
        raise InvalidInputError("expected text in UTF-8, found binary data or UTF-16")
    encoding = "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
        text = raw.decode(encoding)
    if '"' in text:
        lines = [match for match in _RECORD.findall(text) if match]
        if sum(map(len, lines)) != len(text):
            raise InvalidInputError('a quote (") is opened and never closed')
    else:
        lines = [line + "\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        lines = [line for line in lines if line]
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=head.count)
    return Table(lines, delimiter, encoding)


def split(line: str, delimiter: str) -> list[str]:
    """The raw cells of a line without its ending."""
    if '"' not in line:
        return line.split(delimiter)
    cell = re.compile(rf'((?:[^"{delimiter}]+|"[^"]*")*)(?:{delimiter}|\Z)')
    cells = cell.findall(line)
    # The end matches once more, empty, unless a delimiter stands there.
    return cells[:-1] if len(cells) > 1 and not line.endswith(delimiter) else cells


def plain(cell: str) -> str:
    """A raw cell's text: unquoted, without the byte-order mark that may stand before the first."""
    cell = cell.removeprefix("\ufeff")
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def number_text(value: float, like: str) -> str:
    """A raw cell for a number: at most six decimals, no exponent, no minus before a zero.

    It is quoted, and has a decimal point, where the cell that it replaces has.
    """
    text = f"{value:.{DECIMALS}f}".rstrip("0")
    text = text + "0" if text.endswith(".") and "." in like else text.rstrip(".")
    if text.startswith("-") and float(text) == 0:
        text = text[1:]
    return f'"{text}"' if like.startswith('"') else text


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
    """The cells of a file's first filled line, none where it is no text."""
    with open_plain(path, MAX_BYTES) as file:
        start = file.read(1 << 20)
    first = next((line for line in start.splitlines() if line.strip()), b"")
    try:
        return parse(first).texts(0)
    except InvalidInputError:
        return []


def columns(header: list[str], meanings: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The column of every meaning that the header has: meaning → index; the first name goes first.

    Raises
    ------
    InvalidInputError : two columns have one name.
    """
    names = [name.strip().lower() for name in header]
    for name in names:
        if name and names.count(name) > 1:
            raise InvalidInputError(f"two columns are called {name!r}")
    found: dict[str, int] = {}
    for meaning, aliases in meanings.items():
        here = [names.index(alias) for alias in aliases if alias in names]
        if here:
            found[meaning] = here[0]
    return found


#: Names of the columns that say whose row it is, in both layouts.
IDENTITY: dict[str, tuple[str, ...]] = {
    "video": ("video", "video_id", "video_name", "clip", "sequence"),
    "person": ("person", "person_id", "track_id", "track", "individual", "individuals", "instance"),
    "frame": ("frame", "frame_id", "frame_idx", "frame_index", "frame_number", "image_id", "image"),
}

#: What a keypoint's confidence may be called.
SCORES = ("score", "confidence", "likelihood", "conf", "visibility", "prob", "probability")
