"""Who is who, in which frame: order, doubles, gaps, steps and people without ids."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.formats.individuals import frame_step, person_id, some
from pose_smoother.poses.formats.linking import MAX_GAP, link
from pose_smoother.poses.formats.tracks_io import named_frame
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


def test_frames_out_of_order_are_sorted_reported_and_written_in_their_own_order(
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


def test_an_id_that_two_people_of_a_frame_have_is_not_trusted(tmp_path: Path) -> None:
    items = [
        detection(f"dance_{f}.png", x + 2 * f, idx=who)
        for f in range(4)
        for x, who in ((100, 0.0), (300, 0.0), (500, 3.0))
    ]
    poses = read(tmp_path, items)
    assert {t.id: t.keypoints[:, 0, 0].tolist() for t in poses.tracks} == {
        "dance_:link-1": [100, 102, 104, 106],
        "dance_:link-2": [300, 302, 304, 306],
        "dance_:3": [500, 502, 504, 506],
    }
    assert poses.warnings == (
        "two detections of a frame have one id (0): detections with it were linked instead",
        "8 detections without a usable id were linked to 2 tracks by distance and motion, across "
        f"at most {MAX_GAP} missing frames",
    )
    assert poses.counts["linked"] == 8


def test_people_without_ids_are_linked_and_reported(tmp_path: Path) -> None:
    items = [
        detection(1, 20),
        detection(1, 120),
        detection(2, 121),  # the other order
        detection(2, 21),
        detection(3, 320),  # a new one
        detection(3, 23),
        detection(5, 24),
        detection(5, 321),
        detection(5 + MAX_GAP + 1, 26),
        detection(5 + MAX_GAP + 1, 900),
        detection(5 + 2 * MAX_GAP + 3, 26),  # a frame too late
    ]
    poses = read(tmp_path, items)
    assert {t.id: (t.frame.tolist(), t.keypoints[:, 0, 0].tolist()) for t in poses.tracks} == {
        "link-1": ([1, 2, 3, 5, 6 + MAX_GAP], [20, 21, 23, 24, 26]),
        "link-2": ([1, 2], [120, 121]),
        "link-3": ([3, 5], [320, 321]),
        "link-4": ([6 + MAX_GAP], [900]),
        "link-5": ([8 + 2 * MAX_GAP], [26]),
    }
    assert len(poses.warnings) == 1
    assert "11 detections without a usable id were linked to 5 tracks" in poses.warnings[0]


def test_every_fifth_frame_empty_is_two_tracks(tmp_path: Path) -> None:
    items = [detection(f, x + f) for f in range(1, 30) if f % 5 for x in (10, 200)]
    assert [len(track.frame) for track in read(tmp_path, items).tracks] == [24, 24]


def test_a_repeated_row_is_no_second_person_and_gets_the_same_coordinates(tmp_path: Path) -> None:
    items = [detection(f, 50 + f) for f in (1, 2, 3)]
    items.insert(2, detection(2, 52))
    poses = read(tmp_path, items)
    (track,) = poses.tracks
    assert track.frame.tolist() == [1, 2, 3]
    assert poses.warnings[0] == "1 rows repeat another row of their frame: taken as one detection"
    write_keypoints(poses, [track.keypoints + 100], tmp_path / "b.json")
    written = json.loads((tmp_path / "b.json").read_text())
    assert [item["keypoints"][0] for item in written] == [151, 152, 152, 153]


def test_a_repeated_row_of_long_csv(tmp_path: Path) -> None:
    file, out = tmp_path / "a.csv", tmp_path / "b.csv"
    rows = ["frame,person,keypoint,x,y", "1,1,a,5,6", "1,1.0,a,5,6", "1,nan,b,9,9", "2,1,a,6,7"]
    file.write_text("\n".join(rows) + "\n")
    poses = read_poses(file)
    assert [(t.person, t.frame.tolist()) for t in poses.tracks] == [("1", [1, 2]), ("link-1", [1])]
    write_keypoints(poses, [t.keypoints + 0.5 for t in poses.tracks], out)
    assert out.read_text().splitlines()[1:] == [
        *("1,1,a,5.5,6.5", "1,1.0,a,5.5,6.5", "1,nan,b,9.5,9.5", "2,1,a,6.5,7.5")
    ]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((text, None) for text in (None, "", " ", "nan", "NaN", "NA", "None", "null", "-1")),
        *(("1", "1"), ("1.0", "1"), (" 1 ", "1"), ("007", "007"), ("1.5", "1.5"), ("-abc", "-abc")),
    ],
)
def test_ids_and_texts_that_are_none(value: str | None, found: str | None) -> None:
    assert person_id(value) == found


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
    poses = read(tmp_path, [detection(f, 9 + f, track_id=1) for f in range(0, 60, 5)])
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


def test_links_reach_over_a_step_and_a_gap() -> None:
    frame = np.array([0, 0, 5, 5, 15, 15])
    keypoints = np.stack([square(x) for x in (0, 50, 51, 1, 2, 52)])
    assert link(frame, keypoints, 5) == [f"link-{n}" for n in (1, 2, 2, 1, 1, 2)]


def test_the_best_assignment_is_linked() -> None:
    frame = np.array([0, 0, 1, 1])
    keypoints = np.stack([square(x) for x in (0, 6, 5, 60)])
    assert link(frame, keypoints, 1) == ["link-1", "link-2", "link-2", "link-3"]


@pytest.mark.parametrize("start", [0, 500])
def test_individuals_who_cross_are_distinguished_by_their_motion(start: int) -> None:
    n_frames = 40
    x = np.stack([np.arange(n_frames) * 2.0, 80 - np.arange(n_frames) * 2.0], axis=1)
    keypoints = np.stack([square(v) for v in x.ravel()])
    frame = np.repeat(np.arange(n_frames), 2)
    keep = frame != 19  # both at one place, and unseen just then
    found = np.array(link(frame[keep] + start, keypoints[keep], 1))
    who = np.tile(["link-1", "link-2"], n_frames)[keep]
    assert (found == who).all()


def test_people_of_one_keypoint_are_linked() -> None:
    rng = np.random.default_rng(0)
    frame = np.repeat(np.arange(50), 2)
    keypoints = np.tile([[[10.0, 10]], [[200.0, 50]]], (50, 1, 1)) + rng.normal(0, 1, (100, 1, 2))
    assert set(link(frame, keypoints, 1)[::2]) == {"link-1"}
    assert set(link(frame, keypoints, 1)[1::2]) == {"link-2"}


def test_who_has_no_keypoint_belongs_to_nobody_and_stays(tmp_path: Path) -> None:
    rows = ["frame,a_x,a_y", "1,5,6", "1,,", "1,50,60", "2,6,6", "2,51,60"]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    poses = read_poses(tmp_path / "a.csv")
    assert [track.frame.tolist() for track in poses.tracks] == [[1, 2], [1, 2]]
    write_keypoints(poses, [t.keypoints + 1 for t in poses.tracks], tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text().splitlines()[2] == "1,,"


def test_who_has_one_keypoint_missing_is_linked_too(tmp_path: Path) -> None:
    rows = ["frame,a_x,a_y,b_x,b_y"]
    rows += [f"{f},{x},6,,{y}" for f in (1, 2) for x, y in ((5, ""), (500, ""))]
    rows[2] = "1,500,6,520,9"
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    tracks = read_poses(tmp_path / "a.csv").tracks
    assert [track.keypoints[:, 0, 0].tolist() for track in tracks] == [[5, 5], [500, 500]]


def test_lists_in_messages_end_after_three() -> None:
    assert [some(range(n)) for n in (2, 3, 4)] == ["0, 1", "0, 1, 2", "0, 1, 2 and 1 more"]


def test_rows_that_repeat_another_may_have_no_score(tmp_path: Path) -> None:
    rows = ["frame,keypoint,x,y,score", "1,a,5,6,", "1,b,7,8,", "1,a,5,6,", "2,a,6,7,0.5"]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    (track,) = read_poses(tmp_path / "a.csv").tracks
    assert track.frame.tolist() == [1, 2]


@pytest.mark.parametrize("ids", [False, True])
def test_an_id_twice_in_a_long_table_is_linked(tmp_path: Path, ids: bool) -> None:
    """Two people of one id (or of none), and a row that repeats another, in 20 frames."""
    title, who = ("frame,person,keypoint,x,y", "7,") if ids else ("frame,keypoint,x,y", "")
    lines = [title]
    for frame in range(20):
        for left in (10, 500):
            lines += [
                f"{frame},{who}{k},{left + frame + 9 * i},{50 + 9 * i}" for i, k in enumerate("abc")
            ]
    lines.append(lines[1])
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    poses = read_poses(path)
    assert [t.keypoints[0, 0, 0] for t in poses.tracks] == [10, 500]
    assert [len(t.frame) for t in poses.tracks] == [20, 20]
    assert poses.counts["linked"] == 40
    assert any("linked" in text for text in poses.warnings)
    out = tmp_path / "b.csv"
    write_keypoints(poses, [t.keypoints + 1 for t in poses.tracks], out)
    again = out.read_text().split("\n")
    moved = [float(line.split(",")[-1]) - 1 for line in again[1:]]
    assert moved == [float(line.split(",")[-1]) for line in lines[1:]]
