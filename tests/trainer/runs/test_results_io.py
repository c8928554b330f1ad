"""CSV files that give back every text and number exactly, and runs read as one table."""

import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_smoother.errors import RunError
from trainer.runs.results_io import (
    TIDY_KINDS,
    csv_bytes,
    escape_cell,
    load,
    read_csv,
    read_results,
    unescape_cell,
    write_csv,
    write_results,
)

KINDS = {"id": "text", "value": "float64", "n": "int64"}
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)


def tidy_row(**changed):
    row = dict.fromkeys(TIDY_KINDS, "all")
    return {**row, "seed": 0, "alpha": None, "value": 1.5, "n": 3, **changed}


@pytest.mark.parametrize("text", ["-abc", "NA", "007", "=1+1", "+1", "@x", "'q", "''", "", "1e5"])
def test_ids_keep_their_text(tmp_path, text):
    write_csv(tmp_path / "t.csv", list(KINDS), [{"id": text, "value": 0.5, "n": 1}])
    assert read_csv(tmp_path / "t.csv", KINDS)["id"].tolist() == [text]


@given(rows=st.lists(st.tuples(TEXT, st.floats(allow_nan=False), st.integers(-(2**62), 2**62))))
def test_every_table_comes_back_exactly(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    write_csv(path, list(KINDS), [dict(zip(KINDS, row, strict=True)) for row in rows])
    table = read_csv(path, KINDS)
    assert list(table.itertuples(index=False, name=None)) == rows


@given(text=TEXT)
def test_no_cell_starts_a_formula_and_escaping_is_reversible(text):
    cell = escape_cell(text)
    assert not cell.startswith(("=", "+", "-", "@"))
    assert unescape_cell(cell) == text


def test_a_negative_number_stays_a_number():
    assert csv_bytes(["value"], [{"value": -0.1}]) == b"value\n-0.1\n"


def test_none_is_an_empty_cell_and_reads_as_nan(tmp_path):
    write_csv(tmp_path / "t.csv", ["value"], [{"value": None}, {"value": 2.0}])
    assert read_csv(tmp_path / "t.csv", {"value": "float64"})["value"].isna().tolist() == [
        True,
        False,
    ]


def test_control_characters_are_refused():
    with pytest.raises(ValueError, match="control character"):
        csv_bytes(["id"], [{"id": "a\rb"}])


def test_a_spreadsheets_own_reader_sees_plain_columns():
    table = pd.read_csv(io.BytesIO(csv_bytes(list(TIDY_KINDS), [tidy_row()])))
    assert list(table.columns) == list(TIDY_KINDS)
    assert table["value"][0] == 1.5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,value\nx,1\n", "damaged: expected the columns id, value, n"),
        ("id,value,n\nx,one,1\n", "is damaged: it does not hold what it should"),
        ("id,value,n\nx,1.0,1.5\n", "is damaged: it does not hold what it should"),
        ("", "is damaged: it does not hold what it should"),
    ],
)
def test_another_table_is_refused(tmp_path, text, complaint):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(RunError, match=complaint):
        read_csv(tmp_path / "t.csv", KINDS)


def test_runs_and_baselines_become_one_table(tmp_path):
    write_results(tmp_path / "a-1.1-seed0", {"rows": [tidy_row(model="a", experiment="1.1")]})
    rows = [tidy_row(model="-b", experiment="2.0", metric="pck", alpha=0.1)]
    write_results(tmp_path / "b", {"rows": rows})
    (tmp_path / "unfinished").mkdir()
    table = load(tmp_path)
    assert list(table.columns) == list(TIDY_KINDS)
    assert table["model"].tolist() == ["a", "-b"]
    assert table["experiment"].tolist() == ["1.1", "2.0"]
    assert table["alpha"].isna().tolist() == [True, False]
    assert table["n"].dtype == "int64"


def test_no_runs_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(RunError, match="train a model or compute baselines first"):
        load(tmp_path)


def test_damaged_results_are_reported(tmp_path):
    with pytest.raises(RunError, match="the run is not finished"):
        read_results(tmp_path)
    for text in ("{", "[1]"):
        (tmp_path / "results.json").write_text(text)
        with pytest.raises(RunError, match="is damaged"):
            read_results(tmp_path)
