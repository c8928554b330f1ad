"""Columns of a table: what is read at once is what is read cell by cell."""

import re
from fractions import Fraction

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import plain_cells, text_table
from pose_smoother.poses.formats.plain_cells import Coded, PlainCells
from pose_smoother.poses.formats.table_cells import number
from pose_smoother.poses.formats.text_table import parse

HEADER = ("frame", "x", "name", "y")


def refuse(*_: object) -> None:
    raise ValueError


def both(body: str, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the quick and the slow way read of a table."""
    found: list[object] = []
    raw = (",".join(HEADER) + "\n" + body).encode()
    for quick in (True, False):
        if not quick:
            monkeypatch.setattr(text_table, "PlainCells", refuse)
        try:
            lines, texts, values = parse(raw).columns(1, HEADER, [0, 2], [1, 3])
            columns = [list(column) for column in texts]
            found.append((lines.tolist(), columns, np.array(values).tobytes()))
        except InvalidInputError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize(
    "body",
    [
        "0,1.5,a,-2\n1,2e3,b,.5\n",
        "0,1.5,a,-2\r\n1,2,b,3",
        "0,,a,\n1,,,\n2,3,,4\n",
        "\n0,1,a,\n\n1, 2 ,b,nan",
        "0,NA,a,null\n1,inf,b,-inf\n",
        "0,0.1,a,123456789.123456789\n1,1e-320,b,1e400\n",
        '0,"1",a,2\n1,3,"b,c",4\n',
        "0,1_0,a,2\n",
        "0,x,a,2\n",
        "0,1,a\n1,2,b,3\n",
        "0,1,#,2\n1,2,é,3\n",
        "0,1,a,2,\n1,2,b\n",
        "0,1,a,2\r1,2,b,3\r",
        " \t\n0,1,a,2\n\x0b\n1,2,b,3\n",
        "0,1,a,2\n\u2003\n1,2,b,3\n",
        "0,1,a,2\n#1,2,b,3\n4,5,c,6\n",
        "é,1,a,2\né,2,b,3\n",
        f"0,1,{'long' * 9},2\n1,2,{'long' * 8},3\n",
        "",
    ],
)
def test_both_ways_read_the_same(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, slow = both(body, monkeypatch)
    assert quick == slow


def of(texts: list[str]) -> tuple[list[float], list[str]]:
    """The numbers of a column, and the cells that were no plain ones."""
    odd = []

    def other(line: int, column: int, text: str) -> float:
        odd.append(text)
        return number(text, line, "x")

    values = PlainCells("\n".join(texts).encode(), ",", 1).numbers([0], other)
    assert values is not None
    return values[:, 0].tolist(), odd


@pytest.mark.parametrize("write", [repr, "{:.3f}".format, "{:.12f}".format, "{:.0f}.".format])
def test_numbers_are_those_of_python_to_the_last_bit(write) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=3000) * 10.0 ** rng.integers(-4, 7, 3000)
    values[::3] = values[::3].astype(np.float32)
    texts = list(map(write, values.tolist()))
    found, odd = of(texts)
    assert np.array(found).tobytes() == np.array(list(map(float, texts))).tobytes()
    assert len(odd) < 0.15 * len(texts)


def test_whatever_the_characters_a_number_is_python_s_or_left_to_it() -> None:
    rng = np.random.default_rng(1)
    for _ in range(3000):
        text = "".join(rng.choice(list("0123456789.-+e/: x"), rng.integers(1, 27)))
        try:
            expected = number(text, 0, "x")
        except InvalidInputError:
            with pytest.raises(InvalidInputError):
                of([text])
            continue
        assert np.array(of([text])[0]).tobytes() == np.array([expected]).tobytes(), text


def is_plain(text: str, has_long: bool) -> bool | None:
    """Whether a number is read without Python's help; None where that depends on a last bit."""
    bare = text.removeprefix("-")
    if not re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", bare) or len(bare) > 23:
        return False
    mantissa, places = int(bare.replace(".", "")), len(bare.partition(".")[2])
    if mantissa <= 2**53 or mantissa >= 10**19 or not has_long:
        return mantissa <= 2**53
    value = float(bare)
    off = abs(Fraction(mantissa, 10**places) - Fraction(value)) / Fraction(float(np.spacing(value)))
    return None if min(abs(off - Fraction(1, 2)), abs(off - Fraction(1, 4))) < 1e-3 else True


@pytest.mark.parametrize("has_long", [plain_cells._HAS_LONG, False])
def test_every_plain_number_is_read_at_once_and_no_other(has_long: bool, monkeypatch) -> None:
    monkeypatch.setattr(plain_cells, "_HAS_LONG", has_long)
    rng = np.random.default_rng(2)
    texts = ["", "0", "-0", "9007199254740992", "9007199254740993", "0" * 23, "0" * 24]
    texts += [f"{10**19 + i}{'.' * dot}" for i in (-1, 0, 1) for dot in (0, 1)]
    # Rounded twice, to 64 bits and then to 53, these would be others.
    texts += ["2465594939.461779356", "429061612.929461807"]
    texts += [".06249999999999999653", "8589934591.999999523"]
    texts += ["." + "0" * 21 + "1", "." + "0" * 22 + "1"]
    for n in range(1, 26):
        for _ in range(60):
            digits = "".join(rng.choice(list("0123456789"), n))
            zeros = int(rng.choice([0, n // 2, max(n - 3, 0)]))
            at = int(rng.integers(0, n + 1))
            whole = "0" * zeros + digits[zeros:]
            texts += ["-" * int(rng.integers(0, 2)) + whole[:at] + "." + whole[at:], whole]
    for start in range(0, len(texts), 500):
        part = texts[start : start + 500]
        values, odd = of(part)
        expected = np.array([number(text, 0, "x") for text in part])
        assert expected.tobytes() == np.array(values).tobytes()
        plain = {text: is_plain(text, has_long) for text in part if text}
        assert {t for t in plain if plain[t] is False} <= set(odd)
        assert not {t for t in plain if plain[t]} & set(odd)


@pytest.mark.parametrize("chunk", [1, 40, 1000])
@pytest.mark.parametrize("columns", [[0, 1, 2], [1, 2], [2, 1], [0, 2], [1], []])
def test_columns_in_any_order_and_in_chunks(columns, chunk, monkeypatch) -> None:
    monkeypatch.setattr(plain_cells, "_CHUNK_BYTES", chunk)
    table = [[i + 0.5 * j if (i + j) % 3 else None for j in range(3)] for i in range(40)]
    text = "".join(",".join("1e3" if v is None else str(v) for v in row) + "\r\n" for row in table)
    cells = PlainCells(text.encode(), ",", 3)
    odd, sizes, whole = [], [], cells._numbers
    monkeypatch.setattr(cells, "_numbers", lambda a, b: sizes.append(len(a)) or whole(a, b))
    values = cells.numbers(columns, lambda *cell: odd.append(cell) or 1000.0)
    step = max(chunk * 40 // (len(text) + 32), 1)  # lines of so many bytes
    assert sizes == [min(step, 40 - i) * len(columns) for i in range(0, 40, step)]
    wanted = [[1000.0 if row[j] is None else row[j] for j in columns] for row in table]
    assert np.array_equal(values, np.array(wanted).reshape(40, len(columns)))
    at = [
        (i, k, "1e3")
        for i, row in enumerate(table)
        for k, j in enumerate(columns)
        if row[j] is None
    ]
    assert odd == at
    for column in range(3):
        assert list(cells.texts(column)) == [cells.text(i, column) for i in range(40)]
        assert [cells.text(i, column) for i in (0, 39)] == [
            "1e3" if table[i][column] is None else str(table[i][column]) for i in (0, 39)
        ]


@pytest.mark.parametrize("share", [0.19, 0.21])
def test_odd_cells_up_to_a_share_are_asked_for(share: float) -> None:
    texts = ["1e5" if i < share * 10_000 else "2" for i in range(10_000)]
    values = PlainCells("\n".join(texts).encode(), ",", 1).numbers([0], lambda *_: 1.0)
    assert (values is None) == (share > 0.2)
    few = PlainCells(b"1e5\n" * 1000, ",", 1).numbers([0], lambda *_: 1.0)
    assert few is not None
    assert few.tolist() == [[1.0]] * 1000


@pytest.mark.parametrize("n_cells", [1, 2, 3])
@pytest.mark.parametrize("text", ["1,2\n3", "1\n2,3", "1,2\n\n", "1,2\n3,4,5,6", "1,2,3"])
def test_lines_of_other_lengths_are_refused(text: str, n_cells: int) -> None:
    if {line.count(",") + 1 for line in text.removesuffix("\n").split("\n")} == {n_cells}:
        assert PlainCells(text.encode(), ",", n_cells).text(0, n_cells - 1) == str(n_cells)
        return
    with pytest.raises(ValueError, match=f"expected {n_cells} cells in each line"):
        PlainCells(text.encode(), ",", n_cells)


def test_texts_that_differ_in_one_place_are_different() -> None:
    for n in (*range(1, 34), 40):
        texts = ["a" * n, *("a" * i + "b" + "a" * (n - 1 - i) for i in range(n)), "a" * (n - 1)]
        texts += texts[::-1]
        found = PlainCells("\n".join(f"x,{text}" for text in texts).encode(), ",", 2).texts(1)
        assert list(found) == texts
        assert len(found.texts) == n + 2


@pytest.mark.parametrize("text", [".", "-", "-.", "--1", "+1", "1.2.3", "1..2", "1:2", "12a", "/"])
def test_what_is_no_plain_number_is_left_to_others(text) -> None:
    seen = []
    PlainCells(text.encode(), ",", 1).numbers([0], lambda *cell: seen.append(cell) or 0.0)
    assert seen == [(0, 0, text)]


def test_a_column_of_other_texts_is_left_to_other_ways(monkeypatch) -> None:
    monkeypatch.setattr(plain_cells, "_CHUNK_BYTES", 100)
    texts = ["1e5"] * 3000
    assert PlainCells("\n".join(texts).encode(), ",", 1).numbers([0], lambda *_: 1.0) is None


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "b", "c"] * 4,
        ["a", "b", "c"] * 4 + ["a"],
        ["a", "b", "a", "c", "a", "b"],
        ["a"] * 5 + ["ab"] * 3 + ["b"],
        ["", "0", "00", "", "0"],
        ["left_shoulder", "right_shoulder", "left_shoulder_2"] * 2,
    ],
)
def test_texts_are_coded_once_each(texts) -> None:
    found = PlainCells("\n".join(f"{text},1" for text in texts).encode(), ",", 2).texts(0)
    assert list(found) == texts
    assert sorted(found.texts) == sorted(set(texts))
    assert list(found.at(np.array([2, 0]))) == [texts[2], texts[0]]


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        (["7", "007", "12345678"], True),
        (["1", "2.0"], False),
        (["1", ""], False),
        (["1", "2."], False),
        (["1", "-2"], False),
        (["123456789"], False),
    ],
)
def test_frames_may_be_whole_numbers(texts, whole) -> None:
    raw = ("frame,x\n" + "".join(f"{text},1\n" for text in texts)).encode()
    _, (frames,), _ = parse(raw).columns(1, ["frame", "x"], [0], [1], 0)
    assert isinstance(frames, Coded) != whole
    assert list(frames) == (list(map(int, texts)) if whole else texts)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("odd", ["", " \t", "\x0b", "\u2003", "# 1", "  # 1", "é,1", '"a",1', ",,"])
def test_blank_lines_and_comments_are_no_rows(odd: str, end: str) -> None:
    lines = ["x,y", "1,2", odd, "3,4"]
    rows = [i for i, line in enumerate(lines) if line.strip() and not line.strip().startswith("#")]
    table = parse(end.join([*lines, ""]).encode())
    assert list(table.filled) == rows
    assert [table.texts(i)[0] for i in rows] == [lines[i].split(",")[0].strip('"') for i in rows]
