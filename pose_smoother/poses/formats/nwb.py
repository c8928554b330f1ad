"""NWB files with poses as ndx-pose stores them: a PoseEstimation a person, a series a keypoint.

Read with h5py alone (docs/decisions says why not through `sleap-io`). Frames are the timestamps in
units of their usual distance, counted from the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.hdf5_utils import (
    array,
    attribute,
    file_evidence,
    opened,
    rewritten,
    text,
)
from pose_smoother.poses.formats.times import frame_numbers
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    frame_rate,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.tracks import Floats, Poses

NAME = "nwb"
EXTENSIONS = (".nwb",)
HAS = frozenset({"scores", "fps", "3-D"})

_MAX_LINKS = 16
_PREFIX = "PoseEstimationSeries"  # NeuroConv names a series so, before the keypoint's name


@dataclass(frozen=True)
class Series:
    """One keypoint of one person over time.

    Attributes
    ----------
    path : of its values in the file.
    person, video, keypoint : names; the person's is its PoseEstimation's.
    time : float64 (m,), seconds, or frames where the file gives no rate.
    in_seconds : whether the file gives timestamps or a rate.
    values : float64 (m, 2 or 3): x, y and, in three dimensions, z.
    score : float64 (m,), the confidence, NaN where missing.
    """

    path: str
    person: str
    video: str
    keypoint: str
    time: Floats
    in_seconds: bool
    values: Floats
    score: Floats


@dataclass(frozen=True)
class Place:
    """Where the coordinates of one series are: its rows in the file's order, and its keypoint."""

    path: str
    rows: NDArray[np.int64]
    keypoint: int


def claims(path: Path) -> Evidence:
    """Whether an HDF5 file says which version of NWB it is."""
    return file_evidence(path, lambda file: "nwb_version" in file.attrs)


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, h5py.Group) and text(attribute(value, "neurodata_type")) == kind


def _linked(group: h5py.Group, name: str) -> NDArray[Any]:
    """The values of a dataset, which may be a link to another one of the same file.

    Series of one recording share their timestamps by such links.
    """
    link = group.get(name, getlink=True)
    for _ in range(_MAX_LINKS):
        if not isinstance(link, h5py.SoftLink):
            break
        absolute = link.path.startswith("/")
        group, path = (group.file if absolute else group), link.path
        parent, _, name = path.strip("/").rpartition("/")
        found = group.get(parent) if parent else group
        if not isinstance(found, h5py.Group) or found.file != group.file:
            raise InvalidInputError(f"{path}: expected what a link names, found none in this file")
        group, link = found, found.get(name, getlink=True)
    return array(group, name)


def _time(group: h5py.Group, n: int) -> tuple[Floats, bool]:
    """Each value's time, and whether it is in seconds."""
    if "timestamps" in group:
        time = _linked(group, "timestamps").astype(np.float64)
        if time.shape != (n,) or not np.isfinite(time).all():
            raise InvalidInputError(f"{group.name}: expected {n} timestamps")
        return time, True
    start = group.get("starting_time")
    rate = frame_rate(attribute(start, "rate")) if isinstance(start, h5py.Dataset) else None
    if rate is None:
        return np.arange(n, dtype=np.float64), False
    return float(array(group, "starting_time")) + np.arange(n) / rate, True


def _series(group: h5py.Group, person: str, video: str, name: str) -> Series:
    values = array(group, "data")
    if values.ndim != 2 or values.shape[1] not in (2, 3) or values.dtype.kind not in "iuf":
        raise InvalidInputError(
            f"{group.name}: expected (frames, 2 or 3) numbers, found shape {values.shape}"
        )
    score = array(group, "confidence") if "confidence" in group else np.full(len(values), np.nan)
    if score.shape != (len(values),):
        raise InvalidInputError(f"{group.name}: expected {len(values)} confidences")
    time, in_seconds = _time(group, len(values))
    return Series(
        f"{group.name}/data",
        person,
        video,
        name,
        time,
        in_seconds,
        values.astype(np.float64),
        score.astype(np.float64),
    )


def _all_series(file: h5py.File) -> list[Series]:
    """Every series of every PoseEstimation of the file, in its order."""
    people: list[h5py.Group] = []

    def visit(_: str, value: Any) -> None:
        if _is(value, "PoseEstimation"):
            people.append(value)

    file.visititems(visit)
    found = []
    for group in people:
        person = str(group.name).rpartition("/")[2]
        video = ""
        if "original_videos" in group:
            videos = np.atleast_1d(array(group, "original_videos")).tolist()
            video = text(videos[0]) if videos else ""
        inner = [(name, group[name]) for name in group if _is(group[name], _PREFIX)]
        cut = all(name.startswith(_PREFIX) and name != _PREFIX for name, _ in inner)
        for name, series in inner:
            keypoint = name.removeprefix(_PREFIX) if cut else name
            found.append(_series(series, person, video, keypoint))
    if not found:
        raise InvalidInputError("expected a PoseEstimation with series (ndx-pose), found none")
    return found


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its series name the keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the file is no such HDF5, or mixes two and three dimensions.
    """
    raw = read_bytes(path)
    with opened(raw) as file:
        series = _all_series(file)
    n_axes = {s.values.shape[1] for s in series}
    if len(n_axes) > 1:
        raise InvalidInputError("expected series of two or of three dimensions, found both")
    notes: list[str] = []
    times = {s.time.tobytes(): s.time for s in series}  # mostly one, which all series share
    moments, frame, step = frame_numbers(np.concatenate(list(times.values())), notes)
    numbers_of = {key: frame[np.searchsorted(moments, time)] for key, time in times.items()}
    repeats = {key for key, found in numbers_of.items() if len(np.unique(found)) < len(found)}
    names = {name: i for i, name in enumerate(dict.fromkeys(s.keypoint for s in series))}
    people: dict[tuple[str, str], list[tuple[Series, bytes]]] = {}
    for s in series:
        people.setdefault((s.video, s.person), []).append((s, s.time.tobytes()))
    frames = [
        np.unique(np.concatenate([numbers_of[key] for key in {key for _, key in found}]))
        for found in people.values()
    ]
    data = np.full((sum(map(len, frames)), len(names), n_axes.pop()), np.nan)
    score = np.full(data.shape[:2], np.nan)
    filled = np.zeros(score.shape, bool)
    place: list[Place] = []
    start = 0
    for found, of_person in zip(people.values(), frames, strict=True):
        rows_of = {
            key: start + np.searchsorted(of_person, numbers_of[key])
            for key in {key for _, key in found}
        }
        for s, key in found:
            rows, keypoint = rows_of[key], names[s.keypoint]
            if key in repeats or filled[rows, keypoint].any():
                raise InvalidInputError(f"{s.path}: two values for one moment")
            data[rows, keypoint], score[rows, keypoint] = s.values, s.score
            filled[rows, keypoint] = True
            place.append(Place(s.path, rows, keypoint))
        start += len(of_person)
    of_rows = list(zip(people, frames, strict=True))
    seen = Detections(
        [video for (video, _), of_person in of_rows for _ in of_person],
        [person for (_, person), of_person in of_rows for _ in of_person],
        np.concatenate(frames),
        data,
        score,
    )
    in_seconds = step is not None and all(s.in_seconds for s in series)
    fps = round(1 / step, 6) if in_seconds and step else None
    return to_tracks(list(names), seen, raw, place, notes, fps)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates; confidences and timestamps stay.

    A moment that a keypoint's series does not have stays without a value.
    """
    new, changed = to_file_order(poses, keypoints)
    arrays: dict[str, NDArray[Any]] = {}
    with opened(poses.origin.raw) as file:
        for place in poses.origin.place:
            at = changed[place.rows, place.keypoint]
            if not at.any():
                continue
            values = array(file, place.path)
            if values.dtype.kind != "f":
                raise InvalidInputError(
                    f"{place.path} holds whole numbers: coordinates between them have no room"
                )
            values[at] = new[place.rows, place.keypoint][at]
            arrays[place.path] = values
    write_atomic(out, rewritten(poses.origin.raw, arrays))
