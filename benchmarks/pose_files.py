"""One person's keypoints in every format that `trainer predict` reads, by other code than its own.

JSON and CSV are written by the standard library and pandas, NPZ by NumPy, SLEAP and NWB by
sleap-io and pynwb where they are installed. ``changed_fields`` compares two files of a format,
field by field, and lists what differs besides coordinates.
"""

import csv
import datetime
import importlib.util
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pose_smoother.poses.skeletons import skeleton

Floats = NDArray[np.float64]
Writer = Callable[[Path, str, NDArray[np.int64], Floats, Floats], None]

#: Names of the 13 keypoints as they are given to the writers.
NAMES = ("nose", *skeleton("penn-13").keypoints[1:])
_COORDINATES = ("keypoints", "pose_keypoints_2d")


def _as(names: tuple[str, ...], keypoints: Floats, score: Floats) -> list[list[list[float]]]:
    """(n, J, 3) lists in another skeleton's order; what is missing is three zeros."""
    out = np.zeros((len(keypoints), len(names), 3))
    for j, name in enumerate(NAMES):
        if name in names:
            seen = np.isfinite(keypoints[:, j, 0])
            at = names.index(name)
            out[seen, at, :2], out[seen, at, 2] = keypoints[seen, j], score[seen, j]
    return out.tolist()


def coco_results(
    path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats
) -> None:
    poses = _as(skeleton("coco-17").keypoints, keypoints, score)
    items = [
        {
            "image_id": int(f),
            "category_id": 1,
            "keypoints": [value for point in pose for value in point],
            "score": 0.75,
            "bbox": [1.5, 2, 3, 4],
            "track_id": 7,
            "video_id": video,
        }
        for f, pose in zip(frame, poses, strict=True)
    ]
    path.write_text(json.dumps(items))


def mmpose(
    path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats
) -> None:
    instances = [
        {
            "frame_id": int(f),
            "instances": [
                {
                    "keypoints": pose.tolist(),
                    "keypoint_scores": s.tolist(),
                    "bbox": [[1.0, 2.0, 3.0, 4.0]],
                    "track_id": 7,
                }
            ],
        }
        for f, pose, s in zip(frame, keypoints, score, strict=True)
    ]
    meta = {"keypoint_id2name": {str(i): name for i, name in enumerate(NAMES)}, "video": video}
    path.write_text(json.dumps({"meta_info": meta, "instance_info": instances}))


def openpose(
    path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats
) -> None:
    body = tuple(_snake(name) for name in skeleton("body-25").keypoints)
    path.mkdir()
    for f, pose in zip(frame.tolist(), _as(body, keypoints, score), strict=True):
        person = {
            "person_id": [7],
            "pose_keypoints_2d": [value for point in pose for value in point],
            "face_keypoints_2d": [0.5, 1.5, 0.25],
        }
        text = json.dumps({"version": 1.3, "people": [person]})
        (path / f"v{video}_{f:012d}_keypoints.json").write_text(text)


def _snake(name: str) -> str:
    """BODY-25's ``RShoulder`` as ``right_shoulder``."""
    side = {"R": "right_", "L": "left_"}.get(name[0] if name[1:2].isupper() else "", "")
    return side + (name[1:] if side else name).lower()


def csv_long(
    path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats
) -> None:
    n, j = score.shape
    table = {
        "video": video,
        "frame": np.repeat(frame, j),
        "keypoint": list(NAMES) * n,
        "x": keypoints[..., 0].ravel(),
        "y": keypoints[..., 1].ravel(),
        "score": score.ravel(),
        "note": "a, b",
    }
    pd.DataFrame(table).to_csv(path, index=False)


def csv_wide(
    path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats
) -> None:
    table: dict[str, Any] = {"video": video, "frame": frame, "note": "a, b"}
    for j, name in enumerate(NAMES):
        table |= {f"{name}_x": keypoints[:, j, 0], f"{name}_y": keypoints[:, j, 1]}
        table[f"{name}_score"] = score[:, j]
    pd.DataFrame(table).to_csv(path, index=False)


def npz(path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats) -> None:
    np.savez(path, keypoints=keypoints, scores=score, names=NAMES, frame=frame, video=video)


def dlc(path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats) -> None:
    labels = pd.MultiIndex.from_product(
        [["net"], NAMES, ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    values = np.concatenate([keypoints, score[..., None]], axis=2).reshape(len(frame), -1)
    pd.DataFrame(values, index=frame, columns=labels).to_csv(path)


def sleap(
    path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats
) -> None:
    import sleap_io

    skeleton = sleap_io.Skeleton(nodes=list(NAMES), name="body")
    film, track = sleap_io.Video(filename=f"{video}.mp4"), sleap_io.Track("7")
    frames = []
    for f, pose, s in zip(frame.tolist(), keypoints, score, strict=True):
        person = sleap_io.PredictedInstance.from_numpy(
            np.column_stack([pose, s]), skeleton=skeleton, track=track, score=0.75
        )
        frames.append(sleap_io.LabeledFrame(video=film, frame_idx=f, instances=[person]))
    sleap_io.save_slp(sleap_io.Labels(frames), str(path))


def nwb(path: Path, video: str, frame: NDArray[np.int64], keypoints: Floats, score: Floats) -> None:
    from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons
    from pynwb import NWBHDF5IO, NWBFile

    file = NWBFile("clip", video, datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    behavior = file.create_processing_module("behavior", "poses")
    skeleton = Skeleton(name="body", nodes=list(NAMES))
    behavior.add(Skeletons(skeletons=[skeleton]))
    series = [
        PoseEstimationSeries(
            name=name,
            data=keypoints[:, j],
            unit="pixels",
            reference_frame="top left",
            timestamps=frame / 25.0,
            confidence=score[:, j],
        )
        for j, name in enumerate(NAMES)
    ]
    poses = PoseEstimation(
        name="ann", pose_estimation_series=series, skeleton=skeleton, source_software="none"
    )
    behavior.add(poses)
    with NWBHDF5IO(str(path), "w") as io_:
        io_.write(file)


#: Format -> how its files end, and its writer.
WRITERS: dict[str, tuple[str, Writer]] = {
    "coco-results": (".json", coco_results),
    "mmpose": (".json", mmpose),
    "openpose": ("", openpose),
    "csv-long": (".csv", csv_long),
    "csv-wide": (".csv", csv_wide),
    "npz": (".npz", npz),
    "dlc": (".csv", dlc),
}
if importlib.util.find_spec("sleap_io") is not None:
    WRITERS["sleap"] = (".slp", sleap)
if importlib.util.find_spec("ndx_pose") is not None:
    WRITERS["nwb"] = (".nwb", nwb)


def changed_fields(format: str, before: Path, after: Path) -> list[str]:
    """What differs between two files besides coordinates, as a path to each field."""
    if format == "openpose":
        names = sorted(path.name for path in before.iterdir())
        if names != sorted(path.name for path in after.iterdir()):
            return ["names of the files"]
        pairs = [(before / name, after / name) for name in names]
        return [field for pair in pairs for field in changed_fields("coco-results", *pair)]
    fields = {".json": _json, ".csv": _csv, ".npz": _npz, ".slp": _hdf5, ".nwb": _hdf5}[
        before.suffix
    ]
    old, new = dict(fields(before)), dict(fields(after))
    return [key for key in {**old, **new} if not _same(old.get(key), new.get(key))]


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, np.ndarray):
        return isinstance(new, np.ndarray) and old.dtype == new.dtype and _equal(old, new)
    return type(old) is type(new) and (old == new or (old != old and new != new))


def _equal(old: NDArray[Any], new: NDArray[Any]) -> bool:
    if old.dtype.hasobject:  # texts; their bytes would be addresses
        return bool(old.tolist() == new.tolist())
    return old.shape == new.shape and old.tobytes() == new.tobytes()


def _json(path: Path) -> Iterator[tuple[str, Any]]:
    yield from _leaves(json.loads(path.read_text()), "")


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Every leaf but x and y of keypoints: those only as present or missing."""
    if isinstance(value, dict):
        yield f"{at} keys", list(value)
        for key, inner in value.items():
            if key not in _COORDINATES:
                yield from _leaves(inner, f"{at}.{key}")
            elif isinstance(inner[0], list):
                yield f"{at}.{key}", [[np.isnan(number) for number in point] for point in inner]
            else:
                yield f"{at}.{key}", [inner[2::3], [number == 0 for number in inner]]
    elif isinstance(value, list):
        yield f"{at} length", len(value)
        for i, inner in enumerate(value):
            yield from _leaves(inner, f"{at}[{i}]")
    else:
        yield at, value


def _csv(path: Path) -> Iterator[tuple[str, Any]]:
    rows = list(csv.reader(io.StringIO(path.read_text(), newline="")))
    n_header = 3 if rows[0][0] == "scorer" else 1
    labels = ["_".join(cells) for cells in zip(*rows[:n_header], strict=True)]
    for i, row in enumerate(rows):
        for label, cell in zip(labels, row, strict=True):
            is_coordinate = label.endswith(("_x", "_y")) or label in ("x", "y")
            yield f"row {i} {label}", cell == "" if is_coordinate and i >= n_header else cell


def _npz(path: Path) -> Iterator[tuple[str, Any]]:
    with np.load(path) as file:
        for name in file.files:
            yield name, np.isnan(file[name]) if name == "keypoints" else file[name]


def _hdf5(path: Path) -> Iterator[tuple[str, Any]]:
    with h5py.File(path) as file:
        found: list[tuple[str, Any]] = []

        def visit(name: str, item: Any) -> None:
            found.extend((f"{name}@{key}", str(value)) for key, value in item.attrs.items())
            if isinstance(item, h5py.Dataset):
                data = item[()]
                if name in ("points", "pred_points"):
                    for axis in ("x", "y"):
                        found.append((f"{name}.{axis}", np.isnan(data[axis])))
                        data[axis] = 0
                elif name.startswith("processing") and name.endswith("/data"):
                    data = np.isnan(data)
                found.append((name, data))

        file.visititems(visit)
        yield from found
