"""Cells of text tables."""

import pytest

from pose_smoother.poses.formats.table_cells import number_text
from pose_smoother.poses.formats.text_table import parse


@pytest.mark.parametrize(
    ("value", "like", "text"),
    [
        (1.5, "", "1.5"),
        (12.0, "11", "12"),
        (12.0, "11.5", "12.0"),
        (-0.0, "2.5", "0.0"),
        (1e-7, "0", "0.0000001"),
        (123456.789012, '"4"', '"123456.789012"'),
        (1e9, "1", "1000000000"),
    ],
)
def test_number_text(value: float, like: str, text: str) -> None:
    assert number_text(value, like) == text


def test_delimiters_in_quotes_and_empty_last_cells() -> None:
    table = parse(b'a;"b;c";\n"x""y";;\n')
    assert [table.texts(i) for i in range(2)] == [["a", "b;c", ""], ['x"y', "", ""]]
    assert table.changed({0: {2: 7.0}}) == b'a;"b;c";7\n"x""y";;\n'
