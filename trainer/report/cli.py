"""The command that turns runs into a report."""

from pathlib import Path

import click

from pose_smoother.cli_support import PATH, PLACE
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
def report(runs: Path, out: Path, published: Path | None, store: PathOrUrl | None) -> None:
    """Tables, figures and a page from the runs and baselines of the folder RUNS.

    Unfinished runs are named; their cells stay empty.

    Example: python -m trainer report runs --out report
    """
    from trainer.report.report import report as write

    written = write(runs, out, published, store)
    for note in written.notes:
        click.echo(f"note: {note}")
    click.echo(f"{written.n_done} of {written.n_grid} network results")
    for line in written.missing:
        click.echo(f"  missing: {line}")
    click.echo(f"report: {written.page}")
