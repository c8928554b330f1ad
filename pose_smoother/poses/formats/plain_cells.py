"""The cells of text without quotes, all at once: numbers as float64, texts as codes.

A cell's characters are read eight at a time as one 64-bit word, the last character in its highest
byte, and a word's digits are added up by three multiplications (Lemire, "Number parsing at a
gigabyte per second", 2021). Numbers are those of Python's ``float``, to the last bit.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import Floats

Words = NDArray[np.uint64]
Indices = NDArray[np.int64]

_CHUNK_BYTES = 1 << 19  # of text: words of it stay in the processor's cache
_MOST_WORDS = 4  # of a text that is compared as words
_PADDING = bytes(8 * _MOST_WORDS)
_ODD_SHARE = 0.2  # of cells that are no plain decimal numbers, from which on it does not pay

_u = np.uint64
_ONES, _ZEROS = _u(0x0101010101010101), _u(0x3030303030303030)
_HIGH, _DOTS = _u(0x8080808080808080), _u(0x2E2E2E2E2E2E2E2E)
_EXACT = _u(1 << 53)  # up to here every whole number is a float64
_TENS = 10 ** np.arange(20, dtype=np.uint64)
_MOST_CHARACTERS = 23  # of a number, without its minus: up to 1e22, powers are exact
_POWERS: Floats = np.array([float(f"1e{i}") for i in range(24)])
#: Wide enough for a quotient whose rounding to float64 is seen; not so on every machine.
_HAS_LONG = np.finfo(np.longdouble).nmant >= 63


@dataclass(frozen=True)
class Coded:
    """A column of texts: ``texts[codes[i]]`` is the text of line i."""

    texts: Sequence[str]
    codes: Indices

    def at(self, lines: Indices) -> "Coded":
        """Some lines of the column."""
        return Coded(self.texts, self.codes[lines])

    def __iter__(self) -> Iterator[str]:
        return map(self.texts.__getitem__, self.codes.tolist())


def coded(column: list[str]) -> Coded:
    """A column from its texts."""
    index: dict[str, int] = {}
    codes = [index.setdefault(text, len(index)) for text in column]
    return Coded(list(index), np.array(codes, dtype=np.int64))


class PlainCells:
    """The cells of lines, each ended by a line feed.

    Parameters
    ----------
    text : the lines, without quotes.
    delimiter : between cells, one byte.
    n_cells : of each line.

    Raises
    ------
    ValueError : a line has another number of cells.
    """

    def __init__(self, text: bytes | memoryview, delimiter: str, n_cells: int) -> None:
        self._text = b"".join([_PADDING, text, b"" if bytes(text[-1:]) == b"\n" else b"\n"])
        data = np.frombuffer(self._text, np.uint8)
        edges, n_lines = _edges(data, ord(delimiter))
        ends = edges[1:]
        if (
            len(ends) != n_lines * n_cells
            or (data[ends[n_cells - 1 :: n_cells]] != ord("\n")).any()
        ):
            raise ValueError(f"expected {n_cells} cells in each line")
        self._before, self._ends = edges[:-1].reshape(-1, n_cells), ends.reshape(-1, n_cells)
        returns = data[self._ends[:, -1] - 1] == ord("\r")
        if returns.any():
            self._ends = self._ends.copy()  # the cell before the next line's first ends there
            self._ends[:, -1] -= returns
        self._words = np.ndarray(len(data) - 7, "<u8", self._text, 0, (1,))

    def text(self, line: int, cell: int) -> str:
        """One cell."""
        return self._text[self._before[line, cell] + 1 : self._ends[line, cell]].decode()

    def numbers(
        self, columns: Sequence[int], other: Callable[[int, int, str], float]
    ) -> Floats | None:
        """Columns of numbers, float64 (lines, len(columns)); NaN where a cell is blank.

        Parameters
        ----------
        other : (line, index of the column, text) -> the number of a cell that is no plain one.

        Returns
        -------
        None where so many cells are no plain numbers that other ways are faster.
        """
        n_lines = len(self._ends)
        values = np.empty((n_lines, len(columns)))
        step = max(_CHUNK_BYTES * n_lines // len(self._text), 1)
        n_odd = 0
        wanted = _as_slice(columns)
        for first in range(0, n_lines, step):
            rows = slice(first, first + step)
            shape = values[rows].shape
            starts = self._before[rows, wanted].ravel() + 1
            ends = self._ends[rows, wanted].ravel()
            found, odd = self._numbers(starts, ends)
            n_odd += len(odd)
            if n_odd > max(_ODD_SHARE * values.size, 1000):
                return None
            for i in odd.tolist():
                text = self._text[starts[i] : ends[i]].decode()
                line, column = divmod(i, len(columns))
                found[i] = other(first + line, column, text)
            values[rows] = found.reshape(shape)
        return values

    def _word(self, ends: Indices, n_characters: Indices, fill: np.uint64) -> Words:
        """The last characters before the ends, filled up to eight; at least one is asked for."""
        shift = _u(8) * (8 - n_characters).astype(np.uint64)
        mask = (_u(1) << shift) - _u(1)
        word = self._words[ends - 8]
        word &= ~mask
        word |= fill & mask
        return word

    def _numbers(self, starts: Indices, ends: Indices) -> tuple[Floats, Indices]:
        """Numbers of cells, and the indices of those that are no plain decimal ones."""
        data = np.frombuffer(self._text, np.uint8)
        blank = starts == ends
        negative = data[starts] == ord("-")
        n = ends - starts - negative
        mantissa, places, good = _digits(self._word(ends, np.clip(n, 1, 8), _ZEROS))
        good &= n > (places >= 0)
        for n_read in (8, 16):
            at = np.flatnonzero(n > n_read)
            if not len(at):  # mostly
                break
            left = np.minimum(n[at] - n_read, 8)
            digits, dot, fine = _digits(self._word(ends[at] - n_read, left, _ZEROS))
            seen = places[at]
            fine &= (dot < 0) | (seen < 0)
            n_digits = n_read - (seen >= 0)
            fine &= digits < _TENS[19 - n_digits]
            mantissa[at] += digits * _TENS[n_digits]
            places[at] = np.where(dot >= 0, dot + n_read, seen)
            good[at] &= fine
        good &= n <= _MOST_CHARACTERS
        divisor: Floats = _POWERS[np.maximum(places, 0)]
        values: Floats = np.asarray(mantissa / divisor, np.float64)
        long = np.flatnonzero(good & (mantissa > _EXACT))
        if len(long):
            values[long], exact = _divided(mantissa[long], divisor[long])
            good[long] &= exact
        values[negative] *= -1.0
        values[blank] = np.nan
        return values, np.flatnonzero(~(good | blank))

    def whole_numbers(self, column: int) -> Indices | None:
        """A column of numbers of at most eight digits, int64 (lines,); None of any other."""
        ends = self._ends[:, column]
        n = ends - self._before[:, column] - 1
        if not 0 < n.min() <= n.max() <= 8:
            return None
        numbers, places, good = _digits(self._word(ends, n, _ZEROS))
        return numbers.astype(np.int64) if good.all() and (places < 0).all() else None

    def texts(self, column: int) -> Coded:
        """A column of texts."""
        ends = self._ends[:, column]
        n = ends - self._before[:, column] - 1
        longest = int(n.max())
        if longest > 8 * _MOST_WORDS:
            return coded([self.text(line, column) for line in range(len(n))])
        words = [n.astype(np.uint64)]
        for part in range(max(-(-longest // 8), 1)):
            left = np.clip(n - 8 * part, 0, 8)
            word = self._word(ends - 8 * part, np.maximum(left, 1), _u(0))
            words.append(np.where(left > 0, word, _u(0)))
        changes = np.zeros(len(n), bool)
        changes[0] = True
        for word in words:
            changes[1:] |= word[1:] != word[:-1]
        first = np.flatnonzero(changes)  # of lines with one text
        numbers, which = _numbered([word[first] for word in words])
        texts = [self.text(int(first[i]), column) for i in numbers]
        return Coded(texts, which[np.cumsum(changes) - 1])


def _edges(data: NDArray[np.uint8], delimiter: int) -> tuple[Indices, int]:
    """Where cells end, after the place before the first one, and the number of lines."""
    parts = [np.array([len(_PADDING) - 1])]
    n_lines = 0
    for start in range(0, len(data), _CHUNK_BYTES):
        chunk = data[start : start + _CHUNK_BYTES]
        is_end = chunk == ord("\n")
        n_lines += int(np.count_nonzero(is_end))
        is_end |= chunk == delimiter
        parts.append(np.flatnonzero(is_end) + start)
    return np.concatenate(parts), n_lines


def _as_slice(columns: Sequence[int]) -> slice | list[int]:
    """Columns next to each other as a slice, which is quicker to take."""
    first = columns[0] if columns else 0
    return (
        slice(first, first + len(columns))
        if list(columns) == list(range(first, first + len(columns)))
        else list(columns)
    )


def _numbered(words: list[Words]) -> tuple[list[int], Indices]:
    """The first index of each different tuple of words, and each tuple's number among them."""
    n = len(words[0])
    same = np.logical_and.reduce([word == word[:1] for word in words])
    period = int(np.flatnonzero(same)[1]) if np.count_nonzero(same) > 1 else n
    if all(np.array_equal(word[period:], word[:-period]) for word in words if period < n):
        part = list(zip(*(word[:period].tolist() for word in words), strict=True))
    else:
        part, period = list(zip(*(word.tolist() for word in words), strict=True)), n
    index: dict[tuple[int, ...], int] = {}
    firsts: list[int] = []
    codes = np.empty(period, np.int64)
    for i, key in enumerate(part):
        codes[i] = index.setdefault(key, len(index))
        if codes[i] == len(firsts):
            firsts.append(i)
    return firsts, np.resize(codes, n)


def _digits(word: Words) -> tuple[Words, Indices, NDArray[np.bool_]]:
    """The number that the digits of a word make, the places behind its dot, and whether it is one.

    The places are -1 without a dot.
    """
    x = word ^ _DOTS
    dot = (x - _ONES) & ~x & _HIGH
    dot >>= _u(7)  # 1 in the byte of a dot
    has_dot = dot.astype(bool)
    before = np.where(has_dot, dot - _u(1), _u(0))  # the characters before the dot
    digits = (word & ~(before | dot * _u(255))) | ((word & before) << _u(8))
    digits |= _u(0x30) * has_dot
    high = _u(0xF0F0F0F0F0F0F0F0)
    test = (digits & high) | (((digits + _u(0x0606060606060606)) & high) >> _u(4))
    good = test == _u(0x3333333333333333)
    byte = (dot.astype(np.float64).view(np.int64) >> 52) - 1023 >> 3
    digits &= _u(0x0F0F0F0F0F0F0F0F)
    digits = digits * _u(10) + (digits >> _u(8))
    pair = _u(0x000000FF000000FF)
    number = (digits & pair) * _u(0x000F424000000064)
    number += ((digits >> _u(16)) & pair) * _u(0x0000271000000001)
    number >>= _u(32)
    return number, np.where(has_dot, 7 - byte, -1), good


def _divided(mantissa: Words, divisor: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Quotients of numbers that are no float64, and whether they are rounded as by one division."""
    if not _HAS_LONG:
        return mantissa / divisor, np.zeros(len(mantissa), bool)
    quotient = mantissa.astype(np.longdouble) / divisor.astype(np.longdouble)
    values = quotient.astype(np.float64)
    off = np.abs(quotient - values) / np.spacing(values)
    return values, (off != 0.5) & (off != 0.25)  # halfway: rounded twice
