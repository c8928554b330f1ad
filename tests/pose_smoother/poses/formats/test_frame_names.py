"""Which number in names of frames is the frame, in folders and in columns."""

import hashlib
import json
from pathlib import Path

import pytest

from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.formats.frame_names import frame_places

N = 30


def digest(text: object) -> str:
    return hashlib.md5(str(text).encode(), usedforsecurity=False).hexdigest()


ONE_VIDEO = {
    "frame_{:04d}_cam2.png": "frame_",
    "img_{:05d}_640x480.png": "img_",
    "frame{:04d}.jp2": "frame",
    "{:04d}.mp4": "",
    "{}_of_30": "",
    "a-{}.rf.x": "a-",
    "00{}_00{}": "_",  # both count up
    "walk 2024-01-05 {:06d}": "walk 2024-01-05 ",
}


@pytest.mark.parametrize("pattern", ONE_VIDEO)
def test_the_number_that_varies_is_the_frame(pattern: str) -> None:
    names = [pattern.format(f, f) for f in range(N)]
    places = frame_places(names, [])
    assert places == [(ONE_VIDEO[pattern], f) for f in range(N)]


def test_hashes_are_no_numbers() -> None:
    names = [f"clip_mp4-{f:04d}_jpg.rf.{digest(f)}" for f in range(N)]
    assert frame_places(names, []) == [("clip_mp4-", f) for f in range(N)]
    assert frame_places([f"{digest(1)}_{f}.png" for f in range(N)], []) == [
        (f"{digest(1)}_", f) for f in range(N)
    ]
    assert frame_places([digest(1)], []) == [None]


def test_cameras_are_videos_and_videos_stay_apart() -> None:
    names = [f"frame_{f:04d}_cam{c}.png" for f in range(N) for c in (1, 2)]
    notes: list[str] = []
    assert frame_places(names, notes) == [(f"frame__cam{c}", f) for f in range(N) for c in (1, 2)]
    assert notes == [
        "of names such as 'frame_0000_cam1.png', the number 0000 was taken as the frame"
    ]
    for pattern in ("v{}_{}.png", "video{:03d}_frame_{:05d}", "cam{}.{:04d}"):
        names = [pattern.format(v, f) for v in range(9) for f in range(2)]
        start = pattern[: pattern.rindex("{")]
        expected = [(start.format(v), f) for v in range(9) for f in (0, 1)]
        assert frame_places(names, notes) == expected
    assert len(notes) == 1


def test_single_images_of_several_videos_stay_apart() -> None:
    names = ["v1_0005.png", "v2_0005.png", "v3_0007.png", "v4_0009.png"]
    assert frame_places(names, []) == [("v1_", 5), ("v2_", 5), ("v3_", 7), ("v4_", 9)]


@pytest.mark.parametrize("pattern", ["v{}/1.jpg", "v{0}/{0}.jpg", "a\\{}\\img_0001_x2.jpg"])
def test_folders_are_videos(pattern: str) -> None:
    names = [pattern.format(i) for i in range(N)]
    notes: list[str] = []
    places = frame_places(names, notes)
    assert len({place[0] for place in places if place}) == N
    assert notes == []
    names = [f"v{i}/frame_{f:04d}_cam2.jpg" for i in range(N) for f in range(N)]
    expected = [(f"v{i}/frame_", f) for i in range(N) for f in range(N)]
    assert frame_places(names, notes) == expected
    assert frame_places([f"v{f}/image.jpg" for f in range(N)], []) == [("v", f) for f in range(N)]


def openpose(folder: Path, pattern: str) -> None:
    points = [1.5, 2.5, 0.5] * 25
    for f in range(N):
        text = json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": points}]})
        (folder / f"{pattern.format(f)}.json").write_text(text)


def yolo(folder: Path, pattern: str) -> None:
    for f in range(N):
        line = "0 0.5 0.5 0.2 0.2 " + " ".join(["0.45 0.55 0.9"] * 17)
        (folder / f"{pattern.format(f)}.{digest(f)}.txt").write_text(line)


def mmpose(folder: Path, pattern: str) -> None:
    for f in range(N):
        text = json.dumps([{"keypoints": [[1, 2]] * 17, "keypoint_scores": [0.5] * 17}])
        (folder / f"{pattern.format(f)}.json").write_text(text)


def coco(folder: Path, pattern: str) -> None:
    items = [
        {"image_id": pattern.format(f), "category_id": 1, "keypoints": [1, 2, 0.5] * 17}
        for f in range(N)
    ]
    (folder / "a.json").write_text(json.dumps(items))


def annotations(folder: Path, pattern: str) -> None:
    images = [{"id": f + 5, "file_name": pattern.format(f, digest(f))} for f in range(N)]
    people = [{"image_id": f + 5, "keypoints": [1, 2, 2] * 17} for f in range(N)]
    (folder / "a.json").write_text(json.dumps({"images": images, "annotations": people}))


def alphapose(folder: Path, pattern: str) -> None:
    text = {pattern.format(f): [{"keypoints": [1, 2, 0.5] * 17}] for f in range(N)}
    (folder / "a.json").write_text(json.dumps(text))


def openpifpaf(folder: Path, pattern: str) -> None:
    for f in range(N):
        text = json.dumps([{"keypoints": [1, 2, 0.5] * 17, "bbox": [], "category_id": 1}])
        (folder / f"{pattern.format(f)}.predictions.json").write_text(text)


def table(folder: Path, pattern: str) -> None:
    rows = [f"{pattern.format(f)},1.5,2.5" for f in range(N)]
    (folder / "a.csv").write_text("\n".join(["image,nose_x,nose_y", *rows]))


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (openpose, "frame_{:04d}_cam2_keypoints"),
        (openpose, "{:04d}.mp4"),
        (yolo, "clip_mp4-{:04d}_jpg.rf"),
        (mmpose, "img_{:05d}_640x480"),
        (coco, "frame_{:04d}_cam2.png"),
        (annotations, "clip_mp4-{:04d}_jpg.rf.{}.jpg"),
        (alphapose, "frame_{:04d}_cam2.png"),
        (openpifpaf, "frame_{:04d}_cam2.png"),
        (table, "frame_{:04d}_cam2.png"),
        (table, "00:00:01.{:03d}"),
    ],
)
def test_folders_and_columns_are_one_video(make: object, pattern: str, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path, pattern)
    (path,) = [*tmp_path.glob("a.*")] or [tmp_path]
    poses = read_poses(path)
    (track,) = poses.tracks
    assert track.frame.tolist() == list(range(N))
    assert not any(isinstance(warning, Caution) for warning in poses.warnings)


def test_as_many_videos_as_frames_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["sequence,nose_x,nose_y", *(f"{f},1,2" for f in range(9))]))
    (warning,) = (w for w in read_poses(path).warnings if isinstance(w, Caution))
    assert warning.startswith("9 videos of one frame each, such as '0': nothing is smoothed")
    path.write_text("\n".join(["image,nose_x,nose_y", *(f"{c}1.png,1,2" for c in "abc")]))
    assert any("3 videos of one frame each" in w for w in read_poses(path).warnings)
    path.write_text("\n".join(["image,nose_x,nose_y", "a1,1,2", "b1,1,2", "c1,1,2", "c2,1,2"]))
    assert not any("videos" in w for w in read_poses(path).warnings)
