"""What every format must keep, whatever it looks like inside."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import find_format, formats, read_poses, write_keypoints
from pose_smoother.poses.tracks import Poses
from tests.pose_smoother.poses.formats.samples import SAMPLES, expected, expected_scores, make

every_sample = pytest.mark.parametrize("sample", SAMPLES)


def content(path: Path) -> Any:
    """Everything that a file says: parsed JSON, text, every array and attribute."""
    if path.is_dir():
        return {p.name: content(p) for p in sorted(path.iterdir())}
    if path.suffix == ".json":
        return [repr(json.loads(path.read_text())), path.read_text()[:30], path.read_text()[-3:]]
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            return [(i.filename, i.compress_type, archive.read(i)) for i in archive.infolist()]
    if not h5py.is_hdf5(path):
        return path.read_bytes()
    found: dict[str, Any] = {}
    with h5py.File(path) as file:

        def visit(name: str, value: Any) -> None:
            whole = value[()] if isinstance(value, h5py.Dataset) else None
            if isinstance(whole, np.ndarray) and whole.dtype != object:
                whole = whole.tobytes()  # the very bits, also of NaN and padding
            found[name] = (str(whole), {key: str(v) for key, v in value.attrs.items()})

        file.visititems(visit)
    return found


def same_tracks(a: Poses, b: Poses, shift: float = 0.0) -> None:
    assert a.names == b.names
    assert [t.id for t in a.tracks] == [t.id for t in b.tracks]
    for one, other in zip(a.tracks, b.tracks, strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
        np.testing.assert_array_equal(one.score, other.score)
        np.testing.assert_allclose(one.keypoints + shift, other.keypoints, atol=1e-6)


def test_every_format_has_a_sample() -> None:
    assert {name for _, _, name in SAMPLES.values()} == set(formats())


@every_sample
def test_format_is_found_and_read(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    assert find_format(path) == SAMPLES[sample][2]
    poses = read_poses(path)
    found = {track.id: track for track in poses.tracks}
    wanted = expected(sample)
    assert list(found) == list(wanted)
    order = list(range(len(poses.names)))
    if sample == "poses.nwb":  # HDF5 lists the series by name
        order = [("nose", "left_shoulder", "tail").index(name) for name in poses.names]
    for name, (frames, keypoints) in wanted.items():
        assert found[name].frame.tolist() == frames
        np.testing.assert_allclose(found[name].keypoints, keypoints[:, order], atol=1e-9)
        assert found[name].score.shape == keypoints.shape[:2]
    for track, score in zip(poses.tracks, expected_scores(sample) or [], strict=False):
        np.testing.assert_array_equal(track.score, score)


@every_sample
def test_nothing_changed_gives_the_same_file(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    out = tmp_path / f"out{path.suffix}"
    write_keypoints(poses, [track.keypoints for track in poses.tracks], out)
    assert content(out) == content(path)


@every_sample
def test_nan_keeps_the_files_own_values(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    out = tmp_path / f"out{path.suffix}"
    write_keypoints(poses, [np.full_like(track.keypoints, np.nan) for track in poses.tracks], out)
    assert content(out) == content(path)


@every_sample
def test_new_coordinates_are_read_back_and_nothing_else_changes(
    sample: str, tmp_path: Path
) -> None:
    path = make(sample, tmp_path)
    before = content(path)
    poses = read_poses(path)
    moved, back = tmp_path / f"moved{path.suffix}", tmp_path / f"back{path.suffix}"
    write_keypoints(poses, [track.keypoints + 1.25 for track in poses.tracks], moved)
    again = read_poses(moved)
    same_tracks(poses, again, 1.25)
    assert content(path) == before != content(moved)
    # Put back, the file is the first one again: nothing but coordinates had changed.
    write_keypoints(again, [track.keypoints for track in poses.tracks], back)
    assert content(back) == before


@every_sample
def test_writing_twice_gives_the_same(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    outs = [tmp_path / f"{i}{path.suffix}" for i in range(2)]
    for out in outs:
        write_keypoints(poses, [track.keypoints * 0.5 for track in poses.tracks], out)
    assert content(outs[0]) == content(outs[1])


@every_sample
def test_a_missing_keypoint_takes_a_new_position(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    out = tmp_path / f"out{path.suffix}"
    new = [np.where(np.isnan(t.keypoints), 41.5, t.keypoints) for t in poses.tracks]
    write_keypoints(poses, new, out)
    # A visibility flag is not a coordinate: what it calls missing stays so.
    if sample not in ("coco_annotations", "sleap.slp"):
        again = read_poses(out)
        for track, values in zip(again.tracks, new, strict=True):
            np.testing.assert_allclose(track.keypoints, values, atol=1e-6)


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    poses = read_poses(make("csv_long", tmp_path))
    with pytest.raises(InvalidInputError, match="tracks' shapes"):
        write_keypoints(
            poses, [track.keypoints[1:] for track in poses.tracks], tmp_path / "out.csv"
        )
    with pytest.raises(InvalidInputError, match="tracks' shapes"):
        write_keypoints(poses, [], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_unknown_format_and_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no such file"):
        read_poses(tmp_path / "none.json")
    path = make("csv_long", tmp_path)
    with pytest.raises(
        InvalidInputError, match="unknown format 'xml'; known: coco-results, csv-long"
    ):
        read_poses(path, format="xml")
    with pytest.raises(InvalidInputError, match="no column for frame, keypoint, x, y"):
        read_poses(make_text(tmp_path, "a,b\n1,2\n"), format="csv-long")
    with pytest.raises(InvalidInputError, match="no known format"):
        read_poses(make_text(tmp_path, "a,b\n1,2\n"))


def make_text(folder: Path, text: str, name: str = "b.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    poses = read_poses(make("csv_long", tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot be written"):
        write_keypoints(poses, [t.keypoints for t in poses.tracks], tmp_path / "file" / "out.csv")
