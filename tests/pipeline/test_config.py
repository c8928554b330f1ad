"""What a store will hold when windows are cut the thesis's way."""

import dataclasses

import numpy as np
import pytest

from pipeline.clip_table import ClipTable, ScannedClip
from pipeline.config import BuildConfig, Layout
from pipeline.config import assign_splits as lay_out_table
from pipeline.windows import window_starts
from pose_smoother.errors import InvalidInputError


def clips(*runs: list[int]) -> list[ScannedClip]:
    """Clips of the given runs, one after the other in the spool; source frames count from 11."""
    found, start = [], 0
    for index, lengths in enumerate(runs):
        n = sum(lengths)
        last = 10 + n + len(lengths) - 1
        place = (start, start + n, 11, last)
        name = f"{index:04d}"
        found.append(ScannedClip(name, "penn-action", name, "", "", 30.0, *place, list(lengths)))
        start += n
    return found


def assign_splits(scanned: list[ScannedClip], config: BuildConfig) -> Layout:
    return lay_out_table(ClipTable(clip.record() for clip in scanned), config)


def column(layout: Layout, name: str) -> list[str] | list[int]:
    values = layout.clips[name]
    return [v.decode() for v in values] if values.dtype.kind == "S" else values.tolist()


def rows_of(layout: Layout, *names: str) -> list[tuple[str | int, ...]]:
    return list(zip(*(column(layout, name) for name in names), strict=True))


def thesis(scanned: list[ScannedClip]) -> Layout:
    return assign_splits(scanned, BuildConfig(protocol="thesis"))


def n_windows(layout: Layout, split: str) -> int:
    """Windows of unbroken pieces."""
    row, frame = [], []
    for index, start, stop in layout.pieces[split]:
        row += [index] * (stop - start)
        frame += range(start, stop)
    return len(window_starts(np.array(row), np.array(frame), 1))


def test_cut_in_file_order_each_window_stands_in_one_split() -> None:
    layout = thesis(clips([24], [14], [44], [29]))  # 20 + 10 + 40 + 25 windows
    assert [n_windows(layout, split) for split in ("train", "val", "test")] == [57, 19, 19]
    rows = rows_of(layout, "id", "split", "n_frames")
    assert rows == [
        ("0000", "train", 24),
        ("0001", "train", 14),
        ("0002", "train", 31),
        ("0002", "val", 17),
        ("0003", "val", 10),
        ("0003", "test", 23),
    ]


def test_a_piece_s_first_frame_is_its_own() -> None:
    layout = thesis(clips([24], [14], [44], [29]))
    firsts = column(layout, "first_frame")
    assert firsts == [11, 11, 11, 11 + 27, 11, 11 + 6]


def test_a_broken_clip_is_not_cut_and_one_without_a_window_is_kept() -> None:
    layout = thesis(clips([3], [54], [20, 24], [4], [14]))
    rows = rows_of(layout, "id", "split", "n_frames")
    assert rows == [
        ("0000", "train", 3),
        ("0001", "train", 54),
        ("0002", "train", 44),
        ("0003", "test", 4),
        ("0004", "test", 14),
    ]
    assert column(layout, "first_frame") == [11] * 5


def by_action(*actions: str) -> list[ScannedClip]:
    """Clips of 14 frames (10 windows) that show these actions."""
    found = clips(*([14] for _ in actions))
    return [dataclasses.replace(clip, action=a) for clip, a in zip(found, actions, strict=True)]


def test_test_actions_make_the_test_split_and_the_rest_is_split_75_25() -> None:
    scanned = by_action(*(["squat"] * 8 + ["bowl"] * 3))
    layout = assign_splits(scanned, BuildConfig(test_actions=("bowl",)))
    found = rows_of(layout, "action", "split")
    assert found[8:] == [("bowl", "test")] * 3
    assert sorted(split for _, split in found[:8]) == ["train"] * 6 + ["val"] * 2


def test_test_actions_that_are_not_there_or_are_everything_are_told() -> None:
    with pytest.raises(InvalidInputError, match="unknown test action 'jump'; known: bowl, squat"):
        assign_splits(by_action("squat", "bowl"), BuildConfig(test_actions=("jump",)))
    with pytest.raises(InvalidInputError, match="nothing is left to train on"):
        assign_splits(by_action("bowl"), BuildConfig(test_actions=("bowl",)))
    with pytest.raises(InvalidInputError, match="don't go with the thesis's protocol"):
        BuildConfig(protocol="thesis", test_actions=("bowl",))


def test_without_test_actions_the_saved_config_is_as_it_was() -> None:
    assert "test_actions" not in BuildConfig().resolved()
    assert BuildConfig(test_actions=("bowl",)).resolved()["test_actions"] == ["bowl"]
