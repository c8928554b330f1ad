"""The comparison that says "nothing but coordinates changed" sees what does change."""

import numpy as np
import pytest

from benchmarks.pose_files import NAMES, WRITERS, changed_fields
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import mapping

FORMATS = ("coco-results", "mmpose", "openpose", "csv-long", "csv-wide", "npz", "dlc")


def written(format, folder, keypoints, score, video="v"):
    ending, write = WRITERS[format]
    folder.mkdir()
    write(folder / f"file{ending}", video, np.arange(3, 7), keypoints, score)
    return folder / f"file{ending}"


@pytest.fixture
def content():
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(10, 90, (4, 13, 2)).round(3)
    keypoints[1, 4] = np.nan
    return keypoints, rng.uniform(0.1, 1, (4, 13)).round(3)


@pytest.mark.parametrize("format", FORMATS)
def test_moved_coordinates_are_no_change_and_all_else_is(format, content, tmp_path):
    keypoints, score = content
    file = written(format, tmp_path / "a", keypoints, score)
    assert changed_fields(format, file, written(format, tmp_path / "b", keypoints, score)) == []
    moved = written(format, tmp_path / "c", keypoints + 1, score)
    assert changed_fields(format, file, moved) == []
    less_sure = score.copy()
    less_sure[2, 3] = 0.01
    assert changed_fields(format, file, written(format, tmp_path / "d", keypoints, less_sure))
    keypoints = keypoints.copy()
    keypoints[2, 3] = np.nan
    assert changed_fields(format, file, written(format, tmp_path / "e", keypoints, score))


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_what_a_format_reads(format, content, tmp_path):
    keypoints, score = content
    poses = read_poses(written(format, tmp_path / "a", keypoints, score), format=format)
    (track,) = poses.tracks
    ours = mapping(NAMES).index
    columns = mapping(poses.names).index
    both = ours >= 0
    found = track.keypoints[:, columns[both]]
    np.testing.assert_allclose(found, keypoints[:, ours[both]], equal_nan=True)
    assert track.frame.tolist() == [3, 4, 5, 6]
