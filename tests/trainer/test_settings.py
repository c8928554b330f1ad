"""Choices of settings are in one place: commands, configurations and code read them from there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pose_smoother.errors import InvalidInputError
from trainer import settings
from trainer.training.config import train_config

TRAINER = Path(__file__).parent.parent.parent / "trainer"


def typed_choices(text: str) -> list[int]:
    """Lines in which an option's choices are written out."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("Choice")
        and isinstance(node.args[0], ast.List | ast.Tuple)
    ]


def test_commands_do_not_write_choices_out() -> None:
    files = sorted(TRAINER.rglob("cli*.py"))
    assert len(files) > 5
    assert {file.name: lines for file in files if (lines := typed_choices(file.read_text()))} == {}
    assert typed_choices('\nclick.Choice(["auto", "cpu"])') == [2]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("missing_torso", settings.MISSING_TORSO),
        ("schedule", settings.SCHEDULES),
        ("precision", settings.PRECISIONS),
        ("targets", settings.TARGETS),
        ("augment", tuple(settings.AUGMENTATIONS)),
        ("loss", ("mse", "official", "likelihood")),
    ],
)
def test_a_configuration_refuses_what_is_no_choice(name: str, known: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError, match=rf"unknown \w+ 'x'; known: {', '.join(known)}"):
        train_config("deciwatch", "1.1", **{name: "x"})


def test_no_torch_is_imported() -> None:
    code = "import sys, trainer.cli_options; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
