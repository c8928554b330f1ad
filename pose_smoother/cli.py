"""Commands of the library: smooth, formats."""

import logging
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_support import (
    HELP_OPTIONS,
    KEYPOINT_FILE,
    PATH,
    OneLineErrors,
    log_lines,
    options,
)


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value and not ctx.resilient_parsing:
        import pose_smoother

        click.echo(f"pose-smoother {pose_smoother.__version__}")
        ctx.exit()


@click.group(cls=OneLineErrors, context_settings=HELP_OPTIONS)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("-q", "--quiet", is_flag=True, help="No warnings and no last line; errors remain.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
@click.pass_context
def main(ctx: click.Context, debug: bool, quiet: bool) -> None:
    """Smooth the keypoints of any pose detector."""
    del debug
    ctx.obj = quiet
    log_lines(logging.ERROR if quiet else logging.WARNING)


@main.command()
@options(*KEYPOINT_FILE)
@click.option(
    "--smoother",
    default=None,
    metavar="NAME[,NAME]",
    help="A filter, or several in a row: gaussian; hampel,kalman. An unknown name lists all. "
    "Without one, auto: the pretrained network, which measures the noise itself.",
)
@click.option("--run", default=None, type=PATH, help="Instead: the folder of a trained run.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the filter, such as sigma_frames=2 or cutoff_hz=6; in a chain also "
    "hampel.width_frames=5. Several times for several.",
)
@click.option("--fps", default=None, type=float, help="Frames a second, for Hz and seconds.")
@click.option(
    "--min-score",
    default=None,
    type=float,
    help="Points with a lower score are not read; they stay as they are, unless filled.",
)
@click.option(
    "--fill-gaps",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Fill missing points in gaps of at most so many frames; 0 fills nothing.",
)
@click.option(
    "--map",
    "names_map",
    default=None,
    type=PATH,
    help="With --run, a TOML or JSON file: a keypoint's name in IN, and the run's name for it.",
)
@click.pass_obj
def smooth(
    quiet: bool,
    source: Path,
    out: Path,
    format: str | None,
    skeleton: str | None,
    **chosen: Any,
) -> None:
    """Smooth a file of keypoints: by the pretrained network, by filters or a trained run.

    The output is the input with other coordinates: every other field stays, and missing keypoints
    stay missing. The last line reports what was changed.

    Example: pose-smoother smooth keypoints.csv --out smoothed.csv
    """
    from pose_smoother.smoothing.files import smooth_file
    from pose_smoother.smoothing.methods import smooth_by
    from pose_smoother.smoothing.tracks import Rules

    rules = Rules(chosen["min_score"], chosen["fill_gaps"])
    method = _method(chosen["smoother"], chosen["run"], chosen["params"], chosen["fps"])
    names_map = chosen["names_map"]
    summary = smooth_file(
        source,
        out,
        lambda poses: smooth_by(method, poses, rules, names_map),
        format=format,
        skeleton=skeleton,
    )
    if not quiet:
        click.echo(
            f"wrote {out}: {summary.n_frames} frames in {summary.n_tracks} tracks; {summary.line()}"
        )


def _method(
    smoother: str | None, run: Path | None, params: tuple[str, ...], fps: float | None
) -> Any:
    """A chain of filters or a loaded run, by the options."""
    if run is not None and smoother is not None:
        raise click.UsageError("give --smoother NAME or --run RUN, one of them")
    if run is None:
        from pose_smoother.filters.parameters import from_text
        from pose_smoother.smoothing.chain import make_chain

        return make_chain(smoother or "auto", from_text(params), fps)
    if params or fps is not None:
        raise click.UsageError(f"{'--param' if params else '--fps'} goes with --smoother")
    from pose_smoother.smoothing.runs import load_run

    return load_run(run)


@main.command()
def formats() -> None:
    """List the file formats of keypoints.

    Example: pose-smoother formats
    """
    from pose_smoother.poses.formats import formats as known

    rows = [("name", "files", "reads", "writes")]
    for name, module in known().items():
        files = " ".join(ending or "folder" for ending in module.EXTENSIONS)
        rows.append((name, files, "yes", "yes"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
