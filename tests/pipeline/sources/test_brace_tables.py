"""BRACE's tables: what is read from them, and what broken ones are answered with."""

import os
from collections import Counter
from pathlib import Path

import pytest

from pipeline.sources.brace_tables import parse_cuts, parse_segments, parse_videos
from pose_smoother.errors import InvalidInputError

DATA = Path(os.environ.get("POSE_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
BROKEN_TABLES = {
    "no column": (parse_segments, "video_id,start_frame\na,1\n", "no column end_frame, dancer"),
    "cut short": (parse_segments, "video_id,start_frame,end_frame,dancer\na,1\n", "row 1 is cut"),
    "no number": (parse_segments, "video_id,start_frame,end_frame,dancer\na,x,2,d\n", "frame numb"),
    "fps": (parse_videos, "video_id,fps,resolution\na,fast,1x1\n", "'a'.*'fast'"),
    "fps NaN": (parse_videos, "video_id,fps,resolution\na,nan,1x1\n", "'a'.*positive"),
    "size": (parse_videos, "video_id,fps,resolution\na,25,1920\n", "'a'.*'1920'"),
    "no JSON": (parse_cuts, "{", "shot_boundaries.json is not valid"),
    "no object": (parse_cuts, "[]", "expected an object"),
    "no frame": (parse_cuts, '{"a": [1.5]}', "'a': expected a list of frame numbers"),
}


@pytest.mark.parametrize("kind", BROKEN_TABLES)
def test_broken_tables_are_named(kind):
    read, text, reason = BROKEN_TABLES[kind]
    with pytest.raises(InvalidInputError, match=reason):
        read(text)


@pytest.mark.skipif(
    not (DATA / "brace" / "segments.csv").is_file(),
    reason="BRACE's tables are not here: set POSE_SHARED_DATA",
)
def test_the_real_tables_hold_what_the_dataset_states():
    read = {f.name: f.read_text(encoding="utf-8") for f in (DATA / "brace").iterdir()}
    segments = parse_segments(read["segments.csv"])
    fps, sizes = parse_videos(read["videos_info.csv"])
    cuts = parse_cuts(read["shot_boundaries.json"])
    assert len(segments) == 1352
    assert sum(end - start + 1 for _, start, end in segments) == 334_538
    assert {video[0] for video, *_ in segments} >= {"-", "3", "z"}
    assert Counter(fps.values()) == {25.0: 58, 29.97002997: 23}
    assert set(sizes.values()) == {(1920, 1080)}
    strictly_inside = [s for s in segments if any(s[1] < c < s[2] for c in cuts.get(s[0], []))]
    assert len(strictly_inside) == 168
    starts = Counter(s - c for v, s, _ in segments for c in cuts.get(v, []) if abs(s - c) < 2)
    assert (starts[-1], starts[0]) == (1, 9), "boundaries read as the new shot's first frame"


def test_cuts_are_put_in_order_each_once():
    assert parse_cuts('{"a": [30, 10, 20, 10], "b": []}') == {"a": [10, 20, 30], "b": []}
