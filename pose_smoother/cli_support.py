"""Shared by the commands of both programs: errors as one line, exit codes, option types."""

import errno
import json
import logging
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from pose_smoother.errors import Interrupted, PoseSmootherError
from pose_smoother.extras import extra_hint
from pose_smoother.files.disk_errors import as_disk_error
from pose_smoother.progress_bars import hide_bars
from pose_smoother.remote.path import as_path_or_url
from pose_smoother.text import one_line

PATH = click.Path(path_type=Path)


class _PathOrUrlType(click.ParamType):
    """A path of this machine, or an address such as ``s3://bucket/store``."""

    name = "path or address"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Text as a path or an address."""
        del param, ctx
        return as_path_or_url(value)


def _explained(caught: Exception) -> Exception:
    """An error of the disk, or of a package that is not installed, with what to do about it."""
    if isinstance(caught, ModuleNotFoundError) and (hint := extra_hint(caught)):
        return PoseSmootherError(hint)
    if isinstance(caught, MemoryError):
        return PoseSmootherError("not enough memory: free some, or give the command less at once")
    if isinstance(caught, OSError) and caught.errno == errno.EISDIR:
        return PoseSmootherError(f"{caught.filename} is a folder: name a file")
    return (as_disk_error(caught) if isinstance(caught, OSError) else None) or caught


class FiniteRange(click.FloatRange):
    """A number within a range, neither infinite nor NaN, which no range excludes."""

    def _describe_range(self) -> str:
        """Nothing in the help where there is no bound; click shows ``x<=None``."""
        unbounded = self.min is None and self.max is None
        return "" if unbounded else super()._describe_range()

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Text as a finite number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


PLACE = _PathOrUrlType()
#: How a file of keypoints is read.
READING: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--format",
        default=None,
        help="Of the files; `pose-smoother formats` lists them.  [default: found out]",
    ),
    click.option(
        "--skeleton",
        default=None,
        help="Names the keypoints of a file that does not, such as coco-17; `pose-smoother "
        "skeletons` lists all.",
    ),
    click.option(
        "--layout",
        default=None,
        help="Names the axes of an array, in order, such as time,people,keypoints,xy; also xyz, "
        "or xys with a score.  [default: found out]",
    ),
)
#: The option that says what a missing point looks like.
MISSING = click.option(
    "--missing",
    default="auto",
    show_default=True,
    metavar="auto|none|zero,minus-one",
    help="Positions that mark a missing point: zero (0, 0), minus-one (-1, -1); auto decides by "
    "the points around them.",
)
#: The options of a command that smooths a file of keypoints: where it is written, how it is read.
KEYPOINT_FILE: tuple[Callable[[Any], Any], ...] = (
    click.argument("source", metavar="IN", type=PATH),
    click.option(
        "--out", required=True, type=PATH, help="The same file, smoothed: what is written."
    ),
    *READING,
    click.option("--overwrite", is_flag=True, help="Replace outputs that exist."),
)
#: The option of a command that writes files of the user's choice.
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace what --out names.")
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


def program_options(level: int) -> Callable[[Any], Any]:
    """``--debug``, ``-q``, ``-v`` and ``--version`` of a program; its group gets them as keywords.

    Parameters
    ----------
    level : of the log; ``-q`` is a step above it, and ``-v`` adds all records of this program.
    """

    def set_level(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
        if value or ctx.obj is None:
            ctx.obj = value and param.name == "quiet"
            hide_bars(ctx.obj)
            log_lines(level + 10 * ctx.obj, verbose=value and param.name == "verbose")
        return value

    return options(
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            callback=set_level,
            help="Less: only what went wrong, and what a command is asked to print.",
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            callback=set_level,
            help="More: what files were read as, what was taken for them, each stage, and when.",
        ),
        click.option(
            "--version",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version.",
        ),
    )


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value and not ctx.resilient_parsing:
        import pose_smoother

        say(f"pose-smoother {pose_smoother.__version__}")
        ctx.exit()


def say(text: str, err: bool = False) -> None:
    """Print one line; the only way of commands to print (with ``say_lines``).

    Names and reasons may come from strangers: what would move the cursor, break the line or
    reverse letters is written as an escape.
    """
    click.echo(one_line(text), err=err)


def say_lines(text: str) -> None:
    """Print a table: each of its lines as ``say`` does. Its makers escape names by `one_line`."""
    for line in text.split("\n"):
        say(line)


def is_quiet() -> bool:
    """Whether ``-q`` was given before the command."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.find_root().obj)


def inform(text: str, err: bool = False) -> None:
    """Print what was done, line by line; nothing with ``-q``. What was asked for is for ``say``."""
    if not is_quiet():
        for line in text.split("\n"):
            say(line, err)


def say_json(value: Any) -> None:
    """Print an answer for programs: strict JSON, null for a number that is not finite."""
    say_lines(json.dumps(_strict(value), indent=2, default=str))


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _strict(one) for key, one in value.items()}
    return [_strict(one) for one in value] if isinstance(value, list | tuple) else value


#: The option of a command whose answer programs may want to read.
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


class OneLineErrors(click.Group):
    """A command group that prints an error as one line; a traceback only with ``--debug``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error is printed as one line, and the exit code is 1."""
        try:
            return super().invoke(ctx)
        except click.UsageError as wrong:
            raise click.UsageError(one_line(wrong.format_message()), wrong.ctx) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Interrupted as interrupted:
            say(str(interrupted), err=True)
            sys.exit(interrupted.exit_code)
        except KeyboardInterrupt:
            sys.exit(130)
        except BrokenPipeError:
            sys.exit(1)
        except Exception as caught:
            if ctx.params.get("debug"):
                raise
            error = _explained(caught)
            known = isinstance(error, PoseSmootherError)
            text = str(error) if known else f"{type(error).__name__}: {error}"
            hint = "" if known else " (run with --debug before the command for the traceback)"
            say(f"error: {' '.join(text.split())}{hint}", err=True)
            sys.exit(1)


_PACKAGES = ("pose_smoother", "pipeline", "trainer")


class _Lines(logging.Formatter):
    """Plain lines; warnings and errors begin with their level, with `times` also when and where."""

    def __init__(self, with_times: bool) -> None:
        super().__init__()
        self.with_times = with_times

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        if self.with_times:
            prefix = f"{record.relativeCreated / 1e3:.1f} s {record.name}: {prefix}"
        return prefix + one_line(record.getMessage())


def log_lines(level: int, verbose: bool = False) -> None:
    """Send log records of this level and above to stderr, one line each.

    Parameters
    ----------
    verbose : every record of these packages, too; each line begins with the seconds since the
        start, and the module.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(verbose))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for package in _PACKAGES:
        logging.getLogger(package).setLevel(logging.DEBUG if verbose else logging.NOTSET)


def is_verbose() -> bool:
    """Whether every record of these packages is printed."""
    return logging.getLogger(_PACKAGES[0]).level == logging.DEBUG


def print_notes_once() -> None:
    """Print a note once from here on: many files of one kind are read by the same assumptions."""
    from pose_smoother.poses.assumed import NotesOnce

    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _Lines):
            handler.addFilter(NotesOnce())


def run(main: Callable[[], object]) -> None:
    """Run a program's command; nothing else may follow in this process.

    SIGTERM and SIGINT are ignored after it: everything is saved then, but Python takes a moment to
    exit, and a signal in that moment would make a finished run look killed.
    """
    try:
        main()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)


def ignore_sigterm() -> None:
    """Ignore SIGTERM for the rest of ``sigterm_as_exception``: only the report is left to print."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


@contextmanager
def sigterm_as_exception() -> Iterator[None]:
    """Raise Interrupted in the body on SIGTERM, so that workers are stopped and locks released."""

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # schedulers send it several times
        raise Interrupted("stopped by SIGTERM; the same command goes on")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def options(*chosen: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator; the help lists them in the order given."""

    def decorate(command: Any) -> Any:
        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate


def names(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
