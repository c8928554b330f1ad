"""The whole report: its files, its page, its command, and the example of docs/pandas.md."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from pose_smoother.errors import InvalidInputError
from trainer.cli import main
from trainer.report import html_page as page_module
from trainer.report.report import recount, report
from trainer.report.tables.table import Row, Table, measured_rows

ROOT = Path(__file__).parents[3]
VOID = {"meta", "br", "img", "link", "use", "path"}


@pytest.fixture(scope="module")
def out(made_runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    report(made_runs, out)
    return out


@pytest.fixture
def without_figures(monkeypatch):
    """Drawing is most of a report's time."""
    monkeypatch.setattr("trainer.report.report._write_figures", lambda out, found, source: {})


class Page(HTMLParser):
    """Collects tags, attributes and text; notes tags that don't close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.unscrolled, self.crossed = [], [], [], 0, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "table":
            self.unscrolled += self.open[-1] != ("div", "scroll")
        if tag not in VOID:
            self.open.append((tag, attrs.get("class", "")))

    def handle_endtag(self, tag):
        if tag not in VOID:
            name, _ = self.open.pop()
            self.crossed += [] if name == tag else [(name, tag)]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(out):
    return Page((out / "report.html").read_text())


def test_every_table_comes_as_csv_markdown_and_latex(out):
    stems = {}
    for file in (out / "tables").iterdir():
        stems.setdefault(file.stem, set()).add(file.suffix)
    assert {"table1", "table2", "table3", "table4", "table3-at-0.05"} <= set(stems)
    assert set(map(frozenset, stems.values())) == {frozenset({".csv", ".md", ".tex"})}
    for name in ("figure1.png", "figure1.svg", "pck.png", "pck.svg", "numbers.csv"):
        assert (out / name).stat().st_size > 1000


def test_the_page_is_one_file_without_an_outside_address(out, page):
    text = (out / "report.html").read_text()
    outside = set(re.findall(r"https?://[^\"'\s<)]+", text))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "img", "iframe")
        assert attrs.get("href", "#").startswith("#")
        assert "src" not in attrs
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)


def test_the_page_is_well_formed_and_its_links_lead_somewhere(page):
    assert page.open == []
    assert page.crossed == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"][1:] for tag, attrs in page.tags if tag == "a"]
    assert len(links) >= 9
    assert set(links) <= set(ids)


def test_the_page_fits_phone_print_and_dark_rooms(out, page):
    text = (out / "report.html").read_text()
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in [
        *page.tags
    ]
    assert page.unscrolled == 0
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text


def test_the_page_says_what_is_missing_and_how_it_was_made(page):
    words = " ".join(" ".join(page.words).split())
    assert "3 of the 24 network results" in words
    assert "bi-ConvLSTM Model C 2.3: preempted, 7 epochs so far" in words
    assert "No identity or smoother rows for 1.2, 1.3, 2.1, 2.2" in words
    assert "No frame and no video is in more than one split." in words
    assert "trainer train --model deciwatch --exp 1.1 --seed 1 --store STORE --out RUNS" in words
    assert "torch" in words


def test_the_page_begins_with_what_was_measured(page, out):
    words = " ".join(" ".join(page.words).split())
    first = words.partition("Test accuracy")[0]
    assert re.search(r"Experiment 1\.1: DeciWatch [\d.]+ % PCK@0\.1, the identity function", first)
    assert "preempted" not in first
    assert words.index("How far off") < words.index("preempted, 7") < words.index("Settings")
    shown = re.findall(r'<th scope="row">(.*?)</th>', (out / "report.html").read_text())
    assert "DeciWatch" in shown
    assert "bi-ConvLSTM Model C" not in shown  # it has no result: only the thesis has
    assert "bi-ConvLSTM Model C" in (out / "tables" / "table1.md").read_text()


def test_a_table_without_a_value_is_not_shown():
    heads = ((("a", 1),),)
    rows = (Row("block", "one"), Row("value", "x", ("–",)), Row("published", "thesis", ("3.1",)))
    assert measured_rows(Table("t", "t", heads, rows, (), ())) is None
    more = (*rows, Row("block", "two"), Row("value", "y", ("4",)), Row("interval", "", ("1–2",)))
    left = measured_rows(Table("t", "t", heads, more, (), ()))
    assert [row.label for row in left.rows] == ["two", "y", ""]


def test_nothing_of_this_machine_is_written(out, made_runs):
    for file in out.rglob("*"):
        if file.suffix in (".csv", ".md", ".tex", ".html", ".svg"):
            text = file.read_text()
            assert str(made_runs) not in text
            assert str(Path.cwd()) not in text


def test_equal_runs_give_an_equal_report(out, made_runs, tmp_path):
    report(made_runs, tmp_path)
    for file in out.rglob("*"):
        if file.is_file():
            assert (tmp_path / file.relative_to(out)).read_bytes() == file.read_bytes(), file


@pytest.mark.usefixtures("without_figures")
def test_the_command_reports_what_is_missing_and_where_the_page_is(made_runs, tmp_path):
    result = CliRunner().invoke(main, ["report", str(made_runs), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "3 of 24 network results"
    assert "  missing: bi-ConvLSTM Model C 2.3: preempted, 7 epochs so far" in lines
    assert lines[-1] == f"report: {tmp_path / 'report.html'}"


def test_the_command_takes_published_numbers_from_elsewhere(made_runs, tmp_path):
    empty = tmp_path / "published"
    empty.mkdir()
    out = tmp_path / "report"
    command = ["report", str(made_runs), "--out", str(out), "--published", str(empty)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "doesn't hold the published tables" in result.stderr


@pytest.mark.usefixtures("without_figures")
def test_without_published_numbers_it_says_so(made_runs, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.report.report.DEFAULT_FOLDER", tmp_path / "none")
    written = report(made_runs, tmp_path)
    assert "published numbers are not here" in written.notes[0]
    assert "published numbers are not here" in (tmp_path / "report.html").read_text()


@pytest.mark.usefixtures("without_figures")
def test_a_run_that_had_to_be_left_out_is_named(made_runs, tmp_path):
    runs = shutil.copytree(made_runs, tmp_path / "runs")
    (runs / "3dconv-1.1-seed0" / "scores.npz").unlink()
    written = report(runs, tmp_path / "out")
    assert written.notes == ("3dconv-1.1-seed0 has results but no scores.npz: not in the tables",)
    assert written.notes[0] in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.usefixtures("without_figures")
def test_where_every_run_is_damaged_the_report_names_them_all(made_runs, tmp_path):
    runs = shutil.copytree(made_runs, tmp_path / "runs")
    damaged = list(runs.rglob("scores*.npz"))
    for file in damaged:
        file.write_bytes(b"PK")
    written = report(runs, tmp_path / "out")
    assert written.n_done == 0
    assert sum("scores" in note for note in written.notes) == len(damaged)
    assert recount(tmp_path / "out" / "counts.npz", tmp_path / "again") == (0, 0)


def test_without_jinja2_one_line_says_how_to_get_it(made_runs, tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, "find_spec", lambda name: None)
    with pytest.raises(InvalidInputError, match="pip install"):
        report(made_runs, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_example_of_the_docs_makes_table_1(made_runs, out, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "pandas.md").read_text(), re.S)
    assert len([line for line in code.splitlines() if line]) <= 11  # ten lines and the import
    monkeypatch.chdir(made_runs.parent)
    made: dict[str, pd.DataFrame] = {}
    exec(code, made)
    table1 = made["table1"]
    assert table1.index[0] == "identity"
    assert "deciwatch" in capsys.readouterr().out
    report_table = pd.read_csv(out / "tables" / "table1.csv", dtype={"experiment": str})
    n_compared = 0
    of_pck = report_table[report_table["metric"] == "pck"]
    for row in of_pck.dropna(subset="value").to_dict("records"):
        place = (row["alpha"], row["experiment"])
        assert np.isclose(table1.loc[row["model"], place], row["value"])
        assert np.isclose(table1.loc["mean threshold (px)", place], row["mean_threshold_px"])
        n_compared += 1
    assert n_compared == 5 * 3
