"""Commands of the library: smooth, inspect, view, formats, skeletons."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_batch import KEYPOINT_FILES, smooth_paths
from pose_smoother.cli_support import (
    HELP_OPTIONS,
    MISSING,
    PATH,
    FiniteRange,
    OneLineErrors,
    is_quiet,
    options,
    program_options,
    say,
    say_json,
)
from pose_smoother.inspection.cli import inspect
from pose_smoother.poses.assumed import NOTE
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.smoothing.journal import state_of
from pose_smoother.smoothing.tracks import FILL_METHODS
from pose_smoother.view.cli import view

#: Options of ``smooth`` that do not change what is written.
_DECIDES_NOTHING = ("overwrite", "summary_format", "page")


@click.group(cls=OneLineErrors, context_settings=HELP_OPTIONS)
@program_options(NOTE)
def main(**chosen: bool) -> None:
    """Smooth the keypoints of any pose detector."""
    del chosen  # read before the command, by their callbacks and by the group


main.add_command(inspect)
main.add_command(view)


@main.command()
@options(*KEYPOINT_FILES)
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
@click.option(
    "--fps", default=None, type=FiniteRange(), help="Frames a second, for Hz and seconds."
)
@click.option(
    "--min-score",
    default=None,
    type=FiniteRange(),
    help="Points with a lower score are not read; they stay as they are, unless filled; 0 reads "
    "all.  [default: below 0.3, of DeepLabCut, SLEAP and NWB 0.6, and far from the points around]",
)
@click.option(
    "--fill-gaps",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Fill missing points in gaps of at most so many frames; 0 fills nothing.",
)
@click.option(
    "--fill-method",
    default="linear",
    show_default=True,
    type=click.Choice(FILL_METHODS),
    help="With --fill-gaps: along a line, or along a cubic curve that does not overshoot.",
)
@MISSING
@click.option(
    "--fix-swaps",
    is_flag=True,
    help="Put points that are exchanged between left and right, or between individuals, where they "
    "belong. Without it they stay there, and are counted.",
)
@click.option(
    "--summary",
    "summary_format",
    default="line",
    show_default=True,
    type=click.Choice(["line", "json"]),
    help="What was changed and assumed: the last line, or one JSON object on standard output.",
)
@click.option(
    "--map",
    "names_map",
    default=None,
    type=PATH,
    help="With --run, a TOML or JSON file: a keypoint's name in IN, and the run's name for it.",
)
@click.option(
    "--view", "page", default=None, type=PATH, help="A page to see it on, too: see `view`."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --summary json.")
def smooth(
    sources: tuple[PathOrUrl, ...],
    out: PathOrUrl | None,
    out_dir: PathOrUrl | None,
    workers: int,
    scheduler: str | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Smooth files of keypoints: by the pretrained network, by filters or a trained run.

    The output is the input with other coordinates: every other field stays, and missing keypoints
    stay missing. The last line reports what was changed. IN is a file, several, a folder of files,
    or - for standard input; files and folders may be at addresses (s3://bucket/k.csv).

    Example: pose-smoother smooth keypoints.csv --out smoothed.csv
    """
    if chosen["run"] is not None and chosen["smoother"] is not None:
        raise click.UsageError("give --smoother NAME or --run RUN, one of them")
    if chosen["page"] is not None and (len(sources) != 1 or out is None or str(sources[0]) == "-"):
        raise click.UsageError("--view goes with one file IN and --out")
    if as_json:
        chosen["summary_format"] = "json"
    one = partial(_smooth_file, chosen)
    quiet = is_quiet() and chosen["summary_format"] != "json"
    where = (sources, out, out_dir, workers, one, chosen["format"], quiet)
    smooth_paths(
        *where,
        scheduler=scheduler,
        made_by=partial(_made_by, chosen),
        overwrite=chosen["overwrite"],
    )


def _made_by(chosen: dict[str, Any]) -> str:
    """What decides the output of a file: the version, the options, and the files that they name."""
    from pose_smoother import __version__

    decides = {name: given for name, given in chosen.items() if name not in _DECIDES_NOTHING}
    read = [state_of(path) for path in (chosen["run"], chosen["names_map"]) if path is not None]
    return f"{__version__} {sorted(decides.items())} {read}"


def _smooth_file(chosen: dict[str, Any], source: Path, out: Path) -> str:
    """Smooth one file by the options of the command; a line on what was changed."""
    from pose_smoother.files.outputs import check_output
    from pose_smoother.poses.tracks import Poses
    from pose_smoother.smoothing.files import smooth_file
    from pose_smoother.smoothing.methods import smooth_by
    from pose_smoother.smoothing.swaps import Outcome
    from pose_smoother.smoothing.tracks import Rules

    page = chosen["page"]
    if page is not None:
        from pose_smoother.view.write import check_axes, check_page, write_view

        check_page(page)
        page = check_output(page, (source, out), overwrite=chosen["overwrite"])
    rules = Rules(chosen["min_score"], chosen["fill_gaps"], chosen["fill_method"])
    how = (chosen["smoother"], chosen["run"], chosen["params"])
    known_now = chosen["run"] is not None or chosen["fps"] is not None
    given = _method(*how, chosen["fps"]) if known_now else None

    def smooth(poses: Poses) -> Outcome:
        if page is not None:
            check_axes(poses, source)
        method = given if known_now else _method(*how, poses.fps)
        return smooth_by(method, poses, rules, chosen["fix_swaps"], chosen["names_map"])

    reading = {name: chosen[name] for name in ("format", "skeleton", "layout", "missing")}
    summary = smooth_file(
        source,
        check_output(
            out, (source, chosen["names_map"], chosen["run"]), overwrite=chosen["overwrite"]
        ),
        smooth,
        rules=None if chosen["run"] else rules,
        **reading,
    )
    if page is not None:
        write_view(source, (out,), page, fps=chosen["fps"], reports=False, **reading)
    if chosen["summary_format"] == "json":
        return json.dumps({"out": str(out), **summary.as_dict()})
    return f"wrote {out}: {summary.size()}; {summary.line()}"


def _method(
    smoother: str | None, run: Path | None, params: tuple[str, ...], fps: float | None
) -> Any:
    """A chain of filters or a loaded run, by the options."""
    if run is None:
        from pose_smoother.filters.parameters import from_text
        from pose_smoother.smoothing.chain import make_chain

        return make_chain(smoother or "auto", from_text(params), fps)
    if params or fps is not None:
        raise click.UsageError(f"{'--param' if params else '--fps'} goes with --smoother")
    from pose_smoother.smoothing.runs import load_run

    return load_run(run)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def formats(as_json: bool) -> None:
    """List the file formats of keypoints, and what their files can hold.

    Every format is written back with other coordinates alone; any may be gzipped (.gz).

    Example: pose-smoother formats
    """
    from pose_smoother.poses.formats import formats as known

    if as_json:
        listed = {name: list(module.EXTENSIONS) for name, module in known().items()}
        say_json(listed)
        return
    holds = ("scores", "fps", "3-D")
    rows: list[tuple[str, ...]] = [("name", "files", "reads", "writes", *holds)]
    for name, module in known().items():
        files = " ".join(ending or "folder" for ending in module.EXTENSIONS)
        has = ("yes" if what in module.HAS else "no" for what in holds)
        rows.append((name, files, "yes", "yes", *has))
    _echo_table(rows)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, with their keypoints.")
def skeletons(as_json: bool) -> None:
    """List the known skeletons: what `--skeleton` takes for files without keypoint names.

    Example: pose-smoother skeletons
    """
    from pose_smoother.poses.skeletons import known, skeleton

    if as_json:
        listed = {name: list(skeleton(name).keypoints) for name in known()}
        say_json(listed)
        return
    rows = [("name", "keypoints", "of")]
    for found in map(skeleton, known()):
        also = f" (also {', '.join(found.aliases)})" if found.aliases else ""
        rows.append((found.name + also, str(len(found.keypoints)), found.about))
    _echo_table(rows)


def _echo_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of equally many cells in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say(line.rstrip())
