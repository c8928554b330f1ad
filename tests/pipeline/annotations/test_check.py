"""Counts of annotations, compared with those of the dataset as released."""

import csv
import json
from pathlib import Path

import pytest

from pipeline.annotations.check import SourceSummary, release_counts, release_lines
from pipeline.sources import brace
from pipeline.sources.brace_segment import SHARED


def whole_release() -> SourceSummary:
    """BRACE as its tables describe it."""
    found = SourceSummary("brace", n_files=1352, n_clips=1593, n_frames=333_919)
    found.n_frames_left_out = 619
    found.left_out[SHARED] = 619
    return found


def test_the_whole_release_is_recognized() -> None:
    (line,) = release_lines(whole_release())
    assert line.startswith("  as released: 1,352 files, 334,538 frames, 1,593 clips, 619 frames")


def test_what_differs_is_named_with_both_counts() -> None:
    found = whole_release()
    found.n_files, found.n_frames_left_out = 1351, 600
    lines = release_lines(found)
    assert [line.split() for line in lines[1:]] == [
        ["files", "1,351", "(release:", "1,352)"],
        ["frames", "334,519", "(release:", "334,538)"],
    ]


def test_a_dataset_without_a_known_release_is_not_compared() -> None:
    assert release_counts(SourceSummary("penn-action")) == {"files": (0, 2326)}


def test_the_release_is_that_of_braces_tables(shared_data: Path) -> None:
    """Files, frames, shared frames and clips after cuts, counted from the real tables."""
    brace_tables = shared_data / "brace"
    if not brace_tables.is_dir():
        pytest.skip(f"BRACE's tables are not at {brace_tables}")
    with (brace_tables / "segments.csv").open(newline="", encoding="utf-8") as file:
        segments = [
            (row["video_id"], int(row["start_frame"]), int(row["end_frame"]))
            for row in csv.DictReader(file)
        ]
    cuts = json.loads((brace_tables / "shot_boundaries.json").read_text())
    shared = n_clips = 0
    first_new: dict[str, int] = {}
    for video, start, end in sorted(segments):
        first = max(start, first_new.get(video, start))
        shared += first - start
        first_new[video] = max(first_new.get(video, 0), end + 1)
        n_clips += 1 + sum(first < cut <= end for cut in set(cuts.get(video, [])))
    assert {
        "files": len(segments),
        "frames": sum(end - start + 1 for _, start, end in segments),
        "clips": n_clips,
        SHARED: shared,
    } == brace.RELEASE
