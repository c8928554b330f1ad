"""Strips, animations and trajectories of a known motion."""

import shutil
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX, KEYPOINTS
from trainer.plots import animation
from trainer.plots.drawing import camera, check_ending, save
from trainer.plots.strip import strip_figure
from trainer.plots.trajectories import trajectory_figure

STARTS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


def lines_of(axis):
    return {line.get_label(): line for line in axis.lines}


def test_a_strip_has_frames_from_first_to_last_and_reports_errors(motion):
    figure = strip_figure(motion, n_columns=5)
    assert len(figure.axes) == 2 * 5
    titles = [axis.get_title() for axis in figure.axes[:5]]
    assert titles[0] == "frame 100"
    assert titles[-1] == "frame 139"
    assert figure.axes[0].get_ylabel() == "as detected\n5.0 px off"
    assert figure.axes[5].get_ylabel() == "savgol\n1.0 px off"


def test_a_strip_without_truth_claims_no_error(motion):
    figure = strip_figure(replace(motion, truth=None), n_columns=3)
    assert figure.axes[0].get_ylabel() == "as detected"


def test_every_keypoint_is_inside_its_panel(motion):
    figure = strip_figure(motion, n_columns=4)
    for axis in figure.axes:
        (x0, x1), (y1, y0) = axis.get_xlim(), axis.get_ylim()
        truth = axis.lines[0].get_xydata()
        assert len(truth) == 25 - 2  # thumbs are missing
        assert (truth > (x0, y0)).all()
        assert (truth < (x1, y1)).all()


def test_the_camera_does_not_hide_jitter(motion):
    jitter = np.zeros_like(motion.raw)
    jitter[::2] = 8.0
    trembling = replace(motion, smoothed=motion.smoothed + jitter, truth=None)
    moved = np.diff(camera(trembling).centre, axis=0)[8:-8]  # away from the ends
    assert np.abs(moved - np.diff(camera(motion).centre, axis=0)[8:-8]).max() < 0.5


@pytest.mark.parametrize("ending", list(STARTS))
def test_stills_are_written_by_their_ending(motion, tmp_path, ending):
    out = tmp_path / "new" / f"strip{ending}"
    save(strip_figure(motion, 2), out)
    assert out.read_bytes().startswith(STARTS[ending])


def test_equal_motions_give_equal_bytes(motion, tmp_path):
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        save(trajectory_figure(motion, ("wrist",)), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_endings_are_checked_before_any_work(tmp_path):
    assert check_ending(tmp_path / "a.GIF", may_move=True)
    assert not check_ending(tmp_path / "a.png", may_move=True)
    with pytest.raises(InvalidInputError, match=r"must end in \.png, \.svg, \.pdf$"):
        check_ending(tmp_path / "a.gif", may_move=False)


def test_a_gif_has_a_picture_for_every_frame(motion, tmp_path):
    out = tmp_path / "new" / "a.gif"
    animation.write_animation(motion.between(100, 104), out, rate_hz=10)
    with Image.open(out) as picture:
        assert picture.n_frames == 5
        assert picture.info["duration"] == 100
        assert picture.info["loop"] == 0  # for ever
    assert [path.name for path in out.parent.iterdir()] == ["a.gif"]


def test_mp4_without_ffmpeg_is_one_line(motion, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(InvalidInputError, match=r"MP4 \(a \.gif does not\) needs ffmpeg"):
        animation.write_animation(motion, tmp_path / "a.mp4", 10)
    assert not (tmp_path / "a.mp4").exists()


def test_trajectories_hold_all_three_positions(motion):
    figure = trajectory_figure(motion, ("wrist",))
    assert len(figure.axes) == 2 * 2  # both wrists, x and y
    lines = lines_of(figure.axes[0])
    column = INDEX["left_wrist"]
    for name, poses in (
        ("ground truth", motion.truth),
        ("as detected", motion.raw),
        ("savgol", motion.smoothed),
    ):
        np.testing.assert_array_equal(lines[name].get_ydata(), poses[:, column, 0])
    low, high = figure.axes[1].get_ylim()
    assert low > high  # y grows downwards in pictures
    assert "5.0 px off as detected, 1.0 px smoothed" in figure.axes[0].get_title(loc="left")


def test_lines_are_broken_where_frames_are_missing(motion):
    frame = motion.frame.copy()
    frame[20:] += 7
    figure = trajectory_figure(replace(motion, frame=frame), ("nose",))
    values = lines_of(figure.axes[0])["savgol"].get_ydata()
    assert np.flatnonzero(np.isnan(values)).tolist() == [20]


def test_keypoints_are_found_by_name_with_and_without_side(motion):
    both = [INDEX["left_wrist"], INDEX["right_wrist"]]
    assert motion.columns(("wrist",)) == both
    assert motion.columns(("right_wrist", "wrist")) == both[::-1]
    with pytest.raises(InvalidInputError, match=f"unknown keypoint 'fin'; known: {KEYPOINTS[0]}"):
        motion.columns(("fin",))
    with pytest.raises(InvalidInputError, match="has no thumb in any frame"):
        motion.columns(("thumb",))


def test_frames_are_chosen_by_number(motion):
    part = motion.between(None, 101)
    assert part.frame.tolist() == [100, 101]
    assert len(part.raw) == len(part.smoothed) == len(part.truth) == 2
    with pytest.raises(InvalidInputError, match=r"frames 100 \.\.\. 139, none in 200 \.\.\. 139"):
        motion.between(200, None)


def test_no_figure_stays_open(motion):
    strip_figure(motion, 2)
    assert plt.get_fignums() == []
