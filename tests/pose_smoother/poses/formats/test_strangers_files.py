"""Files from strangers: what unpacks without end, pipes in folders, locks held by others."""

import fcntl
import gzip
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import UNPACKED_BYTES
from pose_smoother.poses.formats import find_format, read_poses
from tests.pose_smoother.poses.formats.more_samples import MORE_SAMPLES
from tests.pose_smoother.poses.formats.samples import SAMPLES


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    head = b"frame,nose_x,nose_y\n0,1,2\n"
    bomb = tmp_path / "a.csv.gz"
    bomb.write_bytes(gzip.compress(head + b" " * (UNPACKED_BYTES + 1)))
    for read in (find_format, read_poses, lambda path: read_poses(path, format="csv-wide")):
        with pytest.raises(InvalidInputError, match=r"a\.csv\.gz: gzip: expected at most 33,"):
            read(bomb)
    bomb.write_bytes(gzip.compress(head + b" " * (UNPACKED_BYTES >> 4)))
    assert find_format(bomb) == "csv-wide"


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ("openpose", "zzz_000000000099_keypoints.json"),
        ("openpifpaf_images", "zzz_99.jpg.predictions.json"),
        ("yolo", "zzz_99.txt"),
        ("yolo", "a_0.txt"),
    ],
)
def test_a_pipe_or_device_in_a_folder_is_not_read(sample: str, name: str, tmp_path: Path) -> None:
    make = MORE_SAMPLES[sample].make if sample in MORE_SAMPLES else SAMPLES[sample][1]
    make(tmp_path / "in")
    (tmp_path / "in" / name).symlink_to("/dev/zero")
    with pytest.raises(InvalidInputError, match="expected a regular file, found a device"):
        read_poses(tmp_path / "in")
    (tmp_path / "in" / name).unlink()
    os.mkfifo(tmp_path / "in" / name)
    with pytest.raises(InvalidInputError, match="expected a regular file, found a pipe"):
        read_poses(tmp_path / "in")


def test_an_hdf5_file_that_another_program_locks_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    SAMPLES["dlc_table.h5"][1](path)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert find_format(path) == "dlc"


@pytest.mark.parametrize("listed", [1.5, [1.5] * 4, "time", [[0, 1], [2, 3]]])
def test_a_damaged_list_of_dimensions_is_refused(listed: object, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    MORE_SAMPLES["movement.nc"].make(path)
    with h5py.File(path, "r+") as file:
        file["position"].attrs["DIMENSION_LIST"] = listed
    with pytest.raises(InvalidInputError, match=r"a\.nc: "):
        read_poses(path)


def test_frames_of_sleap_that_share_their_instances_are_refused(tmp_path: Path) -> None:
    """Each would be gone through for each frame: the square of the file's size."""
    path = tmp_path / "a.slp"
    SAMPLES["sleap.slp"][1](path)
    with h5py.File(path, "r+") as file:
        file["frames"]["instance_id_end"] = frames = file["frames"]["instance_id_end"]
        read_poses(path)
        file["frames"]["instance_id_end"] = np.full_like(frames, frames.max())
    with pytest.raises(InvalidInputError, match="expected frames with 27 instances, found 1"):
        read_poses(path)


@pytest.mark.parametrize(("last", "is_kept"), [(2.0**53, True), (2.0**54, False)])
def test_movements_frames_count_anew_beyond_what_a_float_tells_apart(
    last: float, is_kept: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.nc"
    MORE_SAMPLES["movement.nc"].make(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["fps"]
        n = len(file["time"])
        file["time"][...] = [*range(n - 1), last]
    frame = read_poses(path).tracks[0].frame
    assert frame[-1] == (last if is_kept else n - 1)
