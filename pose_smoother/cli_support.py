"""Shared by the commands of both programs: errors as one line, exit codes, option types."""

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from pose_smoother.errors import Interrupted, PoseSmootherError
from pose_smoother.extras import extra_hint
from pose_smoother.files.disk_errors import as_disk_error
from pose_smoother.remote.path import as_path_or_url

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
    return (as_disk_error(caught) if isinstance(caught, OSError) else None) or caught


PLACE = _PathOrUrlType()
#: The options of a command that smooths a file of keypoints: where it is written, how it is read.
KEYPOINT_FILE: tuple[Callable[[Any], Any], ...] = (
    click.argument("source", metavar="IN", type=PATH),
    click.option(
        "--out", required=True, type=PATH, help="The same file, smoothed: what is written."
    ),
    click.option(
        "--format",
        default=None,
        help="Of both files; `pose-smoother formats` lists them.  [default: found out]",
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
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class OneLineErrors(click.Group):
    """A command group that prints an error as one line; a traceback only with ``--debug``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error is printed as one line, and the exit code is 1."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Interrupted as interrupted:
            click.echo(str(interrupted), err=True)
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
            click.echo(f"error: {' '.join(text.split())}{hint}", err=True)
            sys.exit(1)


class _Lines(logging.Formatter):
    """Plain lines; warnings and errors begin with their level."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return prefix + record.getMessage()


def log_lines(level: int) -> None:
    """Send log records of this level and above to stderr, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


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
