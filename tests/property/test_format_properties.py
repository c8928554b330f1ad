"""Whatever a user's file holds beside coordinates comes out as it went in."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.formats.json_utils import dump, load
from pose_smoother.poses.formats.text_table import parse
from pose_smoother.poses.keypoint_names import mapping
from tests.pose_smoother.poses.formats.samples import SAMPLES, make

coordinates = st.one_of(st.none(), st.floats(-1e5, 1e5).map(lambda x: round(x, 4)))
cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=8)
leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
extras = st.dictionaries(
    st.text().filter(lambda key: "_id" not in key and key not in ("keypoints", "idx", "video")),
    st.recursive(leaf, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    max_size=3,
)


def moved(path: Path, shift: float) -> Path:
    """The file written with every coordinate moved."""
    poses = read_poses(path, skeleton="numbered", missing="none")  # (0, 0) is a position here
    out = path.with_name(f"out{path.suffix}")
    write_keypoints(poses, [track.keypoints + shift for track in poses.tracks], out)
    return out


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@given(
    rows=st.lists(st.tuples(coordinates, coordinates, cell, cell), min_size=1, max_size=6),
    ending=st.sampled_from(["\n", "\r\n"]),
    shift=st.sampled_from([0.0, 2.5]),
)
@settings(max_examples=60, deadline=None)
def test_csv_changes_coordinates_alone(rows, ending, shift):
    lines = ["a,frame,keypoint,y,x,b"]
    for i, (x, y, a, b) in enumerate(rows):
        numbers = ["" if v is None else repr(v) for v in (y, x)]
        lines.append(",".join([quoted(a), str(i), "nose", *numbers, quoted(b)]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(ending.join(lines).encode())
        before = parse(path.read_bytes())
        out = moved(path, shift)
        after = parse(out.read_bytes())
        if not shift:
            assert out.read_bytes() == path.read_bytes()
    for i, (x, y, _, _) in enumerate(rows, start=1):
        old, new = before.cells(i), after.cells(i)
        assert [c for j, c in enumerate(old) if j not in (3, 4)] == [
            c for j, c in enumerate(new) if j not in (3, 4)
        ]
        if x is None or y is None:
            assert old == new
        else:
            assert float(new[4]) == pytest.approx(x + shift, abs=1e-6)
            assert float(new[3]) == pytest.approx(y + shift, abs=1e-6)


@given(
    people=st.lists(
        st.tuples(st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=2), extras),
        min_size=1,
        max_size=5,
    ),
    indent=st.sampled_from([None, 2, "\t"]),
    shift=st.sampled_from([0.0, 2.5]),
)
@settings(max_examples=60, deadline=None)
def test_json_changes_coordinates_alone(people, indent, shift):
    document = [
        {"image_id": i, "track_id": 1, "keypoints": [v for x, y in points for v in (x, y, 0.5)]}
        | extra
        for i, (points, extra) in enumerate(people)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_text(json.dumps(document, indent=indent))
        after = json.loads(moved(path, shift).read_text())
    for old, new in zip(document, after, strict=True):
        assert list(old) == list(new)
        assert {**old, "keypoints": 0} == {**new, "keypoints": 0}
        for j in range(0, len(old["keypoints"]), 3):
            x, y, s = old["keypoints"][j : j + 3]
            if x is None or y is None:
                assert new["keypoints"][j : j + 3] == [x, y, s]
            else:
                wanted = [x + shift, y + shift, s]
                assert new["keypoints"][j : j + 3] == pytest.approx(wanted, abs=1e-6)


@given(value=st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
@settings(max_examples=100)
def test_any_json_is_dumped_as_it_was_loaded(value):
    for raw in (json.dumps(value).encode(), json.dumps(value, indent=1, ensure_ascii=False)):
        try:
            data = raw if isinstance(raw, bytes) else raw.encode()
        except UnicodeEncodeError:
            continue  # half a surrogate pair is not text
        assert load(dump(load(data), data)) == value


@given(text=st.text(st.sampled_from('ab,;\t"\n\r 1.')))
@settings(max_examples=200)
def test_any_text_is_a_table_or_refused(text):
    try:
        table = parse(text.encode())
    except InvalidInputError:
        return
    assert "".join(table.lines) == text
    for index in table.filled:
        body = table.lines[index].rstrip("\r\n")
        assert table.delimiter.join(table.cells(index)) == body
    assert table.changed({}) == text.encode()


@pytest.mark.parametrize("sample", ["coco_results", "mmpose", "csv_long", "csv_wide", "npz"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_damage_is_read_or_refused_in_one_line(sample, seed):
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = make(sample, Path(folder))
        data = bytearray(path.read_bytes())
        for place in rng.integers(0, len(data), rng.integers(1, 6)):
            data[place] = rng.choice(list(b'0123456789[]{}",:.-enN;\n\xff'))
        path.write_bytes(bytes(data))
        try:
            poses = read_poses(path, format=SAMPLES[sample][2])
        except InvalidInputError as error:
            told = str(error)
            assert "\n" not in told
            return
        out = path.with_name(f"out{path.suffix}")
        write_keypoints(poses, [track.keypoints + 1 for track in poses.tracks], out)
        assert all("\n" not in warning for warning in poses.warnings)


@given(names=st.lists(st.text(max_size=12), unique=True, max_size=30))
@settings(max_examples=100)
def test_any_names_are_mapped_or_refused(names):
    try:
        found = mapping([*names, "left_wrist"])
    except InvalidInputError:
        return
    taken = [c for c in found.index.tolist() if c >= 0]
    assert len(set(taken)) == len(taken)
    assert len(found.unknown) + len(taken) == len(names) + 1
