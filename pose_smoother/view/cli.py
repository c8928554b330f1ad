"""The command that makes a page to watch keypoints on: view."""

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
)


@click.command()
@click.argument("source", metavar="IN", type=PATH)
@click.argument("smoothed", metavar="[OUT]...", nargs=-1, type=PATH)
@click.option("--out", required=True, type=PATH, help="The page: one .html file.")
@click.option(
    "--smoother",
    "smoothers",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Smooth IN in this way too: auto, kalman, or several in a row as hampel,gaussian. "
    "Several times for several.  [default: auto, if no OUT is given]",
)
@click.option("--video", "clip", default=None, type=PATH, help="The clip, behind the skeletons.")
@click.option(
    "--first-frame",
    default=None,
    type=int,
    help="The frame number of the clip's first picture.  [default: 0]",
)
@click.option(
    "--fps",
    default=None,
    type=FiniteRange(0, min_open=True),
    help="Frames a second.  [default: the clip's, or 30 to play]",
)
@click.option(
    "--min-score",
    default=None,
    type=FiniteRange(),
    help="For --smoother: points with a lower score are not read.",
)
@click.option(
    "--recording",
    default=None,
    help="Of a file with several videos, the name of one.  [default: the longest]",
)
@options(*READING, MISSING)
@OVERWRITE
def view(
    source: Path,
    smoothed: tuple[Path, ...],
    out: Path,
    smoothers: tuple[str, ...],
    clip: Path | None,
    first_frame: int | None,
    fps: float | None,
    min_score: float | None,
    recording: str | None,
    overwrite: bool,
    **reading: Any,
) -> None:
    """Make a page on which keypoints are watched before and after smoothing.

    IN are the keypoints as detected, OUT the same file smoothed, or several. The page is one file
    that opens without a network, plays by mouse, keys and touch, and shows trajectories and jitter.

    Example: pose-smoother view keypoints.csv smoothed.csv --out page.html
    """
    from pose_smoother.files.outputs import check_output
    from pose_smoother.view.write import write_view

    done = write_view(
        source,
        smoothed,
        check_output(out, (source, *smoothed, clip), overwrite=overwrite),
        smoothers=smoothers,
        clip=clip,
        first_frame=first_frame,
        fps=fps,
        min_score=min_score,
        recording=recording,
        **reading,
    )
    inform(f"wrote {out}: {done}")
