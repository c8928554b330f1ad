"""Pages of the docs whose examples run: Python blocks and commands, in order, in one folder."""

import re
import runpy
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from pipeline.cli import main as pipeline_main
from pose_smoother.cli import main as library_main
from trainer.cli import main as trainer_main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GROUPS = {"pipeline": pipeline_main, "trainer": trainer_main, "pose-smoother": library_main}

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\S+/\S+\.py)\n")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
#: How far a printed number may be from the page's: libraries of another version round otherwise.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: ``language`` as after the fence, and its text."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text())]


def run_python(block: Block, names: dict[str, Any]) -> None:
    """Run a block of Python; one whose first line is a comment with a path is written there."""
    if file := _FILE.match(block.text):
        Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
        Path(file[1]).write_text(block.text)
        return
    exec(block.text, names)


def run_command(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one line of a shell block in this process; ``pip`` lines are passed over.

    Raises
    ------
    AssertionError : the command is of no program of ours, or it ended with another code than 0.
    """
    words = shlex.split(line, comments=True)
    if not words or words[0] == "pip":
        return
    if words[0] == "python" and words[1].startswith("examples/"):
        monkeypatch.setattr(sys, "argv", words[1:])
        runpy.run_path(str(ROOT / words[1]), run_name="__main__")
        return
    words = words[2:] if words[:2] == ["python", "-m"] else words
    group = GROUPS.get(words[0])
    assert group is not None, f"expected {', '.join(GROUPS)} or an example: {line}"
    try:
        group.main(words[1:], standalone_mode=False)
    except (click.ClickException, SystemExit) as ended:
        why = ended.code if isinstance(ended, SystemExit) else ended.format_message()
        raise AssertionError(f"{line}: {why}") from ended


def run_page(
    page: Path, printed: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Run a page's ``python`` and ``sh`` blocks in the current folder, from nothing to done.

    A ``text`` block right behind a ``python`` block is what it prints.

    Parameters
    ----------
    printed : gives what was printed since it was last called.

    Returns
    -------
    The names that the page's Python has defined.
    """
    names: dict[str, Any] = {}
    all_blocks = blocks(page)
    for block, behind in zip(all_blocks, [*all_blocks[1:], Block("", "")], strict=True):
        printed()
        if block.language == "python":
            run_python(block, names)
            output = printed()
            if output or (behind.language == "text" and _follows(page, block, behind)):
                assert_alike(output, behind.text)
        elif block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                run_command(line, monkeypatch)
    return names


def _follows(page: Path, block: Block, behind: Block) -> bool:
    return f"{block.text}```\n```text\n{behind.text}" in page.read_text()


def assert_alike(found: str, expected: str) -> None:
    """Compare two texts: words exactly, numbers to 5 %."""
    assert _NUMBER.sub("#", found).split() == _NUMBER.sub("#", expected).split(), found
    numbers = [float(number) for number in _NUMBER.findall(expected)]
    assert [float(n) for n in _NUMBER.findall(found)] == pytest.approx(numbers, rel=TOLERANCE), (
        found
    )
