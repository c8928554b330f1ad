"""NWB files: timestamps that are links, a rate instead, three dimensions."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.tracks import Floats


def series(group: h5py.Group, name: str, values: Floats) -> h5py.Group:
    made: h5py.Group = group.create_group(name)
    made.attrs["neurodata_type"] = "PoseEstimationSeries"
    made["data"] = values
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two series of 20 frames without times."""
    with h5py.File(tmp_path / "a.nwb", "w") as f:
        f.attrs["nwb_version"] = "2.8.0"
        pose = f.create_group("processing/behavior/mouse")
        pose.attrs["neurodata_type"] = "PoseEstimation"
        for i, name in enumerate(("nose", "tail")):
            series(pose, name, np.arange(40.0).reshape(20, 2) + 100 * i + 1)
    return tmp_path / "a.nwb"


GROUP = "processing/behavior/mouse"


@pytest.mark.parametrize("target", [f"/{GROUP}/nose/timestamps", "nose/timestamps", "/times"])
def test_timestamps_may_be_a_link(target: str, file: Path) -> None:
    with h5py.File(file, "r+") as f:
        f["times"] = f[GROUP]["nose/timestamps"] = np.arange(20) / 25 + 3
        place = f[GROUP] if target == "nose/timestamps" else f[f"{GROUP}/tail"]
        if target == "nose/timestamps":  # a link to a link, by a relative name
            place["shared"] = h5py.SoftLink(target)
            target = f"/{GROUP}/shared"
        f[f"{GROUP}/tail"]["timestamps"] = h5py.SoftLink(target)
    poses = read_poses(file)
    (track,) = poses.tracks
    assert track.frame.tolist() == list(range(20))
    assert poses.fps == 25
    write_keypoints(poses, [track.keypoints + 1], file.with_name("b.nwb"))
    with h5py.File(file.with_name("b.nwb")) as f:
        assert isinstance(f[f"{GROUP}/tail"].get("timestamps", getlink=True), h5py.SoftLink)
        assert f[f"{GROUP}/tail/data"][0].tolist() == [102, 103]


@pytest.mark.parametrize(
    "link",
    [
        h5py.SoftLink("/nowhere/timestamps"),
        h5py.SoftLink("timestamps"),  # to itself
        h5py.ExternalLink("other.h5", "/timestamps"),
    ],
)
def test_a_link_that_leads_nowhere_or_out_of_the_file_is_refused(
    link: h5py.SoftLink, file: Path
) -> None:
    with h5py.File(file.with_name("other.h5"), "w") as other:
        other["timestamps"] = np.arange(20.0)
    with h5py.File(file, "r+") as f:
        f[f"{GROUP}/tail"]["timestamps"] = link
    with pytest.raises(InvalidInputError, match=r"found none in this file|damaged"):
        read_poses(file)


@pytest.mark.parametrize(("n_links", "is_followed"), [(16, True), (17, False)])
def test_so_many_links_in_a_row_are_followed(n_links: int, is_followed: bool, file: Path) -> None:
    with h5py.File(file, "r+") as f:
        f["link0"] = np.arange(20.0) / 50
        for i in range(1, n_links):
            f[f"link{i}"] = h5py.SoftLink(f"/link{i - 1}")
        for name in ("nose", "tail"):
            f[f"{GROUP}/{name}"]["timestamps"] = h5py.SoftLink(f"/link{n_links - 1}")
    if is_followed:
        assert read_poses(file).fps == 50
    else:
        with pytest.raises(InvalidInputError, match="found none in this file"):
            read_poses(file)


def test_a_rate_replaces_timestamps(file: Path) -> None:
    with h5py.File(file, "r+") as f:
        for name in ("nose", "tail"):
            start = f[GROUP][name].create_dataset("starting_time", data=2.0)
            start.attrs["rate"] = 29.97
    poses = read_poses(file)
    assert poses.fps == pytest.approx(29.97)
    assert poses.tracks[0].frame.tolist() == list(range(20))


def test_without_times_frames_are_counted_and_no_rate_is_known(file: Path) -> None:
    poses = read_poses(file)
    assert poses.fps is None
    assert poses.tracks[0].frame.tolist() == list(range(20))


def test_a_series_of_other_moments_leaves_the_rest_missing(file: Path) -> None:
    with h5py.File(file, "r+") as f:
        f[f"{GROUP}/nose"]["timestamps"] = np.arange(20) / 10
        f[f"{GROUP}/tail"]["timestamps"] = np.arange(5, 25) / 10
    (track,) = read_poses(file).tracks
    assert track.frame.tolist() == list(range(25))
    missing = np.isnan(track.keypoints[..., 0])
    assert np.flatnonzero(missing[:, 0]).tolist() == list(range(20, 25))
    assert np.flatnonzero(missing[:, 1]).tolist() == list(range(5))


def test_three_dimensions(file: Path) -> None:
    values = np.random.default_rng(0).normal(0, 50, (20, 3))
    with h5py.File(file, "r+") as f:
        for name in ("nose", "tail"):
            del f[GROUP][name]["data"]
            f[GROUP][name]["data"] = values
    poses = read_poses(file)
    (track,) = poses.tracks
    assert track.keypoints.shape == (20, 2, 3)
    write_keypoints(poses, [track.keypoints * 0.5], file.with_name("b.nwb"))
    with h5py.File(file.with_name("b.nwb")) as f:
        np.testing.assert_allclose(f[f"{GROUP}/nose/data"], values * 0.5, atol=1e-6)
    with h5py.File(file, "r+") as f:
        del f[GROUP]["tail/data"]
        f[GROUP]["tail/data"] = values[:, :2]
    with pytest.raises(InvalidInputError, match="two or of three dimensions, found both"):
        read_poses(file)


def test_two_values_for_one_moment_are_refused(file: Path) -> None:
    times = np.arange(20) / 10
    with h5py.File(file, "r+") as f:
        f[f"{GROUP}/nose"]["timestamps"] = times
        f[f"{GROUP}/tail"]["timestamps"] = np.where(times == times[3], times[2], times)
    with pytest.raises(InvalidInputError, match="two values for one moment"):
        read_poses(file)
