"""Whole videos to one split, every split with some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_smoother.errors import InvalidInputError
from pose_smoother.store.names import SPLITS
from trainer.finetune.split import SHARES, split_videos


@given(st.lists(st.integers(1, 500), min_size=3, max_size=60), st.integers(0, 9))
def test_every_video_has_one_split_and_every_split_a_video(counts, seed):
    videos = {f"v{i}": n for i, n in enumerate(counts)}
    split = split_videos({**videos, "empty": 0}, seed)
    assert split.keys() == videos.keys()
    assert set(split.values()) == set(SPLITS)


def test_shares_are_met_by_windows_and_the_seed_decides_who_goes_where():
    videos = {f"v{i}": 10 + i % 7 for i in range(100)}
    split = split_videos(videos, 0)
    total = sum(videos.values())
    for name, share in zip(SPLITS, SHARES, strict=True):
        assert sum(videos[v] for v, of in split.items() if of == name) == pytest.approx(
            share * total, abs=17
        )
    assert split_videos(videos, 0) == split
    assert split_videos(videos, 1) != split


def test_too_few_videos_are_reported_by_their_number():
    with pytest.raises(
        InvalidInputError, match=r"^2 of 3 videos have a window .* at least 3 are needed"
    ):
        split_videos({"a": 5, "b": 1, "c": 0}, 0)
