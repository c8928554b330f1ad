"""Tables of text: where the header is, what cells hold, how numbers are written."""

import math
from pathlib import Path

import numpy as np
import pytest

from pose_smoother.poses.formats.json_utils import head
from pose_smoother.poses.formats.table_cells import column_numbers, number, number_text, split
from pose_smoother.poses.formats.text_table import head_texts, parse
from tests.pose_smoother.poses.formats.test_small_parts import result


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1", 1.0), (" 1 ", 1.0), ("1_0", None), ("\uff11", 1.0), ("\uff11_0", None)),
        *((text, math.nan) for text in ("", " ", "NA", "n/a", "<NA>", " None", "inf", "-1e999")),
        *(("\u2003", math.nan), ("infinity", math.nan), ("\uff11e999", math.nan), ("x", None)),
        *(("1,5", None), ("0x1", None), ("y" * 70, None)),
        *((text, math.nan) for text in ("#N/A", "#NV", " #DIV/0!", "-", ".", "NaT", "-nan(ind)")),
        *(
            (text, math.nan)
            for text in ("nan(0x8000)", "1.#QNAN", "-1.#IND00", "1.#INF", "-1,#IND")
        ),
        *(("#", None), ("--", None), ("#N/A x", None), ("1.#", None), ("nan(", None)),
    ],
)
def test_numbers_of_cells(text: str, value: float | None) -> None:
    told = f"line 4, column 'a': expected a number, found {text!r:.60}"
    found = result(number, text, 3, "a")
    assert str(found) == (told if value is None else str(value))
    column = result(column_numbers, ["2", text, ""], [2, 3, 4], "a")
    if value is None:
        assert column == told
    else:
        kept = [v if math.isfinite(v) else math.nan for v in column]
        assert list(map(str, kept)) == ["2.0", str(value), "nan"]


@pytest.mark.parametrize(
    ("value", "like", "decimal", "text"),
    [
        *((1.5, " 2 ", ".", " 1.5 "), (1.5, "  ", ".", "  1.5"), (2.0, " 1,0", ",", " 2,0")),
        *((2.0, '"1.5"', ".", '"2.0"'), (-0.0, "1", ".", "0"), (-0.5, "1", ",", "-0,5")),
        *((1e22, "", ".", "1" + "0" * 22), (1.25e-5, "1.0", ".", "0.0000125")),
    ],
)
def test_cells_of_numbers(value: float, like: str, decimal: str, text: str) -> None:
    assert number_text(value, like, decimal) == text


@pytest.mark.parametrize("mark", [",", ";", "|", "\t", " "])
def test_cells_of_lines(mark: str) -> None:
    for cells in (["a"], ["", ""], ["a", "", ""], ['"a"', "b", ""], [f'"{mark}"', f'x"{mark}"y']):
        assert split(mark.join(cells), mark) == cells
    assert split(f'{"a" * 60}"b{mark}c', mark) == [f'{"a" * 60}"b{mark}c']


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;b\n1;2,5\n", ","),
        ("a;b\n1;2,5\n1.5;2\n", "."),
        ("a;b\n1;2,5\nv1.5;2\n", ","),
        ("0,5;b\n1;2\n", "."),
        ("a;b\n1;,5e-3\n", ","),
        ("a;b\n1;1,2,3\n", "."),
        ("a,b\n1,2\n", "."),
        ("a\tb\n1\t2,5\n", ","),
        ("a b\n1 2,5\n", ","),
        ("a|b\n1|2,5\n", ","),
        ('a;b\n1;"2,5"\n', ","),
        ("a;b\n" + "1;2\n" * 18 + "1;2,5\n", ","),
        ("a;b\n" + "1;2\n" * 19 + "1;2,5\n", ","),
        ("a;b\n" + "1;\n" * 30 + '1;" -2,5e-3 "', ","),
        ("a b\n" + "1 2\n" * 30 + "1 2,5\r\n", ","),
        ("a\tb\n" + "1\t\t\n" * 30 + "1\t,5\n", ","),
        ("a;b\n" + "1;2\n" * 30 + "1;2,5\n1.5;2\n", "."),
        ("a;b\n" + "1;2.5\n" * 30 + "1;2,5\n", "."),
        ("a;b\n" + "1;2\n" * 30 + "1;2,5,7\n1;2,5x\n1;y2,5\n", "."),
        ("2,5;b\n" + "1;2\n" * 30, "."),
    ],
)
def test_the_decimal_separator(text: str, decimal: str) -> None:
    assert parse(text.encode()).decimal == decimal


@pytest.mark.parametrize("missing", ["#N/A", "#nv", "#DIV/0!", "#N/A N/A"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_line_that_begins_with_a_missing_number_is_no_comment(missing: str, mark: str) -> None:
    lines = ["x,y", f"{missing},{missing}", "#N/As,2", "#,3", f" {missing},4", "# a,5"]
    table = parse("\n".join(lines).replace(",", mark).encode())
    _, _, values = table.columns(1, ["x", "y"], [], [0, 1])
    assert [table.texts(i)[1] for i in table.filled] == ["y", missing, "4"]
    np.testing.assert_array_equal(values, [[np.nan, np.nan], [np.nan, 4]])


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        *(("# fps: 25", 25.0), ("#FPS=29.97", 29.97), ("# at frame rate: 5", None)),
        *(("# the frame_rate : 5.", 5.0), ("# framerate: 2e1", 20.0), ("# fps: 1e999", None)),
        *(("# fps: 0", None), ("# xfps: 5", None), ("fps: 5", None), ("# fps: x", None)),
        *(("# fps: 0\n# fps: 5", None), ("# a\n# fps: 5\n# fps: 6", 5.0)),
    ],
)
def test_the_frame_rate_of_a_comment(text: str, fps: float | None) -> None:
    assert parse(f"{text}\nx,y\n1,2\n# fps: 77\n".encode()).fps == fps


@pytest.mark.parametrize(
    ("text", "head", "header"),
    [
        ("", 0, []),
        ("x,y\n1,2\n", 0, ["x", "y"]),
        ("\n\nx,y\n1,2\n", 2, ["x", "y"]),
        ("# a\nx,y\n1,2\n", 1, ["x", "y"]),
        ("# x,y\n1,2\n", 0, ["x", "y"]),
        ("#x,y\n\n-1e5,2\n", 0, ["x", "y"]),
        ("# x,y\nnan,2\n", 0, ["x", "y"]),
        ('# x,y\n"1",2\n', 0, ["x", "y"]),
        ("# x,y\na1,2\n", 1, ["a1", "2"]),
        ("# x,y,z\n1,2\n", 1, ["1", "2"]),
        ("# x\n1\n", 1, ["1"]),
        ("# b,c\n# x,y\n1,2\n", 1, ["x", "y"]),
        ("\ufeff# x,y\n1,2\n", 0, ["x", "y"]),
        ("sep=;\nx;y\n", 1, ["x", "y"]),
        ('"SEP=;"\nx;y\n', 1, ["x", "y"]),
        ("\nsep=;\nx;y\n", 1, ["sep=", ""]),
        ("# only\n", 0, ["only"]),
        ("# c\n" * 998 + "x,y\n1,2\n", 998, ["x", "y"]),
        ("x y\n1 2\n", 0, ["x", "y"]),
        ("x,y;z\n1,2;3\n", 0, ["x", "y;z"]),
        ("x|y|z,1\n", 0, ["x", "y", "z,1"]),
        ("x;y", 0, ["x", "y"]),
        ("# a\nx;y", 1, ["x", "y"]),
    ],
)
def test_where_the_header_is(text: str, head: int, header: list[str], tmp_path: Path) -> None:
    (tmp_path / "a").write_text(text)
    table = parse(text.encode())
    assert table.head == head
    assert head_texts(tmp_path / "a") == header
    if text:
        assert table.texts(head) == header


def test_how_far_a_header_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for n, found in ((1000, ["c"]), (1001, ["c"])):
        path.write_text("# c\n" * n + "x,y\n1,2\n")
        assert head_texts(path) == found
    for n, whole in ((10, True), (1 << 15, True), (1 << 21, False)):
        path.write_text("x" * n + ",y\n1,2\n3,4\n")
        assert (head_texts(path) == ["x" * n, "y"]) == whole
    titles = ",".join(f"title_{i:05}" for i in range(900))  # the first part ends in the numbers
    path.write_text(f"# {titles}\n{','.join(['1234.56789'] * 900)}\n")
    assert head_texts(path) == titles.split(",")
    path.write_text("{" + " " * (1 << 20) + "}")
    assert len(head(path)) == 1 << 20
    assert head(tmp_path) == b""
