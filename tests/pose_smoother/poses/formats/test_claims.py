"""How surely a file is of each format, by what is in it."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pose_smoother.poses.formats import formats

OPENPIFPAF = '[{"keypoints": [], "bbox": [], "category_id": 1}]'
SHARE = " 0.5" * 4
LABEL = "0" + SHARE + " 0.5 0.5"

TEXTS = [
    ('{"1.jpg": [{"keypoints": []}]}', "alphapose MARK"),
    ('{"1.jpg": [], "2.jpg": [{"keypoints": []}]}', "alphapose MARK"),
    ('{"1.jpg": []}', ""),
    ('{"a.jpg": [{"keypoints": []}]}', ""),
    ('{"1.jpg": {"people": [{"pose_keypoints_2d": []}]}}', "alphapose MARK, openpose NAMES"),
    ('{"1.jpg": {"bodies": [{"joints": []}]}}', "alphapose MARK, openpose NAMES"),
    ('{"1.jpg": {"version": 1, "joints": []}}', "alphapose MARK"),
    ('[{"image_id": 1}]', "coco-results NAMES"),
    ("[]", "coco-results ENDING"),
    (" [ \r\n\t]\n", "coco-results ENDING"),
    ("[1]", ""),
    ('{"annotations": 1}', "coco-results NAMES"),
    ('{"images": 1}', "coco-results NAMES"),
    ('[{"images": 1, "annotations": 1}]', ""),
    ('"annotations"', ""),
    ('{"people": [{"pose_keypoints_2d": []}]}', "openpose MARK"),
    ('{"version": 1, "people": [{"face_keypoints_2d": []}]}', "openpose MARK"),
    ('{"people": []}', "openpose NAMES"),
    ('{"a": 1, "people": [{"pose_keypoints_2d": []}]}', "openpose NAMES"),
    ('{"bodies": [{"joints": []}]}', "openpose MARK"),
    ('{"a": 1, "bodies": [{"joints": []}]}', "openpose NAMES"),
    ('{"bodies": []}', ""),
    ('{"joints": []}', ""),
    ('[{"people": []}]', ""),
    ('{"people": [], "instance_info": []}', "mmpose MARK"),
    ('{"instance_info": []}', "mmpose MARK"),
    ('[{"instances": []}]', "mmpose NAMES"),
    ('[{"keypoint_scores": []}]', "mmpose NAMES"),
    ('[{"image_id": 1, "instances": []}]', "coco-results NAMES"),
    ('{"keypoint_scores": [], "instances": []}', ""),
    ('[{"instance_info": []}]', ""),
    ('[{"pose_landmarks": [{"x": 1}]}]', "mediapipe MARK"),
    ('{"poseLandmarks" : {"x": 1}}', "mediapipe MARK"),
    ('[{"landmarks": null, "x": 1}]', "mediapipe MARK"),
    ('[{"landmarks": 5, "x": 1}]', ""),
    ('[{"landmarks": []}]', ""),
    ('"landmarks": [{"x": 1}]', ""),
    ('{"frame": 1, "predictions": []}', "openpifpaf MARK"),
    ('{"frame": "1", "predictions": []}', ""),
    (OPENPIFPAF, "openpifpaf NAMES"),
    (OPENPIFPAF[1:-1], ""),
    *((OPENPIFPAF.replace(key, "other"), "") for key in ("keypoints", "bbox", "category_id")),
    (OPENPIFPAF.replace("{", '{"image_id": 1, '), "coco-results NAMES"),
]
TABLES = [
    ("scorer,a,a\nbodyparts,n,n\n", "dlc MARK"),
    ("a,scorer,a\nbodyparts,n,n\n", ""),
    ("frame,keypoint,x,y\n1,a,2,3\n", "csv-long NAMES"),
    ("frame,keypoint,x\n1,a,2\n", ""),
    ("frame,x,y\n1,2,3\n", "csv-wide ENDING"),
    ("keypoint,x,y\na,2,3\n", ""),
    ("keypoint,pos_x,pos_y\na,2,3\n", ""),
    ("keypoint,a_x,a_y,b_x,b_y\na,2,3,4,5\n", "csv-wide COLUMNS"),
    ("frame,nose_x,nose_y\n1,2,3\n", "csv-wide COLUMNS"),
    ("nose_x,ear_y\n2,3\n", ""),
    ("x_0,y_0\n2,3\n", "csv-xy COLUMNS"),
    ("x_0,y_1\n2,3\n", ""),
    ("x0,y0,score0\n2,3,1\n", "csv-xy COLUMNS"),
    ("# fps: 25\nx_0,y_0\n2,3\n", "csv-xy COLUMNS"),
    ("PathFileType\t4\n", "trc MARK"),
    ("a\tPathFileType\n", ""),
]


def evidence(path: Path, names: Iterable[str] = ()) -> str:
    """What formats say of a path: those that have more than its ending, or are named."""
    claims = {name: module.claims(path) for name, module in formats().items()}
    ending = {"coco-results", "csv-wide"}  # the others say ENDING of every file with their ending
    told = [(n, c) for n, c in claims.items() if c > 1 or (c and n in ending) or n in names]
    return ", ".join(f"{name} {claim.name}" for name, claim in told)


@pytest.mark.parametrize(("text", "said"), [*TEXTS, *TABLES])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_is_claimed_by_its_keys_or_columns(
    text: str, said: str, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(text.encode(encoding))
    assert evidence(path) == said


def numpy_array() -> bytes:
    found = io.BytesIO()
    np.save(found, np.zeros(2))
    return found.getvalue()


def archive() -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as file:
        file.writestr("a", "b")
    return found.getvalue()


def hdf5(*members: str, **attributes: int) -> bytes:
    """HDF5 with groups of these names; an attribute is the file's, or the first group's."""
    found = io.BytesIO()
    with h5py.File(found, "w") as file:
        groups = [file.create_group(name) for name in members]
        (groups[0] if "pandas_type" in attributes else file).attrs.update(attributes)
    return found.getvalue()


@pytest.mark.parametrize(
    ("data", "ending", "said"),
    [
        (numpy_array(), "", "npy MARK"),
        (b"x" + numpy_array(), ".npy", "npy ENDING"),
        (archive(), "", "npz MARK"),
        (b"PK", ".npz", "npz ENDING"),
        (b"CDF\x01", "", "movement NAMES"),
        (b"CDF\x02", "", "movement NAMES"),
        (b"CDF\x05", "", "movement NAMES"),
        (b"CDF\x03", ".nc", "movement ENDING"),
        (hdf5("position", "time"), "", "movement MARK"),
        (hdf5("position"), ".nc", "movement ENDING"),
        (hdf5("time"), ".nc", "movement ENDING"),
        (hdf5("tracks", "track_occupancy"), "", "sleap-analysis MARK"),
        (hdf5("tracks"), ".h5", "dlc ENDING, sleap-analysis ENDING"),
        (hdf5("track_occupancy"), ".h5", "dlc ENDING, sleap-analysis ENDING"),
        (hdf5("a", "b", pandas_type=1), "", "dlc MARK"),
        (hdf5("a", "b"), ".hdf5", "dlc ENDING, sleap-analysis ENDING"),
        (b"\x89HDF", ".h5", "dlc ENDING, sleap-analysis ENDING"),
        (hdf5(nwb_version=2), "", "nwb MARK"),
        (hdf5(version=2), ".nwb", "nwb ENDING"),
        (hdf5("frames", "instances", "points", "pred_points"), "", "sleap MARK"),
        (hdf5("frames", "instances", "points"), ".slp", "sleap ENDING"),
    ],
)
def test_binary_data_are_claimed_by_their_marks(
    data: bytes, ending: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(data)
    of_ending = [name for name, module in formats().items() if ending in module.EXTENSIONS]
    assert evidence(path, of_ending if ending else ()) == said


PERSON = '[{"keypoints": [[1, 2]], "keypoint_scores": [1]}]'


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a_keypoints.json": "", "b.json": "[]"}, "openpose MARK"),
        ({"1.json": '{"people": [{"pose_keypoints_2d": []}]}'}, "openpose MARK"),
        ({"1.json": '{"people": []}'}, "openpose NAMES"),
        ({"1.json": '{"a": 1, "people": []}'}, ""),
        ({"1.txt": '{"people": []}'}, ""),
        ({"1.json": PERSON}, "mmpose NAMES"),
        ({"1.json": "[ ]", "2.json": "", "3.json": PERSON}, "mmpose NAMES"),
        ({"1.json": '[{"keypoints": []}]', "2.json": PERSON}, ""),
        ({"1.json": PERSON.replace("{", '{"image_id": 1, ')}, ""),
        ({"1.json": PERSON.replace("{", '{"instances": [], ')}, ""),
        ({"1.json": PERSON[1:-1]}, ""),
        ({f"{i:02}.json": "[]" for i in range(49)} | {"50.json": PERSON}, "mmpose NAMES"),
        ({f"{i:02}.json": "[]" for i in range(50)} | {"50.json": PERSON}, ""),
        ({"a.predictions.json": ""}, "openpifpaf MARK"),
        ({"1.txt": LABEL}, "yolo MARK"),
        ({"1.txt": "", "2.txt": "\n", "3.txt": LABEL}, "yolo MARK"),
        ({"classes.txt": LABEL}, ""),
        ({"1.txt": "class", "2.txt": LABEL}, ""),
        ({f"{i:02}.txt": "" for i in range(49)} | {"50.txt": LABEL}, "yolo MARK"),
        ({f"{i:02}.txt": "" for i in range(50)} | {"50.txt": LABEL}, ""),
        ({"1.txt": "0" + SHARE}, ""),
        ({"1.txt": "0" + SHARE + " 0.5"}, ""),
        ({"1.txt": LABEL.replace("0", "0.5", 1)}, ""),
        ({"1.txt": "-1" + SHARE + " 0.5 0.5"}, ""),
        ({"1.txt": "3 -0.1 1.1 1.1 -0.1 -9 9"}, "yolo MARK"),
        *(
            ({"1.txt": f"3 {box} 0.5 0.5"}, "")
            for box in (
                "-0.2 0 0 0",
                "0 1.2 0 0",
                "0 0 -0.2 0",
                "0 0 0 1.2",
            )
        ),
    ],
)
def test_a_folder_is_claimed_by_its_first_files(
    files: dict[str, str], said: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert evidence(tmp_path) == said
