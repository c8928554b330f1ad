"""What single formats have of their own."""

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import find_format, read_poses, write_keypoints
from pose_smoother.poses.formats.table_cells import plain
from pose_smoother.poses.formats.text_table import parse
from pose_smoother.poses.formats.times import frame_numbers
from pose_smoother.poses.formats.tracks_io import frame_rate
from pose_smoother.poses.skeletons import skeleton
from pose_smoother.poses.tracks import Poses
from tests.pose_smoother.poses.formats.samples import FILES, csv_wide

POINTS = [1.5, 2.25, 0.5] * 17


def read_json(folder: Path, document: Any, **options: Any) -> Poses:
    (folder / "a.json").write_text(json.dumps(document))
    return read_poses(folder / "a.json", **options)


@pytest.mark.parametrize(
    ("fields", "person"),
    [
        ({"track_id": 3, "person_id": 4}, "3"),
        ({"person_id": "-abc"}, "-abc"),
        ({"idx": [2.0]}, "2"),  # AlphaPose
        ({"track_id": -1}, "link-1"),
        ({"track_id": None, "idx": 5.5}, "5.5"),
        ({"id": 8}, "link-1"),  # an annotation's id is nobody's
    ],
)
def test_coco_who_is_who(fields: dict[str, Any], person: str, tmp_path: Path) -> None:
    poses = read_json(tmp_path, [{"image_id": 1, "keypoints": POINTS, **fields}])
    assert [track.person for track in poses.tracks] == [person]


def test_coco_visibility_is_no_score(tmp_path: Path) -> None:
    points = [1.5, 2, 2, 3, 4, 1, 5, 6, 0]
    poses = read_json(tmp_path, [{"image_id": 1, "keypoints": points}], skeleton="numbered")
    np.testing.assert_array_equal(
        poses.tracks[0].keypoints[0], [[1.5, 2], [3, 4], [np.nan, np.nan]]
    )
    assert np.isnan(poses.tracks[0].score).all()
    assert "taken as visibility" in poses.warnings[0]
    points[2] = 0.9  # a detector's score of 0 at a position is a position
    poses = read_json(tmp_path, [{"image_id": 1, "keypoints": points}], skeleton="numbered")
    assert poses.tracks[0].score.tolist() == [[0.9, 1, 0]]
    assert poses.tracks[0].keypoints[0, 2].tolist() == [5, 6]


def test_coco_scores_of_0_and_1_are_scores(tmp_path: Path) -> None:
    points = [1.5, 2, 1, 3, 4, 1, 5, 6, 0]
    poses = read_json(tmp_path, [{"image_id": 1, "keypoints": points}], skeleton="numbered")
    assert poses.tracks[0].score.tolist() == [[1, 1, 0]]
    pairs = [{"image_id": 1, "keypoints": [[1.5, 2.0], [3.0, 4.0]]}]
    (track,) = read_json(tmp_path, pairs, skeleton="numbered").tracks
    assert track.keypoints.tolist() == [[[1.5, 2], [3, 4]]]
    assert np.isnan(track.score).all()


def test_options_of_read_poses_have_names(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="positional"):
        read_poses(tmp_path, "coco-results")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rate", "found"), [(0.5, 0.5), (1, 1.0), (0, None), (-1, None), (math.inf, None), (True, None)]
)
def test_frame_rates(rate: float, found: float | None) -> None:
    assert frame_rate(rate) == found


def test_coco_frames_by_the_images_own_words(tmp_path: Path) -> None:
    images = [
        {"id": 5, "file_name": "x.jpg", "frame_id": 2, "video_id": "a"},
        {"id": 6, "file_name": "x.jpg", "frame_id": 3, "video_id": "a"},
        {"id": 7, "file_name": "x.jpg", "frame_id": 2, "video_id": "b"},
    ]
    people = [{"image_id": i, "category_id": 1, "keypoints": POINTS} for i in (5, 6, 7)]
    poses = read_json(tmp_path, {"images": images, "annotations": people})
    assert [(t.video, t.frame.tolist()) for t in poses.tracks] == [("a", [2, 3]), ("b", [2])]


def test_coco_images_whose_names_are_no_numbers(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": "frame.jpg"} for i in (5, 6)]
    people = [{"image_id": i, "category_id": 1, "keypoints": POINTS} for i in (5, 6)]
    poses = read_json(tmp_path, {"images": images, "annotations": people})
    assert poses.tracks[0].frame.tolist() == [5, 6]
    assert "their ids were taken for numbers" in poses.warnings[0]


def test_mmpose_without_frames_or_names(tmp_path: Path) -> None:
    person = {"keypoints": [[1.5, 2.5]] * 17, "keypoint_scores": [0.5] * 17}
    poses = read_json(tmp_path, [person, {**person, "keypoints": [[400.5, 2]] * 17}])
    assert poses.format == "mmpose"
    assert poses.names == skeleton("coco-17").keypoints
    assert [t.frame.tolist() for t in poses.tracks] == [[0], [0]]
    poses = read_json(tmp_path, [{"frame_id": 4, "instances": [person]}])
    assert poses.tracks[0].frame.tolist() == [4]
    flat = [{"keypoints": [1.5, 2.5] * 17, "keypoint_scores": [0.5] * 17}]
    poses = read_json(tmp_path, flat)
    write_keypoints(poses, [poses.tracks[0].keypoints + 1], tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text())[0]["keypoints"] == [2.5, 3.5] * 17


def test_json_is_laid_out_as_it_was(tmp_path: Path) -> None:
    item = {"image_id": 1, "keypoints": POINTS, "note": "é"}
    for indent, ascii_only in ((None, True), (None, False), (3, True), ("\t", False)):
        text = json.dumps([item], indent=indent, ensure_ascii=ascii_only) + "\n"
        (tmp_path / "a.json").write_text(text, encoding="utf-8")
        poses = read_poses(tmp_path / "a.json")
        write_keypoints(poses, [poses.tracks[0].keypoints + 1], tmp_path / "b.json")
        expected = text.replace("2.25", "3.25").replace("1.5", "2.5")
        assert (tmp_path / "b.json").read_text(encoding="utf-8") == expected


def test_openpose_one_file_and_untracked_people(tmp_path: Path) -> None:
    person = {"person_id": [-1], "pose_keypoints_2d": [1.5, 2, 0.5] * 18}
    poses = read_json(tmp_path, {"people": [person, {"pose_keypoints_2d": []}]})
    assert poses.format == "openpose"
    assert poses.names == skeleton("openpose-18").keypoints
    write_keypoints(poses, [poses.tracks[0].keypoints + 1], tmp_path / "b.json")
    people = json.loads((tmp_path / "b.json").read_text())["people"]
    assert people[0]["pose_keypoints_2d"][:3] == [2.5, 3.0, 0.5]
    assert people[1] == {"pose_keypoints_2d": []}


def test_openpose_folders_are_sorted_by_number_and_written_again(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for frame in (2, 10):
        person = {"pose_keypoints_2d": [float(frame), 2, 0.5] * 25}
        name = f"v_{frame}_keypoints.json"
        (tmp_path / "in" / name).write_text(json.dumps({"people": [person]}))
    (tmp_path / "in" / "v.mp4").write_bytes(b"")
    poses = read_poses(tmp_path / "in")
    assert poses.tracks[0].frame.tolist() == [2, 10]
    assert poses.names == skeleton("body-25").keypoints
    assert not any("out of order" in warning for warning in poses.warnings)
    assert "1 other file of the folder is no frame: not copied" in poses.warnings
    write_keypoints(poses, [poses.tracks[0].keypoints], tmp_path / "out")
    moved = [poses.tracks[0].keypoints + 1]
    write_keypoints(poses, moved, tmp_path / "out")  # an earlier output is replaced
    np.testing.assert_array_equal(read_poses(tmp_path / "out").tracks[0].keypoints, moved[0])
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInputError, match=r"out: holds mine\.txt"):
        write_keypoints(poses, moved, tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]  # nothing aside is left


def test_csv_cells_keep_their_text(tmp_path: Path) -> None:
    head = "id,frame,person,keypoint,x,y,score,note,link\r\n"
    rows = '007,1,"a,b",nose,1.50,2,0.90,NA,"=1+1"\r\n-abc,2,"a,b",nose,,nan,NA,é,"say ""hi"""\r\n'
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + (head + rows).encode())
    poses = read_poses(tmp_path / "a.csv")
    (track,) = poses.tracks
    assert track.person == "a,b"
    assert np.isnan(track.keypoints[1]).all()
    new = track.keypoints.copy()
    new[0, 0, 0] = -0.1234567  # y and the missing one stay
    write_keypoints(poses, [new], tmp_path / "b.csv")
    expected = (head + rows).replace("1.50", "-0.123457").encode()
    assert (tmp_path / "b.csv").read_bytes() == b"\xef\xbb\xbf" + expected


def test_csv_in_latin_1_and_with_tabs(tmp_path: Path) -> None:
    text = "frame\tknie_x\tknie_y\tgröße\n1\t2.5\t3\tü\n"
    (tmp_path / "a.tsv").write_bytes(text.encode("latin-1"))
    poses = read_poses(tmp_path / "a.tsv")
    assert poses.names == ("knie",)
    write_keypoints(poses, [poses.tracks[0].keypoints * 2], tmp_path / "b.tsv")
    assert (tmp_path / "b.tsv").read_bytes() == text.replace("2.5\t3", "5.0\t6").encode("latin-1")


def test_csv_xy_names_may_follow_the_axis(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x_nose,y_nose,x.left ear,y.left ear\n1.5,2,3,4\n")
    poses = read_poses(tmp_path / "a.csv")
    assert (poses.format, poses.names) == ("csv-xy", ("nose", "left ear"))


def test_a_comment_is_the_header_where_it_has_as_many_cells(tmp_path: Path) -> None:
    for title, head in (("# x,y,z", 1), ("# x,y", 2), ("# all,of,them,are", 2)):
        raw = f"# by hand\n{title}\n1,2,3\n".encode()
        assert parse(raw).head == head
    cells = ('"a"', '"a"b', '"', "a", '""', "")
    assert [plain(cell) for cell in cells] == ["a", '"a"b', '"', "a", "", ""]


def test_short_lines_grow_up_to_what_is_written() -> None:
    table = parse(b'a;b;c;d\n"1";2\n3,5;4\n5\n')
    found = table.changed({1: {3: 1.5}, 2: {2: 2.0}, 3: {1: 7.0}})
    assert found == b'a;b;c;d\n"1";2;;1.5\n3,5;4;2\n5;7\n'.replace(b"1.5", b"1,5")
    for value in (2.5, 2.0):
        written = parse(b"a,b,c,d\n1\n1,2,3,4\n").changed({1: {2: value}, 2: {1: value}})
        assert written.decode() == "a,b,c,d\n1,,N\n1,N,3,4\n".replace("N", f"{value:g}")


def test_csv_wide_without_a_frame_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("nose.x,nose.y,nose.likelihood\n5.5,6,0.1\n7,8,0.2\n")
    poses = read_poses(tmp_path / "a.csv")
    assert poses.tracks[0].frame.tolist() == [0, 1]
    assert poses.tracks[0].score.tolist() == [[0.1], [0.2]]
    assert "there is no column frame: rows were counted from 0" in poses.warnings


def test_csv_of_several_videos(tmp_path: Path) -> None:
    csv_wide(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text().replace(";0005;", ";cut/0005.png;")
    (tmp_path / "a.csv").write_text(text)
    found = {t.id: t.frame.tolist() for t in read_poses(tmp_path / "a.csv").tracks}
    assert found == {"7": [3, 4, 8], "2": [3, 4, 8], "cut/:7": [5], "cut/:2": [5]}


def test_npz_types_and_people(tmp_path: Path) -> None:
    keypoints = np.arange(2 * 3 * 17 * 3).reshape(2, 3, 17, 3)
    keypoints[..., 2] %= 2  # scores
    np.savez(tmp_path / "a.npz", keypoints=keypoints)
    poses = read_poses(tmp_path / "a.npz")
    assert [t.person for t in poses.tracks] == ["1", "2"]
    np.testing.assert_array_equal(poses.tracks[1].score, keypoints[1, ..., 2])
    new = [t.keypoints + 0.25 for t in poses.tracks]
    write_keypoints(poses, new, tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as archive:
        np.testing.assert_array_equal(archive["keypoints"][..., :2], keypoints[..., :2] + 0.25)
        np.testing.assert_array_equal(archive["keypoints"][..., 2], keypoints[..., 2])
    np.savez(tmp_path / "c.npz", keypoints=keypoints[0, ..., :2].astype(np.float32))
    poses = read_poses(tmp_path / "c.npz")
    write_keypoints(poses, [new[0]], tmp_path / "d.npz")
    with np.load(tmp_path / "d.npz") as archive:
        assert archive["keypoints"].dtype == np.float32


def test_npz_never_unpickles_but_keeps_objects(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}, None], dtype=object)
    np.savez(tmp_path / "a.npz", keypoints=np.full((2, 17, 2), 7.5), extra=objects)
    poses = read_poses(tmp_path / "a.npz")
    write_keypoints(poses, [poses.tracks[0].keypoints + 1], tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz", allow_pickle=True) as archive:
        assert archive["extra"].tolist() == [{"a": 1}, None]


@pytest.mark.parametrize(("rate", "fps"), [(0.5, 0.5), (1, 1.0), (0, None), (np.nan, None)])
def test_movement_rates(rate: float, fps: float | None, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes((FILES / "movement.nc").read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["fps"] = rate
    assert read_poses(path).fps == fps


@pytest.mark.parametrize(("n", "names"), [(33, "blazepose-33"), (21, None), (40, None)])
def test_mediapipe_landmarks_without_names(n: int, names: str | None, tmp_path: Path) -> None:
    frames = [{"frame": f, "landmarks": [{"x": 0.1 * f, "y": 0.2}] * n} for f in (1, 2)]
    found = read_json(tmp_path, frames).names
    assert found == (skeleton(names).keypoints if names else tuple(map(str, range(n))))


def test_nwb_frames_of_a_long_recording() -> None:
    notes: list[str] = []
    _, frame, step = frame_numbers(np.arange(100) / 25 + 3, notes)
    assert (frame.tolist(), notes) == (list(range(100)), [])
    assert step == pytest.approx(1 / 25)
    _, frame, step = frame_numbers(np.array([0.0, 1.0, 2.0, 3.3]), notes)
    assert (frame.tolist(), step, len(notes)) == ([0, 1, 2, 3], None, 1)


def test_nwb_frames_from_timestamps() -> None:
    told: list[str] = []
    time = np.array([5.0, 5.1, 5.2, 5.5, 5.1000001])[[0, 1, 2, 3]]
    assert frame_numbers(time, told)[1].tolist() == [0, 1, 2, 5]
    assert frame_numbers(np.array([3.0]), told)[1].tolist() == [0]
    assert told == []
    assert frame_numbers(np.array([0.0, 1, 1.4, 3, 4]), told)[1].tolist() == [0, 1, 2, 3, 4]
    assert told == ["timestamps are not evenly spaced: frames were numbered in their order"]


def test_formats_are_distinguished_by_content(tmp_path: Path) -> None:
    for text, name in (
        ('\n [{"frame_id": 1, "instances": []}]', "mmpose"),
        ('\ufeff{"people": []}', "openpose"),
        ('{"images": []}', "coco-results"),
        ('[{"category_id": 1, "image_id": 2}]', "coco-results"),
    ):
        (tmp_path / "a.json").write_text(text, encoding="utf-8")
        assert find_format(tmp_path / "a.json") == name


def test_timestamps_of_a_camera_keep_their_gaps() -> None:
    rng = np.random.default_rng(0)
    number = np.delete(np.arange(3000), [50, 51, 700])
    number[2000:] += 5000  # a pause: how many frames it takes is not exact
    notes: list[str] = []
    _, frame, step = frame_numbers(number / 29.97 + rng.normal(0, 0.001, len(number)), notes)
    assert notes == []
    assert np.array_equal(frame[:2000], number[:2000])
    assert np.array_equal(np.diff(frame)[2001:], np.diff(number)[2001:])
    assert abs(np.diff(frame)[1999] / np.diff(number)[1999] - 1) < 0.01
    assert step == pytest.approx(1 / 29.97, rel=1e-3)
