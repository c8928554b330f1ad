"""Ordinary files take the quick ways.

The slow ways give the same, so that no other test would notice.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_smoother.poses.formats import (
    coco,
    individuals,
    json_people,
    json_utils,
    linking,
    mediapipe,
    mmpose,
    openpose,
    packed,
    plain_cells,
    point_lists,
    read_poses,
    table_cells,
    text_table,
    tracks_io,
    write_keypoints,
    yolo,
)
from pose_smoother.poses.formats.csv_long import _distinct
from pose_smoother.poses.formats.individuals import group
from pose_smoother.poses.formats.json_utils import load
from pose_smoother.poses.formats.plain_cells import PlainCells, _as_slice, _numbered
from pose_smoother.poses.formats.point_lists import point_array
from pose_smoother.poses.formats.table_cells import column_numbers
from pose_smoother.poses.formats.text_table import Table, parse
from tests.pose_smoother.poses.formats.test_linking import crowd


class SlowWayError(Exception):
    """A slow way was taken."""


def slow(*_: Any, **__: Any) -> Any:
    raise SlowWayError


@pytest.mark.parametrize(
    ("lists", "per_point", "is_quick"),
    [
        ([[1, 2, 0.5] * 2, None, [3, 4, 1] * 2], 3, True),
        ([[1, 2] * 3, []], 2, True),
        ([[[1, 2], [3, 4]]] * 3, 3, True),
        ([[[1, 2, 3]] * 4] * 2, 2, True),
        ([[1, 2, 3, 4]], 3, False),
        ([[1, 2, 3], [1, 2, 3, 4, 5, 6]], 3, False),
        ([[[1, 2, 3, 4]]], 3, False),
        ([[1, 2, None]], 3, False),
        ([[[1], [2], [3]]], 3, False),
    ],
)
def test_lists_of_numbers_are_converted_at_once(
    lists: Any, per_point: int, is_quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_lists, "_one_by_one", slow)
    if is_quick:
        found = point_array(lists, str, per_point)
        assert found is not None
        assert np.isnan(found).all(axis=(1, 2)).tolist() == [not one for one in lists]
    else:
        with pytest.raises(SlowWayError):
            point_array(lists, str, per_point)


def test_only_persons_with_a_bad_list_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlowWayError):
        point_array([None, [1, 2]], slow, 3)


ROW = "1,2.5,,-3.25\n"


@pytest.mark.parametrize(
    ("text", "is_quick"),
    [
        ("frame,x,y,z\n" + ROW * 40, True),
        ("frame,x,y,z\n" + ROW * 40 + ROW.rstrip(), True),
        ("# fps: 25\nframe,x,y,z\n" + ROW * 40, True),
        ("frame,x,y,z\n" + ROW.replace("\n", "\r\n") * 40, True),
        ("frame;x;y;z\n" + ROW.replace(",", ";") * 40, True),
        ("frame,x,y,\u00e9\n" + ROW * 40, True),
        ("frame,x,y,z\n" + ROW * 40 + '1,"2",3,4\n', False),
        ("frame,x,y,z\n" + ROW * 40 + "\n" + ROW, False),
        ("frame,x,y,z\n" + ROW * 40 + "# end\n", False),
        ("frame,x,y,z\n" + ROW * 40 + "1,2,3\n", False),
        ("frame;x;y;z\n" + "1;2,5;3;4\n" * 40, False),
    ],
)
def test_plain_tables_are_parsed_at_once(
    text: str, is_quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rows", "lines"):
        monkeypatch.setattr(Table, name, property(slow))

    def read() -> Any:
        return parse(text.encode()).columns(1, ["frame", "x", "y", "z"], [0], [1, 2, 3], 0)

    if is_quick:
        at, _, values = read()
        n, first = text.count("-3.25"), text.count("#") + 1
        assert at.tolist() == list(range(first, first + n))
        np.testing.assert_array_equal(values, [[2.5, np.nan, -3.25]] * n)
    else:
        with pytest.raises(SlowWayError):
            read()


def test_ordinary_cells_are_converted_and_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_cells, "number", slow)
    monkeypatch.setattr(text_table, "number_text", slow)
    for cells in (["1", "2.5", "1e5"], ["1", "", "nan"], ["-1", " 2 "]):
        assert len(column_numbers(cells, [1, 2, 3], "x")) == len(cells)
    for cells in (["1_0"], ["inf"], ["Infinity"], ["NA"]):
        with pytest.raises(SlowWayError):
            column_numbers(cells, [1], "x")
    for text, new, is_quick in (
        ("a,b\n1,2\n", 2.5, True),
        ("a,b\n1,2\n", -1234567.123456, True),
        ("a,b\n1,2\n", 3.0, False),
        ("a,b\n1,2\n", 1e-7, False),
        ("a,b\n1,2\n", -1234567.123456789, False),
        ('a,b\n1,"2"\n', 2.5, False),
        ("a,b\n1, 2\n", 2.5, False),
        ("a;b\n1;2,5\n", 2.5, False),
    ):
        table = parse(text.encode())
        if is_quick:
            assert table.changed({1: {1: new}}).decode() == text.replace("2", str(new))
        else:
            with pytest.raises(SlowWayError):
                table.changed({1: {1: new}})


@pytest.mark.parametrize(
    ("person", "frame", "is_quick"),
    [
        (["a", "b", "a"], [1, 1, 2], True),
        ([None, None, None], [1, 2, 3], True),
        (["a", None, "a"], [1, 1, 2], False),
        (["a", "b", "a"], [1, 2, 1], False),
    ],
)
def test_people_with_ids_are_grouped_at_once(
    person: Any, frame: list[int], is_quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(individuals, "_repeated", slow)
    args = (["v"] * 3, person, np.array(frame), np.ones((3, 1, 2)), np.ones((3, 1)))
    if is_quick:
        assert sorted(row for rows in group(*args).groups.values() for row in rows) == [0, 1, 2]
    else:
        with pytest.raises(SlowWayError):
            group(*args)


def test_sorted_keys_are_numbered_without_sorting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "unique", slow)
    for keys, found in (
        ([1, 1, 4, 4, 4], ([1, 4], [0, 2], [0, 0, 1, 1, 1])),
        ([3], ([3], [0], [0])),
    ):
        assert [one.tolist() for one in _distinct(np.array(keys))] == list(found)
    with pytest.raises(SlowWayError):
        _distinct(np.array([1, 3, 2]))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        *(([0, 1, 2], slice(0, 3)), ([2, 3], slice(2, 4)), ([5], slice(5, 6)), ([], slice(0, 0))),
        *(([1, 0], [1, 0]), ([0, 2], [0, 2]), ([0, 0], [0, 0])),
    ],
)
def test_neighbouring_columns_are_a_slice(columns: list[int], found: Any) -> None:
    assert _as_slice(columns) == found


@pytest.mark.parametrize(
    ("text", "n_words", "n_long"),
    [
        *(("1.5", 1, 0), ("12345678", 1, 0), ("-12345678", 1, 0), ("123456789", 2, 0)),
        *(("1234567890.12345", 2, 0), ("12345678.12345678", 3, 0), ("9007199254740992", 2, 0)),
        *(("9007199254740994", 2, 1), ("", 1, 0)),
    ],
)
def test_long_numbers_alone_take_more_words(
    text: str, n_words: int, n_long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for name in ("_digits", "_divided"):
        work = getattr(plain_cells, name)
        monkeypatch.setattr(plain_cells, name, lambda *a, w=work, n=name: seen.append(n) or w(*a))
    values = PlainCells(f"{text},7".encode(), ",", 2).numbers([0], slow)
    assert values is not None
    assert values[0, 0] == float(text) if text else np.isnan(values[0, 0])
    assert (seen.count("_digits"), seen.count("_divided")) == (n_words, n_long)


def test_of_texts_that_repeat_one_period_is_numbered() -> None:
    words = [np.tile(np.array([7, 8, 7, 9], np.uint64), 50)]
    firsts, codes = _numbered(words)
    assert firsts == [0, 1, 3]
    assert codes.tolist() == [0, 1, 0, 2] * 50


def test_text_of_few_brackets_is_parsed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_utils, "_check_structure", slow)
    load(b"[" + b",".join([b"[]"] * 32 + [b"{}"] * 31) + b"]")
    with pytest.raises(SlowWayError):
        load(b"[" + b",".join([b"[]"] * 32 + [b"{}"] * 32) + b"]")


POINTS = [1.5, 2, 0.5]
DOCUMENTS = {
    coco: [{"image_id": 1, "keypoints": POINTS}],
    mediapipe: [{"landmarks": [{"x": 1, "y": 2}]}],
    mmpose: [{"keypoints": [[1, 2]], "keypoint_scores": [1]}],
    openpose: {"people": [{"pose_keypoints_2d": POINTS}]},
    json_people: {"1.jpg": [{"keypoints": POINTS}]},
}


@pytest.mark.parametrize("module", DOCUMENTS)
def test_what_did_not_change_is_not_laid_out_again(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(DOCUMENTS[module]))
    poses = read_poses(tmp_path / "a.json", skeleton="numbered")
    monkeypatch.setattr(module, "dump", slow)
    same = [track.keypoints for track in poses.tracks]
    write_keypoints(poses, same, tmp_path / "b.json")
    with pytest.raises(SlowWayError):
        write_keypoints(poses, [one + 1 for one in same], tmp_path / "b.json")


@pytest.mark.parametrize("values", [1, 100, 300, 1000, 1 << 22])
def test_pairs_are_compared_a_bounded_number_at_once(
    values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part takes at most so many values more than its first frames; distances exactly so many."""
    monkeypatch.setattr(linking, "_CHUNK_VALUES", values)
    counts = [3, 1, 4, 2, 3, 5, 1, 1]
    linker = linking._Linker(*crowd(counts), 1)
    whole, rows = np.linalg.norm, []
    monkeypatch.setattr(
        np.linalg, "norm", lambda x, **k: rows.append(x.shape[:-1]) or whole(x, **k)
    )
    parts = [len(a) for a, _, _ in linker._pairs(np.ones(sum(counts)))]
    at_once = max(values // 8, 1)  # of pairs: four keypoints of two coordinates
    assert [r[0] for r in rows if len(r) == 2] == [
        min(at_once, n - i) for n in parts for i in range(0, n, at_once)
    ]
    pairs = np.array([a * b for a, b in pairwise(counts)])
    chunk = np.cumsum(pairs) * 8 // values
    assert parts == [pairs[chunk == part].sum() for part in np.unique(chunk)]


def test_what_is_worked_on_at_once_is_neither_little_nor_all() -> None:
    """Bytes, values, lines: others would give the same, in other time and memory."""
    sizes = {
        plain_cells: {"_CHUNK_BYTES": 2**19, "_MOST_WORDS": 4, "_EXACT": 2**53},
        json_utils: {"_BLOCK_BYTES": 2**20, "_ITEMS_AT_ONCE": 200},
        linking: {"_CHUNK_VALUES": 2**22},
        packed: {"_BLOCK": 2**20},
        point_lists: {"_ROWS_AT_ONCE": 4096},
        table_cells: {"_SHORT": 18},
        text_table: {"_TOP_LINES": 32, "_HEAD_BYTES": (2**14, 2**20)},
        tracks_io: {"MAX_BYTES": 2**32},
        yolo: {"_YAML_BYTES": 2**20},
    }
    for module, wanted in sizes.items():
        assert {name: getattr(module, name) for name in wanted} == wanted
