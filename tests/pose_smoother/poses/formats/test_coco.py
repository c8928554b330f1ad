"""COCO files: COCO-WholeBody's lists, categories that name nothing, frame rates of videos."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.skeletons import skeleton
from pose_smoother.poses.tracks import Poses

PARTS = {
    "keypoints": 17,
    "foot_kpts": 6,
    "face_kpts": 68,
    "lefthand_kpts": 21,
    "righthand_kpts": 21,
}


def points(n: int, start: float, third: float) -> list[float]:
    return [v for i in range(n) for v in (start + i, start + 2 * i + 1, third)]


def document(people: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    images = [{"id": i, "file_name": f"{i:03d}.jpg"} for i in range(len(people))]
    listed = [{"image_id": i, "category_id": 1, "track_id": 0, **p} for i, p in enumerate(people)]
    return {"images": images, "annotations": listed, **more}


def read(folder: Path, value: Any) -> Poses:
    (folder / "a.json").write_text(json.dumps(value))
    return read_poses(folder / "a.json")


def test_feet_face_and_hands_are_keypoints_of_the_person(tmp_path: Path) -> None:
    people = [{key: points(n, 10 * i + 1, 0.5) for key, n in PARTS.items()} for i in range(3)]
    people[1]["lefthand_kpts"] = [0.0] * 63
    del people[2]["righthand_kpts"]
    names = list(skeleton("coco-17").keypoints)
    poses = read(tmp_path, document(people, categories=[{"id": 1, "keypoints": names}]))
    assert poses.names == skeleton("coco-wholebody-133").keypoints
    (track,) = poses.tracks
    assert np.isnan(track.keypoints[1, 91:112]).all()
    assert np.isnan(track.keypoints[2, 112:]).all()
    assert np.isfinite(track.keypoints[0]).all()
    assert track.score[0, 100] == 0.5
    write_keypoints(poses, [track.keypoints + 0.5], tmp_path / "b.json")
    written = json.loads((tmp_path / "b.json").read_text())["annotations"]
    assert written[0]["face_kpts"][:3] == [1.5, 2.5, 0.5]
    assert written[1]["lefthand_kpts"] == [0.0] * 63
    assert "righthand_kpts" not in written[2]


def test_visibility_of_one_list_is_no_score_of_another(tmp_path: Path) -> None:
    people = [{"keypoints": points(17, 1, 2), "face_kpts": points(68, 1, 0.25)} for _ in range(2)]
    people[0]["keypoints"][2] = 0
    (track,) = read(tmp_path, document(people)).tracks
    assert np.isnan(track.keypoints[0, 0]).all()
    assert np.isnan(track.score[:, :17]).all()
    assert (track.score[:, 17:] == 0.25).all()


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_a_category_that_does_not_name_them_is_reported(names: list[str], tmp_path: Path) -> None:
    people = [{"keypoints": points(136, 1, 2)} for _ in range(3)]
    poses = read(tmp_path, document(people, categories=[{"id": 1, "keypoints": names}]))
    assert poses.names == skeleton("halpe-136").keypoints
    assert any("136 keypoints without names: taken as halpe-136" in w for w in poses.warnings)
    assert any("names 2 keypoints, but there are 136" in w for w in poses.warnings) == bool(names)


def test_a_number_of_keypoints_that_no_skeleton_has_is_numbered(tmp_path: Path) -> None:
    poses = read(tmp_path, [{"image_id": i, "keypoints": points(9, i, 0.5)} for i in range(3)])
    assert poses.names == tuple("012345678")
    assert any(w.endswith("numbered from 0") for w in poses.warnings)


@pytest.mark.parametrize(
    ("rates", "fps"),
    [([29.97], 29.97), ([25, 25], 25), ([25, 30], None), ([None], None), ([], None)],
)
def test_the_frame_rate_of_the_videos(rates: list[Any], fps: float | None, tmp_path: Path) -> None:
    videos = [{"id": i, "fps": rate} for i, rate in enumerate(rates)]
    assert read(tmp_path, document([{"keypoints": points(17, 1, 2)}], videos=videos)).fps == fps


def test_a_list_of_another_length_is_named(tmp_path: Path) -> None:
    people = [{"keypoints": points(17, 1, 2), "foot_kpts": points(5, 1, 2)}]
    with pytest.raises(InvalidInputError, match="foot_kpts: expected 6 keypoints, found 5"):
        read(tmp_path, document(people))


def test_twenty_thousand_videos_are_read_in_linear_time(tmp_path: Path) -> None:
    """Quadratic, these would take minutes: the suite's limit would show it."""
    one = {"keypoints": [1.5, 2, 0.5], "track_id": 1}
    items = [{"image_id": f"v{i}_{f}.jpg", **one} for i in range(20_000) for f in (0, 1)]
    assert len(read(tmp_path, items).tracks) == 20_000
