"""The command ``pose-smoother``: a file in, the same file with other coordinates out."""

import csv
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pose_smoother.cli import main
from pose_smoother.filters import filters
from pose_smoother.poses.assumed import NOTE

HEADER = ["frame", "tail_x", "tail_y", "tail_score", "snout_x", "snout_y", "snout_score", "note"]


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    file = tmp_path / "in.csv"
    with file.open("w", newline="") as out:
        write = csv.writer(out).writerow
        write(HEADER)
        for i in range(60):
            x, y = 100 + 2 * i + rng.normal(size=2) * 3
            low = i == 30
            write([i, f"{x + 400 * low:.2f}", f"{y:.2f}", 0.1 if low else 0.9, "", "", "", f"n{i}"])
    return file


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def columns(file: Path, *names: str) -> list[list[str]]:
    with file.open() as lines:
        return [[row[name] for name in names] for row in csv.DictReader(lines)]


def test_a_file_is_smoothed_whatever_its_keypoints_are_called(detections: Path) -> None:
    out = detections.with_name("out.csv")
    done = invoke("smooth", detections, "--smoother", "gaussian", "--out", out)
    assert done.exit_code == 0, done.output
    assert re.search(r"59 of 60 points changed \(by [\d.]+ in the median", done.output)
    assert re.search(
        r"jitter [\d.]+ before, [\d.]+ after; 1 point not read \(score below 0.3, the default, and "
        r"far from the confident ones around\), left as they were; 60 missing",
        done.output,
    )
    others = [name for name in HEADER if not name.startswith("tail_") or name == "tail_score"]
    assert columns(out, *others) == columns(detections, *others)
    before, after = (np.array(columns(f, "tail_y"), float) for f in (detections, out))
    assert np.abs(np.diff(after, 2, axis=0)).mean() < np.abs(np.diff(before, 2, axis=0)).mean() / 2


def test_points_of_a_low_score_do_not_pull_their_neighbours(detections: Path) -> None:
    plain, scored = (detections.with_name(name) for name in ("plain.csv", "scored.csv"))
    words = ("smooth", detections, "--smoother", "hampel,gaussian", "--param", "sigma_frames=2")
    assert invoke(*words, "--min-score", 0, "--out", plain).exit_code == 0
    done = invoke(*words, "--min-score", 0.6, "--out", scored)
    assert "1 point not read (score below 0.6), left as they were" in done.output
    assert columns(scored, "tail_x")[30] == columns(detections, "tail_x")[30]
    assert columns(plain, "tail_x")[30] != columns(detections, "tail_x")[30]


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """Two ankles, exchanged in frames 10 to 14; the nose is at (0, 0) in frames 20 and 21."""
    rng = np.random.default_rng(1)
    file = tmp_path / "swapped.csv"
    with file.open("w", newline="") as out:
        write = csv.writer(out).writerow
        write(["frame", *(f"{k}_{a}" for k in ("nose", "left_ankle", "right_ankle") for a in "xy")])
        for i in range(60):
            nose, left, right = np.array([[300, 100], [250, 300], [350, 300]]) + rng.normal(
                0, 1, (3, 2)
            )
            left, right = (right, left) if 10 <= i < 15 else (left, right)
            nose = nose * (i not in (20, 21))
            write([i, *(f"{v:.3f}" for v in (*nose, *left, *right))])
    return file


def test_swaps_and_missing_points_are_reported_and_mended(swapped: Path) -> None:
    out, fixed = (swapped.with_name(name) for name in ("out.csv", "fixed.csv"))
    words = ("smooth", swapped, "--smoother", "gaussian")
    done = invoke(*words, "--out", out)
    assert done.output.splitlines()[-1].endswith(
        "2 missing (2 at (0, 0) or (-1, -1)); 10 points exchanged between left and right, left so "
        "(--fix-swaps mends them)"
    )
    assert "2 points at (0, 0) taken as missing" in done.output
    assert columns(out, "nose_x", "nose_y")[20:22] == [["0.000", "0.000"]] * 2
    done = invoke(*words, "--fix-swaps", "--out", fixed)
    assert "10 points exchanged between left and right, 10 put where they belong" in done.output
    left, mended = (np.array(columns(f, "left_ankle_x"), float)[:, 0] for f in (out, fixed))
    np.testing.assert_allclose(mended, 250, atol=3)
    np.testing.assert_allclose(left[10:15], 350, atol=3)
    np.testing.assert_array_equal(left[[9, 15]], mended[[9, 15]])


def test_which_points_are_missing_can_be_chosen(swapped: Path) -> None:
    out = swapped.with_name("out.csv")
    words = ("smooth", swapped, "--smoother", "gaussian", "--out", out, "--overwrite")
    done = invoke(*words, "--missing", "none")
    assert "180 of 180 points changed" in done.output
    assert float(columns(out, "nose_x")[19][0]) < 290
    done = invoke(*words, "--missing", "nil")
    assert (done.exit_code, out.exists()) == (1, True)
    assert "error: unknown marker of missing points 'nil'; known: auto, none, zero" in done.output


def test_the_summary_as_json_is_all_there_is_on_standard_output(swapped: Path) -> None:
    words = ["smooth", str(swapped), "--smoother", "gaussian", "--summary", "json", "--out"]
    done = subprocess.run(
        [sys.executable, "-m", "pose_smoother", *words, str(swapped.with_name("out.csv"))],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["n_points"], found["n_marked_missing"], found["n_left_right"]) == (178, 2, 10)
    assert found["n_exchanged"] == 0
    assert found["min_score"] is None
    assert "2 points at (0, 0) taken as missing" in found["assumed"]
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())
    assert found["out"].endswith("out.csv")


def test_formats_as_json() -> None:
    assert "csv-wide" in json.loads(invoke("formats", "--json").stdout)


@pytest.mark.parametrize(
    ("words", "levels"),
    [
        ([], [NOTE, logging.WARNING]),
        (["-q"], [logging.ERROR]),
    ],
)
def test_each_step_of_verbosity_is_a_level_of_the_log(words: list[str], levels: list[int]) -> None:
    assert invoke(*words, "formats").exit_code == 0
    known = [logging.DEBUG, logging.INFO, NOTE, logging.WARNING, logging.ERROR]
    assert [level for level in known if logging.getLogger().isEnabledFor(level)][:2] == levels


def test_verbose_tells_what_was_read_and_taken_and_how_long_each_stage_took(
    detections: Path, tmp_path: Path
) -> None:
    words = ("smooth", detections, "--out", tmp_path / "out.csv", "--smoother", "hampel,kalman")
    lines = invoke("-v", *words, "--param", "width_frames=5").stderr.splitlines()
    for part in (
        r"in\.csv: csv-wide, by its evidence: \{'csv-wide': 'columns'\}",
        r"columns: 'frame' is the frame$",
        r"columns of 2 keypoints: \{'x': 2, 'y': 2, 'z': 0, 'score': 2\}",
        r"in\.csv: 1 tracks, 60 frames, unknown frames/s; keypoints tail, snout",
        r"filter hampel: \{'width_frames': 5, 'n_sigmas': 3\.0\}",
        r"in\.csv: read as csv-wide: \d+\.\d\d s, \d+\.\d\d s of the processor",
        r"smooth: \d+\.\d\d s",
        r"write .*out\.csv: \d+\.\d\d s",
    ):
        (found,) = [line for line in lines if re.search(part, line)]
        assert re.match(r"\d+\.\d s pose_smoother\.[\w.]+: ", found), found
    auto = invoke("-v", "smooth", detections, "--out", tmp_path / "auto.csv").stderr
    assert re.search(r"taken: pretrained for 60 points; noise 0?\.\d+ of the body", auto)
    plain = invoke("smooth", detections, "--out", tmp_path / "again.csv").stderr
    assert "filter" not in plain
    assert "columns" not in plain


def test_no_command_colours_its_output(detections: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for words in (["inspect", detections], ["formats"], ["smooth", "--help"]):
        assert "\x1b" not in invoke(*words).output


def test_quiet_says_nothing(detections: Path) -> None:
    out = detections.with_name("out.csv")
    done = invoke("-q", "smooth", detections, "--smoother", "kalman", "--out", out)
    assert (done.exit_code, done.output) == (0, "")
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--smoother", "gausian"], "error: unknown filter 'gausian'; known: .*gaussian"),
        (
            ["--smoother", "gaussian", "--param", "sigma=2"],
            "error: unknown param.*sigma_frames",
        ),
        (["--smoother", "butterworth", "--param", "cutoff_hz=6"], "error: .*fps"),
        (["--smoother", "gaussian", "--format", "nope"], "error: unknown format 'nope'; known: "),
        (["--run", "absent"], "error: .*absent"),
    ],
)
def test_errors_are_one_line(detections: Path, words: list[str], text: str) -> None:
    out = detections.with_name("out.csv")
    done = invoke("smooth", detections, "--out", out, *words)
    assert done.exit_code == 1
    assert re.search(text, done.output), done.output
    errors = [line for line in done.output.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 1
    assert not out.exists()


def test_an_ordinary_file_has_notes_and_no_warning(detections: Path) -> None:
    ordinary = detections.with_name("ordinary.csv")
    ordinary.write_text("x_0,y_0\n" + "".join(f"{9 * i},{i % 3}\n" for i in range(30)))
    done = invoke("smooth", ordinary, "--smoother", "mean", "--out", ordinary.with_name("o.csv"))
    assert {line.split(":")[0] for line in done.stderr.splitlines()} == {"note"}
    unusual = detections.with_name("unusual.csv")
    unusual.write_text("frame,person,x_0,y_0\n" + "1,7,5,5\n1,7,90,90\n2,7,6,5\n2,7,91,90\n")
    done = invoke("smooth", unusual, "--smoother", "mean", "--out", unusual.with_name("u.csv"))
    kinds = {line.split(":")[0] for line in done.stderr.splitlines()}
    assert kinds == {"warning", "note"}


def test_a_folder_in_place_of_a_file_is_one_line(detections: Path) -> None:
    folder = detections.with_name("folder")
    folder.mkdir()
    done = invoke("inspect", detections, "--html", folder)
    assert done.exit_code == 1
    assert f"error: {folder} is a folder: name a file\n" in done.stderr


def test_the_input_is_never_the_output(detections: Path) -> None:
    before = detections.read_bytes()
    done = invoke("smooth", detections, "--smoother", "mean", "--out", detections)
    assert done.exit_code == 1
    assert detections.read_bytes() == before


def test_a_smoother_and_a_run_exclude_each_other(detections: Path) -> None:
    both = ["--smoother", "median", "--run", "r"]
    done = invoke("smooth", detections, *both, "--out", detections.with_name("x"))
    assert done.exit_code == 2
    assert "--smoother NAME or --run RUN" in done.output


def test_version_formats_and_every_filter_by_its_name(detections: Path) -> None:
    assert re.match(r"pose-smoother \d+\.\d+", invoke("--version").output)
    listed = invoke("formats").output
    assert {"coco-results", "openpose", "sleap"} <= {
        line.split()[0] for line in listed.splitlines()
    }
    for name, module in filters().items():
        if hasattr(module, "smooth_run") and name != "butterworth":
            out = detections.with_name(f"{name}.csv")
            assert invoke("smooth", detections, "--smoother", name, "--out", out).exit_code == 0


def test_a_package_that_is_not_installed_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "in.csv").write_text("frame,nose_x,nose_y\n0,1,2\n1,2,3\n")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pose_smoother.cli_support import run\nfrom pose_smoother.cli import main\nrun(main)"
    )
    words = ["smooth", "in.csv", "--run", "run", "--out", "out.csv"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr == "error: torch is not installed: pip install 'pose-smoother[train]'\n"


def test_without_a_smoother_the_network_smooths_and_the_last_line_says_what_it_found(
    detections: Path, tmp_path: Path
):
    out = tmp_path / "out.csv"
    result = invoke("smooth", detections, "--out", out)
    assert result.exit_code == 0, result.output
    assert "60 of 60 points changed" in result.output
    assert "% of the body; 1 outlier replaced" in result.output
    named = tmp_path / "named.csv"
    assert invoke("smooth", detections, "--smoother", "auto", "--out", named).exit_code == 0
    assert named.read_bytes() == out.read_bytes()


def test_a_file_of_nobody_s_positions_says_so_and_no_more(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((40, 5, 2), np.nan))
    done = CliRunner().invoke(
        main, ["smooth", str(tmp_path / "a.npy"), "--out", str(tmp_path / "b.npy")]
    )
    assert done.exit_code == 0
    assert done.output.rstrip().endswith("0 of 0 points changed: all are missing; 200 missing")


def test_help_shows_no_range_where_there_is_none() -> None:
    shown = CliRunner().invoke(main, ["smooth", "--help"]).output
    assert "--min-score FLOAT" in shown
    assert "None]" not in shown
