"""One table in three formats."""

import csv
import io
from dataclasses import replace

from trainer.report.tables.table import Row, Table, csv_of, latex, markdown

SHEET = Table(
    name="t",
    title="PCK@0.1 in %",
    heads=((("A & B", 2), ("C", 1)), (("1.1", 1), ("1.2", 1), ("1.1", 1))),
    rows=(
        Row("block", "k = 1"),
        Row("fact", "n", ("1,000", "1,000", "–")),
        Row("value", "One-Euro", ("6.95", "−0.30", "–"), frozenset({1})),
        Row("interval", "95 % CI", ("[6.1, 7.2]", "[−0.4, 0.1]", "–")),
    ),
    columns=("model", "value", "low"),
    records=({"model": "one-euro", "value": 6.954321, "low": float("nan")},),
    notes=("α × torso, σ_in ≤ 1 | x.",),
    corner="Model",
)


def test_csv_holds_unrounded_numbers_and_empty_cells():
    (row,) = csv.DictReader(io.StringIO(csv_of(SHEET).decode()))
    assert row == {"model": "one-euro", "value": "6.954321", "low": ""}


def test_markdown_rows_have_equal_widths_and_spans_are_written_out():
    lines = [line for line in markdown(SHEET).splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in lines} == {3}
    assert lines[0] == "| Model | A & B 1.1 | A & B 1.2 | C 1.1 |"
    assert "| One-Euro | 6.95 | **−0.30** | – |" in lines
    assert "| *95 % CI* | [6.1, 7.2] | [−0.4, 0.1] | – |" in lines


def test_markdown_shows_names_of_strangers_as_text():
    name = "<script>x</script>![a](http://b)\n| c"
    table = replace(
        SHEET,
        title=name,
        corner=name,
        heads=(((name, 3),),),
        rows=(Row("block", name), Row("fact", name, (name, "", ""))),
        notes=(name,),
    )
    text = markdown(table)
    assert "<" not in text
    assert "](" not in text
    lines = text.splitlines()
    assert len(lines) == len(markdown(SHEET).splitlines()) - 2
    assert all(line.replace("\\|", "").count(" | ") == 3 for line in lines if line.startswith("|"))


def test_latex_rows_have_equal_widths_and_nothing_special_is_left_bare():
    text = latex(SHEET)
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    for line in body.splitlines():
        if not line.endswith(r"\\") or r"\textbf{k = 1}" in line:
            continue
        n_cells = line.replace(r"\&", "").count("&") + (r"\multicolumn{2}" in line)
        assert n_cells == 3, line
    assert r"\multicolumn{2}{c}{A \& B}" in body
    assert r"One-Euro & 6.95 & \textbf{$-$0.30} & --" in body
    assert r"95 \% CI" in body
    assert r"$\sigma$\_in" in text
    assert text.replace("≤", "").isascii()


def test_braces_of_latex_are_balanced():
    text = latex(SHEET).replace(r"\{", "").replace(r"\}", "")
    assert text.count("{") == text.count("}")
