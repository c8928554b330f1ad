"""The command that turns runs into a report."""

from pathlib import Path

import click

from pose_smoother.cli_support import OVERWRITE, PATH, PLACE, inform
from pose_smoother.remote.path import PathOrUrl


@click.command()
@click.argument("runs", type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder to write the report to.")
@click.option(
    "--published",
    default=None,
    type=PATH,
    help="Folder of the thesis's numbers.  [default: data/published of the checkout]",
)
@click.option(
    "--store",
    default=None,
    type=PLACE,
    help="The runs' store, for runs that keep no data.json.  [default: where it was]",
)
@click.option(
    "--by-video",
    is_flag=True,
    help="Intervals draw single videos, even where blocks of neighbouring ids were split.",
)
@click.option(
    "--counts",
    default=None,
    type=PATH,
    help="counts.npz of an earlier report on the same store: its other rows are added.",
)
@OVERWRITE
def report(
    runs: Path,
    out: Path,
    published: Path | None,
    store: PathOrUrl | None,
    by_video: bool,
    counts: Path | None,
    overwrite: bool,
) -> None:
    """Tables, figures and a page from the runs and baselines of the folder RUNS.

    Unfinished runs are named; their cells stay empty.

    Where RUNS is the counts.npz of an earlier report, its numbers and paired differences are made
    again from it, with their intervals, into numbers.csv and differences.csv.

    Intervals of 95 % draw whole videos; where the store was split by blocks of neighbouring ids,
    they draw blocks, as clips of a block often share a source video.

    Runs of several machines: --counts adds the rows of a report that was made elsewhere, and the
    curves and settings of its runs.

    Example: python -m trainer report runs --out report
    """
    from trainer.report.report import recount
    from trainer.report.report import report as write

    if runs.is_file():
        n_numbers, n_differences = recount(runs, out, overwrite, by_video)
        inform(f"{n_numbers:,} numbers and {n_differences:,} paired differences: {out}")
        return

    written = write(runs, out, published, store, overwrite, by_video, counts)
    for note in written.notes:
        inform(f"note: {note}")
    inform(f"{written.n_done} of {written.n_grid} network results")
    for line in written.missing:
        inform(f"  missing: {line}")
    inform(f"report: {written.page}")
