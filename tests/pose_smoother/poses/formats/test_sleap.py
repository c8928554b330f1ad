"""SLEAP's project files."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.formats.sleap import _chosen, _frame_of, _skeletons
from tests.pose_smoother.poses.formats.samples import FILES, make


def test_sleap_before_format_1_1_counts_from_pixel_corners(tmp_path: Path) -> None:
    path = make("sleap.slp", tmp_path)
    now = read_poses(path)
    with h5py.File(path, "r+") as file:
        file["metadata"].attrs["format_id"] = 1.0
    old = read_poses(path)
    for a, b in zip(now.tracks, old.tracks, strict=True):
        np.testing.assert_allclose(a.keypoints - 0.5, b.keypoints)
    write_keypoints(old, [t.keypoints + 1 for t in old.tracks], tmp_path / "b.slp")
    again = read_poses(tmp_path / "b.slp")
    for a, b in zip(now.tracks, again.tracks, strict=True):
        np.testing.assert_allclose(a.keypoints + 0.5, b.keypoints)


def test_sleap_points_that_are_not_visible_are_missing(tmp_path: Path) -> None:
    path = make("sleap.slp", tmp_path)
    with h5py.File(path, "r+") as file:
        points = file["pred_points"][()]
        points["visible"][0] = False
        file["pred_points"][...] = points
    track = read_poses(path).tracks[0]
    assert np.isnan(track.keypoints[0, 0]).all()
    assert np.isfinite(track.keypoints[0, 1:]).all()


def test_sleap_frames_have_the_instances_that_they_name() -> None:
    kind = [("instance_id_start", "u8"), ("instance_id_end", "u8")]
    frames = np.array([(2, 4), (6, 9), (4, 4), (0, 1)], kind)  # with holes, in no order
    assert _frame_of(frames, 10).tolist() == [3, -1, 0, 0, -1, -1, 1, 1, 1, -1]


def test_sleap_reports_corrected_predictions() -> None:
    told = read_poses(FILES / "sleap.slp").warnings
    assert "1 predictions that were corrected by hand pass through untouched" in told


def test_sleap_io_agrees(tmp_path: Path) -> None:
    """Live, where sleap-io is installed; ``expected.json`` holds what it said otherwise."""
    sleap_io = pytest.importorskip("sleap_io", reason="sleap-io is not installed")
    poses = read_poses(FILES / "sleap.slp")
    write_keypoints(poses, [t.keypoints + 2 for t in poses.tracks], tmp_path / "b.slp")
    labels = sleap_io.load_slp(str(tmp_path / "b.slp"), open_videos=False)
    ann = poses.tracks[0]
    for frame, keypoints in zip(ann.frame, ann.keypoints, strict=True):
        found = [lf for lf in labels if lf.frame_idx == frame and lf.video is labels.videos[0]]
        people = found[0].user_instances + found[0].predicted_instances
        values = next(p for p in people if p.track.name == "ann").numpy()
        np.testing.assert_allclose(values, keypoints + 2)


def test_sleap_takes_what_was_made_by_hand_of_a_track() -> None:
    kinds = [("instance_type", int), ("from_predicted", int), ("instance_id", int), ("track", int)]
    rows = [(0, -1, 0, 0), (1, -1, 1, 0), (1, -1, 2, 1), (0, 4, 3, -1), (1, -1, 4, -1)]
    instances = np.array(rows, kinds)
    assert _chosen(instances, np.zeros(5, np.int64)) == [0, 2, 3]


def test_sleap_nodes_have_numbers() -> None:
    graph = {"nodes": [{"id": "x"}]}
    with pytest.raises(InvalidInputError, match="the skeletons cannot be read"):
        _skeletons({"nodes": [{"name": "a"}], "skeletons": [graph]})
