"""Write docs/commands.md, the reference of all commands, from their own help.

Command: python tools/commands.py (``--check`` only says whether it is current).
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pipeline.cli import main as pipeline
from pose_smoother.cli import main as pose_smoother
from trainer.cli import main as trainer

FILE = Path(__file__).parent.parent / "docs" / "commands.md"
PROGRAMS = {"pose_smoother": pose_smoother, "pipeline": pipeline, "trainer": trainer}
HEAD = """\
# Commands

Made by `python tools/commands.py` from the programs' own help; don't edit. Every command also
prints this by `--help`. `pose-smoother`, `pose-pipeline` and `pose-trainer` are the installed
names of `python -m pose_smoother`, `python -m pipeline` and `python -m trainer`.

No command writes colours. Progress bars are drawn only on a terminal and not with `-q`; with
`NO_COLOR`, or `TERM=dumb`, without the escape sequences that redraw several lines. `-q` leaves what
went wrong, and the answer of a command that gives one; those have `--json`.

For completion of commands and options by Tab, add one line to the shell's startup file:

```sh
eval "$(_POSE_SMOOTHER_COMPLETE=bash_source pose-smoother)"   # ~/.bashrc
eval "$(_POSE_SMOOTHER_COMPLETE=zsh_source pose-smoother)"    # ~/.zshrc
_POSE_SMOOTHER_COMPLETE=fish_source pose-smoother | source    # ~/.config/fish/config.fish
```

The other two likewise: `_POSE_PIPELINE_COMPLETE` with `pose-pipeline`, `_POSE_TRAINER_COMPLETE`
with `pose-trainer`.
"""


def reference() -> str:
    """The whole page."""
    blocks = [HEAD]
    for program, group in PROGRAMS.items():
        blocks.append(f"## python -m {program}\n\n{group.help}\n")
        blocks.append("\n".join(_overview(program, group)) + "\n")
        for name in sorted(group.commands):
            blocks.append("\n".join(_command(program, name, group.commands[name])) + "\n")
    return "\n".join(blocks)


def _overview(program: str, group: click.Group) -> Iterator[str]:
    """One line a command, and the options that stand before it."""
    for name in sorted(group.commands):
        first = paragraphs(group.commands[name])[0]
        yield f"- [`{name}`](#{program}-{name}): {first}"
    for option in _options(group):
        yield f"- `{_usage(option)}`, before the command: {option.help}"


def _command(program: str, name: str, command: click.Command) -> Iterator[str]:
    yield f"### {program} {name}"
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    for text in paragraphs(command):
        label, found, example = text.partition("Example: ")
        yield f"\n{label}```sh\n{example}\n```" if found else f"\n{text}"
    for argument in arguments:
        yield f"\nArgument: `{_choices(argument) or argument.human_readable_name}`."
    options = _options(command)
    if options:
        yield "\n| option | meaning | default |\n|---|---|---|"
    for option in options:
        cells = (f"`{_usage(option)}`", *_meaning_and_default(option))
        yield f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def paragraphs(command: click.Command) -> list[str]:
    """A command's help without line breaks inside paragraphs."""
    return [" ".join(text.split()) for text in (command.help or "").split("\n\n")]


def _options(command: click.Command) -> list[click.Option]:
    return [p for p in command.params if isinstance(p, click.Option) and not p.hidden]


def _usage(option: click.Option) -> str:
    """How an option is written: ``--format zarr|hdf5``."""
    names = " / ".join([max(option.opts, key=len), *option.secondary_opts])
    if option.is_flag:
        return names
    return f"{names} {_choices(option) or option.type.name.split()[0].upper()}"


def _choices(parameter: click.Parameter) -> str:
    if not isinstance(parameter.type, click.Choice):
        return ""
    return "|".join(map(str, parameter.type.choices))


def _meaning_and_default(option: click.Option) -> tuple[str, str]:
    """What an option is for, within which limits, and what stands if it is not given."""
    meaning, _, in_words = (option.help or "").partition("[default: ")
    default = in_words.removesuffix("]")
    if option.required:
        default = "required"
    elif option.secondary_opts:
        default = (option.opts if option.default else option.secondary_opts)[0]
    elif option.show_default:
        default = str(option.default)
    return f"{meaning.strip()}{_limits(option)}", default


def _limits(option: click.Option) -> str:
    low, high = (getattr(option.type, name, None) for name in ("min", "max"))
    if low is None:
        return ""
    return f" At least {low}." if high is None else f" {low} to {high}."


def _escaped(text: str) -> str:
    """Text that does not end a table's cell."""
    return re.sub(r"\|", r"\\|", " ".join(text.split()))


def main() -> int:
    """Write or check."""
    text = reference()
    if "--check" in sys.argv:
        return int(not FILE.exists() or FILE.read_text() != text)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
