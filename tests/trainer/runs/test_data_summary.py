"""What a run keeps of its data: enough to group clips by video and to tell what leaks."""

from dataclasses import replace

import pytest

from pose_smoother.errors import RunError
from tests.trainer.fake_store import make_store
from trainer.runs.data_summary import DATA_JSON, describe, load_data, save_data


def test_splits_are_counted():
    data = describe(make_store(n_clips=10, n_frames=16, gaps=False), "abc")
    assert data.splits["train"] == {
        "clips": 6,
        "videos": 6,
        "frames": 96,
        "windows_step1": 6 * 12,
        "windows_step2": 6 * 8,
    }
    assert {split: part["clips"] for split, part in data.splits.items()} == {
        "train": 6,
        "val": 2,
        "test": 2,
    }
    assert data.datasets == ["brace", "penn-action"]
    assert data.videos[3] == "brace/-video003"
    assert not data.may_share
    assert data.counted == {"clips": 10, "videos": 10, "people": 1, "frames": 160}
    assert data.shared == {"clips": 0, "videos": 0, "people": 1, "frames": 0}  # one dancer


def test_what_was_split_as_one_is_drawn_as_one():
    data = describe(make_store(n_clips=6, n_frames=16, gaps=False), "abc")
    clips = data.clips.assign(
        id=["0019", "0020", "0039", "0020", "x.20", "0020"],
        action=["run", "run", "run", "sit", "run", "run"],
        dataset=["penn-action"] * 5 + ["other"],
        video=list("abcdef"),
    )
    by_video = replace(data, clips=clips)
    by_block = replace(by_video, config={"group_by": "neighbours"})
    videos = [f"penn-action/{name}" for name in "abcde"] + ["other/f"]
    assert by_video.drawn_together().tolist() == videos
    assert by_block.drawn_together(by_video=True).tolist() == videos
    assert (by_video.is_by_blocks, by_block.is_by_blocks) == (False, True)
    assert by_block.drawn_together().tolist() == [
        "penn-action/run 0",
        *["penn-action/run 1"] * 2,
        "penn-action/sit 1",  # a video has one action
        "penn-action/e",  # an id that is no number has no neighbours
        "other/run 1",
    ]


def test_a_video_in_two_splits_is_seen_with_its_frames():
    store = make_store(n_clips=10, n_frames=16, gaps=False)
    for column in ("video", "dataset"):
        store.clips[column][3] = store.clips[column][0]  # a clip of val and one of train
    data = describe(store, "abc")
    assert data.shared["videos"] == 1
    assert data.shared["frames"] == 16


def test_the_same_frame_number_of_another_video_is_not_shared():
    store = make_store(n_clips=10, n_frames=16, gaps=False)
    before = describe(store, "abc").counted
    for arrays in store.arrays.values():
        arrays["frame"] += 2**31 - 1 - arrays["frame"].max()  # as large as they can be
    after = describe(store, "abc")
    assert after.counted == before
    assert after.shared["frames"] == 0


def test_everything_comes_back(tmp_path):
    data = describe(make_store(), "abc")
    save_data(tmp_path, data)
    again = load_data(tmp_path)
    assert again.clips.equals(data.clips.astype(again.clips.dtypes))
    assert (again.splits, again.shared, again.counted) == (data.splits, data.shared, data.counted)
    assert (again.store_sha256, again.config) == ("abc", data.config)


def test_an_older_run_says_so(tmp_path):
    with pytest.raises(RunError, match="older version"):
        load_data(tmp_path)
    (tmp_path / DATA_JSON).write_text("{}")
    with pytest.raises(RunError, match=r"data\.json is damaged: it has no"):
        load_data(tmp_path)
