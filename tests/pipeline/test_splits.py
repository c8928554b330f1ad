"""Which split every clip goes to, and the windows of its frames."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from pipeline.clip_table import ClipTable, ScannedClip
from pipeline.config import BuildConfig
from pipeline.splits import Layout, _groups, cut_in_order, window_starts
from pipeline.splits import assign_splits as assign_splits_of_table
from pipeline.splits import split_groups as split_indices
from pose_smoother.errors import InvalidInputError
from pose_smoother.store.names import SPLITS
from pose_smoother.store.split_overlap import leak_audit


def split_groups(groups: list[str], weights: list[int], strata: list[str], seed: int) -> list[str]:
    return [SPLITS[i] for i in split_indices(groups, weights, strata, seed)]


def shares(splits: list[str], weights: list[int]) -> dict[str, float]:
    total = sum(weights)
    return {
        name: sum(w for s, w in zip(splits, weights, strict=True) if s == name) / total
        for name in ("train", "val", "test")
    }


def test_shares_are_met_and_groups_stay_whole() -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 300, 500).tolist()
    groups = [f"video{i // 3}" for i in range(500)]
    splits = split_groups(groups, weights, ["a"] * 500, seed=4)
    found = shares(splits, weights)
    assert abs(found["train"] - 0.6) < 0.01
    assert abs(found["val"] - 0.2) < 0.01
    for group in set(groups):
        assert len({s for s, g in zip(splits, groups, strict=True) if g == group}) == 1


def test_every_dataset_is_split_by_itself() -> None:
    strata = ["penn-action"] * 100 + ["brace"] * 20
    weights = [10] * 100 + [1000] * 20
    splits = split_groups([str(i) for i in range(120)], weights, strata, seed=0)
    assert [splits[100:].count(s) for s in ("train", "val", "test")] == [12, 4, 4]
    assert [splits[:100].count(s) for s in ("train", "val", "test")] == [60, 20, 20]


def test_a_dataset_is_split_as_it_is_without_the_others() -> None:
    groups, weights = [str(i) for i in range(30)], list(range(30))
    alone = split_groups(groups, weights, ["brace"] * 30, seed=0)
    strata = ["brace"] * 30 + ["penn-action"] * 30
    others = [f"v{i}" for i in range(30)]
    assert split_groups(groups + others, weights * 2, strata, seed=0)[:30] == alone


def test_the_seed_decides_and_the_order_of_clips_does_not() -> None:
    groups = [f"v{i}" for i in range(40)]
    weights = [7 + i for i in range(40)]
    first = split_groups(groups, weights, ["a"] * 40, seed=1)
    turned = split_groups(groups[::-1], weights[::-1], ["a"] * 40, seed=1)
    assert first == turned[::-1]
    assert first != split_groups(groups, weights, ["a"] * 40, seed=2)


def test_the_thesis_s_cut_covers_every_window_once() -> None:
    counts = [10, 0, 35, 5, 50]
    pieces = cut_in_order(counts)
    covered = [(clip, w) for clip, first, end, _ in pieces for w in range(first, end)]
    assert covered == [(c, w) for c, n in enumerate(counts) for w in range(n)]
    by_split = {
        s: sum(e - f for _, f, e, name in pieces if name == s) for s in ("train", "val", "test")
    }
    assert by_split == {"train": 60, "val": 20, "test": 20}


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
    return assign_splits_of_table(ClipTable(clip.record() for clip in scanned), config)


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


def test_cut_in_file_order_each_window_is_in_one_split() -> None:
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
    many = assign_splits(by_action(*["squat"] * 80, "bowl"), BuildConfig(test_actions=("bowl",)))
    assert column(many, "split").count("train") == 60


def test_test_actions_that_are_not_there_or_are_everything_are_reported() -> None:
    with pytest.raises(InvalidInputError, match="unknown test action 'jump'; known: bowl, squat"):
        assign_splits(by_action("squat", "bowl"), BuildConfig(test_actions=("jump",)))
    with pytest.raises(InvalidInputError, match="nothing is left to train on"):
        assign_splits(by_action("bowl"), BuildConfig(test_actions=("bowl",)))
    with pytest.raises(InvalidInputError, match="don't go with the thesis's protocol"):
        BuildConfig(protocol="thesis", test_actions=("bowl",))


def test_without_test_actions_the_saved_config_is_as_it_was() -> None:
    assert "test_actions" not in BuildConfig().resolved()
    assert BuildConfig(test_actions=("bowl",)).resolved()["test_actions"] == ["bowl"]


def brute_force(clip: np.ndarray, frame: np.ndarray, step: int) -> list[int]:
    found = []
    for w in range(len(frame) - 4 * step):
        inside = range(w, w + 4 * step + 1)
        same = len({clip[i] for i in inside}) == 1
        unbroken = all(frame[i + 1] - frame[i] == 1 for i in list(inside)[:-1])
        if same and unbroken:
            found.append(w)
    return found


def test_windows_never_cross_a_gap_or_a_clip() -> None:
    frame = np.array([1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5])
    clip = np.array([0] * 11 + [1] * 5)
    assert window_starts(clip, frame, 1).tolist() == [0, 1, 6, 11]
    assert window_starts(clip, frame, 2).tolist() == []


def test_against_a_plain_search() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        lengths = rng.integers(1, 30, 4)
        clip = np.repeat(np.arange(4), lengths)
        steps = rng.choice([1, 1, 1, 1, 1, 1, 2, 5], len(clip))
        frame = np.concatenate([np.cumsum(steps[clip == c]) for c in range(4)])
        for step in (1, 2):
            assert window_starts(clip, frame, step).tolist() == brute_force(clip, frame, step)


def test_too_few_frames_give_no_window() -> None:
    assert window_starts(np.zeros(4, int), np.arange(4), 1).tolist() == []
    assert window_starts(np.zeros(5, int), np.arange(5), 1).tolist() == [0]
    assert window_starts(np.zeros(8, int), np.arange(8), 2).tolist() == []
    assert window_starts(np.zeros(9, int), np.arange(9), 2).tolist() == [0]


def scanned_clips(ids: list[str], action: str = "situp", dataset: str = "penn-action") -> list:
    """Clips of one run of 30 frames each, in the spool one after the other."""
    return [
        ScannedClip(i, dataset, f"v{i}", action, "", np.nan, 30 * n, 30 * n + 30, 1, 30, [30])
        for n, i in enumerate(ids)
    ]


def splits_by_id(clips: list, **chosen: str) -> dict[str, bytes]:
    """The split of each clip by its id."""
    table = ClipTable(clip.record() for clip in clips)
    layout = assign_splits_of_table(table, BuildConfig(**chosen))
    return dict(zip((c.id for c in clips), layout.clips["split"].tolist(), strict=True))


def test_neighbouring_ids_of_penn_action_stay_together() -> None:
    ids = [f"{i:04d}" for i in range(1, 401)]
    split = splits_by_id(scanned_clips(ids), group_by="neighbours")
    for block in range(21):
        assert len({split[i] for i in ids if int(i) // 20 == block}) == 1
    assert set(split.values()) == {b"train", b"val", b"test"}
    alone = splits_by_id(scanned_clips(ids), group_by="video")
    assert any(alone[a] != alone[b] for a, b in pairwise(ids[19:40]))
    assert splits_by_id(scanned_clips(ids)) == split  # the default


def test_a_block_of_neighbours_is_of_one_action() -> None:
    ids = [f"{i:04d}" for i in range(400)]
    clips = scanned_clips(ids[:210]) + scanned_clips(ids[210:], "squat")
    table = ClipTable(clip.record() for clip in clips)
    groups = _groups(table, "neighbours")
    assert groups[209] != groups[210]
    assert len(set(groups.tolist())) == 21


def test_few_neighbours_and_other_datasets_are_split_by_videos() -> None:
    few = [f"{i:04d}" for i in range(9 * 20)]
    table = ClipTable(clip.record() for clip in scanned_clips(few))
    assert (_groups(table, "neighbours") == table["video"]).all()
    brace = scanned_clips([f"{i:04d}" for i in range(400)], dataset="brace")
    table = ClipTable(clip.record() for clip in brace)
    assert (_groups(table, "neighbours") == table["video"]).all()


def test_ids_that_are_no_numbers_are_groups_of_their_own() -> None:
    ids = [f"{i:04d}" for i in range(400)] + ["a1", "a2"]
    groups = _groups(ClipTable(c.record() for c in scanned_clips(ids)), "neighbours")
    assert groups[-1] != groups[-2]
    assert len(set(groups.tolist())) == 22


@pytest.mark.parametrize("step", [1, 2])
def test_a_gap_of_one_frame_ends_every_window(step: int) -> None:
    span = 4 * step + 1
    frame = np.concatenate([np.arange(span), np.arange(span + 1, 2 * span + 1)])
    clip = np.zeros(len(frame), int)
    assert window_starts(clip, frame, step).tolist() == [0, span]


@pytest.mark.parametrize(
    ("runs", "chains"),
    [
        ([("v", 1, 5), ("v", 5, 9), ("v", 10, 12)], "002"),  # neighbours share no frame
        ([("v", 10, 12), ("v", 5, 10), ("v", 1, 4)], "112"),  # not in the order of frames
        ([("v", 1, 5), ("w", 2, 6), ("w", 6, 8)], "011"),
        ([("v", 1, 9), ("v", 3, 4), ("v", 4, 9), ("w", 1, 9)], "0003"),
        ([("v", 1, 5), ("v", 7, 9), ("v", 20, 30), ("v", 29, 31)], "0122"),
        ([("v", 1, 9), ("v", 3, 4), ("v", 5, 9), ("v", 10, 12)], "0003"),  # one within another
        ([("v", 1, 99), ("w", 3, 4), ("w", 5, 9)], "012"),
        ([("v", 0, 9), ("w", 0, 9)], "01"),
        ([("v", 1, 5)], "0"),
    ],
)
def test_clips_that_share_frames_are_one_chain(runs: list, chains: str) -> None:
    assert "".join(chain_of(runs)) == chains


def test_a_video_is_one_group_whatever_frames_its_clips_have() -> None:
    assert chain_of([("v", 1, 5), ("w", 1, 5), ("v", 7, 9)], "video") == ["v", "w", "v"]


def test_chains_are_those_of_sets_of_frames() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        first = rng.integers(0, 40, size=12)
        last = first + rng.integers(0, 12, size=12)
        videos = rng.choice(["u", "v", "w"], 12)
        runs = list(zip(videos.tolist(), first.tolist(), last.tolist(), strict=True))
        frames = [{(video, f) for f in range(a, b + 1)} for video, a, b in runs]
        parts: list[set] = []
        for mine in frames:
            joined = [part for part in parts if part & mine]
            parts = [part for part in parts if not part & mine] + [mine.union(*joined)]
        found = chain_of(runs)
        for i, one in enumerate(frames):
            for j, other in enumerate(frames):
                together = any(one <= part and other <= part for part in parts)
                assert (found[i] == found[j]) == together


def chain_of(runs: list[tuple[str, int, int]], group_by: str = "clip") -> list[str]:
    """The group of each clip of (video, first frame, last frame)."""
    scanned = [
        ScannedClip(f"{i}", "brace", video, "", "", np.nan, 0, 1, first, last, [1])
        for i, (video, first, last) in enumerate(runs)
    ]
    table = ClipTable(clip.record() for clip in scanned)
    return [group.decode() for group in _groups(table, group_by)]


class Frames:
    """The parts of a store that overlaps are counted from: (dataset, id, video, person, split)."""

    def __init__(self, clips: list[tuple[str, ...]], frames: list[list[int]]) -> None:
        names = ("dataset", "id", "video", "person", "split")
        self.clips = dict(zip(names, np.array(clips).T, strict=True))
        self.frames = frames

    def clip_rows(self, split: str) -> np.ndarray:
        rows = np.flatnonzero(self.clips["split"] == split)
        return np.repeat(rows, [len(self.frames[row]) for row in rows])

    def read(self, split: str, _: str) -> np.ndarray:
        rows = np.flatnonzero(self.clips["split"] == split)
        return np.array([f for row in rows for f in self.frames[row]], dtype=np.int64)


def test_overlaps_of_splits_are_those_of_sets_of_frames() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        columns = (["d", "e"], "0123", "012", ["", "p", "q"], SPLITS)
        clips = [tuple(str(rng.choice(list(values))) for values in columns) for _ in range(8)]
        frames = [
            sorted({int(f) for f in rng.choice([0, 1, 2, 63, 64, 65, 128, 2**31], 4)})
            for _ in clips
        ]
        seen: dict[str, dict] = {kind: {} for kind in ("clips", "videos", "people", "frames")}
        for (dataset, name, video, person, split), numbers in zip(clips, frames, strict=True):
            keys = [("clips", name), ("videos", video), *([("people", person)] if person else [])]
            keys += [("frames", (video, number)) for number in numbers]
            for kind, key in keys:
                seen[kind].setdefault((dataset, key), set()).add(split)
        shared, counted = leak_audit(Frames(clips, frames))
        assert counted == {kind: len(found) for kind, found in seen.items()}
        assert shared == {
            kind: sum(len(splits) > 1 for splits in found.values()) for kind, found in seen.items()
        }
