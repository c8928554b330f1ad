"""``Live``: the file version frame by frame, individuals, lost and late frames."""

import numpy as np
import pytest

import pose_smoother as ps
from pose_smoother.smoothing.live import LONGEST_GAP_FRAMES


def detections(n_frames: int = 90, n_keypoints: int = 6, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(n_frames)[:, None, None]
    shape = (1, n_keypoints, 2)
    motion = 400 + 100 * rng.normal(size=shape) + 30 * np.sin(t / 9 + rng.normal(size=shape))
    noisy = motion + 2.0 * rng.normal(size=motion.shape)
    noisy[rng.random(noisy.shape[:2]) < 0.05] = np.nan
    return noisy


def streamed(live: ps.Live, xy: np.ndarray, **given) -> np.ndarray:
    """Every estimate of a stream, the last frames' too."""
    found = [live.update(frame, **given) for frame in xy]
    return np.array([*found[live.delay_frames :], *live.finish(**given)])


@pytest.mark.parametrize("delay_frames", [0, 1, 2, 3, 8, 12])
def test_a_stream_gives_what_the_file_version_gives(delay_frames):
    xy = detections()
    scores = np.random.default_rng(0).random(xy.shape[:2])
    live = ps.Live(delay_frames)
    found = [live.update(frame, score) for frame, score in zip(xy, scores, strict=True)]
    assert np.isnan(found[:delay_frames]).all()
    found = [*found[delay_frames:], *live.finish()]
    expected = ps.smooth(xy, scores=scores, delay_frames=delay_frames)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(xy))
    assert np.nanmax(np.abs(found - xy)) > 1.0


def test_no_estimate_uses_a_frame_after_the_delay():
    xy = detections()
    changed = xy.copy()
    changed[60:] += 50.0
    first, second = streamed(ps.Live(2), xy), streamed(ps.Live(2), changed)
    np.testing.assert_array_equal(first[:58], second[:58])
    assert np.nanmax(np.abs(first[58:60] - second[58:60])) > 0.0


def test_individuals_are_distinguished_by_their_ids():
    one, two = detections(seed=1), detections(seed=2, n_keypoints=4)
    live = ps.Live(1)
    both = [(live.update(a, id="a"), live.update(b, id=7)) for a, b in zip(one, two, strict=True)]
    np.testing.assert_array_equal([a for a, _ in both][1:], streamed(ps.Live(1), one)[:-1])
    np.testing.assert_array_equal([b for _, b in both][1:], streamed(ps.Live(1), two)[:-1])
    assert len(live.finish("a")) == 1
    assert live.finish("nobody") == []


def test_frames_that_were_lost_are_noticed_by_their_times():
    xy = detections()
    lost = xy.copy()
    lost[40:43] = np.nan
    timed = ps.Live(0, fps=25)
    untimed = ps.Live(0)
    found = [timed.update(xy[t], time=t / 25) for t in range(90) if not 40 <= t < 43]
    expected = [untimed.update(frame) for frame in lost]
    np.testing.assert_array_equal(found, [*expected[:40], *expected[43:]])


def test_uneven_times_are_no_lost_frames():
    xy = detections()
    rng = np.random.default_rng(0)
    live, even = ps.Live(0), ps.Live(0)
    for t, frame in enumerate(xy):
        found = live.update(frame, time=(t + rng.uniform(-0.2, 0.2)) / 30)
        np.testing.assert_array_equal(found, even.update(frame))


def test_a_late_frame_is_counted_and_not_used():
    xy = detections()
    live, plain = ps.Live(0), ps.Live(0)
    for t, frame in enumerate(xy):
        found = live.update(frame, time=t / 30)
        if t % 10 == 5:
            assert np.isnan(live.update(frame + 90, time=(t - 2) / 30)).all()
        np.testing.assert_array_equal(found, plain.update(frame))
    assert live.n_late == 9


def test_after_a_long_gap_an_individual_begins_again_and_no_frame_is_lost():
    xy = detections()
    live = ps.Live(2, fps=30)
    times = np.arange(90) / 30 + np.where(np.arange(90) >= 50, 2 * LONGEST_GAP_FRAMES / 30, 0)
    found = [live.update(frame, time=time) for frame, time in zip(xy, times, strict=True)]
    found = [*found[2:], *live.finish()]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(xy))
    np.testing.assert_allclose(found[52:], streamed(ps.Live(2), xy[50:])[2:], atol=1e-9)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ps.Live(-1), "delay_frames must be a whole number from 0 on, got -1"),
        (lambda: ps.Live(1.5), "delay_frames must be a whole number"),
        (lambda: ps.Live(fps=0), "fps must be a positive number, got 0"),
        (lambda: ps.Live().update(np.zeros((5, 3))), r"expected keypoints \(K, 2\), got \(5, 3\)"),
        (lambda: ps.Live().update(np.zeros((5, 2)), np.zeros(4)), r"expected scores \(5,\)"),
        (lambda: ps.smooth(detections(), delay_frames=1, gate=0.9), "leave out delay_frames"),
    ],
)
def test_wrong_arguments_are_value_errors(call, text):
    with pytest.raises(ps.InvalidInputError, match=text):
        call()


def test_another_number_of_keypoints_is_refused():
    live = ps.Live()
    live.update(np.zeros((5, 2)))
    with pytest.raises(ps.InvalidInputError, match="expected 5 keypoints, got 4"):
        live.update(np.zeros((4, 2)))
