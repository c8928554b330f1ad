"""Columns of a table: what is read at once is what is read cell by cell."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import plain_cells, text_table
from pose_smoother.poses.formats.plain_cells import Coded, PlainCells
from pose_smoother.poses.formats.text_table import number, parse

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
    [(["7", "007", "12345678"], True), (["1", "2.0"], False), (["1", ""], False)],
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
