"""What the commands of both programs share: errors as one line, exit codes, options in a row."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.contract.errors import PoseError, Stopped

PATH = click.Path(path_type=Path)
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class OneLineErrors(click.Group):
    """Errors end as one line and exit code 1; a traceback only with ``--debug``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, turning errors into one line."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Stopped as stopped:
            click.echo(str(stopped), err=True)
            sys.exit(stopped.exit_code)
        except KeyboardInterrupt:
            sys.exit(130)
        except BrokenPipeError:
            sys.exit(1)
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            known = isinstance(error, PoseError)
            text = str(error) if known else f"{type(error).__name__}: {error}"
            hint = "" if known else " (run with --debug before the command for the traceback)"
            click.echo(f"error: {' '.join(text.split())}{hint}", err=True)
            sys.exit(1)


class _Lines(logging.Formatter):
    """Plain lines; those that matter begin with their level, like the errors do."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return prefix + record.getMessage()


def log_lines(level: int) -> None:
    """Send log records of this level and above to stderr, a plain line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def options(*chosen: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, shown in the order given."""

    def decorate(command: Any) -> Any:
        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate


def names(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
