"""The door: what a split's positions must be before anything is made from them."""

import numpy as np
import pytest
import torch

from pose_smoother.errors import DamagedShardError, InvalidInputError
from tests.trainer.fake_store import make_store
from trainer.data.split_arrays import read_frames


def test_frames_hold_what_the_store_holds():
    store = make_store()
    frames = read_frames(store, "val", 2)
    for name in ("keypoints", "annotated", "clip", "frame"):
        assert np.array_equal(getattr(frames, name).numpy(), store.read("val", name)), name
    assert np.array_equal(frames.windows.numpy(), store.windows("val", 2))
    assert np.array_equal(frames.labelled[frames.clip].numpy(), store.labelled("val"))
    assert frames.keypoints.dtype == torch.int16


@pytest.mark.parametrize("step", [1, 2])
def test_frames_of_a_window_are_a_step_apart(step):
    frames = read_frames(make_store(), "train", step)
    assert frames.of_window(torch.tensor([3, 10])).tolist() == [
        [3 + step * i for i in range(5)],
        [10 + step * i for i in range(5)],
    ]


def put_far_away(store):
    row, keypoint = np.argwhere(store.arrays["train"]["annotated"])[7]
    store.arrays["train"]["keypoints"][row, keypoint] = (12, 56)


def put_negative(store):
    row, keypoint = np.argwhere(store.arrays["train"]["annotated"])[7]
    store.arrays["train"]["keypoints"][row, keypoint] = (-1, 20)


def place_the_absent(store):
    row, keypoint = np.argwhere(~store.arrays["train"]["annotated"])[7]
    store.arrays["train"]["keypoints"][row, keypoint] = (20, 20)


def point_past_the_clips(store):
    store.arrays["train"]["clip"][-1] = 99


def cut_short(store):
    store.arrays["train"]["annotated"] = store.arrays["train"]["annotated"][:-1]


def reach_past_the_end(store):
    store._windows["train", 1][0] = store.n_frames("train") - 4


def cross_clips(store):
    store.arrays["train"]["frame"][:] = np.arange(store.n_frames("train"))
    store._windows["train", 1][0] = np.flatnonzero(np.diff(store.arrays["train"]["clip"]))[0]


def cross_a_gap(store):
    frame = store.arrays["train"]["frame"]
    store._windows["train", 1][0] = np.flatnonzero(np.diff(frame) == 2)[0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (put_far_away, r"fake: train/keypoints: expected .*0 \.\.\. 55.*\[12, 56\] at frame"),
        (put_negative, r"train/keypoints: .*\[-1, 20\] at frame .*annotated True"),
        (place_the_absent, r"train/keypoints: .*\[20, 20\] at frame .*annotated False"),
        (point_past_the_clips, r"train/clip of .*expected rows 0 \.\.\. 9, found 0 \.\.\. 99"),
        (cut_short, r"train/annotated: expected shape \(180, 25\), found shape \(179, 25\)"),
        (reach_past_the_end, r"train/windows/step1: expected first frames in 0 \.\.\. 175"),
        (cross_clips, r"train/windows/step1: .*crosses a gap or a clip's end"),
        (cross_a_gap, r"train/windows/step1: .*crosses a gap or a clip's end"),
    ],
)
def test_a_store_that_breaks_the_contract_is_refused(damage, message):
    store = make_store()
    read_frames(store, "train", 1)
    damage(store)
    with pytest.raises(DamagedShardError, match=message):
        read_frames(store, "train", 1)


def test_a_split_without_windows_says_what_it_holds_and_what_to_do():
    store = make_store(n_clips=10, n_frames=7, gaps=False)
    assert len(read_frames(store, "val", 1).windows) == 6
    with pytest.raises(
        InvalidInputError,
        match=r"split 'val' of fake has no window of 5 frames at step 2: it holds 14 frames in 2 "
        r"clips, and a window needs 9 frames .* or choose an experiment at the full frame rate",
    ):
        read_frames(store, "val", 2)


def test_a_split_without_clips_is_reported():
    with pytest.raises(InvalidInputError, match="it holds 0 frames in 0 clips"):
        read_frames(make_store(n_clips=1), "test", 1)


@pytest.mark.parametrize(("step", "n_frames"), [(1, 9), (2, 6)])
def test_longer_windows_are_those_inside_one_run_in_stored_order(step, n_frames):
    store = make_store()
    frames = read_frames(store, "train", step, n_frames=n_frames)
    reach = (n_frames - 1) * step
    clip, frame = store.read("train", "clip"), store.read("train", "frame")
    expected = [
        first
        for first in store.windows("train", step).tolist()
        if first + reach < len(clip)
        and (clip[first : first + reach + 1] == clip[first]).all()
        and (np.diff(frame[first : first + reach + 1]) == 1).all()
    ]
    assert 0 < len(expected) < len(store.windows("train", step))
    assert frames.windows.tolist() == expected
    assert frames.of_window(frames.windows[:1]).shape == (1, n_frames)


def test_a_window_longer_than_any_clip_says_what_to_do():
    with pytest.raises(
        InvalidInputError, match=r"no window of 999 frames at step 1.*shorter window"
    ):
        read_frames(make_store(), "train", 1, n_frames=999)
