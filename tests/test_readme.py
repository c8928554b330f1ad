"""What the README promises stays true: its size, its commands, its pictures; the map is current."""

import re
import shlex

from tests.pages import GROUPS, ROOT
from tools import map as code_map

README = (ROOT / "README.md").read_text()


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150
    assert len(README.encode()) <= 9_000


def test_the_map_is_current_and_every_file_says_what_it_is() -> None:
    assert code_map.FILE.read_text() == code_map.page(), "run `python tools/map.py`"
    for line in code_map.page().splitlines():
        if line.strip().endswith(".py"):
            raise AssertionError(f"{line.strip()} has no docstring")


def test_pictures_and_links_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_commands_and_their_options_exist() -> None:
    text = README.replace("\\\n", " ")
    pattern = r"(?:python -m )?(?<![/`])\b(pipeline|trainer|pose-smoother) ([a-z]+)\b([^\n`]*)"
    commands = re.findall(rf"^{pattern}", text, re.MULTILINE)
    assert len(commands) >= 8
    for program, name, rest in commands:
        group = GROUPS[program]
        assert name in group.commands, f"{program} {name}"
        known = {opt for p in group.commands[name].params for opt in p.opts}
        used = {word for word in shlex.split(rest.split("#")[0]) if word.startswith("--")}
        assert used <= known | {"--help"}, f"{program} {name}: {used - known}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
