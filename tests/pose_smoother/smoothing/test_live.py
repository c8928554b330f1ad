"""``Live``: the file version frame by frame, individuals, lost and late frames."""

from concurrent.futures import ThreadPoolExecutor

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
        (lambda: ps.Live(np.nan), "delay_frames must be a whole number from 0 on, got nan"),
        (lambda: ps.Live("a"), "delay_frames must be a whole number"),
        (lambda: ps.Live(max_individuals=0), "max_individuals must be a whole number from 1 on"),
        (lambda: ps.Live(fps=0), "fps must be a positive number, got 0"),
        (lambda: ps.Live(fps="a"), "fps must be a positive number, got a"),
        (lambda: ps.Live(fps=10**400), "fps must be a positive number, got 1000"),
        (lambda: ps.Live().update([["a", "b"]]), "keypoints: expected numbers: got dtype <U1"),
        (lambda: ps.Live().update([[1, 2], [3]]), "keypoints: expected numbers: setting an array"),
        (lambda: ps.Live().update({}), "keypoints: expected numbers"),
        (lambda: ps.Live().update(np.ones((3, 2)) * 1j), "got dtype complex128"),
        (lambda: ps.Live().update(np.ones((1, 2)), ["a"]), "scores: expected numbers"),
        (lambda: ps.Live().update(np.ones((0, 2))), r"expected keypoints \(K, 2\), got \(0, 2\)"),
        (lambda: ps.Live().update(np.ones((1, 2)), id=[1]), r"an id must be hashable, got \[1\]"),
        (lambda: ps.Live().finish(id=[1]), "an id must be hashable"),
        (lambda: ps.Live().update(np.ones((1, 2)), id=np.float32("nan")), "must not be NaN"),
        (lambda: ps.Live().update(np.ones((1, 2)), time=np.nan), "time must be a finite number"),
        (lambda: ps.Live().update(np.ones((1, 2)), time="a"), "time must be a finite number"),
        (lambda: ps.Live().update(np.ones((1, 2)), time=10**400), "time must be a finite number"),
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


def test_a_refused_frame_leaves_the_stream_as_it_was():
    xy = detections()
    live, plain = ps.Live(1), ps.Live(1)
    for t, frame in enumerate(xy):
        for wrong in ({"time": np.nan}, {"scores": np.zeros(3)}, {"id": []}):
            with pytest.raises(ps.InvalidInputError):
                live.update(frame + 500, **wrong)
        np.testing.assert_array_equal(
            live.update(frame, time=t / 30), plain.update(frame, time=t / 30)
        )


@pytest.mark.parametrize("delay_frames", [0, 3])
def test_what_is_given_is_neither_changed_nor_kept(delay_frames):
    xy = detections()
    xy[::7, 2, 0] = np.inf
    live, plain = ps.Live(delay_frames), ps.Live(delay_frames)
    used_again = np.empty(xy.shape[1:])
    for frame in xy:
        used_again[:] = frame
        found = live.update(used_again)
        np.testing.assert_array_equal(used_again, frame)
        np.testing.assert_array_equal(found, plain.update(frame.copy()))
        found[:] = 1e6  # what was returned belongs to the caller


@pytest.mark.parametrize("far", [1e10, 1e100, -1e160, 1e308, np.inf])
@pytest.mark.filterwarnings("error")
def test_positions_and_scores_beyond_all_measure_are_missing(far):
    xy = detections()
    scores = np.random.default_rng(0).random(xy.shape[:2])
    missing, unknown = xy.copy(), scores.copy()
    missing[20, 3] = missing[31:33] = unknown[40] = np.nan
    xy[20, 3, 0], xy[31:33], scores[40] = far, far, far
    live, plain = ps.Live(0), ps.Live(0)
    for t in range(len(xy)):
        found = live.update(xy[t], scores[t])
        np.testing.assert_array_equal(found, plain.update(missing[t], unknown[t]))


def test_masked_none_and_whole_numbers_are_read():
    live = ps.Live()
    assert np.isnan(live.update([[1, None], [2, 3]])[0]).all()
    hidden = np.ma.masked_greater(np.arange(4).reshape(2, 2), 2)
    np.testing.assert_array_equal(np.isnan(live.update(hidden)), [[False] * 2, [True] * 2])


@pytest.mark.parametrize("fps", [None, 30, 1e308, 5e-324])
def test_clocks_of_any_kind(fps):
    """No time ends a stream: after one that is far ahead, it starts again and goes on."""
    xy = detections(8)
    live = ps.Live(0, fps=fps)
    for frame, time in zip(xy, [0, 1e-300, 1e300, 1.1e300, -1e308, 1e308, 5, 6], strict=True):
        live.update(frame, time=time)
    assert live.n_late == 0 or fps == 5e-324


@pytest.mark.parametrize("fps", [None, 30])
def test_a_clock_that_was_set_back_starts_the_individual_again(fps):
    xy = detections()
    live, again = ps.Live(0, fps=fps), ps.Live(0)
    for t, frame in enumerate(xy[:40]):
        live.update(frame, time=1e9 + t / 30)
    for t, frame in enumerate(xy[40:]):
        np.testing.assert_array_equal(live.update(frame, time=t / 30), again.update(frame))
    assert live.n_late == 0


def test_a_clock_that_stands_still_is_reported_once(caplog):
    live = ps.Live()
    for frame in detections():
        live.update(frame, time=0.0)
    assert live.n_late == 89
    (record,) = caplog.records
    assert record.getMessage().startswith("30 frames in a row came with a time not after 0 s")


def test_ids_that_never_end_take_no_memory_without_end():
    xy = detections()
    live, alone = ps.Live(0, max_individuals=3), ps.Live(0)
    for t, frame in enumerate(xy):
        live.update(frame, id=("new", t))
        np.testing.assert_array_equal(live.update(frame, id="a"), alone.update(frame))
    assert len(live._individuals) == 3
    assert live.finish(("new", 80)) == []


def test_individuals_may_come_from_different_threads():
    tracks = [detections(20, seed=seed) for seed in range(4)]
    live = ps.Live(1)

    def stream(i):
        return np.array([live.update(frame, id=i) for frame in tracks[i]])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(stream, range(4)))
    for one, xy in zip(found, tracks, strict=True):
        np.testing.assert_array_equal(one[1:], streamed(ps.Live(1), xy)[:-1])
