"""A report from a folder of runs: tables, figures and one page that holds it all."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.outputs import check_output
from pose_smoother.files.plain import open_plain
from pose_smoother.remote.path import PathOrUrl, local_path
from trainer.report import figures, style
from trainer.report.collect import Collection, collect
from trainer.report.counts import COUNTS, add_counts, load_counts, save_counts
from trainer.report.html_page import missing_lines, page, require_jinja2
from trainer.report.intervals import Difference, Number, as_records, differences, numbers
from trainer.report.published import DEFAULT_FOLDER, Published, read_published
from trainer.report.tables import tables_by_section
from trainer.report.tables.grid import ReportData
from trainer.report.tables.table import Table, csv_of, latex, markdown, records_csv

TABLES = "tables"
NUMBERS_CSV = "numbers.csv"
DIFFERENCES_CSV = "differences.csv"
PAGE = "report.html"
#: What the page's template begins with.
_MARK = b'<meta name="generator" content="pose-smoother report">'
_HEAD_BYTES, _MAX_PAGE_BYTES = 4096, 1 << 30


@dataclass(frozen=True)
class Written:
    """The summary of a report.

    Attributes
    ----------
    page : the page's path.
    n_done, n_grid : network results that are here, and those of the full grid.
    missing : the others, a line a network and state.
    notes : what was left out, and why.
    """

    page: Path
    n_done: int
    n_grid: int
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def report(
    runs: Path,
    out: Path,
    published: Path | None = None,
    store: PathOrUrl | None = None,
    overwrite: bool = False,
    by_video: bool = False,
    counts: Path | None = None,
) -> Written:
    """Write tables, figures and the page.

    Parameters
    ----------
    runs : the folder given to ``--out`` of train and baselines.
    out : where to write; files of an earlier report are replaced.
    overwrite : replace files of the same names even if an earlier report did not write them.
    published : folder of the published numbers; None takes a checkout's own, if this is one.
    store : see ``collect``.
    by_video : intervals draw single videos, even where blocks of neighbouring ids were split.
    counts : ``counts.npz`` of an earlier report on the same store, whose other rows are added.

    Raises
    ------
    RunError : see ``collect`` and ``add_counts``.
    InvalidInputError : ``published`` doesn't hold the tables; jinja2 is not installed; ``out`` is
        an input, or holds what is no report.
    """
    require_jinja2()
    inputs = (runs, published, local_path(store))
    out = check_output(out, inputs, overwrite=overwrite, is_ours=_is_report)
    printed, notes = _published(published)
    found = collect(runs, store)
    if counts is not None:
        add_counts(found, counts)
    notes += found.notes
    source = ReportData(
        numbers(found, by_video),
        printed,
        found.budgets,
        found.data.is_by_blocks and not by_video,
    )
    pairs = differences(found, by_video)
    sections = tables_by_section(found, source, pairs)
    for table in (table for listed in sections.values() for table in listed):
        _write_table(out / TABLES, table)
    write_atomic(out / NUMBERS_CSV, _records(Number, list(source.numbers.values())))
    save_counts(out / COUNTS, found)
    drawn = _write_figures(out, found, source)
    text = page(found, sections, drawn, notes, list(source.numbers.values()))
    write_atomic(out / PAGE, text.encode())
    n_done = found.n_grid - len(found.missing)
    return Written(out / PAGE, n_done, found.n_grid, tuple(missing_lines(found)), tuple(notes))


def recount(
    counts: Path, out: Path, overwrite: bool = False, by_video: bool = False
) -> tuple[int, int]:
    """Make the numbers and paired differences of a report again, from its counts alone.

    Parameters
    ----------
    counts : the ``counts.npz`` of a report.
    out : folder for ``numbers.csv`` and ``differences.csv``.
    overwrite : replace files of these names.
    by_video : as in ``report``.

    Returns
    -------
    How many numbers and how many differences.

    Raises
    ------
    RunError : ``counts`` is absent or damaged.
    InvalidInputError : a file is there and ``overwrite`` is False.
    """
    files = [
        check_output(out / name, (counts,), overwrite=overwrite)
        for name in (NUMBERS_CSV, DIFFERENCES_CSV)
    ]
    found = load_counts(counts)
    listed, pairs = list(numbers(found, by_video).values()), differences(found, by_video)
    write_atomic(files[0], _records(Number, listed))
    write_atomic(files[1], _records(Difference, pairs))
    return len(listed), len(pairs)


def _records(kind: type[Number] | type[Difference], items: list[Any]) -> bytes:
    return records_csv(tuple(f.name for f in fields(kind)), as_records(items))


def _is_report(folder: Path) -> bool:
    """Whether a folder holds a report that this program wrote."""
    try:
        with open_plain(folder / PAGE, _MAX_PAGE_BYTES) as file:
            return _MARK in file.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return False


def _published(folder: Path | None) -> tuple[Published, list[str]]:
    if folder is None and not DEFAULT_FOLDER.is_dir():
        return Published(), [
            "the published numbers are not here (--published): their rows are left out"
        ]
    return read_published(folder or DEFAULT_FOLDER), []


def _write_table(folder: Path, table: Table) -> None:
    write_atomic(folder / f"{table.name}.csv", csv_of(table))
    write_atomic(folder / f"{table.name}.md", markdown(table).encode())
    write_atomic(folder / f"{table.name}.tex", latex(table).encode())


def _write_figures(out: Path, found: Collection, source: ReportData) -> dict[str, str]:
    """Write the figures; name -> SVG for the page."""
    made = {"figure1": figures.training_figure(found), "pck": figures.pck_figure(source)}
    inline = {}
    for name, figure in made.items():
        if figure is not None:
            vector = style.svg(figure)
            figure.set_layout_engine("none")  # laid out once for both files
            write_atomic(out / f"{name}.svg", vector)
            write_atomic(out / f"{name}.png", style.png(figure))
            inline[name] = figures.inline_svg(vector, name)
    return inline
