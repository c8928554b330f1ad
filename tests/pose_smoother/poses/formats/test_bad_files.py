"""Files of tools that cannot be used: one line each, that says what to do."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import find_format, read_poses
from tests.pose_smoother.poses.formats.more_samples import MORE_SAMPLES
from tests.pose_smoother.poses.formats.samples import FILES
from tests.pose_smoother.poses.formats.test_bad_input import refused, retyped, written

PERSON = {"keypoints": [1.5, 2, 0.5] * 17}


@pytest.mark.parametrize(
    ("format", "value", "message"),
    [
        ("alphapose", [PERSON], "expected an object of images"),
        ("alphapose", {"a.jpg": [PERSON]}, "expected a frame number or a name with one"),
        ("alphapose", {"1.jpg": [5]}, "image '1.jpg': expected a list of people"),
        ("alphapose", {"1.jpg": {"bodies": 5}}, "image '1.jpg': expected a list 'bodies'"),
        ("alphapose", {"1.jpg": [{"keypoints": [1, 2]}]}, "expected keypoints as 3 numbers"),
        ("alphapose", {"1.jpg": []}, "nobody is in it"),
        ("openpifpaf", {"frame": "x", "predictions": []}, "line 1: expected a whole frame"),
        (
            "openpifpaf",
            {"frame": 1, "predictions": 3},
            "line 1: expected predictions, a list of people",
        ),
        (
            "openpifpaf",
            {"frame": 1, "predictions": [3]},
            "line 1: expected predictions, a list of people",
        ),
        ("mediapipe", [3], "expected a list of frames with landmarks"),
        ("mediapipe", [{"frame": 1}], "nobody is in it: no frame has landmarks"),
        ("mediapipe", [{"landmarks": [3]}], "frame 0: expected landmarks with x and y"),
        ("mediapipe", [{"landmarks": [{"x": "a", "y": 1}]}], "frame 0: expected numbers"),
        (
            "mediapipe",
            [{"landmarks": [{"x": 1, "y": 1}] * n} for n in (1, 2)],
            r"one number of landmarks throughout, found \[1, 2\]",
        ),
    ],
)
def test_bad_json(format: str, value: Any, message: str, tmp_path: Path) -> None:
    refused(written(tmp_path, value), message, format=format)


def test_a_broken_line_or_file_of_openpifpaf_is_named(tmp_path: Path) -> None:
    MORE_SAMPLES["openpifpaf_video"].make(tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text()
    refused(written(tmp_path, text + "{", "a.json"), "line 6: damaged: not JSON")
    MORE_SAMPLES["openpifpaf_images"].make(tmp_path / "a")
    (tmp_path / "a" / "004.jpg.predictions.json").write_text("{")
    refused(tmp_path / "a", r"004\.jpg\.predictions\.json: damaged: not JSON")
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", r"no file \*\.predictions\.json", format="openpifpaf")


def trc(change: Callable[[str], str], folder: Path) -> Path:
    MORE_SAMPLES["trc"].make(folder / "a.trc")
    text = (folder / "a.trc").read_text()
    assert change(text) != text
    return written(folder, change(text), "a.trc")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tRAnkle", "\t", "line 4: expected Frame#, Time and a name for every X, Y, Z"),
        ("\tZ3", "\t", "line 4: expected Frame#, Time and a name for every X, Y, Z"),
        ("\t", ",", "five header lines separated by tabs"),
        ("59.94\t59.94\t4", "fast\t59.94\t4", "line 3, column 'DataRate': expected a number"),
        ("3\t0.05", "3.5\t0.05", "expected a whole frame number, found 3.5"),
        ("\n5\t", "\n5\t1\t2\t", "line 9: expected 11 cells, found 13"),
        ("\n5\t", "\n5\t1\tx\t\t\n6\t", "line 9, column 'X, Y, Z': expected a number"),
    ],
)
def test_bad_trc(old: str, new: str, message: str, tmp_path: Path) -> None:
    refused(trc(lambda text: text.replace(old, new), tmp_path), message, format="trc")


def test_a_trc_of_a_header_alone(tmp_path: Path) -> None:
    refused(written(tmp_path, "PathFileType\t4\n", "a.trc"), "five header lines")


def label(folder: Path, line: str, name: str = "1.txt") -> Path:
    (folder / "labels").mkdir(exist_ok=True)
    (folder / "labels" / name).write_text(line)
    return folder / "labels"


def test_bad_yolo(tmp_path: Path) -> None:
    box = "0 0.5 0.5 0.2 0.2 "
    path = label(tmp_path, box + "0.5 0.5 1 x 0.5 1")
    refused(path, r"1\.txt: line 1, .*expected a number, found 'x'", format="yolo")
    refused(label(tmp_path, box), "expected lines of a class, a box and keypoints", format="yolo")
    path = label(tmp_path, box + " ".join(["0.5"] * 22) + " 1.5")
    refused(path, "23 numbers after the box .* --skeleton, or put a data.yaml with kpt_shape")
    refused(written(tmp_path, "0 1", "b.txt"), "expected a folder of labels", format="yolo")
    label(tmp_path, box + "0.5 0.5 1", "2.txt")
    refused(path, r"of one length .* found lengths \[8, 28\]", format="yolo")


def test_the_layout_of_yolo_is_that_of_its_data_yaml_or_skeleton(tmp_path: Path) -> None:
    values = np.round(np.random.default_rng(0).uniform(0.1, 0.9, 18), 3)
    path = label(tmp_path, "0 0.5 0.5 0.2 0.2 " + " ".join(map(str, values)))
    refused(path, "18 numbers .* may be 6 keypoints x y v or 9 keypoints x y: .* kpt_shape next")
    (tmp_path / "data.yaml").write_text("names: [a]\nkpt_shape: [9, 2]\n")
    assert len(read_poses(path).names) == 9
    (tmp_path / "data.yaml").unlink()
    path = label(tmp_path, "0 0.5 0.5 0.2 0.2 " + " ".join(["0.5"] * 34))
    assert len(read_poses(path, skeleton="coco-17").names) == 17


def test_the_last_number_of_yolo_is_a_confidence_or_an_id(tmp_path: Path) -> None:
    for last, person in (("0.9", "link-1"), ("7", "7")):
        for number in (1, 2):
            line = "0 0.5 0.5 0.2 0.2 " + " ".join(["0.4 0.45 0.9"] * 17)
            path = label(tmp_path, f"{line} {last}\n", f"{number}.txt")
        assert [track.person for track in read_poses(path).tracks] == [person]


def stored(folder: Path, name: str, change: Callable[[h5py.File], None]) -> Path:
    path = folder / f"a{Path(name).suffix}"
    path.write_bytes((FILES / name).read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def other_dims(file: h5py.File) -> None:
    file["tracks"].attrs["dims"] = '["track", "xy", "node"]'


def no_time(file: h5py.File) -> None:
    file["time"][...] = np.nan


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("sleap_matlab.h5", other_dims, "expected the dims track, xy, node, frame, found"),
        ("sleap_matlab.h5", retyped("node_names", [b"a"]), "tracks: expected .* frames, individ"),
        ("sleap_matlab.h5", retyped("point_scores", np.zeros((1, 1, 1))), "scores, found shape"),
        ("sleap_matlab.h5", retyped("point_scores", np.zeros((99, 99, 99))), "scores, found shape"),
        ("sleap_matlab.h5", retyped("tracks", np.zeros((2, 2))), "tracks: expected numbers along"),
        ("movement.nc", no_time, "time: expected 6 numbers"),
        ("movement.nc", retyped("position", np.zeros((2, 2))), "expected the dimensions time, spa"),
    ],
)
def test_bad_hdf5(
    name: str, change: Callable[[h5py.File], None], message: str, tmp_path: Path
) -> None:
    refused(stored(tmp_path, name, change), message)


def test_netcdf_3_and_bounding_boxes_are_refused_by_name(tmp_path: Path) -> None:
    refused(written(tmp_path, b"CDF\x01" + bytes(64), "a.nc"), "NetCDF 3 is not read: save it as")


def test_pickles_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, positions_2d=np.array({"S1": {}}, dtype=object))
    refused(path, r"positions_2d: VideoPose3D's .* never loaded: save one .* np.savez\(path, key")
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    refused(tmp_path / "a.npy", "not an array of numbers")
    np.save(tmp_path / "b.npy", np.array(["a"]))
    refused(tmp_path / "b.npy", "expected numbers, found <U1")
    refused(written(tmp_path, b"\x93NUMPY\x01", "c.npy"), "damaged, or not an array of numbers")


def test_damaged_gzip_is_one_line(tmp_path: Path) -> None:
    whole = gzip.compress(b"frame,nose_x,nose_y\n" + b"1,2.25,3\n" * 99)
    refused(written(tmp_path, whole[:-12], "a.csv.gz"), "damaged: not gzip as expected")
    refused(written(tmp_path, gzip.compress(b""), "b.csv.gz"), "the file is empty")
    with pytest.raises(InvalidInputError, match="damaged: not gzip"):
        read_poses(tmp_path / "a.csv.gz", format="csv-wide")


def test_two_formats_with_equal_evidence_are_both_named(tmp_path: Path) -> None:
    path = written(tmp_path, "frame,x_0,y_0,nose_x,nose_y\n1,2,3,4,5\n", "a.csv")
    with pytest.raises(InvalidInputError, match=r"may be csv-wide or csv-xy; say .* --format"):
        find_format(path)
    assert read_poses(path, format="csv-xy").names == ("0",)


def test_a_file_without_a_known_ending_is_found_by_its_content(tmp_path: Path) -> None:
    for name in ("trc", "poseflow", "npy", "movement.nc", "anipose", "openpifpaf_video"):
        made = tmp_path / MORE_SAMPLES[name].file
        MORE_SAMPLES[name].make(made)
        path = made.rename(tmp_path / "recording")
        assert find_format(path) == MORE_SAMPLES[name].format
    (tmp_path / "other").write_text(json.dumps({"a": 1}))
    with pytest.raises(InvalidInputError, match="no known format"):
        find_format(tmp_path / "other")
