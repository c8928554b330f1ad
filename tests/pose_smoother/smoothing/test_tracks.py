"""Whole tracks through filters: gaps, scores, filling, and what the summary reports."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.smoothing.chain import make_chain, track_filters
from pose_smoother.smoothing.summary import summarize
from pose_smoother.smoothing.swaps import Outcome
from pose_smoother.smoothing.tracks import Rules, smooth_track, smooth_tracks

NAMES = ("snout", "tail", "paw")


def walk(n_frames, seed=0, n_axes=2):
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.normal(0, 2, (n_frames, len(NAMES), n_axes)), axis=0)
    return 300 + steps + rng.normal(0, 2, steps.shape)


def track(keypoints, frame=None, score=None, step=1):
    frames = np.arange(len(keypoints)) if frame is None else np.asarray(frame)
    scores = np.full(keypoints.shape[:2], np.nan) if score is None else score
    return Track("a", "", "a", frames, keypoints, scores, step)


def smoothed(keypoints, name="gaussian", frame=None, step=1, **params):
    return smooth_track(track(keypoints, frame, step=step), make_chain(name, params), Rules())


@pytest.mark.parametrize("name", [n for n in track_filters() if n not in ("identity", "hampel")])
def test_every_keypoint_is_smoothed_whatever_its_name(name):
    keypoints = walk(60, n_axes=3)
    fps = 30.0 if name == "butterworth" else None
    found = smooth_track(track(keypoints), make_chain(name, fps=fps), Rules()).keypoints
    assert (found != keypoints).any(axis=(0, 2)).all()
    assert np.abs(np.diff(found, 2, axis=0)).mean() < np.abs(np.diff(keypoints, 2, axis=0)).mean()


def test_a_short_gap_is_bridged_and_a_long_one_begins_a_new_run():
    keypoints = walk(40)
    for missing, bridged in ((3, True), (4, False)):
        frame = np.concatenate([np.arange(20), np.arange(20, 40) + missing])
        found = smoothed(keypoints, frame=frame).keypoints
        parts = [smoothed(keypoints[:20]).keypoints, smoothed(keypoints[20:]).keypoints]
        assert np.array_equal(found, np.concatenate(parts)) == (not bridged)
        laid_out = np.full((40 + missing, 3, 2), np.nan)
        laid_out[frame] = keypoints
        if bridged:
            np.testing.assert_array_equal(found, smoothed(laid_out).keypoints[frame])


def test_frames_numbered_in_steps_are_neighbours():
    keypoints = walk(30)
    found = smoothed(keypoints, frame=10 * np.arange(30), step=10).keypoints
    np.testing.assert_array_equal(found, smoothed(keypoints).keypoints)


def test_what_is_missing_stays_missing():
    keypoints = walk(30)
    keypoints[5:8, 1] = np.nan
    found = smoothed(keypoints).keypoints
    np.testing.assert_array_equal(np.isnan(found), np.isnan(keypoints))


def test_points_of_a_low_score_pull_no_neighbour_and_stay_as_they_are():
    keypoints, score = walk(30), np.full((30, 3), 0.9)
    wild = keypoints.copy()
    wild[[10, 20], 1] = 5000.0
    score[[10, 20], 1] = 0.2
    gaps = keypoints.copy()
    gaps[[10, 20], 1] = np.nan
    found = smooth_track(track(wild, score=score), make_chain("gaussian"), Rules(min_score=0.6))
    expected = smoothed(gaps).keypoints
    expected[[10, 20], 1] = 5000.0
    np.testing.assert_array_equal(found.keypoints, expected)
    assert np.argwhere(found.rejected).tolist() == [[10, 1], [20, 1]]
    unknown = np.full((30, 3), np.nan)
    unknown[0, 0] = 0.9  # one that is given; the others are not low
    all_read = smooth_track(track(wild, score=unknown), make_chain("gaussian"), Rules(0.6))
    np.testing.assert_array_equal(all_read.keypoints, smoothed(wild).keypoints)


def test_gaps_are_filled_up_to_the_length_that_is_asked_for():
    keypoints, score = walk(40), np.full((40, 3), 0.9)
    keypoints[5:8, 0] = np.nan  # three frames
    keypoints[20:24, 0] = np.nan  # four
    keypoints[38:, 0] = np.nan  # no end
    score[30, 1] = 0.1
    rules = Rules(min_score=0.5, fill_gaps=3)
    found = smooth_track(track(keypoints, score=score), make_chain("identity"), rules)
    line = np.linspace(keypoints[4, 0], keypoints[8, 0], 5)[1:-1]
    np.testing.assert_allclose(found.keypoints[5:8, 0], line)
    np.testing.assert_allclose(found.keypoints[30, 1], (keypoints[29, 1] + keypoints[31, 1]) / 2)
    assert np.isnan(found.keypoints[20:24, 0]).all()
    assert np.isnan(found.keypoints[38:, 0]).all()
    assert found.filled.sum() == 4
    assert not found.rejected.any()


def test_gaps_are_counted_in_frames_not_in_rows():
    keypoints = walk(10)
    keypoints[5, 0] = np.nan
    frame = np.array([*range(5), 7, *range(9, 13)])  # 5 and 6 are absent, 7 is missing, 8 absent
    for most, filled in ((3, False), (4, True)):
        found = smooth_track(track(keypoints, frame), make_chain("identity"), Rules(None, most))
        assert found.filled[5, 0] == filled
    share = 3 / 5
    expected = keypoints[4, 0] + share * (keypoints[6, 0] - keypoints[4, 0])
    np.testing.assert_allclose(found.keypoints[5, 0], expected)


def test_a_chain_is_its_filters_one_after_the_other():
    keypoints = walk(60)
    keypoints[30, 1] += 500
    chain = make_chain("hampel, kalman", {"width_frames": 5, "kalman.noise_ratio": 0.3})
    assert chain.name == "hampel,kalman"
    found = smooth_track(track(keypoints), chain, Rules()).keypoints
    first = smoothed(keypoints, "hampel", width_frames=5).keypoints
    np.testing.assert_array_equal(found, smoothed(first, "kalman", noise_ratio=0.3).keypoints)


def test_a_cutoff_per_frame_needs_no_frame_rate():
    keypoints = walk(60)
    in_hz = smooth_track(
        track(keypoints), make_chain("butterworth", {"cutoff_hz": 6}, 30.0), Rules()
    )
    per_frame = smoothed(keypoints, "butterworth", cutoff_per_frame=0.2)
    np.testing.assert_allclose(per_frame.keypoints, in_hz.keypoints, rtol=1e-9)


@pytest.mark.parametrize(
    ("names", "given", "text"),
    [
        ("kalmann", {}, "unknown filter 'kalmann'; known: identity, mean,"),
        ("lmmse", {}, r"lmmse is fitted on training windows: .* --store S --exp X.Y"),
        ("median,median", {}, "a filter is twice in the chain median,median"),
        ("mean", {"width": 5}, "unknown parameter of mean 'width'; known: none"),
        ("savgol", {"width": 5}, "unknown parameter of savgol 'width'; known: width_frames"),
        ("savgol", {"polyorder": 5}, "polyorder of savgol must be below width_frames, which is 5"),
        (
            "hampel,median",
            {"width_frames": 5},
            "several filters have a parameter width_frames: name it as hampel.width_frames or "
            "median.width_frames",
        ),
    ],
)
def test_a_wrong_chain_says_what_is_right(names, given, text):
    with pytest.raises(InvalidInputError, match=text):
        make_chain(names, given)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("inf")])
def test_a_frame_rate_is_positive(fps):
    with pytest.raises(InvalidInputError, match="fps must be a positive number"):
        make_chain("gaussian", fps=fps)


def test_a_frame_rate_of_nan_is_unknown():
    assert make_chain("gaussian", fps=float("nan")) == make_chain("gaussian")
    poses = Poses(NAMES, (track(walk(5)),), (), None)
    with pytest.raises(InvalidInputError, match="frame rate"):
        smooth_tracks(poses, make_chain("butterworth", {"cutoff_hz": 6.0}, float("nan")), Rules())


def test_min_score_needs_scores():
    poses = Poses(NAMES, (track(walk(5)),), (), None)
    with pytest.raises(InvalidInputError, match="min_score needs the scores"):
        smooth_tracks(poses, make_chain("gaussian"), Rules(min_score=0.5))
    with pytest.raises(InvalidInputError, match="fill_gaps must be a number of frames from 0 on"):
        Rules(fill_gaps=-1)
    with pytest.raises(InvalidInputError, match="min_score must be a finite number"):
        Rules(min_score=float("nan"))


def test_the_summary_counts_what_was_done():
    keypoints, score = walk(40), np.full((40, 3), 0.9)
    keypoints[5:7, 0] = np.nan
    keypoints[38:, 0] = np.nan
    score[20:30, 1] = 0.1
    one = track(keypoints, score=score)
    poses = Poses(NAMES, (one,), (), None)
    rules = Rules(min_score=0.5, fill_gaps=2)
    results = smooth_tracks(poses, make_chain("gaussian"), rules)
    found = summarize(poses, Outcome(results), rules)
    assert (found.n_tracks, found.n_frames, found.n_keypoints) == (1, 40, 3)
    assert (found.n_points, found.n_rejected) == (116, 10)
    assert (found.n_filled, found.n_missing) == (2, 2)
    moved = np.linalg.norm(results[0].keypoints - keypoints, axis=-1)
    moved = moved[np.isfinite(moved) & ~results[0].rejected]
    assert found.n_changed == 106
    assert found.moved_median == pytest.approx(np.median(moved))
    assert found.moved_p95 == pytest.approx(np.quantile(moved, 0.95))
    assert found.moved_largest == pytest.approx(moved.max())
    read = np.where((results[0].rejected | np.isnan(keypoints[..., 0]))[..., None], np.nan, 1.0)
    for jitter, values in (
        (found.jitter_before, keypoints),
        (found.jitter_after, results[0].keypoints),
    ):
        second = np.linalg.norm(np.diff(values * read, 2, axis=0), axis=-1)
        assert jitter == pytest.approx(np.nanmean(second))
    assert found.line() == (
        f"106 of 116 points changed (by {found.moved_median:.3g} in the median, "
        f"{found.moved_p95:.3g} at the 95th percentile, {found.moved_largest:.3g} at most); "
        f"jitter {found.jitter_before:.3g} before, {found.jitter_after:.3g} after; 2 points "
        "filled; 10 points not read (score below 0.5), left as they were; 2 missing"
    )


def test_a_summary_of_nothing_changed_has_no_distances():
    poses = Poses(NAMES, (track(walk(2)),), (), None)
    found = summarize(poses, Outcome(smooth_tracks(poses, make_chain("identity"), Rules())))
    why = "no keypoint is there in three frames in a row"
    assert found.line() == f"0 of 6 points changed: {why}"
    assert np.isnan(found.moved_median)


@pytest.mark.parametrize("name", track_filters())
def test_a_long_track_is_smoothed_a_few_keypoints_at_a_time(name, monkeypatch):
    values = walk(60)
    values[20:22, 1] = np.nan
    params = {"cutoff_per_frame": 0.1} if name == "butterworth" else {}
    at_once = smoothed(values, name, **params).keypoints
    monkeypatch.setattr("pose_smoother.smoothing.tracks._MOST_VALUES", 2 * values[:, 0].size)
    in_parts = smoothed(values, name, **params).keypoints
    np.testing.assert_allclose(in_parts, at_once, rtol=1e-9)


def test_filters_that_read_the_body_see_all_of_it(monkeypatch):
    seen = []
    chain = make_chain("one-euro")
    monkeypatch.setattr("pose_smoother.smoothing.tracks._MOST_VALUES", 1)
    module = chain.steps[0].module
    monkeypatch.setattr(module, "smooth_run", lambda run, **_: seen.append(run) or run.positions)
    values = walk(30)
    smooth_track(track(values), chain, Rules(), 0.3)
    assert [run.positions.shape for run in seen] == [values.shape]
    assert seen[0].size > 0


def test_gaps_are_filled_along_a_line_or_a_curve_without_overshoot():
    t = np.arange(30.0)
    values = np.stack([np.minimum(t, 12), np.cos(t / 6)], axis=-1)[:, None]  # (30, 1, 2)
    values[[10, 11, 12, 20], 0] = np.nan
    known = np.isfinite(values[:, 0, 0])
    poses = Poses(NAMES[:1], (track(values),), (), None)
    identity = make_chain("identity")
    (line,) = smooth_tracks(poses, identity, Rules(fill_gaps=3))
    (curve,) = smooth_tracks(poses, identity, Rules(fill_gaps=3, fill_method="pchip"))
    (short,) = smooth_tracks(poses, identity, Rules(fill_gaps=2, fill_method="pchip"))
    assert line.filled[:, 0].tolist() == curve.filled[:, 0].tolist() == (~known).tolist()
    assert np.flatnonzero(short.filled[:, 0]).tolist() == [20]
    expected = [np.interp(t, t[known], axis[known]) for axis in values[:, 0].T]
    np.testing.assert_allclose(line.keypoints[:, 0].T, expected, atol=1e-12)
    truth = np.cos(t / 6)
    off = [np.abs(found.keypoints[:, 0, 1] - truth).max() for found in (line, curve)]
    assert off[1] < off[0] / 2
    assert curve.keypoints[10:13, 0, 0].max() <= 12
    for wrong in ({"fill_method": "cubic", "fill_gaps": 3}, {"fill_method": "pchip"}):
        with pytest.raises(InvalidInputError, match="fill_method"):
            Rules(**wrong)
