"""OpenPose's files: any names with a number, hands and faces, BODY_25 or BODY_25B."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import find_format, read_poses, write_keypoints
from pose_smoother.poses.skeletons import skeleton
from tests.pose_smoother.poses.test_keypoint_names import people


def frame(x: float, n: int = 25, **more: Any) -> dict[str, Any]:
    return {
        "people": [
            {"pose_keypoints_2d": [v for i in range(n) for v in (x + i, i + 1, 0.5)], **more}
        ]
    }


def folder(path: Path, names: list[str]) -> Path:
    path.mkdir()
    for i, name in enumerate(names):
        (path / name).write_text(json.dumps(frame(10 * i)))
    return path


@pytest.mark.parametrize(
    ("names", "video"),
    [
        (["cam01.0000.json", "cam01.0002.json", "cam01.0010.json"], "cam01"),
        (["0.json", "2.json", "10.json"], ""),
        (["01.0000.json", "01.0002.json", "01.0010.json"], "01"),
        (["dance_0_keypoints.json", "dance_2_keypoints.json", "dance_10_keypoints.json"], "dance"),
    ],
)
def test_any_names_in_the_order_of_their_numbers(
    names: list[str], video: str, tmp_path: Path
) -> None:
    path = folder(tmp_path / "in", names)
    assert find_format(path) == "openpose"
    poses = read_poses(path)
    (track,) = poses.tracks
    assert track.video == video
    assert track.frame.tolist() == [0, 2, 10]
    np.testing.assert_array_equal(track.keypoints[:, 0, 0], [0, 10, 20])
    write_keypoints(poses, [track.keypoints + 1], tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(names)


def test_a_folder_of_several_cameras_has_several_videos(tmp_path: Path) -> None:
    names = [f"cam{c}.{i:04d}.json" for c in (1, 2) for i in range(3)]
    poses = read_poses(folder(tmp_path / "in", names))
    assert [(t.video, t.frame.tolist()) for t in poses.tracks] == [
        ("cam1", [0, 1, 2]),
        ("cam2", [0, 1, 2]),
    ]


def test_hands_and_face_belong_to_the_person(tmp_path: Path) -> None:
    hand = [v for i in range(21) for v in (i + 1.5, 2, 0.25)]
    face = [v for i in range(70) for v in (i + 1.5, 3, 0.25)]
    first = frame(0, hand_left_keypoints_2d=hand, face_keypoints_2d=face)
    second = frame(1, hand_left_keypoints_2d=[], hand_right_keypoints_2d=[0] * 63)
    path = tmp_path / "in"
    path.mkdir()
    for i, document in enumerate((first, second)):
        (path / f"{i}.json").write_text(json.dumps(document))
    poses = read_poses(path)
    assert len(poses.names) == 25 + 21 + 21 + 70
    assert poses.names[25:27] == ("left_hand_wrist", "left_hand_thumb_cmc")
    assert poses.names[67] == "face_face-0"
    (track,) = poses.tracks
    assert np.isfinite(track.keypoints[0, 25:46]).all()
    assert np.isnan(track.keypoints[1, 25:]).all()
    write_keypoints(
        poses, [np.where(np.isnan(track.keypoints), 7, track.keypoints + 1)], tmp_path / "out"
    )
    one, two = (
        json.loads((tmp_path / "out" / f"{i}.json").read_text())["people"][0] for i in (0, 1)
    )
    assert one["hand_left_keypoints_2d"][:3] == [2.5, 3, 0.25]
    assert one["face_keypoints_2d"][-3:] == [71.5, 4, 0.25]
    assert two["hand_left_keypoints_2d"] == []  # there is no room for a hand that is not listed
    assert two["hand_right_keypoints_2d"][:3] == [7, 7, 0]


@pytest.mark.parametrize("name", ["body-25", "body-25b"])
def test_body_25_and_body_25b_are_distinguished_and_reported(name: str, tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.mkdir()
    for i, pose in enumerate(people(name)):
        values = [v for x, y in pose.tolist() for v in (x + 200, y + 50, 0.9)]
        (path / f"{i}.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": values}]}))
    poses = read_poses(path)
    assert poses.names == skeleton(name).keypoints
    assert any(f"taken as {name}, whose limbs are shorter" in text for text in poses.warnings)
    assert read_poses(path, skeleton="body-25").names == skeleton("body-25").keypoints


def test_hands_alone_are_people_too(tmp_path: Path) -> None:
    hand = [v for i in range(21) for v in (i + 1.5, 2, 0.25)]
    person = {"pose_keypoints_2d": [], "hand_right_keypoints_2d": hand}
    (tmp_path / "0.json").write_text(json.dumps({"people": [person]}))
    poses = read_poses(tmp_path / "0.json")
    assert poses.names[0] == "right_hand_wrist"
    assert len(poses.names) == 21


def test_a_bad_hand_is_named(tmp_path: Path) -> None:
    path = folder(tmp_path / "in", ["0.json", "1.json"])
    (path / "1.json").write_text(json.dumps(frame(0, hand_left_keypoints_2d=[1, 2])))
    with pytest.raises(InvalidInputError, match=r"1\.json: expected keypoints as 3 numbers each"):
        read_poses(path)
    (path / "1.json").write_text(json.dumps(frame(0, n=18)))
    with pytest.raises(InvalidInputError, match=r"one number of keypoints throughout, .*\[18, 25"):
        read_poses(path)


def test_alphapose_s_separate_files_of_its_format_cmu(tmp_path: Path) -> None:
    folder_of_frames = tmp_path / "sep-json"
    folder_of_frames.mkdir()
    for number in range(3):
        joints = [float(k + number) if k % 3 < 2 else 0.9 for k in range(54)]
        document = {"version": "AlphaPose v0.3", "bodies": [{"joints": joints}]}
        (folder_of_frames / f"{number}.json").write_text(json.dumps(document))
    poses = read_poses(folder_of_frames)
    assert (poses.format, len(poses.names), poses.names[0]) == ("openpose", 18, "Nose")
    (track,) = poses.tracks
    assert track.keypoints[2, 1].tolist() == [5.0, 6.0]
    moved = [track.keypoints + 1.0]
    write_keypoints(poses, moved, tmp_path / "out")
    again = json.loads((tmp_path / "out" / "2.json").read_text())
    assert again["version"] == "AlphaPose v0.3"
    assert again["bodies"][0]["joints"][3:6] == [6.0, 7.0, 0.9]
