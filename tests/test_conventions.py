"""Every command of the three programs: quiet, versions, JSON, no colours, completion."""

import ast
import contextlib
import json
import os
import pty
import re
import sys
import termios
import threading
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from tests.pipeline.penn_files import write_labels
from tests.warm_workers import warm_workers  # noqa: F401
from tools.commands import PROGRAMS

COMMANDS = [(program, name) for program, group in PROGRAMS.items() for name in group.commands]
ROOT = Path(__file__).parent.parent

#: Commands whose answer is what they print: they print it with ``-q``, too, or as JSON.
ANSWERS = {
    "pose_smoother": {"formats", "inspect", "skeletons"},
    "pipeline": {"bench", "check", "info"},
    "trainer": {"bench", "status"},
}
#: Commands whose exit code answers; what they print, and write, is for people.
CHECKS = {"pipeline": {"verify"}, "trainer": {"evaluate"}}


def invoke(program: str, *words: object) -> Result:
    return CliRunner().invoke(PROGRAMS[program], [str(word) for word in words])


def options(program: str, name: str) -> set[str]:
    return {word for param in PROGRAMS[program].commands[name].params for word in param.opts}


def answers(program: str, name: str) -> bool:
    return name in ANSWERS[program] or name in CHECKS.get(program, ())


def test_every_command_with_an_answer_has_json() -> None:
    has = {(program, name) for program, name in COMMANDS if "--json" in options(program, name)}
    assert has == {c for c in COMMANDS if answers(*c)} | {("pose_smoother", "smooth")}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("option", ["--version", "-h", "--help"])
def test_every_program_answers(program: str, option: str) -> None:
    done = invoke(program, option)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert option != "--version" or re.fullmatch(r"pose-smoother \d\S+\n", done.stdout)


@pytest.mark.parametrize("program", PROGRAMS)
def test_completion_in_a_shell_names_every_command_and_option(program: str) -> None:
    group = PROGRAMS[program]
    complete = BashComplete(group, {}, program, "_X_COMPLETE")
    assert {item.value for item in complete.get_completions([], "")} == set(group.commands)
    for name in group.commands:
        found = {item.value for item in complete.get_completions([name], "--")}
        assert {
            o for o in options(program, name) if o.startswith("--") and o != "--parent"
        } <= found


def test_completion_is_documented_for_every_program() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    for program in PROGRAMS:
        installed = "pose_smoother" if program == "pose_smoother" else f"pose_{program}"
        assert f"_{installed.upper()}_COMPLETE" in page


def test_nothing_colours_and_every_bar_can_be_hidden() -> None:
    for file in (file for program in PROGRAMS for file in (ROOT / program).rglob("*.py")):
        text = file.read_text()
        assert not re.search(r"click\.(style|secho)\(|\bcolou?r=True", text), file
        if "tqdm(" not in text:
            continue
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "tqdm":
                given = {word.arg: ast.unparse(word.value) for word in call.keywords}
                assert "colour" not in given, file
                assert given.get("disable", "None") != "None", f"{file}: {call.lineno}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keypoints, labels, a store and a finished run."""
    folder = tmp_path_factory.mktemp("conventions")
    noisy = np.random.default_rng(0).normal(100, 3, (40, 17, 2))
    np.save(folder / "a.npy", noisy)
    write_labels(folder / "labels", [30, 40, 50, 30, 30, 30, 30], ["situp", "bowl"])
    for words in QUIET["pipeline", "preprocess"], QUIET["trainer", "train"]:
        done = invoke(words[0], "-q", *(str(w).format(folder) for w in words[1:]))
        assert (done.exit_code, done.output) == (0, "")
    return folder


#: A call of each command that is quick: with ``-q`` it prints nothing, or its answer.
QUIET: dict[tuple[str, str], tuple[str, ...]] = {}
for _words in (
    "pose_smoother formats",
    "pose_smoother skeletons",
    "pose_smoother inspect {}/a.npy --html {}/a.html --overwrite",
    "pose_smoother smooth {}/a.npy --out {}/b.npy --overwrite",
    "pose_smoother view {}/a.npy --out {}/v.html --overwrite",
    "pipeline sample {}/raw --clips 2",
    "pipeline check --penn-action {}/labels --hashes {}/sums",
    "pipeline preprocess --penn-action {}/labels --out {}/store --actions all",
    "pipeline info {}/store",
    "pipeline verify {}/store --same-as {}/store",
    "pipeline show {}/store --out {}/w.png --windows 1 --overwrite",
    "trainer train --model deciwatch --exp 1.1 --store {}/store --out {}/runs --max-epochs 1 "
    "--max-steps 2 --device cpu --threads 1",
    "trainer baselines --exp 1.1 --smoothers identity --store {}/store --out {}/runs",
    "trainer evaluate {}/runs/deciwatch-1.1-seed0",
    "trainer predict --run {}/runs/deciwatch-1.1-seed0 {}/a.npy --out {}/p.npy --skeleton coco-17 "
    "--force --overwrite",
    "trainer show --smoother gaussian {}/a.npy --skeleton coco-17 --out {}/s.png --overwrite",
    "trainer report {}/runs --out {}/report",
    "trainer status {}/runs",
):
    _program, _name = _words.split()[:2]
    QUIET[_program, _name] = tuple(_words.split())
#: Commands that draw bars while they work, and what they must make anew for that.
NEW = {
    ("pipeline", "sample"): "{}/raw",
    ("pipeline", "preprocess"): "{}/store",
    ("trainer", "train"): "{}/runs",
}
#: Not called here: they need a network, minutes, an extra package, pairs, or many runs.
NOT_CALLED = {
    ("pipeline", "download"),
    ("pipeline", "bench"),
    ("trainer", "bench"),
    ("trainer", "calibrate"),
    ("trainer", "finetune"),
    ("trainer", "export"),
    ("trainer", "sweep"),
}


def test_every_command_is_here() -> None:
    assert QUIET.keys() | NOT_CALLED == set(COMMANDS)


def test_a_check_that_fails_is_heard_with_quiet(made: Path) -> None:
    (made / "wrong").write_text(f"{0:064x}  0001.mat\n")
    check = ["check", "--penn-action", made / "labels", "--hashes", made / "wrong"]
    for words in (check, ["verify", made / "absent"]):
        done = invoke("pipeline", "-q", *words)
        assert done.exit_code == 1
        assert done.stderr.splitlines()[-1].startswith("error: ")


def on_terminal(program: str, words: Sequence[str]) -> bytes:
    """What a command writes to a terminal, its standard output and error."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))  # without a width no bar is drawn
    written: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end was closed
            while block := os.read(master, 1 << 16):
                written.append(block)

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(slave, "w") as terminal, redirect_stdout(terminal), redirect_stderr(terminal):
        assert sys.stderr.isatty()
        PROGRAMS[program].main(words, standalone_mode=False)
    reader.join()
    os.close(master)
    return b"".join(written)


@pytest.mark.parametrize("command", QUIET, ids=" ".join)
def test_a_terminal_gets_no_escape_sequence_and_with_quiet_an_answer_alone(
    command: tuple[str, str], made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)

    def words(new: str) -> list[str]:
        return [word.replace(NEW.get(command, new), new).format(made) for word in QUIET[command]]

    program, *rest = words(f"{tmp_path}/new")
    written = on_terminal(program, ["-q", *rest])
    assert b"\x1b" not in written
    lines = [line for line in written.splitlines() if not line.startswith(b"warning: ")]
    assert bool(lines) == (command[1] in ANSWERS[program])
    if answers(*command):
        done = invoke(program, "-q", *rest, "--json")
        assert json.loads(done.stdout, parse_constant=pytest.fail)
    if command in NEW:
        program, *rest = words(f"{tmp_path}/again")
        written = on_terminal(program, ["-v", *rest])
        assert b"\x1b" not in written
        assert b"/s]" in written  # a bar, with its rate
