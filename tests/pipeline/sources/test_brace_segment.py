"""One segment file: what its frames become, and what broken ones are answered with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import brace
from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX
from tests.pipeline.sources.brace_files import VIDEO, npz, parse_bytes, points, segment


def test_missing_frames_stay_a_gap_and_order_is_by_number(tmp_path):
    (clip,) = parse_bytes(segment([19, 10, 12, 11]))
    assert clip.frames.tolist() == [10, 11, 12, 19]
    assert clip.keypoints[:, INDEX["nose"], 1].tolist() == [10.5, 11.5, 12.5, 19.5]


def test_keypoints_outside_the_image_or_without_score_are_not_annotated():
    bad = points(11)
    bad[0][:2] = [-0.1, 5]  # nose
    bad[1][:2] = [-7, 5]  # an eye: not ours, so not counted
    bad[5][:2] = [640, 5]  # left shoulder: 640 is one past the last column
    bad[6][:2] = [639.9, 479.9]
    bad[7][2] = 0
    bad[8][:2] = [0, 0]
    data = segment([10], **{f"{VIDEO}/img-000011.png": {"keypoints": bad}})
    (clip,) = parse_bytes(data, size=(640, 480))
    absent = {name for name in brace.LABELLED if np.isnan(clip.keypoints[1, INDEX[name]]).all()}
    assert absent == {"nose", "left_shoulder", "left_elbow", "right_elbow"}
    assert clip.left_out == {
        "keypoints: outside the image": 2,
        "keypoints: score 0": 1,
        "keypoints: at (0, 0), COCO's mark for none": 1,
    }


def test_frames_outside_the_named_range_are_counted():
    (clip,) = parse_bytes(segment(range(8, 21)))
    assert clip.frames.tolist() == list(range(10, 20))
    assert clip.left_out == {"frames: outside the range in the file's name": 3}


def changed(where: str, value) -> bytes:
    return segment([10], **{f"{VIDEO}/img-{where}.png": value})


BROKEN_JSON = {
    "cut short": (segment([10])[:-9], "not valid JSON"),
    "not UTF-8": (b'{"\xff": 1}', "not valid JSON"),
    "list": (b"[]", "expected an object of 1 to .* got list"),
    "empty": (b"{}", "0 entries"),
    "deep": (b"[" * 200_000, "not valid JSON"),
    "deep object": (b'{"a":' * 200_000, "not valid JSON"),
    "NaN alone": (segment([10]).replace(b"10.5", b"NaN", 1), "no frame is left.*1 have a keypoint"),
    "huge integer": (segment([10]).replace(b"10.5", b"9" * 4000, 1), "frame 10, nose"),
    "endless integer": (segment([10]).replace(b"10.5", b"9" * 5000, 1), "not valid JSON"),
    "text": (segment([10]).replace(b"10.5", b'"10"', 1), "frame 10, nose: .*three num"),
    "bool": (segment([10]).replace(b"10.5", b"true", 1), "frame 10, nose: .*three num"),
    "null": (segment([10]).replace(b"10.5", b"null", 1), "frame 10, nose: .*three num"),
    "key twice": (segment([10])[:-1] + b"," + segment([10])[1:], "occurs twice"),
    "frame twice": (segment([10], **{f"{VIDEO}/img-10.png": {"keypoints": points(1)}}), "10 occ"),
    "foreign video": (segment([10], **{"x/img-000011.png": {"keypoints": points(1)}}), "keys such"),
    "strange key": (segment([10], **{f"{VIDEO}/../11.png": {}}), "keys such"),
    "no keypoints": (changed("000011", {"box": []}), "frame 11: expected 'keypoints'"),
    "16 keypoints": (changed("000011", {"keypoints": points(1)[:16]}), "17 entries"),
    "pairs": (changed("000011", {"keypoints": [[1, 2]] * 17}), "17 entries"),
    "entry a list": (changed("000011", [points(1)]), "17 entries"),
}


@pytest.mark.parametrize("kind", BROKEN_JSON)
def test_broken_json_is_rejected_with_place_and_reason(kind):
    data, reason = BROKEN_JSON[kind]
    with pytest.raises(InvalidInputError, match=reason) as caught:
        parse_bytes(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_a_number_that_is_not_finite_costs_its_frame_and_is_counted(number):
    data = segment(range(10, 14)).replace(b"11.5", number, 1)
    (clip,) = parse_bytes(data)
    assert clip.frames.tolist() == [10, 12, 13]
    assert clip.left_out == {"frames: a keypoint that is not a finite number": 1}
    assert np.isfinite(clip.keypoints[:, INDEX["nose"]]).all()


def test_manual_keypoints_mend_a_frame_that_is_not_finite(tmp_path):
    data = segment(range(10, 14)).replace(b"11.5", b"NaN", 1)
    manual = npz(coco_joints2d=np.array(points(11)))
    (clip,) = parse_bytes(data, manual={11: manual})
    assert clip.frames.tolist() == [10, 11, 12, 13]
    assert clip.left_out == {}


def test_an_eye_that_is_not_finite_costs_nothing():
    bad = points(11)
    bad[1][0] = float("nan")
    (clip,) = parse_bytes(segment([10], **{f"{VIDEO}/img-000011.png": {"keypoints": bad}}))
    assert clip.frames.tolist() == [10, 11]


def test_all_frames_at_once_are_the_same_as_one_by_one(monkeypatch):
    data = segment([12, 10, 11]).replace(b"10.5", b"10", 1)  # out of order, and a whole number
    together = parse_bytes(data)
    monkeypatch.setattr("pipeline.sources.brace_segment._all_keypoints", lambda entries: None)
    for one, other in zip(together, parse_bytes(data), strict=True):
        assert one.frames.tolist() == other.frames.tolist()
        np.testing.assert_array_equal(one.keypoints, other.keypoints)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_give_clips_or_bad_input(flips):
    raw = bytearray(segment(range(10, 14)))
    for place, value in flips:
        raw[place % len(raw)] = value
    try:
        clips = parse_bytes(bytes(raw))
    except InvalidInputError:
        return
    assert all((np.diff(clip.frames) > 0).all() for clip in clips)


def test_an_id_too_long_for_an_id_is_rejected():
    data = segment([10]).replace(VIDEO.encode(), b"v" * 60)
    with pytest.raises(InvalidInputError, match="not 1 to 64"):
        parse_bytes(data, video="v" * 60)
