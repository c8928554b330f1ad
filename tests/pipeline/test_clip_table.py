"""Clips as columns: nothing of a record is lost, and plans don't depend on chunks."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import clip_table as module
from pipeline.clip_table import ClipTable, ScannedClip
from pipeline.config import BuildConfig
from pipeline.splits import assign_splits
from pipeline.staging import CLIPS, SplitReader, SpoolWriter


def scanned(index: int, runs: list[int]) -> ScannedClip:
    video, n = f"v{index // 2}é", sum(runs)
    place = (index * 100, index * 100 + n, 3, 3 + n + len(runs) - 2)
    return ScannedClip(f"{index:04d}", "brace", video, "act", "", float("nan"), *place, runs)


def test_a_record_comes_back_from_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK_CLIPS", 2)
    found = [scanned(0, [5]), scanned(1, [7, 4]), scanned(12345, [3])]
    file = tmp_path / "clips"
    file.write_text("".join(json.dumps(clip.record()) + "\n" for clip in found))
    table = ClipTable.read(file)
    assert len(table) == 3
    assert [v.decode() for v in table["id"]] == ["0000", "0001", "12345"]
    assert [v.decode() for v in table["video"]] == ["v0é", "v0é", "v6172é"]
    assert table["n_windows"].tolist() == [1, 3, 0]
    assert table["unbroken"].tolist() == [True, False, True]
    assert np.isnan(table["fps"]).all()
    assert len(ClipTable([])) == 0


def test_clips_that_share_frames_are_chained() -> None:
    found = [scanned(0, [50]), scanned(1, [10])]
    alone = scanned(2, [9])
    alone.first_frame, alone.last_frame = 60, 68
    alone.video = "v0é"
    table = ClipTable(clip.record() for clip in [*found, alone])
    from pipeline.splits import _groups

    assert [g.decode() for g in _groups(table, "clip")] == ["0000", "0000", "0002"]
    other = scanned(2, [50])  # the same frame numbers, of another video
    assert len(set(_groups(ClipTable(c.record() for c in (found[0], other)), "clip").tolist())) == 2
    layout = assign_splits(table, BuildConfig(group_by="clip"))
    assert len(set(layout.clips["split"][:2].tolist())) == 1


def test_rows_of_a_split_are_gathered_over_pieces(tmp_path: Path) -> None:
    lengths, rng = [4, 1, 6, 3], np.random.default_rng(0)
    with SpoolWriter(tmp_path) as writer:
        for length in lengths:
            writer.append(
                [length],
                keypoints_exact=rng.normal(size=(length, 25, 2)),
                boxes=rng.normal(size=(length, 4)),
                frame=np.arange(length) + 100 * length,
            )
    whole = np.fromfile(tmp_path / "frame", "<i4")
    assert (tmp_path / CLIPS).read_text().split() == ["[4]", "[1]", "[6]", "[3]"]
    pieces = np.array([[0, 0, 4], [1, 4, 5], [3, 11, 14]])
    rows = SplitReader(tmp_path, pieces)
    expected = np.concatenate([whole[0:5], whole[11:14]])
    for start in range(9):
        for stop in range(start, 9):
            np.testing.assert_array_equal(
                rows.read_rows("frame", start, stop), expected[start:stop]
            )
            clip = np.array([0, 0, 0, 0, 1, 3, 3, 3])[start:stop]
            np.testing.assert_array_equal(rows.clip_rows(start, stop), clip)
    assert rows.read_rows("boxes", 3, 6).shape == (3, 4)


@pytest.mark.parametrize(("first", "together"), [(59, True), (60, True), (61, False)])
def test_clips_that_share_a_single_frame_are_chained(first: int, together: bool) -> None:
    one, other = scanned(0, [50]), scanned(1, [10])
    one.first_frame, one.last_frame = 11, 60
    other.first_frame, other.last_frame = first, first + 9
    table = ClipTable(clip.record() for clip in [other, one])  # in any order
    from pipeline.splits import _groups

    assert (len(set(_groups(table, "clip").tolist())) == 1) is together
