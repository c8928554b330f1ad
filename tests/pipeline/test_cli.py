"""The commands as a user meets them: output, exit codes, one-line errors."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.pipeline.penn_files import write_labels
from tests.warm_workers import warm_workers  # noqa: F401


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labels and a store made by the command."""
    folder = tmp_path_factory.mktemp("cli")
    labels = write_labels(folder / "labels", [30, 40, 50, 30, 30, 9, 4], ["situp", "bowl"])
    done = run("preprocess", "--penn-action", labels, "--out", folder / "store", "--actions", "all")
    assert done.exit_code == 0, done.output
    return folder


def test_every_command_has_help_with_an_example() -> None:
    for name, command in main.commands.items():
        text = run(name, "--help").output
        assert "Example: python -m pipeline" in text, name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.name}"


def test_info_as_json_has_the_contract_s_layout(built: Path) -> None:
    found = json.loads(run("info", built / "store", "--json").output)
    assert set(found) == {"contract", "format", "bytes", "splits", "total", "left_out"}
    assert found["contract"] == 1
    assert set(found["splits"]) == {"train", "val", "test"}
    assert found["total"] == {
        "clips": 7,
        "frames": 193,
        "windows": {"step1": 26 + 36 + 46 + 26 + 26 + 5, "step2": 22 + 32 + 42 + 22 + 22 + 1},
    }
    for key in ("clips", "frames"):
        assert sum(part[key] for part in found["splits"].values()) == found["total"][key]
    sizes = sum(p.stat().st_size for p in (built / "store").rglob("*") if p.is_file())
    assert found["bytes"] == sizes


def test_info_verify_and_show_print_readable_text(built: Path, tmp_path: Path) -> None:
    assert "windows, step 2" in run("info", built / "store").output
    done = run("verify", built / "store", "--same-as", built / "store")
    assert done.exit_code == 0
    assert "frames in more than one split: 0 of 193" in done.output
    picture = tmp_path / "a" / "w.png"
    assert run("show", built / "store", "--out", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_check_prints_what_is_there(built: Path) -> None:
    done = run("check", "--penn-action", built / "labels")
    assert done.exit_code == 0
    for part in ("clips                           7", "situp", "bowl", "labelled keypoints"):
        assert part in done.output


def test_check_compares_with_the_release(built: Path) -> None:
    done = run("check", "--penn-action", built / "labels")
    n_files = len(list((built / "labels").iterdir()))
    lines = done.output.splitlines()
    at = lines.index("  differs from the release")
    assert lines[at + 1].split() == ["files", f"{n_files}", "(release:", "2,326)"]


def test_check_of_nothing_usable_fails(tmp_path: Path) -> None:
    (tmp_path / "0001.mat").write_bytes(b"x")
    done = run("check", "--penn-action", tmp_path)
    assert done.exit_code == 1
    assert "0001.mat: is not a readable .mat file" in done.output
    assert "error: nothing usable" in done.output


def bad_calls(built: Path, tmp: Path) -> dict[str, list[object]]:
    empty = tmp / "empty"
    empty.mkdir()
    no_archive = tmp / "x.tar.gz"
    no_archive.write_bytes(b"no archive")
    penn = built / "labels"
    return {
        "does not exist": ["preprocess", "--penn-action", tmp / "nowhere", "--out", tmp / "o"],
        "no annotations given": ["preprocess", "--out", tmp / "o"],
        "expected Penn Action's labels folder": ["check", "--penn-action", empty],
        "not a readable .tar.gz": ["preprocess", "--penn-action", no_archive, "--out", tmp / "o"],
        "present: bowl (3), situp (4)": [
            *("preprocess", "--penn-action", penn, "--out", tmp / "o", "--actions", "fly")
        ],
        'was made with actions ["all"]': [
            "preprocess",
            "--penn-action",
            penn,
            "--out",
            built / "store",
        ],
        "no store at": ["info", tmp / "nowhere"],
        "has no MANIFEST.json": ["verify", empty],
        "unknown split 'all'; known: train, val, test": ["show", built / "store", "--split", "all"],
    }


def test_bad_calls_end_in_one_line_and_leave_nothing(built: Path, tmp_path: Path) -> None:
    for text, arguments in bad_calls(built, tmp_path).items():
        done = run(*arguments)
        assert done.exit_code == 1, text
        lines = done.output.strip().splitlines()
        assert lines[-1].startswith("error: "), text
        assert text in lines[-1]
        assert "Traceback" not in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "x.tar.gz"]


def test_unknown_options_and_formats_list_the_known_ones(built: Path, tmp_path: Path) -> None:
    done = run("preprocess", "--penn-action", built, "--out", tmp_path / "o", "--format", "csv")
    assert done.exit_code == 2
    assert "hdf5" in done.output
    assert "zarr" in done.output


def test_debug_shows_the_traceback_and_only_debug_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline"]
    plain = subprocess.run(
        [*command, "info", tmp_path], capture_output=True, text=True, check=False
    )
    debug = subprocess.run(
        [*command, "--debug", "info", tmp_path], capture_output=True, text=True, check=False
    )
    assert plain.returncode == debug.returncode == 1
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


def test_rejected_files_are_named_in_a_warning(built: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [20, 20, 20])
    (labels / "0009.mat").write_bytes(b"x")
    done = run("preprocess", "--penn-action", labels, "--out", tmp_path / "store")
    assert done.exit_code == 0
    assert "warning: 1 of 4 files rejected: 0009.mat is not a readable .mat file" in done.output


def test_a_signal_after_the_end_does_not_make_a_finished_command_look_killed() -> None:
    code = (
        "import atexit, os, signal, click; from pose_smoother.cli_support import run;"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM));"
        "run(click.Command('x', callback=lambda: None))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
