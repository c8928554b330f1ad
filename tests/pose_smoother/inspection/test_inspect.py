"""``ps.inspect`` and its command: what is counted, and how it is shown."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import pose_smoother as ps
from pose_smoother.cli import main
from pose_smoother.inspection.page import report_page
from pose_smoother.inspection.report import as_text
from pose_smoother.poses.tracks import Poses
from tests.pose_smoother.inspection.test_noise import walk
from tests.pose_smoother.poses.formats.more_samples import MORE_SAMPLES

NAMES = ("left_paw", "right_paw", "<b>snout</b>")


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    keypoints = walk(200, 1.0)
    keypoints[20:24, 0] = np.nan
    keypoints[100, 1] += 80
    file = tmp_path / "in.csv"
    with file.open("w", newline="") as out:
        write = csv.writer(out).writerow
        write(["frame", *(f"{name}_{c}" for name in NAMES for c in ("x", "y", "score"))])
        for t, pose in enumerate(keypoints):
            cells = [(f"{x:.3f}", f"{y:.3f}", "0.8") if x == x else ("", "", "") for x, y in pose]
            write([t, *(cell for point in cells for cell in point)])
    return file


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, words)])


def test_a_file_is_counted(detections: Path) -> None:
    found = ps.inspect(detections, fps=30)
    assert (found.format, found.n_frames, found.n_keypoints) == ("csv-wide", 200, 3)
    assert (found.first_frame, found.last_frame, found.fps) == (0, 199, 30)
    assert found.scores == (0.8, 0.8, 0.8)
    left, _, snout = found.keypoints
    assert (left.n_points, left.missing) == (196, pytest.approx(0.02))
    assert [one.outliers for one in found.keypoints] == [0, 1, 0]
    assert found.body_size is not None
    assert snout.noise == pytest.approx(1 / found.body_size, rel=0.2)
    assert (found.advice.method, found.advice.strength) == ("auto", 1.0)
    assert ps.inspect(ps.read_poses(detections)).keypoints == found.keypoints


def test_a_clean_array_is_left_alone_and_a_short_one_goes_to_a_filter() -> None:
    assert ps.inspect(walk(200, 0.0)).advice.strength == 0
    assert ps.inspect(walk(7, 1.0)).advice.method == "kalman"


@pytest.mark.parametrize("shape", [(0, 3, 2), (5, 3, 2), (5, 2, 3, 2)])
def test_nothing_to_measure_is_no_error(shape: tuple[int, ...]) -> None:
    found = ps.inspect(np.full(shape, np.nan))
    assert found.body_size is None
    assert all(one.noise is None for one in found.keypoints)
    json.dumps(found.as_dict(), allow_nan=False)
    assert "wrong: " in str(found)
    assert report_page(found)


def test_three_coordinates_are_refused() -> None:
    with pytest.raises(ps.InvalidInputError, match=r"2 coordinates \(x, y\), found 3"):
        ps.inspect(np.zeros((9, 3, 3)))


def test_the_file_of_three_coordinates_is_named(tmp_path: Path) -> None:
    MORE_SAMPLES["trc"].make(tmp_path / "a.trc")
    done = invoke(tmp_path / "a.trc")
    assert done.output.startswith(f"error: {tmp_path / 'a.trc'}: expected keypoints with 2")


def test_the_table_fits_a_screen_of_80_columns() -> None:
    names = [f"a_rather_long_name_of_a_keypoint_{i}" for i in range(17)]
    xy = np.random.default_rng(0).normal(size=(1500, 17, 2)) * 100
    lines = as_text(ps.inspect(xy, names=names)).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 25


def test_of_many_keypoints_the_noisiest_are_listed() -> None:
    xy = np.random.default_rng(0).normal(size=(60, 133, 2)) * (1 + np.arange(133))[:, None]
    found = ps.inspect(xy)
    lines = as_text(found).splitlines()
    assert len(lines) <= 25
    assert "117 keypoints with less noise: --all lists them" in lines
    noise = {one.name: one.noise for one in found.keypoints if one.noise is not None}
    shown = [line.split(" ")[0] for line in lines if line.split(" ")[0] in noise and "%" in line]
    assert shown == sorted(noise, key=lambda name: -noise[name])[:16]
    assert len(as_text(found, every=True).splitlines()) > 133


def test_the_command_prints_a_table_json_and_a_page(detections: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = invoke(detections, "--html", page)
    assert done.exit_code == 0, done.output
    assert re.search(r"^right_paw +· +1 +· +· +· +[\d.]+ % +[\d.]+ %$", done.stdout, re.M)
    assert "wrong: 1 outlier, 0.7 % of the points missing" in done.stdout
    text = page.read_text()
    assert "&lt;b&gt;snout" in text
    assert "<b>snout" not in text
    headings = re.findall(r'<th scope="col"[^>]*>([^<]+)', text)
    assert headings == ["Keypoint", "Missing", "Outliers", "Jitter", "Noise", "Noise, as a bar"]
    assert "Zero throughout, so left out: jumps, frozen, swaps." in text
    assert json.loads(invoke(detections, "--json").stdout)["keypoints"][1]["outliers"] == 1


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    done = invoke(tmp_path / "absent.csv")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "no such file" in done.stderr


def test_the_frame_rate_is_the_poses_own_where_none_is_given():
    poses = Poses(("nose",), (), (), None, fps=25.0)
    assert ps.inspect(poses).fps == 25.0
    assert ps.inspect(poses, fps=50).fps == 50
    assert ps.inspect(poses, fps=float("nan")).fps == 25.0


def test_the_smoother_advised_is_one_that_smooth_takes():
    for n_frames in (7, 200):
        ps.smooth(walk(n_frames, 1.0), ps.inspect(walk(n_frames, 1.0)).advice.method)


def test_the_rate_on_the_command_line_is_a_finite_number(tmp_path):
    (tmp_path / "a.csv").write_text("frame,a_x,a_y\n1,2,3\n")
    done = CliRunner().invoke(main, ["inspect", str(tmp_path / "a.csv"), "--fps", "nan"])
    assert done.exit_code == 2
    assert "nan is not a finite number" in done.output
