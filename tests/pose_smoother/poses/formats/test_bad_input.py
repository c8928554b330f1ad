"""Files that cannot be used: one line each, naming the file; warnings on what was assumed."""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses
from tests.pose_smoother.poses.formats.samples import FILES, coco_results, csv_long, make

PERSON = {"image_id": 1, "category_id": 1, "keypoints": [1.5, 2, 0.5] * 17, "score": 1}


def refused(path: Path, told: str, **options: Any) -> None:
    """Reading gives one clear line that starts with the file's path."""
    with pytest.raises(InvalidInputError, match=told) as error:
        read_poses(path, **options)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def written(folder: Path, value: Any, name: str = "a.json") -> Path:
    text = value if isinstance(value, str | bytes) else json.dumps(value)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.npz", "a.slp", "a.nwb", "a.h5"])
def test_empty_file(name: str, tmp_path: Path) -> None:
    refused(written(tmp_path, b"", name), "the file is empty")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "nobody is in it"),
        ([PERSON, 3], "detection 2: expected an object, found 3"),
        ([{**PERSON, "keypoints": 5}], "detection 1: expected a list of keypoints, found 5"),
        ([{**PERSON, "keypoints": [1, 2]}], "expected keypoints as 3 numbers each"),
        ([{**PERSON, "keypoints": ["1", "2", "3"]}], "expected numbers"),
        ([{**PERSON, "keypoints": [1, {}, 3]}], "expected numbers"),
        ([{**PERSON, "keypoints": [[1, 2, 3], [1, 2]]}], "expected numbers"),
        ([{**PERSON, "keypoints": [10**400, 2, 3]}], "expected numbers"),
        ([PERSON, {**PERSON, "keypoints": [1, 2, 3]}], r"one number of keypoints .* \[1, 17\]"),
        ([{**PERSON, "image_id": None}], "expected a whole frame number, found None"),
        ([{**PERSON, "image_id": "cover.png"}], "expected a frame number or a name with one"),
        ({"images": [], "annotations": 3}, "the file: expected a list 'annotations', found 3"),
        ({"images": [{"id": 1}, {"id": 1}], "annotations": [PERSON]}, "no two alike"),
        ({"images": [{"id": 2}], "annotations": [PERSON]}, "no image has the id 1"),
        ({"instance_info": 3}, "expected a list 'instance_info', found 3"),
        ({"instance_info": [{"frame_id": "x", "instances": []}]}, "a whole frame number"),
        ({"instance_info": [{"instances": [3]}]}, "item 1: expected instances as objects"),
        ({"people": {}}, r"the file: expected a list 'people', found \{\}"),
        ({"people": [{"pose_keypoints_2d": [1, 2]}]}, "expected keypoints as 3 numbers each"),
        ({"people": []}, "nobody is in it"),
        ('[{"image_id": 1, "keypoints": [', "damaged: not JSON"),
        ('[{"image_id": 1, "image_id": 2}]', "an object has the key 'image_id' twice"),
        ('[{"image_id": ' + "[" * 100_000, "nested 100,002 levels deep; expected at most 64"),
        (b'[{"image_id": "\xff"}]', "damaged: not JSON"),
        ('[{"image_id": ' + "9" * 5000 + "}]", "damaged: not JSON"),
    ],
)
def test_bad_json(value: Any, told: str, tmp_path: Path) -> None:
    refused(written(tmp_path, value), told)


def test_mmpose_scores_of_another_number(tmp_path: Path) -> None:
    person = {"keypoints": [[1, 2]] * 17, "keypoint_scores": [1, 1]}
    document = {"instance_info": [{"frame_id": 4, "instances": [person]}]}
    refused(written(tmp_path, document), "frame 4: expected 17 keypoint_scores")


def test_categories_with_other_keypoints(tmp_path: Path) -> None:
    categories = [{"id": i, "keypoints": [str(i)]} for i in (1, 2)]
    people = [{**PERSON, "category_id": i, "keypoints": [1, 2, 2]} for i in (1, 2)]
    document = {"images": [{"id": 1}], "annotations": people, "categories": categories}
    refused(written(tmp_path, document), "expected one skeleton")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("frame,keypoint,x,y\n", "nobody is in it"),
        ("frame,keypoint,x,y\n1,nose,2\n", "line 2: expected 4 cells, found 3"),
        ("frame,keypoint,x,y\n1,nose,a,2\n", "line 2, column 'x': expected a number, found 'a'"),
        ("frame,keypoint,x,y\n1,nose,1_0,2\n", "expected a number, found '1_0'"),
        ("frame,keypoint,x,y\n1.5,nose,1,2\n", "expected a whole frame number, found 1.5"),
        ("frame,keypoint,x,y\n1,,1,2\n", "line 2: the keypoint has no name"),
        ('frame,keypoint,x,y\n1,"a,1,2\n', "a quote .* never closed"),
        ("frame,nose_x,nose_y,frame\n1,2,3,4\n", "two columns are called 'frame'"),
        ("frame,nose_x,nose_y,nose_X\n1,2,3,4\n", "two columns for 'nose_X'"),
        ("frame,nose_x,nose_y\n1,2,3\n1,4,5\n", ""),
        ("scorer,a,a\nbodyparts,n,n\n", "expected header rows scorer"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,x\n", "header rows of one length"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,x,z\n0,1,2\n", "expected columns of .scorer"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,x,x\n0,1,2\n", "two columns for a n x"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,x,y\n", "nobody is in it"),
    ],
)
def test_bad_csv(text: str, told: str, tmp_path: Path) -> None:
    path = written(tmp_path, text, "a.csv")
    if not told:  # without ids, two in a frame are two people
        poses = read_poses(path)
        assert [t.id for t in poses.tracks] == ["link-1", "link-2"]
        assert "linked" in poses.warnings[0]
    else:
        refused(path, told)


def test_a_csv_in_utf16_needs_a_byte_order_mark(tmp_path: Path) -> None:
    text = "frame,keypoint,x,y\n1,a,2,3\n"
    path = written(tmp_path, text.encode("utf-16-le"), "a.csv")
    refused(path, "UTF-16 without a byte-order mark", format="csv-long")
    path = written(tmp_path, text.encode("utf-16")[:-1], "b.csv")
    refused(path, "damaged: not UTF-16", format="csv-long")


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"a": np.zeros(2), "b": np.zeros(2)}, "expected an array called keypoints, found a, b"),
        ({"keypoints": np.zeros((2, 17))}, r"expected the axes \(time, .*, found \(2, 17\); other"),
        (
            {"keypoints": np.zeros((2, 17, 4))},
            r"found \(2, 17, 4\); other orders are named by --layout",
        ),
        ({"keypoints": np.full((2, 17, 2), "a")}, "keypoints: expected numbers, found <U1"),
        ({"keypoints": np.array([None])}, "keypoints: damaged, or not a plain array .Object arr"),
        ({"keypoints": np.zeros((0, 17, 2))}, "nobody is in it"),
        ({"keypoints": np.zeros((2, 0, 2)), "names": np.zeros(0, "U1")}, r"found \(2, 0, 2\)"),
        ({"keypoints": np.ones((2, 17, 2)), "frame": np.arange(3)}, r"frame: expected shape \(2,"),
        (
            {"keypoints": np.ones((2, 17, 2)), "frame": np.ones((2, 1))},
            r"frame: expected shape \(2,",
        ),
        ({"keypoints": np.ones((2, 17, 2)), "frame": np.array([0.5, 1])}, "whole frame number"),
        (
            {"keypoints": np.ones((2, 17, 2)), "scores": np.ones((2, 16))},
            "scores: expected a number for each",
        ),
        ({"keypoints": np.ones((2, 17, 2)), "names": np.array(["a"])}, r"expected \(17,\) names"),
        ({"keypoints": np.ones((2, 2, 2)), "names": np.array(["a", "a"])}, "are called 'a'"),
    ],
)
def test_bad_npz(arrays: dict[str, Any], told: str, tmp_path: Path) -> None:
    refused(saved(tmp_path, **arrays), told)


def test_of_many_arrays_ten_are_named(tmp_path: Path) -> None:
    for n, more in ((3, "a2$"), (10, "a9$"), (11, "a9 and 1 more$")):
        saved(tmp_path, **{f"a{i}": np.zeros(1) for i in range(n)})
        refused(next(tmp_path.glob("*.npz")), f"an array called keypoints, found a0, .*{more}")


def test_damaged_npz(tmp_path: Path) -> None:
    whole = saved(tmp_path, keypoints=np.ones((50, 17, 2))).read_bytes()
    refused(written(tmp_path, whole[:-30], "cut.npz"), "not a NumPy archive, or damaged")
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    refused(written(tmp_path, flipped, "flipped.npz"), "damaged")
    np.savez(tmp_path / "b.npz", keypoints=np.ones((2, 17, 2)), other=np.full(99, 7))
    whole = (tmp_path / "b.npz").read_bytes()
    last = whole.rindex(b"\7")  # in an array that is only copied
    refused(written(tmp_path, whole[:last] + b"\6" + whole[last + 1 :], "c.npz"), "other.npy: dam")


def test_an_array_that_claims_to_be_huge(tmp_path: Path) -> None:
    header = io.BytesIO()
    shape = (10**7, 10**5, 2)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("keypoints.npy", header.getvalue() + b"\0" * 64)
    with pytest.raises(InvalidInputError, match=r"damaged|too large"):
        read_poses(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.slp", "HDF5"),
        ("a.nwb", "HDF5"),
        ("a.h5", "the ending of dlc or sleap-analysis files, not their content"),
        ("b.npz", "NumPy"),
    ],
)
def test_not_the_container_it_is_called(name: str, told: str, tmp_path: Path) -> None:
    refused(written(tmp_path, b"hello " * 100, name), told)


def changed_h5(folder: Path, source: str, change: Callable[[h5py.File], None]) -> Path:
    path = folder / f"a{Path(source).suffix}"
    path.write_bytes((FILES / source).read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def retyped(path: str, data: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[path]
        file[path] = data

    return change


def newer(file: h5py.File) -> None:
    file["metadata"].attrs["format_id"] = 3.0


def evil(file: h5py.File) -> None:
    attributes = file["df_with_missing/table"].attrs
    attributes["values_block_0_kind"] = np.bytes_(b"cos\ngetcwd\n(tR.")


def elsewhere(file: h5py.File) -> None:
    del file["pred_points"]
    file["pred_points"] = h5py.ExternalLink("other.h5", "pred_points")


def no_poses(file: h5py.File) -> None:
    del file["processing"]


@pytest.mark.parametrize(
    ("source", "change", "told"),
    [
        ("sleap.slp", newer, "expected SLEAP's format below 3, found 3"),
        ("sleap.slp", retyped("instances", np.zeros(3)), "instances: expected a table with"),
        ("sleap.slp", elsewhere, "expected pred_points in /, found none in this file"),
        ("sleap.slp", retyped("metadata/x", 1), ""),
        ("poses.nwb", no_poses, "expected a PoseEstimation with series"),
        (
            "poses.nwb",
            retyped("processing/behavior/ann/nose/data", np.zeros((6, 3))),
            r"expected series of two or of three dim",
        ),
        (
            "poses.nwb",
            retyped("processing/behavior/ann/nose/timestamps", np.zeros(5)),
            "expected 6 timestamps",
        ),
        ("dlc_table.h5", evil, "the columns' names are damaged .os.getcwd is not plain data"),
        ("dlc_fixed.h5", retyped("df_with_missing/block0_values", np.zeros((4, 3))), "12 columns"),
    ],
)
def test_bad_hdf5(
    source: str, change: Callable[[h5py.File], None], told: str, tmp_path: Path
) -> None:
    if not told:  # what nobody reads does no harm
        (tmp_path / f"a{Path(source).suffix}").write_bytes((FILES / source).read_bytes())
        assert read_poses(tmp_path / f"a{Path(source).suffix}").tracks
    else:
        refused(changed_h5(tmp_path, source, change), told)


def test_openpose_names_the_broken_file(tmp_path: Path) -> None:
    path = make("openpose", tmp_path)
    (path / "dance_000000000004_keypoints.json").write_text("{")
    refused(path, r"frames: dance_000000000004_keypoints\.json: damaged")
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "no known format")
    refused(tmp_path / "none", "no JSON file is in the folder", format="openpose")


def test_normalised_coordinates_are_reported(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(-0.1, 1.1, (4, 17, 2))
    poses = read_poses(saved(tmp_path, keypoints=keypoints))
    assert any("normalised by the image's size" in w for w in poses.warnings)
    poses = read_poses(saved(tmp_path, keypoints=keypoints * 100))
    assert not any("normalised" in w for w in poses.warnings)
    poses = read_poses(saved(tmp_path, keypoints=np.rint(keypoints)))  # a corner, in pixels
    assert not any("normalised" in w for w in poses.warnings)

    metres = rng.uniform(-0.1, 1.1, (4, 17, 3)) - [0, 0, 1]
    poses = read_poses(saved(tmp_path, keypoints=metres))
    assert not any("normalised" in w for w in poses.warnings)


def test_scores_that_are_no_probabilities_are_reported(tmp_path: Path) -> None:
    sure = np.tile([1.0, 0.0], (4, 9))[:, :17]
    cases = ((np.full((4, 17), -2.5), True), (np.full((4, 17), 0.5), False), (sure, False))
    for scores, told in cases:
        poses = read_poses(saved(tmp_path, keypoints=np.full((4, 17, 2), 9.5), scores=scores))
        warned = "scores lie between -2.5 and -2.5: not probabilities, kept as they are"
        assert (warned in poses.warnings) == told
        np.testing.assert_array_equal(poses.tracks[0].score, scores)


def test_damaged_anywhere_is_reported_or_read(tmp_path: Path) -> None:
    """Cut at any place, a file is refused in one line or (a whole record less) read."""
    for maker, name in ((coco_results, "a.json"), (csv_long, "a.csv")):
        maker(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        for stop in range(1, len(whole), len(whole) // 40):
            path = written(tmp_path, whole[:stop], f"cut{Path(name).suffix}")
            with contextlib.suppress(InvalidInputError):  # anything else would be a traceback
                assert read_poses(path).tracks


def test_frame_rate_that_is_complex_is_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=np.ones((3, 17, 2)), fps=np.complex128(30 + 1j))
    assert read_poses(tmp_path / "a.npz").fps is None


def test_guess_of_a_skeleton_passes_over_what_no_picture_holds(tmp_path: Path) -> None:
    keypoints = np.random.default_rng(0).uniform(0, 100, (5, 17, 2))
    keypoints[2, 3] = 1e300
    np.savez(tmp_path / "a.npz", keypoints=keypoints)
    assert any("beyond 1e+09" in text for text in read_poses(tmp_path / "a.npz").warnings)


@pytest.mark.parametrize("kind", ["c16", "U8"])
def test_scores_that_are_no_numbers(kind: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=np.ones((3, 17, 2)), scores=np.zeros((3, 17), kind))
    refused(tmp_path / "a.npz", "scores: expected a number")
