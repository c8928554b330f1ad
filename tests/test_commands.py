"""docs/commands.md tells of every command and option as the programs have them now."""

import re
from pathlib import Path

import click
import pytest

from tools import commands


def test_the_page_is_current() -> None:
    assert commands.FILE.read_text() == commands.reference(), "run `python tools/commands.py`"


@pytest.mark.parametrize("program", commands.PROGRAMS)
def test_every_command_and_option_is_there(program: str) -> None:
    page = commands.reference()
    for name, command in commands.PROGRAMS[program].commands.items():
        _, _, part = page.partition(f"### {program} {name}\n")
        part = part.partition("\n### ")[0]
        installed = f"pose-{program}".replace("pose-pose_", "pose-")
        assert re.search(rf"```sh\n(python -m {program}|{installed}) {name}\b", part)
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert all(word in part for word in option.opts), (name, option.opts)


def test_an_option_s_limits_and_default_are_reported() -> None:
    page = commands.reference()
    line = "| `--max-epochs INTEGER` | Epochs at most. At least 1. | the model's own; 50 |"
    assert line in page
    assert "| `--jobs INTEGER` | Runs at a time; on a cluster jobs at a time. At least 1. |" in page
    assert "| `--store PATH` | Store made by `python -m pipeline preprocess`: a folder, or" in page
    assert "| cores divided by --jobs; on a cluster 1 |" in page
    assert "--parent" not in page


def test_check_reports_a_page_that_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "FILE", tmp_path / "commands.md")
    monkeypatch.setattr("sys.argv", ["commands.py", "--check"])
    assert commands.main() == 1
    (tmp_path / "commands.md").write_text(commands.reference())
    assert commands.main() == 0
