"""Pairs behind the store contract: windows in runs, whole videos, and what is a target."""

from pathlib import Path

import numpy as np
import pytest

from pose_smoother.store.names import SPLITS
from pose_smoother.store.split_overlap import leak_audit
from trainer.calibrate.pairs import Pairs
from trainer.data.stream import WindowStream
from trainer.finetune.pair_store import PairStore
from trainer.noise.recorded import DETECTED, RecordedNoise

LENGTHS = (13, 10, 9, 4, 16, 12)
RUN_BREAK = 4  # of the first video: a frame is absent before its fifth row


def made_pairs(seed=0):
    """Six videos; the fourth is too short for a window. Keypoint 2 is in the truth alone."""
    rng = np.random.default_rng(seed)
    n = sum(LENGTHS)
    video = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    follows = np.diff(video, prepend=-1) == 0
    follows[RUN_BREAK] = False
    truth = rng.uniform(3, 52, (n, 25, 2))
    truth[:, 5] = np.nan
    truth[3, 7] = np.nan
    detected = truth + rng.normal(0, 9, truth.shape)
    detected[3, 7] = (20.0, 70.0)
    detected[:, 2] = np.nan
    detected[10, 9] = np.nan
    known = np.ones(25, bool)
    known[[2, 5]] = False
    names = tuple("abcdef")
    return Pairs(truth, detected, np.zeros_like(truth), video, names, follows, known)


@pytest.fixture(params=[1, 2])
def store(request):
    return PairStore(made_pairs(), request.param, 0, Path("pred.csv"))


def stream(store, split, consumes="coordinates", batch_size=3):
    noise = RecordedNoise((1.0,))  # of wider smears the peak moves off the border
    return WindowStream(store, split, store._step, noise, batch_size, consumes=consumes)


def test_windows_are_in_runs_of_one_video_and_none_is_missing(store):
    reach = 4 * store._step
    expected = sum(max(length - reach, 0) for length in (4, 9, *LENGTHS[1:]))
    assert sum(len(store.windows(split, store._step)) for split in SPLITS) == expected
    for split in SPLITS:
        windows, clip = store.windows(split, store._step), store.read(split, "clip")
        frame = store.read(split, "frame")
        assert (clip[windows] == clip[windows + reach]).all()
        assert (frame[windows + reach] - frame[windows] == reach).all()
        assert not len(store.windows(split, 3 - store._step))


def test_no_video_or_frame_is_in_two_splits(store):
    shared, counted = leak_audit(store)
    assert (shared["videos"], shared["clips"], shared["frames"]) == (0, 0, 0)
    used = len(LENGTHS) - store.n_unused
    assert store.n_unused == 1
    assert counted["frames"] == sum(
        n for n, s in zip(LENGTHS, store.clips["split"], strict=True) if s
    )
    assert sum(bool(split) for split in store.clips["split"]) == used


def test_a_batch_has_the_detections_as_they_are(store):
    pairs = made_pairs()
    of_video = {row: np.flatnonzero(pairs.video == row) for row in range(len(LENGTHS))}
    for split in SPLITS:
        rows = np.concatenate(
            [of_video[i] for i, of in enumerate(store.clips["split"]) if of == split]
        )
        for batch in stream(store, split).epoch(1):
            at = rows[batch.window.numpy()[:, None] + store._step * np.arange(5)]
            expected = np.isfinite(pairs.detected[at][..., 0]) & pairs.known
            np.testing.assert_array_equal(batch.detected, expected)
            inside = pairs.detected[at].clip(0, 55).astype(np.float32)
            np.testing.assert_array_equal(batch.noisy[batch.detected], inside[expected])
            truth = pairs.truth[at].astype(np.float32)
            annotated = np.isfinite(truth[..., 0]) & pairs.known
            np.testing.assert_array_equal(batch.annotated, annotated)
            np.testing.assert_array_equal(batch.keypoints[batch.annotated], truth[annotated])
            assert (batch.labelled.numpy() == pairs.known).all()


def test_a_missed_keypoint_stays_a_target_and_an_unannotated_one_an_input():
    store = PairStore(made_pairs(), 1, 0, Path("pred.csv"))
    found = {split: store.read(split, DETECTED) for split in SPLITS}
    annotated = {split: store.read(split, "annotated") for split in SPLITS}
    missed = sum((annotated[s] & ~np.isfinite(found[s][..., 0])).sum() for s in SPLITS)
    assert missed == 1
    extra = sum((~annotated[s] & np.isfinite(found[s][..., 0])).sum() for s in SPLITS)
    assert extra == 1


def test_heatmaps_are_rendered_at_whole_pixels():
    store = PairStore(made_pairs(), 1, 0, Path("pred.csv"))
    for batch in stream(store, "test", "heatmaps").epoch(0):
        flat = batch.input.flatten(3).argmax(-1)
        peaks = np.stack([flat % 56, flat // 56], axis=-1)
        is_in = batch.detected.numpy()
        np.testing.assert_array_equal(peaks[is_in], batch.noisy.numpy()[is_in])
        assert batch.noisy.dtype == batch.keypoints.dtype
        assert (batch.input[~batch.detected] == 0).all()
        assert (batch.target[~batch.annotated] == 0).all()


def test_training_batches_are_the_same_but_for_their_order():
    store = PairStore(made_pairs(), 1, 0, Path("pred.csv"))
    first, second = (
        {int(b.window): b.noisy for b in stream(store, "train", batch_size=1).epoch(epoch)}
        for epoch in (1, 2)
    )
    assert list(first) != list(second)
    assert first.keys() == second.keys()
    assert all((first[w] == second[w]).all() for w in first)


def test_other_pairs_are_another_store():
    one, same, other = (
        PairStore(made_pairs(seed), 1, 0, Path("pred.csv")).manifest for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other
