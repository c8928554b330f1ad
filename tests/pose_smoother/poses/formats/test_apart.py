"""Several people of a frame in tables with one keypoint a row: whose each row is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats import write_keypoints
from tests.pose_smoother.poses.formats.two_walkers import (
    HAND,
    N_FRAMES,
    PEOPLE,
    are_the_walkers,
    long_rows,
    read,
)


def shuffled(rows: list[list[Any]]) -> list[list[Any]]:
    """The rows of each frame in another order."""
    rng = np.random.default_rng(0)
    order = np.lexsort((rng.random(len(rows)), [row[0] for row in rows]))
    return [rows[i] for i in order]


@pytest.mark.parametrize("title", ["id", "handedness", "camera", "fish"])
@pytest.mark.parametrize("change", [list, shuffled])
def test_an_unknown_column_that_follows_people_is_their_id(
    title: str, change: Callable[[Any], Any], tmp_path: Path
) -> None:
    rows = change(long_rows(lambda _, person: [f"n{person}"]))
    poses = read(tmp_path, f"frame,{title},keypoint,x,y", rows)
    assert are_the_walkers(poses)
    assert sorted(track.person for track in poses.tracks) == ["n0", "n1"]
    assert poses.warnings == (f"column '{title}' was taken as whose row it is",)


@pytest.mark.parametrize(
    "who",
    [
        lambda frame, person: [person ^ (frame % 3 == 0)],
        lambda frame, person: [PEOPLE[person][frame, 0, 0]],
    ],
    ids=["number in the frame", "box"],
)
def test_a_column_that_follows_nobody_sets_people_apart(who: Any, tmp_path: Path) -> None:
    poses = read(tmp_path, "frame,what,keypoint,x,y", shuffled(long_rows(who)))
    assert are_the_walkers(poses)
    assert poses.warnings[0] == "column 'what' sets the people of a frame apart, but follows nobody"
    assert poses.counts["linked"] == 2 * N_FRAMES


def test_with_persons_known_it_is_a_video(tmp_path: Path) -> None:
    rows = [
        [frame, camera, person, f"k{k}", *(PEOPLE[person][frame, k] + 50 * camera)]
        for frame in range(N_FRAMES)
        for camera in (0, 1)
        for person in (0, 1)
        for k in range(5)
        if (frame + k + camera) % 7
    ]
    poses = read(tmp_path, "frame,camera,person,keypoint,x,y", rows)
    assert {t.id for t in poses.tracks} == {"0:0", "0:1", "1:0", "1:1"}
    assert all(np.nanmax(np.abs(np.diff(t.keypoints, axis=0))) < 20 for t in poses.tracks)


@pytest.mark.parametrize("names", [None, ["nose", "eye", "ear", "hip", "knee"]])
def test_without_a_column_one_begins_where_the_order_of_keypoints_does(
    names: list[str] | None, tmp_path: Path
) -> None:
    rows = long_rows()
    for row in rows if names else []:
        row[1] = names[int(row[1][1])]
    poses = read(tmp_path, "frame,keypoint,x,y", rows)
    assert set(poses.names) == set(names or ["k0", "k1", "k2", "k3", "k4"])
    told = "people without ids were told apart by the order of their keypoints"
    assert poses.warnings[0] == told
    assert not any("out of order" in text for text in poses.warnings)
    jumps = [np.nanmax(np.abs(np.diff(track.keypoints, axis=0))) for track in poses.tracks]
    assert len(jumps) == 2
    assert max(jumps) < 20


def test_rows_sorted_by_keypoint_are_people_in_their_order(tmp_path: Path) -> None:
    rows = [
        [f, f"k{k}", *person[f, k]] for f in range(N_FRAMES) for k in range(5) for person in PEOPLE
    ]
    poses = read(tmp_path, "frame,keypoint,x,y", rows)
    assert are_the_walkers(poses)
    assert len(poses.warnings) == 1  # linked
    poses = read(tmp_path, "frame,keypoint,x,y", [row for i, row in enumerate(rows) if i % 11])
    assert isinstance(poses.warnings[0], Caution)
    assert "may be mixed: 55 frames; add a column person" in poses.warnings[0]


def test_rows_in_no_order_are_a_warning(tmp_path: Path) -> None:
    poses = read(tmp_path, "frame,keypoint,x,y", shuffled(long_rows()))
    assert isinstance(poses.warnings[0], Caution)
    assert "cannot be told apart by the order of rows" in poses.warnings[0]


def test_each_row_is_written_where_it_was(tmp_path: Path) -> None:
    rows = long_rows(lambda _, person: [person])
    poses = read(tmp_path, "frame,id,keypoint,x,y", rows)
    write_keypoints(poses, [track.keypoints + 1 for track in poses.tracks], tmp_path / "b.csv")
    again = [line.split(",") for line in (tmp_path / "b.csv").read_text().splitlines()[1:]]
    found = np.array([row[3:] for row in again], dtype=float)
    np.testing.assert_allclose(found, np.array([row[3:] for row in rows], dtype=float) + 1)


@pytest.mark.parametrize("title", ["id", "idx", "index", "lm", "point", "kp", "landmark_no"])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_that_are_the_same_in_every_frame_are_keypoints(
    title: str, first: int, tmp_path: Path
) -> None:
    rows = [
        [f, k + first, *HAND[f, k]] for f in range(N_FRAMES) for k in range(21) if (21 * f + k) % 97
    ]
    poses = read(tmp_path, f"frame,{title},x,y", rows)
    assert poses.names == tuple(str(k + first) for k in range(21)) or len(poses.names) == 21
    (track,) = poses.tracks
    assert (
        np.nanmax(np.abs(track.keypoints[:, np.argsort(list(map(int, poses.names)))] - HAND)) == 0
    )
    told = f"column '{title}' was taken as the keypoint's number, not as a person"
    assert (told in poses.warnings) == (title in ("id", "idx", "index"))


@pytest.mark.parametrize(
    "ids",
    [
        lambda f: [2 * f, 2 * f + 1],  # the row's number
        lambda f: [3, 7],
        lambda f: [0, 1] if f % 3 == 0 else [0],  # mostly alone
    ],
)
def test_other_ids_of_points_are_none(ids: Callable[[int], list[int]], tmp_path: Path) -> None:
    rows = [[f, i, *PEOPLE[p][f, 0]] for f in range(N_FRAMES) for p, i in enumerate(ids(f))]
    poses = read(tmp_path, "frame,id,x,y", rows)
    assert (poses.format, poses.names) == ("csv-wide", ("point",))


@pytest.mark.parametrize("more", ["nose_x,nose_y", "x_0,y_0", "noseX,noseY", "w,h"])
def test_a_table_of_more_than_points_numbers_no_keypoints(more: str, tmp_path: Path) -> None:
    rows = [[f, p, *PEOPLE[p][f, :2].ravel()] for f in range(N_FRAMES) for p in (0, 1)]
    poses = read(tmp_path, f"frame,id,x,y,{more}", rows, format=None)
    assert poses.format != "csv-long"


def test_several_people_of_a_frame_may_have_no_id(tmp_path: Path) -> None:
    """Nobody is tracked in every fifth frame: both have the same text."""
    rows = long_rows(lambda frame, person: [-1 if frame % 5 == 2 else person])
    poses = read(tmp_path, "frame,id,keypoint,x,y", rows)
    assert are_the_walkers(poses)
    assert poses.warnings == (
        "column 'id' was taken as whose row it is",
        "24 detections without an id were taken as the individuals that are missing in their "
        "frames, by distance",
    )
