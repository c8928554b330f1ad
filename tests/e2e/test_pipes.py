"""Small files that users and run folders name may be pipes, which never end: none is waited for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.checksums import read_hashes
from pipeline.ingest_report import left_out
from pose_smoother.errors import PoseSmootherError
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import read_map
from pose_smoother.view.clip import load_clip
from trainer.calibrate.heatmap_width import read_widths
from trainer.noise.noise_file import read_noise

READERS: dict[str, Callable[[Path], object]] = {
    "hashes": read_hashes,
    "report.json": left_out,
    "keypoints.json": read_poses,
    "map.toml": read_map,
    "noise.toml": read_noise,
    "heatmaps.npz": read_widths,
    "clip.mp4": lambda path: load_clip(path, path, None, None),
}


@pytest.mark.parametrize("name", list(READERS))
def test_a_pipe_is_refused(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(PoseSmootherError, match=name):
        READERS[name](tmp_path / name)
