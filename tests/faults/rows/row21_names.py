"""Row 21: names with escapes, line breaks and reversed letters; no line of output is forged."""

import logging
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner

from pose_smoother.cli_support import OneLineErrors, log_lines, say, say_lines
from pose_smoother.errors import InvalidInputError
from tests.faults.harness import Attempt
from trainer.report.summary import main_rows
from trainer.runs.layout import RunState
from trainer.runs.status import RunStatus
from trainer.runs.status_table import overview_table, sweep_table

NUMBER, FAULT = 21, "names with escapes and line breaks on the terminal"
TRIES, SHARE = 1_000, 20
_ODD = (
    *("\x1b[31m", "\x1b]0;t\x07", "\n", "\r", "\x0b", "\x85", "\u2028", "\u202e", "\x00"),
    *("\x9b2J", "\udc80", "é", "😀", "a", "|", "<", "&", "`", "*"),
)


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Path:
    """Nothing."""
    return folder


@click.group(cls=OneLineErrors)
def _main() -> None:
    log_lines(logging.WARNING)


@_main.command("show")
@click.argument("name")
@click.option("--how")
def _show(name: str, how: str) -> None:
    status = RunStatus(name, RunState.FAILED, reason=name)
    row = {"metric": "pck", "alpha": 0.2, "dataset": "all", "keypoint": "all", "value": 1.0}
    row |= {"n": 1, "model": name, "experiment": name}
    if how == "say":
        say(f"wrote {name}")
    elif how == "log":
        logging.getLogger("tests.row21").warning("%s", name)
    elif how == "error":
        raise InvalidInputError(name)
    elif how == "odd error":
        raise ValueError(name)
    elif how == "usage":
        raise click.UsageError(name)
    else:
        say_lines(
            {"sweep": sweep_table, "overview": overview_table}[how]([status])
            if how != "rows"
            else main_rows([row])
        )


#: How a name reaches the terminal, and the lines that there are then.
_LINES = {"say": 1, "log": 1, "error": 1, "odd error": 1, "usage": 4, "sweep": 2, "rows": 2}
_LINES["overview"] = 3


def attempt(ready: Path, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """One name, in one of the ways."""
    del ready, folder
    how = list(_LINES)[index % len(_LINES)]
    name = "x" + "".join(rng.choice(_ODD, size=int(rng.integers(1, 8)))) + "x"
    result = CliRunner().invoke(_main, ["show", "--how", how, "--", name])
    found = Attempt()
    text = result.output.removesuffix("\n")
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines):
        found.problems.append(f"{how}: {text!r}")
    if len(lines) > _LINES[how]:
        found.problems.append(f"{how}: {len(lines)} lines: {text!r}")
    if "x" not in text:
        found.problems.append(f"{how}: the name is gone: {text!r}")
    return found
