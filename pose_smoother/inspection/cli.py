"""The command that reports what is in a file of keypoints: inspect."""

import logging
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_support import (
    MISSING,
    OVERWRITE,
    PATH,
    READING,
    FiniteRange,
    inform,
    options,
    say_json,
    say_lines,
)

_log = logging.getLogger(__name__)


@click.command()
@click.argument("source", metavar="FILE", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", default=None, type=PATH, help="Write the report as a page, too.")
@click.option("--all", "every", is_flag=True, help="List every keypoint of a file with many.")
@click.option("--fps", default=None, type=FiniteRange(0, min_open=True), help="Frames a second.")
@options(*READING, MISSING)
@OVERWRITE
def inspect(
    source: Path,
    as_json: bool,
    html: Path | None,
    every: bool,
    fps: float | None,
    overwrite: bool,
    **reading: Any,
) -> None:
    """Report what is in a file of keypoints, what is wrong, and what would smooth it.

    Jitter is the mean length of the second difference over three frames, noise the standard
    deviation of what changes from frame to frame; both as shares of the body's size.

    Example: pose-smoother inspect keypoints.csv
    """
    from pose_smoother.files.atomic import write_atomic
    from pose_smoother.files.outputs import check_output
    from pose_smoother.inspection.inspect import inspect as look
    from pose_smoother.inspection.page import report_page
    from pose_smoother.inspection.report import as_text
    from pose_smoother.poses.assumed import log_assumed

    target = html and check_output(html, (source,), overwrite=overwrite)
    found = look(source, fps=fps, **reading)
    log_assumed(_log, found.warnings)
    if as_json:
        say_json(found.as_dict())
    else:
        say_lines(as_text(found, every))
    if target is not None:
        write_atomic(target, report_page(found))
        inform(f"wrote {html}", err=True)
