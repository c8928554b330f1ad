"""Columns of a table: NumPy's C parser reads what cell by cell is read, or leaves it to that."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import text_table
from pose_smoother.poses.formats.text_table import parse

HEADER = ("frame", "x", "name", "y")


def both(body: str, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the quick and the slow way read of a table."""
    found: list[object] = []
    raw = (",".join(HEADER) + "\n" + body).encode()
    for quick in (True, False):
        if not quick:
            monkeypatch.setattr(text_table, "_parsed", lambda *_: None)
        try:
            lines, texts, values = parse(raw).columns(1, HEADER, [0, 2], [1, 3])
            found.append((lines, texts, np.array(values).tobytes()))
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
        "",
    ],
)
def test_both_ways_read_the_same(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, slow = both(body, monkeypatch)
    assert quick == slow


def test_a_plain_table_takes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_table.Table, "rows", None)
    lines, _, values = parse(b"frame,x,name,y\n0,1,a,2\n").columns(1, HEADER, [0], [1, 3])
    assert (lines, values.tolist()) == ([1], [[1, 2]])


def test_plain_numbers_and_blanks_take_the_quick_way() -> None:
    lines = ["0,1.5,a,-2\n", "1,,b,\n", "2,,,3"]
    found = text_table._parsed(lines, "".join(lines), ",", [1, 3])
    np.testing.assert_array_equal(found, [[1.5, -2], [np.nan, np.nan], [np.nan, 3]])
