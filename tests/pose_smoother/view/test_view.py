"""The viewer's page: what its data say, which versions it compares, how large it is."""

import base64
import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import pose_smoother as ps
from pose_smoother.cli import main
from pose_smoother.poses.skeletons import skeleton
from pose_smoother.poses.tracks import Poses
from pose_smoother.smoothing.arrays import from_any
from pose_smoother.smoothing.tracks import Rules
from pose_smoother.view import clip
from pose_smoother.view.page import view_page
from pose_smoother.view.payload import EXCHANGED, FAR, MISSING, NOT_READ, payload
from pose_smoother.view.versions import Version, from_file, from_smoother
from tests.pose_smoother.inspection.test_noise import walk
from tests.pose_smoother.poses.formats.more_samples import MORE_SAMPLES
from tests.pose_smoother.video.test_mp4 import box, track

COCO = skeleton("coco-17").keypoints


def write_csv(file: Path, keypoints: np.ndarray, names: list[str], person: str = "a") -> Path:
    with file.open("w", newline="") as out:
        write = csv.writer(out).writerow
        write(["frame", "person", *(f"{name}_{c}" for name in names for c in "xy")])
        for t, pose in enumerate(keypoints):
            write([t + 5, person, *("" if v != v else f"{v:.3f}" for v in pose.reshape(-1))])
    return file


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    keypoints = walk(60, 1.0)
    keypoints[20:24, 0] = np.nan
    return write_csv(tmp_path / "in.csv", keypoints, ["a", "b", "</script>"])


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def data_of(page: bytes) -> dict[str, Any]:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.decode())
    return dict(json.loads(text))


def positions(stored: str, data: dict[str, Any], n_keypoints: int) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(stored), "<u2").reshape(-1, n_keypoints, 2)
    known = values != MISSING
    return np.where(known, np.array(data["low"]) + data["quantum"] * values, np.nan)


def poses_of(keypoints: np.ndarray, **given: Any) -> Poses:
    return from_any(keypoints, **given).poses


def version_of(keypoints: np.ndarray, rejected: np.ndarray | None = None) -> Version:
    nowhere = np.zeros(keypoints.shape[:2], bool) if rejected is None else rejected
    return Version("v", (keypoints,), (nowhere,))


def test_positions_survive_to_half_a_step() -> None:
    raw, smoothed = walk(50, 3.0), walk(50, 0.0)
    raw[3, 1] = np.nan
    data = payload(poses_of(raw), [version_of(smoothed)], "t", None)
    [one] = data["tracks"]
    assert data["quantum"] < 0.01
    for stored, exact in ((one["raw"], raw), (one["smoothed"][0], smoothed)):
        found = positions(stored, data, 3)
        np.testing.assert_allclose(found, exact, atol=data["quantum"] * 0.51)


def test_points_that_were_not_read_or_moved_far_are_marked() -> None:
    raw = walk(300, 1.0)
    smoothed = raw.copy()
    smoothed[7, 2] += 60
    smoothed[8, 2] += 3  # within six times the noise
    rejected = np.zeros((300, 3), bool)
    rejected[9, 0] = True
    [one] = payload(poses_of(raw), [version_of(smoothed, rejected)], "t", None)["tracks"]
    marks = np.frombuffer(base64.b64decode(one["marks"][0]), np.uint8).reshape(-1, 3)
    assert {tuple(at): marks[tuple(at)] for at in np.argwhere(marks)} == {
        (7, 2): FAR,
        (9, 0): NOT_READ,
    }


def test_jitter_before_and_after_is_that_of_smooth() -> None:
    raw = walk(200, 2.0)
    version = from_smoother(poses_of(raw), "gaussian", None, Rules())
    [one] = payload(poses_of(raw), [version], "t", None)["tracks"]
    for stored, keypoints in zip(one["jitter"], (raw, version.keypoints[0]), strict=True):
        second = keypoints[2:] - 2 * keypoints[1:-1] + keypoints[:-2]
        expected = np.linalg.norm(second, axis=-1).mean(axis=0)
        np.testing.assert_allclose(stored, expected, rtol=1e-3)


def test_limbs_are_those_of_a_known_skeleton_and_none_of_another() -> None:
    known = payload(poses_of(np.zeros((9, 17, 2)), names=COCO), [], "t", None)["limbs"]
    assert {COCO.index("left_shoulder"), COCO.index("left_elbow")} in map(set, known)
    assert payload(poses_of(walk(9, 1.0), names=["p", "q", "r"]), [], "t", None)["limbs"] == []


def test_the_command_smooths_where_no_smoothed_file_is_given(detections: Path) -> None:
    out = detections.with_name("page.html")
    done = invoke("view", detections, "--out", out, "--fps", 25)
    assert done.exit_code == 0, done.output
    assert re.match(rf"wrote {out}: in\.csv and pretrained; [\d.]+ MB\n", done.output)
    data = data_of(out.read_bytes())
    assert (data["first"], data["frames"], data["fps"]) == (5, 60, 25.0)
    assert data["names"] == ["a", "b", "</script>"]


def test_smoothed_files_and_smoothers_are_compared(detections: Path) -> None:
    smooth, page, other = (detections.with_name(n) for n in ("s.csv", "s.html", "p.html"))
    words = ["--smoother", "gaussian", "--out", smooth, "--view", page]
    assert invoke("smooth", detections, *words).exit_code == 0
    data = data_of(page.read_bytes())
    assert data["labels"] == ["s.csv"]
    after = ps.read_poses(smooth).tracks[0].keypoints
    found = positions(data["tracks"][0]["smoothed"][0], data, 3)
    np.testing.assert_allclose(found, after, atol=data["quantum"])
    assert invoke("view", detections, smooth, "--smoother", "median", "--out", other).exit_code == 0
    assert data_of(other.read_bytes())["labels"] == ["s.csv", "median"]


def test_a_file_of_something_else_is_refused(detections: Path) -> None:
    other = write_csv(detections.with_name("o.csv"), walk(60, 1.0), ["x", "y", "z"])
    done = invoke("view", detections, other, "--out", detections.with_name("p.html"))
    assert done.exit_code == 1
    assert re.search(
        r"o\.csv: expected keypoints of the input \(a, b, .*found x, y, z", done.output
    )
    later = write_csv(detections.with_name("l.csv"), walk(60, 1.0), ["a", "b", "c"], "someone")
    later.write_text(re.sub(r"(?m)^(\d+)", lambda m: str(int(m[0]) + 900), later.read_text()))
    done = invoke("view", detections, later, "--out", detections.with_name("p.html"))
    assert "l.csv: no individual and frame of the input is in it" in done.output
    assert not detections.with_name("p.html").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--out", "page.pdf"], "expected a page that ends in .html"),
        (["--out", "p.html", "--min-score", "0.3"], "--min-score goes with --smoother"),
        (["--out", "p.html", "--recording", "b"], "unknown video 'b'"),
        (["--out", "p.html", "--video", "absent.mp4"], "absent.mp4: no such file"),
        (["--out", "p.html", "--smoother", "gausian"], "unknown filter 'gausian'"),
    ],
)
def test_errors_are_one_line(detections: Path, words: list[str], text: str) -> None:
    done = invoke("view", detections, *words)
    assert done.exit_code == 1
    assert text in done.output
    assert done.output.count("\n") == 1


def test_the_longest_recording_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    rows = ["video,frame,a_x,a_y"]
    rows += [f"{v},{t},{t % 7},{t % 5}" for v, n in (("one", 9), ("two", 12)) for t in range(n)]
    file.write_text("\n".join(rows))
    out = tmp_path / "p.html"
    done = invoke("view", file, "--out", out, "--smoother", "median")
    assert "shown is the video two; 1 others with --recording NAME" in done.output
    assert data_of(out.read_bytes())["frames"] == 12


def test_a_clip_that_browsers_play_is_in_the_page_or_next_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, page = tmp_path / "a clip#1.mp4", tmp_path / "pages" / "p.html"
    file.write_bytes(box(b"moov", track(b"vide", b"avc1")))
    found = clip.load_clip(file, page, None, 1)
    assert (found["fps"], found["width"], found["height"]) == (pytest.approx(25), 640, 360)
    assert (found["first"], base64.b64decode(found["data"])) == (1, file.read_bytes())
    monkeypatch.setattr(clip, "_EMBEDDED_BYTES", 10)
    found = clip.load_clip(file, page, 50.0, None)
    assert (found["fps"], found["path"]) == (50, "../a%20clip%231.mp4")
    webm = tmp_path / "a.webm"
    webm.write_bytes(b"")
    with pytest.raises(ps.InvalidInputError, match="give --fps"):
        clip.load_clip(webm, page, None, None)


def test_2000_frames_of_17_keypoints_are_under_3_mb() -> None:
    raw = np.random.default_rng(0).normal(size=(2000, 17, 2)) * 300
    poses = poses_of(raw, scores=np.random.default_rng(1).random((2000, 17)))
    versions = [version_of(raw + i, np.ones((2000, 17), bool)) for i in range(6)]
    page = view_page(poses, versions, title="t", fps=30.0)
    assert len(page) < 3e6
    assert not re.search(rb"https?:", page)


@pytest.mark.parametrize(
    ("page", "space", "text"),
    [
        ("page.html", False, "page.html exists already: --overwrite replaces it"),
        ("page.txt", False, "page.txt: expected a page that ends in .html"),
        ("new.html", True, "in.trc: expected keypoints with 2 coordinates"),
    ],
)
def test_smooth_writes_nothing_where_its_page_cannot_be_written(
    detections: Path, page: str, space: bool, text: str
) -> None:
    folder, source = detections.parent, detections
    (folder / "page.html").write_text("mine")
    if space:
        source = folder / "in.trc"
        MORE_SAMPLES["trc"].make(source)
        assert text in invoke("view", source, "--out", folder / page).output
    out = folder / f"out{source.suffix}"
    words = ("--smoother", "mean", "--out", out, "--view", folder / page)
    done = invoke("smooth", source, *words)
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert text in done.output
    assert not out.exists()
    assert (folder / "page.html").read_text() == "mine"


def test_smooth_replaces_a_page_when_asked(detections: Path) -> None:
    page = detections.with_name("page.html")
    page.write_text("mine")
    out = detections.with_name("out.csv")
    words = ("--smoother", "mean", "--out", out, "--view", page, "--overwrite")
    assert invoke("smooth", detections, *words).exit_code == 0
    assert out.name in data_of(page.read_bytes())["labels"]


@pytest.mark.parametrize("options", [[], ["--min-score", "0.5"]], ids=["default", "min-score"])
def test_points_that_a_smoothed_file_did_not_read_are_marked_as_the_smoother_s_own(
    tmp_path: Path, options: list[str]
) -> None:
    rng = np.random.default_rng(0)
    keypoints, scores = walk(200, 1.0), rng.uniform(0.55, 1.0, (200, 3))
    low = rng.random((200, 3)) < 0.05
    scores[low] = 0.1
    keypoints[low & (rng.random((200, 3)) < 0.5)] += 80.0  # the others are right, if unsure
    source, out, page = tmp_path / "in.npz", tmp_path / "out.npz", tmp_path / "page.html"
    np.savez(source, keypoints=keypoints, scores=scores)
    how = ["--smoother", "gaussian", *options]
    assert invoke("smooth", source, "--out", out, *how).exit_code == 0
    assert invoke("view", source, out, "--out", page, *how).exit_code == 0
    of_file, of_smoother = data_of(page.read_bytes())["tracks"][0]["marks"]
    marks = np.frombuffer(base64.b64decode(of_file), np.uint8)
    assert of_file == of_smoother
    assert 5 < (marks & NOT_READ).sum() < 60


def test_a_file_that_hardly_changed_has_no_points_that_were_not_read(tmp_path: Path) -> None:
    keypoints = walk(100, 1.0)
    keypoints[50, 1] += 300.0
    np.savez(tmp_path / "in.npz", keypoints=keypoints, scores=np.linspace(0, 1, 300).reshape(-1, 3))
    poses = ps.read_poses(tmp_path / "in.npz")
    keypoints[50, 1] -= 300.0
    np.savez(tmp_path / "out.npz", keypoints=keypoints, scores=np.ones((100, 3)))
    assert not from_file(poses, tmp_path / "out.npz").rejected[0].any()


def test_points_that_left_and_right_exchanged_are_marked() -> None:
    smoothed = walk(300, 0.5)
    raw = smoothed + np.random.default_rng(1).normal(0, 0.3, smoothed.shape)
    raw[20:30, [0, 2]] = raw[20:30, [2, 0]]
    raw[40, 0] += 60.0  # moved far, and not exchanged
    poses = poses_of(raw, names=["left_hand", "nose", "right_hand"])
    [one] = payload(poses, [version_of(smoothed)], "t", None)["tracks"]
    marks = np.frombuffer(base64.b64decode(one["marks"][0]), np.uint8).reshape(-1, 3)
    expected = np.zeros((300, 3), np.uint8)
    expected[20:30, [0, 2]] = FAR | EXCHANGED
    expected[40, 0] = FAR
    np.testing.assert_array_equal(marks, expected)


def test_a_page_reads_its_files_as_smooth_read_them_and_reports_once(tmp_path: Path) -> None:
    """An array in odd order: found out, its axes would be taken for others."""
    source, out, page = tmp_path / "k.npy", tmp_path / "s.npy", tmp_path / "p.html"
    np.save(source, np.moveaxis(walk(40, 1.0), 0, -1))  # (keypoints, xy, time)
    layout = ["--layout", "keypoints,xy,time", "--overwrite"]
    for words in (
        ["smooth", str(source), "--out", str(out), "--view", str(page)],
        ["inspect", str(source)],
        ["view", str(source), str(out), "--out", str(page)],
    ):
        done = CliRunner().invoke(main, [*words, *layout])
        assert done.exit_code == 0, done.output
        assert words[0] != "smooth" or "40 frames in 1 track; 120 of 120 points" in done.output
    table = write_csv(tmp_path / "k.csv", walk(40, 1.0), ["a", "b", "c"])
    table.write_text(re.sub(r"(?m)^([^,]*),[^,]*", r"\1", table.read_text()))  # without person
    words = ["smooth", str(table), "--out", str(tmp_path / "s.csv"), "--view", str(page)]
    done = CliRunner().invoke(main, [*words, "--overwrite"])
    assert done.stderr.count("taken as one person") == 1, done.stderr
