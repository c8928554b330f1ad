"""BRACE: what a segment file becomes, and what hostile or broken input is answered with."""

import io
import json
import math
import os
import struct
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract.errors import BadInput
from pipeline.contract.skeleton import INDEX
from pipeline.sources import ID_PATTERN, Item, SourceOptions, brace, source
from pipeline.sources.brace_segment import COCO
from pipeline.sources.brace_tables import parse_cuts, parse_segments, parse_videos

VIDEO = "-a_b-CDE_12"
DATA = Path(os.environ.get("POSE_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
TABLES = {
    "annotations/segments.csv": (
        "video_id,seq_idx,start_frame,end_frame,dance_type,dance_type_id,dancer,dancer_id,year,uid\n"
        f"{VIDEO},0,10,19,toprock,0,el niño,10,2011,{VIDEO}.10.19\n"
    ),
    "annotations/shot_boundaries.json": json.dumps({VIDEO: [3, 14, 400]}),
    "annotations/videos_info.csv": (
        f"video_id,video_url,year,duration,fps,resolution\n{VIDEO},u,2011,9.5,29.97002997,640x480\n"
    ),
}


def points(frame: int) -> list[list[float]]:
    """COCO keypoints whose positions tell keypoint and frame."""
    return [[10.0 + k, frame + 0.5, 1] for k in range(17)]


def segment(frames, **changed) -> bytes:
    table = {
        f"{VIDEO}/img-{n:06d}.png": {"box": [0, 0, 9, 9, 1], "keypoints": points(n)} for n in frames
    }
    return json.dumps(table | changed).encode()


def name_of(start: int, end: int, movement: str = "toprock", ending: str = ".json.json") -> str:
    return f"dataset/2011/{VIDEO}/{VIDEO}_{start}-{end}_{movement}{ending}"


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def write_folder(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def write_zip(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def items_of(path: Path, **options) -> list[Item]:
    return list(brace.items(path, SourceOptions(**options)))


def clips_of(path: Path, **options) -> list:
    return [clip for item in items_of(path, **options) for clip in brace.parse(item)]


def parse_bytes(data: bytes, start=10, end=19, **context) -> list:
    known = {
        "video": VIDEO,
        "start": start,
        "end": end,
        "movement": "toprock",
        "first_new_frame": 0,
        "fps": 25.0,
        "size": (1920, 1080),
        "cuts": [],
        "dancer": "",
        "manual": {},
    }
    return brace.parse(Item("a.json", data, known | context))


def only_reason(path: Path, **options) -> str:
    (item,) = items_of(path, **options)
    with pytest.raises(BadInput) as caught:
        brace.parse(item)
    return str(caught.value)


def test_the_source_registers_itself_and_labels_coco_without_eyes():
    assert source("brace") is brace
    assert len(brace.LABELLED) == 15
    assert set(brace.LABELLED) == set(COCO) - {"left_eye", "right_eye"}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("ending", [".json", ".json.json"])
def test_a_segment_becomes_a_clip_a_shot(tmp_path, packed, ending, caplog):
    files = TABLES | {name_of(10, 19, ending=ending): segment(range(10, 20))}
    path = write_zip(tmp_path / "d.zip", files) if packed else write_folder(tmp_path / "d", files)
    first, second = clips_of(path)
    assert first.id == f"{VIDEO}_10-13_toprock"
    assert second.id == f"{VIDEO}_14-19_toprock"
    assert first.frames.tolist() == [10, 11, 12, 13]
    assert second.frames.dtype == np.int32
    assert (first.video, first.action, first.person) == (VIDEO, "toprock", "el niño")
    assert first.fps == pytest.approx(29.97002997)
    assert second.keypoints.dtype == np.float64
    for k, name in enumerate(COCO):
        if name in INDEX:
            expected = [[10.0 + k, n + 0.5] for n in range(14, 20)]
            assert second.keypoints[:, INDEX[name]].tolist() == expected
    unlabelled = [i for name, i in INDEX.items() if name not in brace.LABELLED]
    assert np.isnan(second.keypoints[:, unlabelled]).all()
    assert first.left_out == second.left_out == {}
    assert not caplog.records


def test_tables_lie_inside_beside_or_where_told_and_absent_ones_are_logged(tmp_path, caplog):
    data = {name_of(10, 19): segment(range(10, 20))}
    inner = write_folder(tmp_path / "a", data | TABLES) / "dataset"
    assert len(clips_of(inner)) == 2
    zipped = write_zip(write_folder(tmp_path / "b", TABLES) / "dataset.zip", data)
    assert len(clips_of(zipped)) == 2
    assert len(clips_of(tmp_path / "b")) == 2, "a folder that holds dataset.zip"
    (tmp_path / "c").mkdir()
    bare = write_zip(tmp_path / "c" / "x.zip", data)
    told = clips_of(bare, tables=tmp_path / "b" / "annotations")
    assert len(told) == 2
    assert not caplog.records
    (clip,) = clips_of(bare)
    assert math.isnan(clip.fps)
    assert clip.person == ""
    assert [name in caplog.text for name in ("segments", "boundaries", "videos_info")] == [True] * 3
    with pytest.raises(BadInput, match="not a folder"):
        items_of(bare, tables=tmp_path / "nowhere")


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


def test_a_later_segment_gives_up_frames_it_shares(tmp_path):
    files = {
        name_of(10, 19): segment(range(10, 20)),
        name_of(18, 25, "footwork"): segment(range(18, 26)),
        name_of(26, 27, "footwork"): segment(range(26, 28)),
    }
    clips = clips_of(write_folder(tmp_path, files))
    frames = [n for clip in clips for n in clip.frames.tolist()]
    assert frames == list(range(10, 28))
    assert [c.left_out for c in clips] == [{}, {"frames: shared with the previous segment": 2}, {}]
    assert len({c.id for c in clips}) == 3
    assert all(ID_PATTERN.fullmatch(c.id) for c in clips)


def test_a_segment_that_brings_nothing_new_is_named(tmp_path):
    files = {
        name_of(10, 19): segment(range(10, 20)),
        name_of(10, 19, ending=".json"): segment(range(10, 20)),
    }
    first, second = items_of(write_folder(tmp_path, files))
    assert len(brace.parse(first)[0].frames) == 10
    with pytest.raises(BadInput, match=r"no frame is left of 10: 0 lie outside .* 10 in an earl"):
        brace.parse(second)


def test_frames_outside_the_named_range_are_counted():
    (clip,) = parse_bytes(segment(range(8, 21)))
    assert clip.frames.tolist() == list(range(10, 20))
    assert clip.left_out == {"frames: outside the range in the file's name": 3}


@pytest.mark.parametrize("place", ["chosen zip", "chosen folder", "inside", "beside"])
def test_manual_keypoints_replace_interpolated_ones(tmp_path, place):
    manual = np.column_stack([np.full(17, 77.0), np.arange(17) + 1.0, np.full(17, np.nan)])
    name = f"manual_keypoints/2011/{VIDEO}/img-000012.npz"
    files = {name: npz(coco_joints2d=manual)}
    data = {name_of(10, 19): segment(range(10, 20))}
    options = {}
    path = write_folder(tmp_path / "d", data)
    if place == "chosen zip":
        options["manual"] = write_zip(tmp_path / "m.zip", files)
    elif place == "chosen folder":
        options["manual"] = write_folder(tmp_path / "m", files)
    elif place == "inside":
        write_folder(path, files)
    else:
        path = write_zip(write_folder(tmp_path / "z", files) / "dataset.zip", data)
    (clip,) = clips_of(path, **options)
    assert clip.keypoints[2, INDEX["right_ankle"]].tolist() == [77.0, 17.0]
    assert clip.keypoints[1, INDEX["right_ankle"]].tolist() == [26.0, 11.5]
    assert clip.keypoints[3, INDEX["right_ankle"]].tolist() == [26.0, 13.5]


def test_manual_frames_without_a_home_are_told(tmp_path, caplog):
    good = npz(coco_joints2d=np.ones((17, 3)))
    manual = {f"2011/{VIDEO}/img-{n:06d}.npz": good for n in (12, 30)}
    path = write_folder(tmp_path / "d", {name_of(10, 19): segment([10, 11])})
    (clip,) = clips_of(path, manual=write_folder(tmp_path / "m", manual))
    assert clip.left_out == {"manual frames: absent from the segment": 1}
    assert "1 of 2 manual frames lie in no segment" in caplog.text


def oversized_npy() -> bytes:
    """An .npz whose array claims 8 GB and holds 8 bytes."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 3), }\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8)
        archive.writestr("coco_joints2d.npy", npy)
    return file.getvalue()


BROKEN_MANUAL = {
    "no zip": (b"PK?", "not a readable .npz"),
    "other array": (npz(other=np.ones((17, 3))), "no array coco_joints2d"),
    "shape": (npz(coco_joints2d=np.ones((16, 3))), r"shape \(16, 3\)"),
    "pickle": (npz(coco_joints2d=np.array([{}], dtype=object)), "expected numbers"),
    "not finite": (npz(coco_joints2d=np.full((17, 3), np.inf)), "not a finite"),
    "claims 24 GB": (oversized_npy(), r"shape \(1000000000, 3\)"),
    "unfolds": (npz(coco_joints2d=np.zeros((99_999, 3))), "unfolds to|holds|bytes"),
}


@pytest.mark.parametrize("kind", BROKEN_MANUAL)
def test_a_broken_manual_file_rejects_its_segment(kind):
    data, reason = BROKEN_MANUAL[kind]
    with pytest.raises(BadInput, match=f"frame 12: .*({reason})"):
        parse_bytes(segment(range(10, 20)), manual={12: data})


def test_a_damaged_manual_member_rejects_its_segment_by_name(tmp_path):
    manual = write_zip(
        tmp_path / "m.zip", {f"2011/{VIDEO}/img-000012.npz": npz(coco_joints2d=np.ones((17, 3)))}
    )
    raw = bytearray(manual.read_bytes())
    raw[90] ^= 0xFF
    manual.write_bytes(raw)
    path = write_folder(tmp_path / "d", {name_of(10, 19): segment(range(10, 20))})
    assert "img-000012.npz is damaged" in only_reason(path, manual=manual)


def changed(where: str, value) -> bytes:
    return segment([10], **{f"{VIDEO}/img-{where}.png": value})


BROKEN_JSON = {
    "cut short": (segment([10])[:-9], "not valid JSON"),
    "not UTF-8": (b'{"\xff": 1}', "not valid JSON"),
    "list": (b"[]", "expected an object of 1 to .* got list"),
    "empty": (b"{}", "0 entries"),
    "deep": (b"[" * 200_000, "not valid JSON"),
    "deep object": (b'{"a":' * 200_000, "not valid JSON"),
    "NaN": (segment([10]).replace(b"10.5", b"NaN", 1), "NaN is not a number"),
    "infinite": (segment([10]).replace(b"10.5", b"1e999", 1), "frame 10, nose: .*inf"),
    "huge integer": (segment([10]).replace(b"10.5", b"9" * 4000, 1), "frame 10, nose"),
    "endless integer": (segment([10]).replace(b"10.5", b"9" * 5000, 1), "not valid JSON"),
    "text": (segment([10]).replace(b"10.5", b'"10"', 1), "frame 10, nose: .*three finite"),
    "bool": (segment([10]).replace(b"10.5", b"true", 1), "frame 10, nose: .*three finite"),
    "null": (segment([10]).replace(b"10.5", b"null", 1), "frame 10, nose: .*three finite"),
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
    with pytest.raises(BadInput, match=reason) as caught:
        parse_bytes(data)
    assert "\n" not in str(caught.value)


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
    except BadInput:
        return
    assert all((np.diff(clip.frames) > 0).all() for clip in clips)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_zip_with_flipped_bytes_gives_items_or_bad_input(tmp_path_factory, flips):
    path = write_zip(
        tmp_path_factory.mktemp("flip") / "d.zip", {name_of(10, 13): segment(range(10, 14))}
    )
    raw = bytearray(path.read_bytes())
    for place, value in flips:
        raw[place % len(raw)] = value
    path.write_bytes(raw)
    try:
        for item in items_of(path):
            brace.parse(item)
    except BadInput:
        pass


def test_unusable_paths_say_what_was_expected(tmp_path):
    with pytest.raises(BadInput, match=r"does not exist: expected BRACE's dataset.zip"):
        items_of(tmp_path / "absent")
    with pytest.raises(BadInput, match=r"holds no segment: expected BRACE's dataset.zip"):
        items_of(tmp_path)
    (tmp_path / "page.zip").write_text("<html>not found</html>")
    with pytest.raises(BadInput, match="not a readable zip"):
        items_of(tmp_path / "page.zip")


def test_strange_json_names_are_told_and_other_files_left_alone(tmp_path):
    files = TABLES | {
        name_of(10, 19): segment([10]),
        "dataset/2011/x/oops.json": b"{}",
        "dataset/._x_1-2_toprock.json": b"mac",
        "README.md": b"",
        "annotations/audio_beats.json": b"{}",
    }
    strange, good = items_of(write_folder(tmp_path, files))
    assert strange.name == "dataset/2011/x/oops.json"
    with pytest.raises(BadInput, match="is not named"):
        brace.parse(strange)
    assert len(brace.parse(good)) == 1


def zip_with(path: Path, name: str, times: int = 1, **attributes) -> Path:
    info = zipfile.ZipInfo(name)
    info.compress_type = attributes.pop("compress_type", zipfile.ZIP_DEFLATED)
    for key, value in attributes.items():
        setattr(info, key, value)
    with zipfile.ZipFile(path, "w") as archive:
        for _ in range(times):
            archive.writestr(info, segment(range(10, 20)))
    return path


HOSTILE = {
    "parent": ({"name": "../" + name_of(10, 19)}, "leads out"),
    "absolute": ({"name": "/" + name_of(10, 19)}, "leads out"),
    "backslash": ({"name": "..\\" + name_of(10, 19)}, "leads out"),
    "link": ({"name": name_of(10, 19), "external_attr": 0o120777 << 16}, "symbolic link"),
    "method": ({"name": name_of(10, 19), "compress_type": zipfile.ZIP_LZMA}, "only stored and"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_members_are_refused_by_name(tmp_path, kind):
    attributes, reason = HOSTILE[kind]
    assert reason in only_reason(zip_with(tmp_path / "d.zip", **attributes))


def test_an_encrypted_member_is_refused(tmp_path):
    path = zip_with(tmp_path / "d.zip", name_of(10, 19))
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + offset] |= 1
    path.write_bytes(raw)
    assert "is encrypted" in only_reason(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_occurs_twice_is_refused(tmp_path):
    assert "occurs 2 times" in only_reason(zip_with(tmp_path / "d.zip", name_of(10, 19), times=2))


def test_a_bomb_and_an_oversized_file_are_refused_before_unfolding(tmp_path, monkeypatch):
    bomb = write_zip(tmp_path / "bomb.zip", {name_of(10, 19): b"0" * (4 << 20)})
    assert "times its size; 200 is allowed" in only_reason(bomb)
    monkeypatch.setattr(brace, "MAX_JSON_BYTES", 1000)
    files = {name_of(10, 19): segment(range(10, 20))}
    assert "more than 1,000 allowed" in only_reason(write_zip(tmp_path / "d.zip", files))
    assert "larger than the 1,000" in only_reason(write_folder(tmp_path / "d", files))


def test_a_damaged_member_is_rejected_and_the_rest_kept(tmp_path):
    files = {name_of(10, 19): segment(range(10, 20)), name_of(30, 39): segment(range(30, 40))}
    path = write_zip(tmp_path / "d.zip", files)
    raw = bytearray(path.read_bytes())
    raw[150] ^= 0xFF
    path.write_bytes(raw)
    damaged, good = items_of(path)
    with pytest.raises(BadInput, match=r"damaged inside d\.zip"):
        brace.parse(damaged)
    assert len(brace.parse(good)) == 1


def test_links_in_a_folder_are_not_followed(tmp_path):
    outside = write_folder(tmp_path / "out", {"secret.json": segment(range(10, 20))})
    path = write_folder(tmp_path / "d", {name_of(30, 39): segment(range(30, 40))})
    (path / name_of(10, 19)).symlink_to(outside / "secret.json")
    linked, good = items_of(path)
    with pytest.raises(BadInput, match="symbolic link"):
        brace.parse(linked)
    assert len(brace.parse(good)) == 1


def test_an_id_too_long_for_an_id_is_rejected():
    data = segment([10]).replace(VIDEO.encode(), b"v" * 60)
    with pytest.raises(BadInput, match="not 1 to 64"):
        parse_bytes(data, video="v" * 60)


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
    with pytest.raises(BadInput, match=reason):
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
