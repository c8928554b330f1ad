"""Small functions of the formats: values on both sides of every limit."""

import json
import logging
import math
from typing import Any

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.array_layout import find_layout
from pose_smoother.poses.formats.frame_files import is_hidden, numbered
from pose_smoother.poses.formats.individuals import (
    frame_step,
    group,
    person_id,
    without_row_numbers,
)
from pose_smoother.poses.formats.json_utils import dump, person_name
from pose_smoother.poses.formats.times import frame_numbers
from pose_smoother.poses.formats.tracks_io import (
    _unique_id,
    _unlike_pixels,
    decimals_of,
    frame_number,
    frame_rate,
    named_frame,
)

BIG = 2**63


def result(work: Any, *args: Any) -> Any:
    """What a function returns, or the text of its refusal."""
    try:
        return work(*args)
    except InvalidInputError as error:
        return str(error)


def no_frame(value: Any) -> str:
    return f"expected a whole frame number, found {value!r}"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (BIG - 1, BIG - 1),
        (1 - BIG, 1 - BIG),
        (12.0, 12),
        *(
            (bad, no_frame(bad))
            for bad in (BIG, -BIG, True, "1", 1.5, math.inf, math.nan, None, [])
        ),
        ("x" * 70, f"expected a whole frame number, found {'x' * 70!r:.60}"),
    ],
)
def test_frame_numbers(value: Any, found: Any) -> None:
    assert result(frame_number, value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("9" * 18, ("", 10**18 - 1)),
        ("9" * 19, no_frame(10**19 - 1)),
        ("9" * 21, ("999", 10**18 - 1)),
        (" 3 ", ("", 3)),
        ("+3", ("", 3)),
        ("-3.", ("", -3)),
        ("3.0e1", ("", 30)),
        ("3.5", no_frame(3.5)),
        ("3e1", ("3e", 1)),
        ("3.0e100", ("3.0e", 100)),
        ("\uff13", "expected a frame number or a name with one, found '\uff13'"),
        ("a1b22c\n", ("a1b", 22)),
        ("", "expected a frame number or a name with one, found ''"),
        (4.0, ("", 4)),
    ],
)
def test_frames_by_name(value: Any, found: Any) -> None:
    assert result(named_frame, value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((np.float32(2.5), 2.5), (np.int8(3), 3.0), (1e-300, 1e-300), (1e308, 1e308)),
        *((value, None) for value in (0, -1, False, True, "25", None, math.nan, math.inf, 1j)),
    ],
)
def test_frame_rates(value: Any, found: float | None) -> None:
    assert frame_rate(value) == found


@pytest.mark.parametrize(
    ("largest", "decimals"),
    [
        *((500, 6), (0.01, 6), (0.00999, 7), (0.001, 7), (1e-5, 9), (9e-6, 10), (1e-11, 15)),
        *((1e-12, 15), (0.0, 6), (-0.001, 7), (math.nan, 6)),
    ],
)
def test_decimals(largest: float, decimals: int) -> None:
    assert decimals_of([np.array([0.0, largest]), np.array([math.nan, math.inf])]) == decimals
    assert decimals_of([]) == 6


def test_ids_are_unique() -> None:
    cases = [("v", "p", "v:p"), ("v", "", "v"), ("", "p", "p"), ("", "", "1")]
    assert [_unique_id(video, person, set()) for video, person, _ in cases] == [c[2] for c in cases]
    assert _unique_id("", "p", {"p", "p'"}) == "p''"


@pytest.mark.parametrize(
    ("x", "y", "score", "told"),
    [
        *((-1.0, 2.0, 0.0, ""), (-1.0, 1.5, 1.0, "c"), (-1.1, 1.5, 1.1, "s")),
        *((-0.5, 2.0, -0.1, "cs"), (-0.5, 2.1, math.nan, ""), (math.nan, 0.5, math.inf, "c")),
    ],
)
def test_what_is_unlike_pixels_or_probabilities(
    x: float, y: float, score: float, told: str
) -> None:
    found = _unlike_pixels(np.array([[[x, y]]]), np.array([[score]]))
    assert "".join(text[0] for text in found) == told
    assert not _unlike_pixels(np.array([[[0.5, 0.5, 0.5]]]), np.array([[0.5]]))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((text, None) for text in (None, "-1", "-1.0", "-1.", "n/a", "<NA>", " null ")),
        *(("+1.0", "+1"), ("1.", "1"), ("1.00", "1"), ("1.50", "1.50"), (".0", ".0")),
        *(("-1.5", "-1.5"), ("-", "-"), ("a.0", "a.0"), ("1e5", "1e5")),
    ],
)
def test_ids_as_text(value: str | None, found: str | None) -> None:
    assert person_id(value) == found


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"a": None, "b": 2}, "2"),
        ({"a": [3], "b": 2}, "3"),
        ({"a": [3, 4], "b": 2}, "2"),
        ({"a": True, "b": 2}, "2"),
        ({"a": -1, "b": 2}, None),
        ({"a": math.nan, "b": 2}, None),
        *(({"a": value}, str(value)) for value in (0, 1.5, "x", "-1")),
        ({"a": 2.0}, "2"),
        ({}, None),
    ],
)
def test_who_an_item_is(item: dict[str, Any], name: str | None) -> None:
    assert person_name(item, ("a", "b")) == name


@pytest.mark.parametrize(
    ("frames", "step"),
    [
        ([0, 2, 4, 6, 8], 2),
        ([0, 2, 4, 6], 1),
        ([0, 2, 4, 6, 6], 1),
        ([*range(0, 22, 2), 24], 2),  # ten of eleven
        ([*range(0, 20, 2), 22], 2),  # nine of ten
        ([*range(0, 18, 2), 20], 2),  # a frame is missing
        ([*range(0, 18, 2), 19], 1),  # a slip among nine
        ([*range(0, 20, 2), 21], 2),  # among ten
        ([*range(0, 18, 2), 21, *range(23, 43, 2)], 2),
        ([0, 1, 2, 4, 6, 8, 10], 1),
        ([3, 6, 9, 12, 15][::-1], 3),
    ],
)
def test_steps_of_frames(frames: list[int], step: int) -> None:
    assert frame_step(np.array(frames)) == step


def persons(n_frames: int, n_each: int) -> tuple[list[str], list[str | None], np.ndarray]:
    n = n_frames * n_each
    return ["v"] * n, [str(i) for i in range(n)], np.repeat(np.arange(n_frames), n_each)


@pytest.mark.parametrize(
    ("video", "person", "frame", "are_numbers"),
    [
        (*persons(3, 1), True),
        (*persons(2, 1), False),
        (*persons(3, 20), True),
        (*persons(3, 21), False),
        (["v"] * 3, ["1", "2", "1"], np.arange(3), False),
        (["v"] * 3, ["1", "2", "1.0"], np.arange(3), False),
        (["v"] * 3, ["1", "2", None], np.arange(3), False),
        (["v", "v", "w"], ["1", "2", "1"], np.arange(3), False),
        ([], [], np.arange(0), False),
    ],
)
def test_ids_that_number_detections(video: Any, person: Any, frame: Any, are_numbers: bool) -> None:
    told = ["no id occurs twice: taken as numbers of the detections"] if are_numbers else []
    expected = [None] * len(person) if are_numbers else person
    assert without_row_numbers(video, person, frame) == (expected, told)


def test_who_is_in_no_group() -> None:
    """A copy and a nameless detection without keypoints; a name that linking would give."""
    x = np.array([1.0, 1, 50, 2, np.nan, 3])
    keypoints = np.stack([x, x], axis=1)[:, None]
    person = ["a", "a", None, None, None, "link-1"]
    found = group([""] * 6, person, np.array([0, 0, 0, 0, 1, 1]), keypoints, np.zeros((6, 1)))
    assert found.groups == {
        ("", "a"): [0],
        ("", "link-1'"): [2],
        ("", "link-2"): [3],
        ("", "link-1"): [5],
    }
    assert (found.copies, found.n_linked, found.steps) == ({1: 0}, 2, {"": 1})


@pytest.mark.parametrize(
    ("time", "frames", "step"),
    [
        ([0, 1, 2.25, 3.25], [0, 1, 2, 3], 3.25 / 3),
        ([0, 1, 2.26, 3.26], [0, 1, 2, 3], None),
        ([0, 1, 2, 6.25], [0, 1, 2, 6], 1.0),
        ([0, 1, 2, 6.3], [0, 1, 2, 3], None),
        ([0, 1, 2, 7.3], [0, 1, 2, 7], 1.0),
        ([0, 1, 2, 2.4], [0, 1, 2, 3], None),
        ([0, 1, 2, 2.0**53], [0, 1, 2, 3], None),
        ([0, 1, 2, 2.0**53 - 2], [0, 1, 2, 2**53 - 2], 1.0),
        ([5], [0], None),
        ([5, 5, 7], [0, 1], 2.0),
    ],
)
def test_frames_of_moments(time: list[float], frames: list[int], step: float | None) -> None:
    notes: list[str] = []
    moments, frame, found = frame_numbers(np.array(time, float), notes)
    assert moments.tolist() == sorted(set(time))
    assert frame.tolist() == frames
    assert found == (step if step is None else pytest.approx(step))
    assert bool(notes) == (step is None and len(time) > 1)


@pytest.mark.parametrize(
    ("shape", "known", "order"),
    [
        ((2, 5, 3, 2), {"n_frames": 5}, (0, 1, 2, 3)),
        ((2, 5, 3, 2), {"n_frames": 2}, (1, 0, 2, 3)),
        ((2, 5, 3, 2), {"n_people": 5}, (1, 0, 2, 3)),
        ((2, 5, 3, 2), {"n_people": 2}, (0, 1, 2, 3)),
        ((300, 300, 1, 2), {"n_frames": 300}, (0, 1, 2, 3)),
        ((2, 5, 3, 2), {"n_frames": 9}, (0, 1, 2, 3)),
        ((5, 2, 3, 2), {}, (1, 0, 2, 3)),
        ((3, 5, 2), {"n_keypoints": 3}, (-1, 1, 0, 2)),
        ((3, 5, 2), {"n_keypoints": 5}, (-1, 0, 1, 2)),
        ((3, 3, 2), {"n_keypoints": 3}, (-1, 0, 1, 2)),
        ((3, 5, 2), {"n_keypoints": 4}, (-1, 0, 1, 2)),
        ((3, 5, 2), {"n_keypoints": 2}, (-1, 0, 1, 2)),
        ((3, 5, 2), {}, (-1, 0, 1, 2)),
    ],
)
def test_axes_by_what_is_known(
    shape: Any, known: dict[str, int], order: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pose_smoother.poses.formats")
    assert find_layout(np.zeros(shape), **known).order == order
    people = "" if order[0] < 0 else f"people {order[0]}, "
    axes = f"{people}time {order[1]}, keypoints {order[2]}, channels {order[3]}"
    assert caplog.messages == [f"axes of {shape}: {axes}; channels x, y"]


@pytest.mark.parametrize("ratio", [0.49, 0.51, 1, 1.9, 2.1])
def test_time_is_along_the_axis_of_smaller_steps(ratio: float) -> None:
    """Neighbours along the first axis are one apart, along the second ``ratio``."""
    places = np.arange(4.0)[:, None] + ratio * 1j * np.arange(6)
    array = np.stack([places.real, places.imag], axis=-1)[:, :, None] + 1
    found = find_layout(array)
    clear = not 0.5 <= ratio <= 2
    assert found.order[1] == (0 if ratio > 2 else 1)
    assert ("nearer" in found.warnings[0]) == clear
    assert ("4 frames, the second for 6 people" in found.warnings[0]) == (ratio > 2)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        *(("a_12", ("a", 12)), ("a-1.2", ("a-1", 2)), ("7", ("", 7)), ("a", ("a", 0))),
        *(("a 3b", ("a", 3)), ("x9_keypoints", ("x", 9))),
    ],
)
def test_frames_of_files(name: str, place: tuple[str, int]) -> None:
    assert numbered(name) == place
    assert [is_hidden(n) for n in (".a", "Thumbs.db", "DESKTOP.INI", "a.", "desktop")] == [
        *(True, True, True, False, False)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "raw",
    [
        '[{"a": 1, "b": [1.5, null]}]',
        '[{"a":1,"b":"\u00e9"}]\r\n',
        '{"a": "\\u00e9", "b": {}}  \n\n',
        '[\n  {\n    "a": 1\n  }\n]',
        '{\r\n\t"a": [\r\n\t\t1\r\n\t]\r\n}\r\n',
        ' [\n {\n  "a":1\n }\n]',
        '{"long":"' + "x" * 5000 + '", "a": 1}',
        '{"a":"' + "x" * 9000 + '"}',
        '{"a":"\\ud800"}',
    ],
)
def test_json_is_written_as_it_was_laid_out(raw: str, encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    data = (mark + raw).encode(encoding)
    spaced = raw.startswith('{"long"')  # laid out in two ways: the last one
    wanted = raw.replace('"long":', '"long": ') if spaced else raw.lstrip()
    assert dump(json.loads(raw), data).decode(encoding).lstrip("\ufeff") == wanted
