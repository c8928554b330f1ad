"""JSON that is written in parts is what is written at once."""

import json
import tracemalloc

import numpy as np
import pytest

from pose_smoother.poses.formats import json_utils, point_lists
from pose_smoother.poses.formats.json_utils import dump
from pose_smoother.poses.formats.point_lists import put_points


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("raw", [b'[{"a": 1}]\n', b'[{"a":1}]', b'\xef\xbb\xbf[{"\xc3\xa9": 1}]'])
def test_parts_of_a_list_are_the_list(n, raw, monkeypatch) -> None:
    monkeypatch.setattr(json_utils, "_ITEMS_AT_ONCE", 2)
    items = [{"a": i, "b": [1.5, None, "é"]} for i in range(n)]
    found = dump(list(items), raw)
    monkeypatch.setattr(json_utils, "_ITEMS_AT_ONCE", 1000)
    assert found == dump(list(items), raw)
    assert json.loads(found) == items


def test_a_long_list_is_emptied_while_it_is_written() -> None:
    document = [{"keypoints": np.random.default_rng(i).random(60).tolist()} for i in range(5000)]
    n_bytes = len(json.dumps(document))
    tracemalloc.start()
    data = dump(document, b"[]")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data) > 0.9 * n_bytes
    assert peak < 2.5 * n_bytes
    assert document[0] is None


def test_numbers_are_put_a_few_rows_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(point_lists, "_ROWS_AT_ONCE", 2)
    lists = [[0.0, 0.0, 0.5] * 2 for _ in range(5)]
    new = np.arange(20.0).reshape(5, 2, 2)
    changed = np.ones(new.shape, bool)
    changed[3, 1] = False
    put_points(lists, new, changed)
    assert lists[4] == [16, 17, 0.5, 18, 19, 0.5]
    assert lists[3] == [12, 13, 0.5, 0, 0, 0.5]


@pytest.mark.parametrize("rows_at_once", [1, 2, 100])
@pytest.mark.parametrize(("n", "axes", "per_point"), [(1, 2, 3), (1, 2, 2), (3, 2, 3), (2, 3, 3)])
def test_numbers_are_put_where_they_changed(n, axes, per_point, rows_at_once, monkeypatch) -> None:
    monkeypatch.setattr(point_lists, "_ROWS_AT_ONCE", rows_at_once)
    rng = np.random.default_rng(n)
    for _ in range(40):
        new = rng.normal(size=(4, n, axes))
        changed = rng.random(new.shape) < rng.choice([0.3, 0.8, 1.0], (4, 1, 1))
        lists = [
            [[-1.0] * per_point for _ in range(n)] if row % 2 else [-1.0] * (n * per_point)
            for row in range(4)
        ]
        if rng.random() < 0.5:
            lists[3] = None
        wanted = []
        for row, value in enumerate(lists):
            points = np.full((n, per_point), -1.0)
            points[:, :axes][changed[row]] = new[row][changed[row]]
            flat = points.tolist() if row % 2 else points.ravel().tolist()
            wanted.append(flat if value else value)
        put_points(lists, new, changed, per_point)
        assert lists == wanted
