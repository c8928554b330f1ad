"""DeepLabCut's tables, in CSV and HDF5."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from pose_smoother.poses.formats import dlc, read_poses, write_keypoints
from pose_smoother.poses.formats.evidence import Evidence
from tests.pose_smoother.poses.formats.samples import FILES


def test_dlc_without_likelihoods_or_some_keypoints(tmp_path: Path) -> None:
    rows = [
        *("scorer,s,s,s,s,s,s", "individuals,m,m,m,m,n,n"),
        *("bodyparts,a,a,b,b,a,a", "coords,x,y,x,y,x,y", "0,1,2,3,4,5,6", "1,2,2,3,4,5,6"),
    ]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    first, second = read_poses(tmp_path / "a.csv").tracks
    assert np.isnan(first.score).all()
    assert first.keypoints[0].tolist() == [[1, 2], [3, 4]]
    assert second.keypoints[0, 0].tolist() == [5, 6]
    assert np.isnan(second.keypoints[:, 1]).all()


def test_a_keypoint_without_a_row_has_no_place(tmp_path: Path) -> None:
    rows = ["frame,keypoint,x,y", "1,a,5,6", "1,b,7,8", "2,a,6,7", "3,a,6,7", "3,b,7,8"]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    poses = read_poses(tmp_path / "a.csv")
    (track,) = poses.tracks
    assert np.isnan(track.keypoints[1, 1]).all()
    write_keypoints(poses, [np.nan_to_num(track.keypoints, nan=90.0) + 1], tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text().split()[1:] == [
        *("1,a,6,7", "1,b,8,9", "2,a,7,8", "3,a,7,8", "3,b,8,9")
    ]


@pytest.mark.parametrize("with_z", [0, 1])
def test_z_of_some_keypoints_is_reported(with_z: int, tmp_path: Path) -> None:
    titles = [
        f"{k}_{axis}" for i, k in enumerate("ab") for axis in ("xyz" if i == with_z else "xy")
    ]
    for order in (titles, titles[::-1]):
        rows = [",".join(["frame", *order]), "1,1,2,3,4,5", "2,1,2,3,4,5"]
        (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
        poses = read_poses(tmp_path / "a.csv")
        assert poses.tracks[0].keypoints.shape == (2, 2, 2)
        assert any("only some keypoints have z" in str(text) for text in poses.warnings)


def test_dlc_columns_in_several_blocks(tmp_path: Path) -> None:
    """pandas stores a block of columns for each type of number."""
    whole, parts, out = (tmp_path / f"{name}.h5" for name in ("whole", "parts", "out"))
    whole.write_bytes((FILES / "dlc_fixed.h5").read_bytes())
    parts.write_bytes(whole.read_bytes())
    with h5py.File(parts, "r+") as file:
        (group,) = file.values()
        stored = {name: group[name][()] for name in group if name.startswith("block0")}
        for block, columns in ((0, slice(0, 2)), (1, slice(2, None))):
            for name, value in stored.items():
                if "level" not in name:
                    value = value[..., columns]
                name = name.replace("block0", f"block{block}")
                if name in group:
                    del group[name]
                group[name] = value
        group.attrs["nblocks"] = 2
        group.attrs["block1_items_nlevels"] = group.attrs["block0_items_nlevels"]
    poses, one = read_poses(parts), read_poses(whole)
    np.testing.assert_array_equal(poses.tracks[0].keypoints, one.tracks[0].keypoints)
    write_keypoints(poses, [t.keypoints + 1 for t in poses.tracks], out)
    for found, before in zip(read_poses(out).tracks, one.tracks, strict=True):
        np.testing.assert_allclose(found.keypoints, before.keypoints + 1)


SCORER = "scorer,S,S,S,S"
BODYPARTS, COORDS = "bodyparts,nose,nose,tail,tail", "coords,x,y,x,y"


@pytest.mark.parametrize(
    ("header", "person"),
    [
        ([SCORER.title(), BODYPARTS.title(), COORDS], "1"),
        ([BODYPARTS, COORDS], "1"),
        ([BODYPARTS, COORDS, "frame,,,,"], "1"),
        ([SCORER, BODYPARTS, COORDS, "frame,,,,"], "1"),
        (["individuals,m,m,m,m", BODYPARTS, COORDS], "m"),
        ([f",{line}" for line in (SCORER, BODYPARTS, COORDS)], "1"),
        ([f",{line}" for line in (BODYPARTS, COORDS)], "1"),
        ([f"Unnamed: 0,{line}" for line in (SCORER, BODYPARTS, COORDS)], "1"),
        ([",scorer,S,S.1,S.2,S.3", f"0,{BODYPARTS}", f"1,{COORDS}"], "1"),
        (
            [SCORER.replace(",S", ",,S", 1), "bodyparts,,nose,nose,tail,tail", "coords,,x,y,x,y"],
            "1",
        ),
    ],
)
def test_tables_that_went_through_pandas(header: list[str], person: str, tmp_path: Path) -> None:
    extra = header[0].count(",") - 4  # columns of row numbers, 7 and 8
    rows = [",".join([*[f"{i + 7}"] * extra, str(i), "1.5", "2", "", ""]) for i in (0, 1)]
    if header[0].startswith("scorer,,"):  # the numbers of frames are in front
        rows = [",".join([str(i), f"{i + 7}", "1.5", "2", "", ""]) for i in (0, 1)]
    path, out = tmp_path / "a.csv", tmp_path / "out.csv"
    path.write_text("\n".join([*header, *rows]) + "\n")
    poses = read_poses(path)
    (track,) = poses.tracks
    assert (poses.format, poses.names[0].lower(), track.person) == ("dlc", "nose", person)
    assert track.frame.tolist() == [0, 1]
    assert track.keypoints[:, 0].tolist() == [[1.5, 2]] * 2
    assert np.isnan(track.keypoints[:, 1]).all()
    write_keypoints(poses, [track.keypoints + 1], out)
    assert out.read_text() == path.read_text().replace("1.5,2", "2.5,3")


@pytest.mark.parametrize(
    "header",
    [
        ",scorer,nose_x,nose_y",
        "scored,nose,nose\nbodyparts,nose,nose",
        "bodyparts,frame,x,y",
        "individuals,nose_x,nose_y",
        "a,bodyparts,nose,nose",
        ",scorer",
        "bodyparts",
    ],
)
def test_other_tables_with_such_titles_are_no_deeplabcut_s(header: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n1,2,3,4\n")
    assert dlc.claims(path) == Evidence.NONE
