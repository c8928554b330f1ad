"""Who is who, in which frame: order, doubles, gaps, steps and people without ids."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.formats.linking import link, overlaps
from pose_smoother.poses.formats.tracks_io import frame_step, named_frame
from pose_smoother.poses.tracks import Floats, Poses


def square(x: float) -> Floats:
    """A person of four keypoints at x."""
    return np.array([[x, 0.0], [x + 10, 0], [x + 10, 10], [x, 10]])


def detection(image: Any, x: float, **fields: Any) -> dict[str, Any]:
    """A square person at x."""
    points = np.column_stack([square(x), np.full(4, 0.5)]).ravel().tolist()
    return {"image_id": image, "category_id": 1, "keypoints": points, **fields}


def read(folder: Path, items: list[dict[str, Any]]) -> Poses:
    (folder / "a.json").write_text(json.dumps(items))
    return read_poses(folder / "a.json", skeleton="numbered")


def test_frames_out_of_order_are_sorted_told_and_written_in_their_own_order(
    tmp_path: Path,
) -> None:
    items = [detection(frame, frame, track_id=1) for frame in (4, 2, 3)]
    poses = read(tmp_path, items)
    (track,) = poses.tracks
    assert track.frame.tolist() == [2, 3, 4]
    assert track.keypoints[:, 0, 0].tolist() == [2, 3, 4]
    assert poses.warnings == ("frames out of order were sorted (1)",)
    write_keypoints(poses, [track.keypoints + 100], tmp_path / "b.json")
    written = json.loads((tmp_path / "b.json").read_text())
    assert [item["keypoints"][0] for item in written] == [104, 102, 103]


def test_two_people_with_one_id_in_one_frame(tmp_path: Path) -> None:
    items = [detection("dance_7.png", x, track_id="ann") for x in (0, 50)]
    told = r"a\.json: two people have one id in one frame: person 'ann', frame 7, video 'dance_'$"
    with pytest.raises(InvalidInputError, match=told):
        read(tmp_path, items)


def test_people_without_ids_are_linked_and_told(tmp_path: Path) -> None:
    items = [
        detection(1, 0),
        detection(1, 100),
        detection(2, 101),  # the other order
        detection(2, 1),
        detection(3, 300),  # a new one
        detection(3, 3),
        detection(5, 4),  # after a gap, nobody is known to be the same
        detection(5, 301),
    ]
    poses = read(tmp_path, items)
    assert {t.id: (t.frame.tolist(), t.keypoints[:, 0, 0].tolist()) for t in poses.tracks} == {
        "link-1": ([1, 2, 3], [0, 1, 3]),
        "link-2": ([1, 2], [100, 101]),
        "link-3": ([3], [300]),
        "link-4": ([5], [4]),
        "link-5": ([5], [301]),
    }
    assert len(poses.warnings) == 1
    assert "linked from frame to frame by the overlap" in poses.warnings[0]


def test_one_person_a_frame_is_one_person(tmp_path: Path) -> None:
    poses = read(tmp_path, [detection(f, 100 * f) for f in (1, 2, 5)])
    (track,) = poses.tracks
    assert track.frame.tolist() == [1, 2, 5]
    assert track.runs() == [slice(0, 2), slice(2, 3)]
    assert "were taken as one person throughout" in poses.warnings[0]


def test_ids_and_people_without_one_are_kept_apart(tmp_path: Path) -> None:
    items = [detection(1, 0, track_id="link-1"), detection(1, 50), detection(2, 50)]
    poses = read(tmp_path, items)
    assert [(t.id, t.frame.tolist()) for t in poses.tracks] == [
        ("link-1", [1]),
        ("link-1'", [1, 2]),
    ]


def test_a_step_throughout_is_no_gap(tmp_path: Path) -> None:
    poses = read(tmp_path, [detection(f, f, track_id=1) for f in range(0, 60, 5)])
    (track,) = poses.tracks
    assert track.step == 5
    assert track.runs() == [slice(0, 12)]
    assert poses.warnings == ("frames numbered in steps of 5 were taken as neighbours",)


@pytest.mark.parametrize(
    ("frames", "step"),
    [
        ([1, 2, 3, 4, 5], 1),
        ([0, 2, 4, 6, 8], 2),
        ([0, 2, 4, 6], 1),  # too few to tell
        ([0, 10, 30, 40, 80], 1),  # a common divisor, but not the usual distance
        ([0, 2, 4, 6, 9], 1),
        ([3], 1),
        ([], 1),
    ],
)
def test_frame_step(frames: list[int], step: int) -> None:
    assert frame_step(np.array(frames, dtype=np.int64)) == step


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (12, ("", 12)),
        ("0012", ("", 12)),
        (" -3", ("", -3)),
        (7.0, ("", 7)),
        ("dance/img-000123.png", ("dance/img-", 123)),
        ("0.jpg", ("", 0)),
        ("cam2_frame_9.jpeg", ("cam2_frame_", 9)),
    ],
)
def test_frames_by_number_or_name(value: Any, place: tuple[str, int]) -> None:
    assert named_frame(value) == place


@pytest.mark.parametrize(
    "value", [None, True, 1.5, "cover.png", [1], float("nan"), 2**63, "9" * 20]
)
def test_bad_frames(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected a"):
        named_frame(value)


def test_links_reach_over_a_step_but_not_over_a_gap() -> None:
    frame = np.array([0, 0, 5, 5, 15, 15])
    keypoints = np.stack([square(x) for x in (0, 50, 51, 1, 2, 52)])
    found = link(frame, keypoints, 5)
    assert found == ["link-1", "link-2", "link-2", "link-1", "link-3", "link-4"]


def test_overlaps() -> None:
    a = np.array([[0.0, 0, 10, 10], [np.inf, np.inf, -np.inf, -np.inf]])
    b = np.array([[5.0, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]])
    np.testing.assert_allclose(overlaps(a, b), [[1 / 3, 0, 1], [0, 0, 0]])


def test_the_best_pair_is_linked_first() -> None:
    frame = np.array([0, 0, 1, 1])
    keypoints = np.stack([square(x) for x in (0, 6, 5, 60)])
    assert link(frame, keypoints, 1) == ["link-1", "link-2", "link-2", "link-3"]
