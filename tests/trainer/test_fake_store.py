"""The store that other tests stand on keeps the contract itself."""

import numpy as np
import pytest

from pose_smoother.errors import DamagedShardError
from pose_smoother.store.names import CLIP_COLUMNS, FRAME_ARRAYS, SPLITS
from tests.trainer.fake_store import lay_windows, make_store


def test_arrays_have_the_contracts_dtypes_and_shapes():
    store = make_store(n_clips=5, n_frames=12)
    for split in SPLITS:
        for name, spec in FRAME_ARRAYS.items():
            array = store.read(split, name)
            assert array.dtype == np.dtype(spec.dtype), name
            assert array.shape == (store.n_frames(split), *spec.frame_shape), name
    assert list(store.clips) == list(CLIP_COLUMNS)


def test_positions_are_missing_just_where_not_annotated():
    store = make_store(missing=0.5)
    annotated = store.read("train", "annotated")
    keypoints = store.read("train", "keypoints")
    assert (keypoints[~annotated] == -1).all()
    assert (keypoints[annotated] >= 0).all()
    assert (keypoints <= 55).all()
    assert not annotated[~store.labelled("train")].any()
    assert np.isnan(store.read("train", "keypoints_exact")[~annotated]).all()


@pytest.mark.parametrize("step", [1, 2])
def test_windows_cross_neither_clips_nor_gaps(step):
    clip = np.repeat(np.int32([0, 1]), [12, 11])
    frame = np.concatenate([np.arange(12), np.arange(5), np.arange(6, 12)]).astype(np.int32)
    expected = {1: [*range(8), 12, 17, 18], 2: [0, 1, 2, 3]}[step]
    assert lay_windows(clip, frame, step).tolist() == expected


def test_windows_are_stored_shuffled():
    windows = make_store().windows("train", 1)
    assert (np.diff(windows) < 0).any()


def test_a_damaged_frame_raises_where_it_is_read():
    store = make_store()
    store.damaged = ("train", "heatmaps", 20)
    store.read("train", "heatmaps", 0, 20)
    with pytest.raises(DamagedShardError, match="train/heatmaps shard 0"):
        store.read("train", "heatmaps", 16, 32)
