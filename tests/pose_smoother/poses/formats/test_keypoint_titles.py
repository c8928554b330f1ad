"""Which columns of a wide table are keypoints and scores, next to others that look like them."""

from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.tracks import Poses


def read(path: Path, header: str) -> Poses:
    """The poses of a table whose cell in row r and column c is 10 r + c."""
    n = header.count(",") + 1
    rows = [",".join(str(10 * r + c) for c in range(n)) for r in range(3)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return read_poses(path)


def moved(poses: Poses, path: Path) -> set[str]:
    """The titles of the columns that change when all is moved by half a pixel."""
    out = path.with_name("out.csv")
    write_keypoints(poses, [track.keypoints + 0.5 for track in poses.tracks], out)
    old, new = ([line.split(",") for line in file.read_text().splitlines()] for file in (path, out))
    columns = {c for r in range(1, 4) for c in range(len(old[0])) if old[r][c] != new[r][c]}
    return {old[0][c] for c in columns}


@pytest.mark.parametrize(
    ("header", "format", "keypoints", "note"),
    [
        (
            "frame,bbox_x,bbox_y,nose_x,nose_y,nose_velocity_x,nose_velocity_y,heading_x,heading_y",
            *("csv-wide", "nose_x nose_y"),
            "keypoints are nose; left as they are: bbox_x, bbox_y, nose_velocity_x, "
            "nose_velocity_y, heading_x, heading_y",
        ),
        (
            "frame,headPoseX,headPoseY,noseX,noseY,imageSizeX,imageSizeY",
            *("csv-wide", "noseX noseY"),
            "keypoints are nose; left as they are: headPoseX, headPoseY, imageSizeX, imageSizeY",
        ),
        (
            "frame,BBox_x,BBox_y,cropX,cropY,head box_x,head box_y,box_lid_x,box_lid_y",
            *("csv-wide", "box_lid_x box_lid_y"),
            "keypoints are box_lid; left as they are: BBox_x, BBox_y, cropX, cropY, head box_x, "
            "head box_y",
        ),
        (
            "frame,x_0,y_0,x_1,y_1,x_velocity,y_velocity",
            *("csv-xy", "x_0 y_0 x_1 y_1"),
            "keypoints are 0, 1; left as they are: x_velocity, y_velocity",
        ),
        (
            "frame,x,y,velocity_x,velocity_y",
            *("csv-wide", "x y"),
            "keypoints are point; left as they are: velocity_x, velocity_y",
        ),
        (
            "frame,x,y,x_offset,y_offset",
            *("csv-wide", "x y"),
            "keypoints are point; left as they are: x_offset, y_offset",
        ),
        (
            "frame,velocity_x,velocity_y",
            *("csv-wide", "velocity_x velocity_y"),
            "velocity: taken as keypoints, as no other columns are positions",
        ),
        # More keypoints win, and x1, y1, x2, y2 are a box.
        (
            "frame,x1,y1,x2,y2,conf,nose_x,nose_y,ear_x,ear_y",
            *("csv-wide", "nose_x nose_y ear_x ear_y"),
            "keypoints are nose, ear; left as they are: x1, y1, x2, y2",
        ),
        (
            "frame,nose_x,nose_y,ear_x,ear_y,tail_x,tail_y,x_0,y_0",
            *("csv-wide", "nose_x nose_y ear_x ear_y tail_x tail_y"),
            "keypoints are nose, ear, tail; left as they are: x_0, y_0",
        ),
        (
            "frame,gaze_0_x,gaze_0_y,gaze_0_z,gaze_angle_x,gaze_angle_y,x_0,x_1,y_0,y_1,"
            "X_0,X_1,Y_0,Y_1,Z_0,Z_1,p_scale,p_0",
            *("csv-xy", "x_0 x_1 y_0 y_1"),
            "keypoints are 0, 1; left as they are: gaze_0_x, gaze_0_y, gaze_0_z, gaze_angle_x, "
            "gaze_angle_y, X_0 and 5 more",
        ),
        # Columns for the same keypoint, and titles that say nothing.
        (
            "frame,nose_x_px,nose_y_px,nose_x,nose_y",
            *("csv-wide", "nose_x nose_y"),
            "keypoints are nose; left as they are: nose_x_px, nose_y_px",
        ),
        ("frame,note,note,nose_x,nose_y", "csv-wide", "nose_x nose_y", ""),
        ("frame,foo_x,foo_x,nose_x,nose_y", "csv-wide", "nose_x nose_y", ""),
        # As before.
        ("frame,x1,y1,x2,y2", "csv-xy", "x1 y1 x2 y2", ""),
        (
            "frame,center_x,center_y,nose_x,nose_y",
            "csv-wide",
            "center_x center_y nose_x nose_y",
            "",
        ),
    ],
)
def test_keypoints_are_told_from_what_has_an_x_and_a_y(
    header: str, format: str, keypoints: str, note: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    poses = read(path, header)
    assert poses.format == format
    assert moved(poses, path) == set(keypoints.split())
    assert [text for text in poses.warnings if "keypoints" in text] == [note] * bool(note)
    assert all(np.isnan(track.score).all() for track in poses.tracks)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("frame,nose_x,nose_y,nose_x", "two columns for 'nose_x': rename what is no keypoint's"),
        ("frame,nose_x_px,nose_y_px,nose_x_mm,nose_y_mm", "two columns for 'nose_x_mm'"),
        ("frame,nose_x,nose_y,nose_z,nose_z_mm", "two columns for 'nose_z_mm'"),
        ("frame,nose_x,nose_y,nose_v,nose_v", "two columns for 'nose_v'"),
        ("frame,x_0,y_0,nose_x,nose_y", "may be csv-wide or csv-xy; say which with --format"),
        ("keypoint,pos_x,pos_y,bbox_x,bbox_y", "no known format of keypoints"),
        ("person,nose_x,nose_y,person", "two columns are called 'person'"),
    ],
)
def test_what_is_unclear_is_refused(header: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=told):
        read(tmp_path / "a.csv", header)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        *((f"frame,a_x,a_y,a_{title}", 3) for title in ("v", "vis", "presence", "certainty")),
        *((f"frame,a_x,a_y,a_{title}", 3) for title in ("confidence_score", "accuracy")),
        *((f"frame,aX,aY,a{title}", 3) for title in ("Vis", "ConfidenceScore")),
        ("frame,x_0,y_0,confidence_score_0", 3),
        ("frame,x_0,y_0,vis_0", 3),
        ("frame,x,y,confidence score", 3),
        ("frame,a_x,a_y,a_presence,a_visibility", 4),  # MediaPipe has both
        ("frame,a_x,a_y,a_v,a_score", 4),
        ("frame,a_x,a_y,a_v,b_x,b_y", None),  # a velocity?
        ("frame,x_0,y_0,x_1,y_1,p_0,p_scale", None),
        ("frame,x_0,y_0,x_1,y_1,p_0", 5),
        ("frame,x,y,v", None),
    ],
)
def test_titles_of_scores(header: str, column: int | None, tmp_path: Path) -> None:
    (track,) = read(tmp_path / "a.csv", header).tracks
    expected = [np.nan] * 3 if column is None else [10 * row + column for row in range(3)]
    np.testing.assert_array_equal(track.score[:, 0], expected)


def test_a_long_table_with_two_units_says_which_it_takes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{f},{k},{f + 1},{f + 2},{9 * f},{9 * f + 1}" for f in range(3) for k in "ab"]
    path.write_text("\n".join(["frame,joint,x_px,Y (px),x,y", *rows]) + "\n")
    poses = read_poses(path)
    assert moved(poses, path) == {"x", "y"}
    note = "columns taken are x, y; left as they are: x_px, Y (px)"
    assert [text for text in poses.warnings if "left" in text] == [note]
