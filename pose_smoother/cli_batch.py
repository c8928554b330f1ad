"""One file, several, a folder of them, or standard input: what a command does with its paths."""

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_support import (
    KEYPOINT_FILE,
    PLACE,
    is_verbose,
    log_lines,
    print_notes_once,
    say,
    sigterm_as_exception,
)
from pose_smoother.errors import InvalidInputError, PoseSmootherError
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.poses.formats import formats
from pose_smoother.poses.formats.tracks_io import MAX_BYTES
from pose_smoother.remote.path import PathOrUrl, RemotePath
from pose_smoother.smoothing.addresses import check_protocol, reported_as, smooth_at_addresses
from pose_smoother.smoothing.batch import Job, Smooth, find_jobs, is_batch, smooth_many
from pose_smoother.smoothing.journal import Journal
from pose_smoother.smoothing.summary import TOO_FEW_FRAMES

_STREAM = Path("-")
_BLOCK_BYTES = 1 << 20

#: Options of a command that smooths one file of keypoints or many.
KEYPOINT_FILES: tuple[Callable[[Any], Any], ...] = (
    click.argument("sources", metavar="IN...", type=PLACE, nargs=-1, required=True),
    click.option(
        "--out",
        default=None,
        type=PLACE,
        help="The same file, smoothed: what is written; - is standard output. A folder that is "
        "there, and for several files any: as --out-dir.",
    ),
    click.option(
        "--out-dir",
        default=None,
        type=PLACE,
        help="For several files, or a folder of them: the folder to which each is written under "
        "its own name. The same command again goes on where it was stopped.",
    ),
    click.option(
        "--workers",
        default=1,
        show_default=True,
        type=click.IntRange(1),
        help="With several files, smooth so many at once.",
    ),
    click.option(
        "--scheduler",
        default=None,
        metavar="ADDRESS",
        help="With several files, have the workers of a Dask scheduler smooth them: tcp://host:8786."
        " They must see the files under the same paths.",
    ),
    *KEYPOINT_FILE[2:],
)


def smooth_paths(
    sources: Sequence[PathOrUrl],
    out: PathOrUrl | None,
    out_dir: PathOrUrl | None,
    n_workers: int,
    smooth: Smooth,
    format: str | None,
    quiet: bool,
    *,
    overwrite: bool = False,
    scheduler: str | None = None,
    made_by: Callable[[], str] = str,
) -> None:
    """Smooth what the user named; a line for each file.

    Several files are smoothed once: those that are in the output folder already, from the same
    input by the same options, stay.

    Parameters
    ----------
    smooth : smooths one file; with several workers, picklable.
    scheduler : address of a Dask scheduler for several files.
    made_by : gives the options that decide what is written; called for several files alone.

    Raises
    ------
    click.UsageError : the paths do not go together.
    PoseSmootherError : a single file failed, or some of several did.
    """
    places = [place for place in (*sources, out, out_dir) if isinstance(place, RemotePath)]
    for place in places:
        check_protocol(place)
    if places:
        smooth = partial(smooth_at_addresses, smooth, overwrite)
    several = len(sources) > 1 or is_batch(sources[0], format)
    if out is not None and out_dir is not None:
        raise click.UsageError("give --out or --out-dir, one of them")
    if _STREAM in sources and several:
        raise click.UsageError("- (standard input) is smoothed alone")
    if several:
        folder = out_dir or out
        if folder is None or folder == _STREAM or folder.is_file():
            raise click.UsageError("several files: give a folder as --out")
        jobs = find_jobs(sources, folder, format)
        # What is at an address is not written line by line.
        journal = Journal(folder, made_by()) if isinstance(folder, Path) else None
        _smooth_several(jobs, journal, smooth, n_workers, quiet, scheduler)
        return
    if scheduler is not None:
        raise click.UsageError("--scheduler goes with several files, or a folder of them")
    source = sources[0]
    if source != _STREAM:
        if out is not None and out.is_dir() and not source.is_dir():
            out_dir = out
        out = out if out_dir is None else out_dir / source.name
    if out is None:
        if source != _STREAM:
            raise click.UsageError("give --out FILE")
        out = _STREAM
    # A stopped command leaves no temporary copy of its input.
    with sigterm_as_exception(), _input(source) as plain, _output(out) as target:
        try:
            text = smooth(plain, target)
        except InvalidInputError as error:
            named = str(error).replace(str(plain), "standard input") if source == _STREAM else ""
            raise InvalidInputError(named or str(error)) from None
    if not quiet:
        shown = "standard output" if out == _STREAM else str(out)
        say(text.replace(str(target), shown), err=out == _STREAM)


def _smooth_several(
    jobs: Sequence[Job],
    journal: Journal | None,
    smooth: Smooth,
    n_workers: int,
    quiet: bool,
    scheduler: str | None,
) -> None:
    left = list(jobs) if journal is None else _left(jobs, journal)
    if len(left) < len(jobs) and not quiet:
        say(f"{len(jobs) - len(left)} of {len(jobs)} files are written already", err=True)
    failed = n_too_short = 0
    print_notes_once()
    begin = partial(_begin_worker, logging.getLogger().level, is_verbose())
    for result in smooth_many(left, smooth, n_workers, begin, scheduler):
        failed += not result.done
        if not result.done:
            say(f"error: {' '.join(result.text.split())}", err=True)
            continue
        if journal is not None and isinstance(result.job.out, Path):
            journal.end(result.job.source, result.job.out)
        n_too_short += TOO_FEW_FRAMES in result.text
        if not quiet:
            say(result.text)
    if n_too_short == len(left) > 1:
        folders = ", ".join(name for name, one in formats().items() if "" in one.EXTENSIONS)
        say(
            f"warning: nothing was smoothed: each of {n_too_short} files is a recording of its "
            "own, with too few frames; a folder with a file a frame is one recording for "
            f"{folders}",
            err=True,
        )
    if failed:
        others = "; the others were smoothed" if failed < len(jobs) else ""
        raise PoseSmootherError(f"{failed} of {len(jobs)} files failed{others}")


def _begin_worker(level: int, verbose: bool) -> None:
    log_lines(level, verbose)
    print_notes_once()


def _left(jobs: Sequence[Job], journal: Journal) -> list[Job]:
    """The jobs whose outputs are not written yet; what a stopped command began is removed."""
    left = []
    for job in jobs:
        if not isinstance(job.out, Path) or journal.is_written(job.source, job.out):
            continue
        left.append(job)
        if journal.is_ours(job.out) and not job.out.is_dir():
            job.out.unlink(missing_ok=True)
        if not job.out.exists():
            journal.begin(job.out)
    return left


@contextmanager
def _input(source: PathOrUrl) -> Iterator[PathOrUrl]:
    """The file to read: standard input as a temporary file."""
    if source != _STREAM:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="pose-smoother-") as folder:
        plain = Path(folder) / "stdin"
        with translate_disk_errors(plain):
            _copy_stdin(plain)
        with reported_as(plain, "standard input"):
            yield plain


def _copy_stdin(plain: Path) -> None:
    """Copy standard input to a file; it may never end."""
    left = MAX_BYTES
    with plain.open("wb") as file:
        while block := sys.stdin.buffer.read(_BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise InvalidInputError(f"standard input: expected at most {MAX_BYTES:,} bytes")
            file.write(block)


@contextmanager
def _output(out: PathOrUrl) -> Iterator[PathOrUrl]:
    """The file to write: for standard output a temporary file, copied when it is complete."""
    if out != _STREAM:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="pose-smoother-") as folder:
        target = Path(folder) / "stdout"
        yield target
        if target.is_dir():
            raise InvalidInputError("a folder of files cannot be written to standard output")
        sys.stdout.buffer.write(target.read_bytes())
        sys.stdout.buffer.flush()
