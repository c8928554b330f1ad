"""The cells of a line of a text table, and the numbers in them."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from pose_smoother.errors import InvalidInputError

#: What a cell without a number holds; Excel's errors begin with #, in English and in German.
_ERRORS = ("#n/a", "#na", "#n/a n/a", "#nv", "#num!", "#zahl!", "#div/0!", "#value!", "#wert!")
_MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "<na>", "nat", "-", ".", *_ERRORS})
#: What C writes for it: ``-nan(ind)``, ``nan(0x8000)``, ``-1.#IND00``, ``1.#INF``.
_MISSING_IN_C = re.compile(
    r"[+-]?(?:nan\(\w*\)|1[.,]#(?:ind|inf|qnan|snan)0*)", flags=re.IGNORECASE
)
_ERROR_FIRST = re.compile(
    rf"(?:{'|'.join(map(re.escape, sorted(_ERRORS, key=len, reverse=True)))})\s*(?:[,;|\s]|\Z)",
    flags=re.IGNORECASE,
)
#: A number of at most six decimals is written in fewer characters than these.
_SHORT = 18
#: A number with a comma for its point.
COMMA_NUMBER = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")


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


def cell_texts(line: str, delimiter: str) -> list[str]:
    """The cells of a line as text."""
    cells = split(line.rstrip("\r\n"), delimiter)
    if '"' not in line and "\ufeff" not in line:  # most lines: nothing to take off
        return cells
    return [plain(cell) for cell in cells]


def is_comment(line: str) -> bool:
    """Whether a line below the header that begins with # is none of cells."""
    return _ERROR_FIRST.match(line) is None


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


def are_short(texts: Sequence[str]) -> bool:
    """Whether Python's texts of numbers are what `number_text` writes: decimals, no exponent."""
    joined = ",".join(texts)
    return ".0," not in f"{joined}," and "e" not in joined and max(map(len, texts)) < _SHORT


def with_point(text: str) -> str:
    """A cell's text with a point in a number that has a comma."""
    return text.replace(",", ".") if COMMA_NUMBER.fullmatch(text) else text


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
    if stripped.lower() in _MISSING or _MISSING_IN_C.fullmatch(stripped):
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
