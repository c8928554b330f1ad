"""Intervals over videos: against scipy, against known answers, and their coverage."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from tests.trainer.metrics.test_scorer import scores_of, windows
from trainer.metrics.bootstrap import interval, paired_difference
from trainer.metrics.scores import ratio, value

N_CLIPS = 24
VIDEOS = np.array([f"video-{i // 2}" for i in range(N_CLIPS)])


def scores(seed=0, worse=0.0, silent=()):
    """Scores of clips whose errors differ; ``silent`` clips have no window (another split's)."""
    predicted, truth, annotated, _ = windows(240, seed=seed)
    clip = np.arange(240) % N_CLIPS
    predicted = truth + (predicted - truth) * (0.5 + worse + (clip // 2 / 12)[:, None, None, None])
    annotated[np.isin(clip, silent)] = False
    return scores_of(predicted, truth, annotated, clip, batch=240, n_clips=N_CLIPS)


def test_the_interval_equals_scipys():
    counted = scores()
    parts = ratio(counted, "pck", 0.2)
    above, below = (
        part.sum(axis=1).reshape(-1, 2).sum(axis=1) for part in (parts.numerator, parts.denominator)
    )
    theirs = scipy_bootstrap(
        (above, below),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = interval(counted, VIDEOS, "pck", 0.2, n_resamples=20_000)
    assert ours.value == value(counted, "pck", 0.2)
    assert ours.n_groups == 12
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_a_row_does_not_differ_from_itself():
    found = paired_difference(scores(), scores(), VIDEOS, "error_px")
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_pairing_removes_what_both_rows_share():
    better, worse = scores(), scores(worse=0.2)
    alone = interval(better, VIDEOS, "error_px", keypoint="wrist")
    found = paired_difference(worse, better, VIDEOS, "error_px", keypoint="wrist")
    expected = value(worse, "error_px", keypoint="wrist") - value(
        better, "error_px", keypoint="wrist"
    )
    assert found.value == pytest.approx(expected)
    assert 0 < found.low < found.value < found.high
    assert found.high - found.low < 0.5 * (alone.high - alone.low)


def test_videos_of_other_splits_are_not_drawn():
    with_others = scores(silent=range(12, 24))
    found = interval(with_others, VIDEOS, "error_px")
    alone = interval(with_others.subset(np.arange(12)), VIDEOS[:12], "error_px")
    assert found == alone
    assert found.n_groups == 6


def test_the_same_seed_draws_the_same_videos():
    counted = scores()
    assert interval(counted, VIDEOS, "pck", 0.1) == interval(counted, VIDEOS, "pck", 0.1)
    assert interval(counted, VIDEOS, "pck", 0.1) != interval(counted, VIDEOS, "pck", 0.1, seed=1)


def test_one_video_has_no_interval_and_none_has_no_value():
    one = interval(scores(), np.zeros(N_CLIPS), "error_px")
    assert one.value > 0
    assert np.isnan([one.low, one.high]).all()
    none = interval(scores(silent=range(N_CLIPS)), VIDEOS, "error_px")
    assert none.n_groups == 0
    assert np.isnan(none.value)


def test_labels_must_fit_the_scores():
    with pytest.raises(ValueError, match="one group label for each of 24"):
        interval(scores(), VIDEOS[:5], "error_px")
    few = scores().subset(np.arange(4))
    for pair in ((scores(), few), (few, scores())):
        with pytest.raises(ValueError, match="scores of the same clips"):
            paired_difference(*pair, VIDEOS, "error_px")


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    counted = scores()
    covered = 0
    for _ in range(200):
        n = rng.integers(20, 200, (40, 25))
        chance = np.clip(rng.normal(0.5, 0.15, (40, 1)), 0, 1)  # videos differ: windows don't
        hits = np.zeros((40, 2, 3, 25), np.int64)
        hits[:, 0, 0] = rng.binomial(n, chance)
        scored = np.stack([n, n], axis=1)
        sums = {**counted.sums, "hits": hits, "scored": scored, "annotated": n}
        drawn = replace(counted, sums=sums)
        found = interval(drawn, np.arange(40), "pck", 0.05, n_resamples=400)
        covered += found.low <= 50.0 <= found.high
    assert 0.88 <= covered / 200 <= 0.98


def test_only_videos_of_which_something_was_counted_are_counted():
    """Frames without a torso give PCK nothing, so their videos say nothing about it."""
    predicted, truth, annotated, _ = windows(240)
    clip = np.arange(240) % N_CLIPS
    annotated[np.isin(clip, [0, 1, 2, 3, 4]), :, 3:5] = False  # no shoulders in five clips
    one = scores_of(predicted, truth, annotated, clip, batch=240, n_clips=N_CLIPS)
    assert interval(one, VIDEOS, "pck", 0.2).n_groups == 10  # clip 5 is of the third video
    assert interval(one, VIDEOS, "error_px").n_groups == 12
    every = scores()
    assert paired_difference(one, every, VIDEOS, "pck", 0.2).n_groups == 10
    assert paired_difference(one, every, VIDEOS, "error_px").n_groups == 12
