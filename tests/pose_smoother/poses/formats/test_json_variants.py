"""JSON and HDF5 as other programs lay them out: all frames are read, and written in place."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats import read_poses, write_keypoints

N = 4


def landmarks(frame: int) -> list[dict[str, float]]:
    return [{"x": frame + k + 0.5, "y": frame - k, "visibility": 0.5} for k in range(3)]


def instance(frame: int) -> dict[str, Any]:
    return {"keypoints": [[frame + 0.5, frame]] * 17, "keypoint_scores": [0.5] * 17}


def person(frame: int) -> dict[str, Any]:
    return {"pose_keypoints_2d": [frame + 0.5, frame, 0.5] * 25}


DOCUMENTS: dict[str, Any] = {
    "landmarks by number": {str(f): {"pose_landmarks": landmarks(f)} for f in range(N)},
    "landmarks by name": {f"f{f}_c2.png": {"landmarks": landmarks(f)} for f in range(N)},
    "landmarks of several, and gaps": {
        "fps": 25,
        "frames": {"0": {"pose_landmarks": []}}
        | {str(f): {"pose_landmarks": [landmarks(f)]} for f in range(N)},
    },
    "numbers as text": [{"frame_id": f"{f:06d}", "instances": [instance(f)]} for f in range(N)],
    "a list an image": [[instance(f)] for f in range(N)],
    "people of frames": {"fps": 30, "frames": [{"people": [person(f)]} for f in range(N)]},
    "people of named frames": {
        "v": 1,
        "data": [{"frame_id": f"img_{f}.png", "people": [person(f)]} for f in range(N)],
    },
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_all_frames_are_read_and_written(name: str, tmp_path: Path) -> None:
    path, out = tmp_path / "a.json", tmp_path / "out.json"
    path.write_text(json.dumps(DOCUMENTS[name]))
    poses = read_poses(path)
    (track,) = poses.tracks
    assert track.frame.tolist() == list(range(N))
    np.testing.assert_array_equal(track.keypoints[:, 0], [[f + 0.5, f] for f in range(N)])
    assert (track.score == 0.5).all()
    write_keypoints(poses, [track.keypoints + 100], out)
    (moved,) = read_poses(out).tracks
    np.testing.assert_array_equal(moved.keypoints, track.keypoints + 100)
    assert json.loads(out.read_text()).__class__ is DOCUMENTS[name].__class__


def test_videos_of_landmarks_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    names = [(v, f) for v in "ab" for f in range(N)]
    text = {f"{v}_{f}.png": {"landmarks": landmarks(f)} for v, f in names}
    path.write_text(json.dumps(text))
    assert [track.frame.tolist() for track in read_poses(path).tracks] == [list(range(N))] * 2


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"left": {"landmarks": landmarks(0)}}, "expected frames by their numbers, found .*'left'"),
        ({"0.5": {"landmarks": landmarks(0)}}, "expected a whole frame number, found 0.5"),
        ({"frames": [{"people": []}, {"a": 1}]}, "frame 1: expected a list 'people'"),
        ([{"frame_id": "a1", "instances": [instance(0)]}], "whole frame number, found 'a1'"),
        ([[instance(0)], {}], "item 1: expected an object"),
    ],
)
def test_what_is_not_clear_is_refused(document: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InvalidInputError, match=said):
        read_poses(path)


def frames_folder(folder: Path, other: str, text: str) -> Path:
    folder.mkdir()
    (folder / other).write_text(text)
    for f in range(N):
        (folder / f"cam1_{f:03d}.json").write_text(json.dumps({"people": [person(f)]}))
    return folder


def test_an_info_file_is_no_frame(tmp_path: Path) -> None:
    poses = read_poses(frames_folder(tmp_path / "a", "info.json", '{"fps": 30}'))
    assert [track.frame.tolist() for track in poses.tracks] == [list(range(N))]
    assert [w for w in poses.warnings if isinstance(w, Caution)] == [
        "1 other file of the folder is no frame: not copied"
    ]
    with pytest.raises(
        InvalidInputError, match=r"cam1_9\.json: the file: expected a list 'people'"
    ):
        read_poses(frames_folder(tmp_path / "b", "cam1_9.json", '{"fps": 30}'), format="openpose")
    more = read_poses(
        frames_folder(tmp_path / "c", "last.json", json.dumps({"people": [person(0)]}))
    )
    assert sum(len(track.frame) for track in more.tracks) == N + 1


def test_a_folder_with_lists_of_lists_is_read_where_it_is_an_image_a_file(tmp_path: Path) -> None:
    for f in range(N):
        (tmp_path / f"{f}.json").write_text(json.dumps([[instance(f)]]))
    (track,) = read_poses(tmp_path, format="mmpose").tracks
    assert track.frame.tolist() == list(range(N))
    (tmp_path / "0.json").write_text(json.dumps([[instance(0)], [instance(1)]]))
    with pytest.raises(
        InvalidInputError, match=r"0\.json: expected one image's people, found 2 li"
    ):
        read_poses(tmp_path, format="mmpose")


def test_tracks_without_names_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["tracks"] = np.arange(2.0 * 2 * 5 * 6).reshape(2, 2, 5, 6)  # track, xy, node, frame
        file["track_occupancy"] = np.ones((6, 2), np.uint8)
        file["track_names"] = np.zeros(0, "S1")
        file["node_names"] = np.array([f"n{k}".encode() for k in range(5)])
    poses = read_poses(path)
    assert [track.person for track in poses.tracks] == ["track_0", "track_1"]
    assert poses.names == ("n0", "n1", "n2", "n3", "n4")
