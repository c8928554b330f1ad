"""Tracks through windows: every frame covered, nothing invented, nothing lost."""

import numpy as np
import pytest
from scipy.signal import savgol_filter

from pose_smoother.boxes import boxes_around
from pose_smoother.filters import mean, savgol
from pose_smoother.poses.keypoint_names import mapping
from tests.trainer.inference.tracks import NAMES, poses, smoother, track, walk
from trainer.inference import sliding_window
from trainer.inference.sliding_window import smooth_poses

MAP = mapping(NAMES)


def through(the_smoother, *tracks):
    return smooth_poses(poses(*tracks), MAP, the_smoother)


class Recorder:
    """An identity that keeps the windows it was given."""

    def __init__(self):
        self.windows = []

    def __call__(self, windows):
        self.windows.extend(windows.copy())
        return windows


@pytest.mark.parametrize("n_frames", [1, 2, 4, 5, 6, 30])
@pytest.mark.parametrize("step", [1, 2])
def test_the_identity_gives_the_input_back_whatever_the_length(n_frames, step):
    keypoints = walk(n_frames)
    keypoints[n_frames // 2, 3] = np.nan
    (found,) = through(smoother(step=step), track(keypoints))
    np.testing.assert_allclose(found, keypoints, atol=1e-3, equal_nan=True)


def test_unknown_and_untrained_keypoints_pass_through_bit_for_bit():
    keypoints = walk(9)
    known = np.ones(25, bool)
    known[1] = False
    centre = smoother(lambda windows: np.full_like(windows, 27.5), keypoints=known)
    (found,) = through(centre, track(keypoints))
    untouched = [1, 25]
    assert (found[:, untouched] == keypoints[:, untouched]).all()
    assert (np.delete(found - keypoints, untouched, axis=1) != 0).all()


def test_every_frame_first_and_last_too_is_estimated_and_put_into_its_box():
    keypoints = walk(1) + np.zeros((7, 1, 1))  # stands still: the box is the tight one
    (found,) = through(smoother(lambda windows: np.full_like(windows, 27.5)), track(keypoints))
    boxes, _ = boxes_around(keypoints[:, :25])
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    np.testing.assert_allclose(found[:, :25], np.repeat(middle[:, None], 25, axis=1), atol=1e-3)


@pytest.mark.parametrize(("merge", "expected"), [("mean", 6.0), ("middle", 4.0)])
def test_estimates_of_a_frame_are_merged(merge, expected):
    def shifted(windows):  # by the square of the place in the window
        return windows + np.arange(5, dtype=np.float32)[:, None, None] ** 2

    keypoints = walk(1) + np.zeros((8, 1, 1))
    (found,) = through(smoother(shifted, merge=merge), track(keypoints))
    boxes, _ = boxes_around(keypoints[:, :25])
    per_px = (boxes[:, 2:] - boxes[:, :2]) / 55
    shift = (found - keypoints)[:, :25] / per_px[:, None]
    np.testing.assert_allclose(shift, expected, atol=1e-3)


@pytest.mark.parametrize(("missing", "n_windows"), [(3, 4 + 3 + 4), (4, 2 * (2 + 4))])
def test_a_gap_with_frames_of_a_window_at_both_sides_is_bridged(missing, n_windows):
    seen = Recorder()
    keypoints = walk(4)
    frames = [0, 1, 2 + missing, 3 + missing]
    (found,) = through(smoother(seen), track(keypoints, frames))
    assert len(seen.windows) == n_windows
    assert np.isfinite(seen.windows).all()
    np.testing.assert_allclose(found, keypoints, atol=1e-3)


def test_half_the_frame_rate_takes_every_second_frame():
    every, second = Recorder(), Recorder()
    through(smoother(every), track(walk(12)))
    through(smoother(second, step=2), track(walk(12)))
    assert (len(every.windows), len(second.windows)) == (12 + 4, 12 + 8)
    # Of those that begin inside the run, the first: frames 0 ... 4, and 0, 2, ... 8.
    np.testing.assert_array_equal(second.windows[8][:3], every.windows[4][::2])
    assert (second.windows[8][1] != every.windows[4][1]).any()


def test_frames_numbered_by_twos_are_neighbours():
    keypoints = walk(6)
    by_ones, by_twos = Recorder(), Recorder()
    through(smoother(by_ones), track(keypoints))
    one = track(keypoints, np.arange(6) * 2)
    through(smoother(by_twos), type(one)(**{**one.__dict__, "step": 2}))
    np.testing.assert_array_equal(by_ones.windows, by_twos.windows)


def test_what_has_no_estimate_stays_and_is_reported(caplog):
    def no_nose(windows):
        windows = windows.copy()
        windows[:, :, 0] = np.nan
        return windows + np.float32(1)

    keypoints = walk(6)
    (found,) = through(smoother(no_nose), track(keypoints))
    assert (found[:, 0] == keypoints[:, 0]).all()
    assert (found[:, 1] != keypoints[:, 1]).all()
    assert "no estimate for some positions" in caplog.text
    assert "nose (6)" in caplog.text


def test_a_track_without_a_box_stays_as_it_is(caplog):
    keypoints = walk(4)
    keypoints[:, 1:] = np.nan
    (found,) = through(smoother(), track(keypoints))
    np.testing.assert_array_equal(found, keypoints)
    assert "nose (4)" in caplog.text


def test_tracks_and_batches_do_not_touch_each_other(monkeypatch):
    tracks = [track(walk(n, seed=n), name=str(n)) for n in (1, 9, 3, 40, 5)]
    averaged = smoother(mean.smooth_windows)
    together = through(averaged, *tracks)
    monkeypatch.setattr(sliding_window, "_GROUP_FRAMES", 8)
    small = through(smoother(mean.smooth_windows, batch_windows=3), *tracks)
    for one, a, b in zip(tracks, together, small, strict=True):
        (alone,) = through(averaged, one)
        np.testing.assert_allclose(a, alone, atol=1e-3)
        np.testing.assert_allclose(b, alone, atol=1e-3)


def test_a_whole_run_is_one_window_for_smoothers_that_want_it():
    seen = Recorder()
    keypoints = walk(12)
    keypoints[4, 2] = np.nan
    through(smoother(seen, n_frames=None), track(keypoints, [*range(6), *range(20, 26)]))
    assert [len(window) for window in seen.windows] == [6, 6]
    assert np.isnan(seen.windows[0][4, 2]).all()


def test_savitzky_golay_in_the_middle_of_windows_is_scipy_s_on_a_steady_box():
    keypoints = walk(1) + np.zeros((40, 1, 1))
    keypoints[:, 5] += np.random.default_rng(3).normal(0, 0.1, (40, 2))
    one = smoother(
        lambda windows: savgol.smooth_windows(windows, width_frames=7, polyorder=2),
        n_frames=7,
        merge="middle",
    )
    (found,) = through(one, track(keypoints))
    expected = savgol_filter(keypoints[:, 5], 7, 2, axis=0)
    np.testing.assert_allclose(found[3:-3, 5], expected[3:-3], atol=2e-2)
