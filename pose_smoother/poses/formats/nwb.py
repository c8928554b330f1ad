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
    file_evidence,
    opened,
    rewritten,
    text,
)
from pose_smoother.poses.formats.tracks_io import Detections, read_bytes, to_file_order, to_tracks
from pose_smoother.poses.tracks import Floats, Poses

NAME = "nwb"
EXTENSIONS = (".nwb",)
HAS = frozenset({"scores"})

_PREFIX = "PoseEstimationSeries"  # NeuroConv names a series so, before the keypoint's name


@dataclass(frozen=True)
class Series:
    """One keypoint of one person over time.

    Attributes
    ----------
    path : of its values in the file.
    person, video, keypoint : names; the person's is its PoseEstimation's.
    time : float64 (m,), seconds, or frames where the file gives no rate.
    values : float64 (m, 3): x, y and confidence, NaN where missing.
    """

    path: str
    person: str
    video: str
    keypoint: str
    time: Floats
    values: Floats


def claims(path: Path) -> Evidence:
    """Whether an HDF5 file says which version of NWB it is."""
    return file_evidence(path, lambda file: "nwb_version" in file.attrs)


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, h5py.Group) and text(value.attrs.get("neurodata_type")) == kind


def _time(group: h5py.Group, n: int) -> Floats:
    if "timestamps" in group:
        time = array(group, "timestamps").astype(np.float64)
        if time.shape != (n,) or not np.isfinite(time).all():
            raise InvalidInputError(f"{group.name}: expected {n} timestamps")
        return time
    start = group.get("starting_time")
    rate = float(start.attrs.get("rate", 0)) if isinstance(start, h5py.Dataset) else 0.0
    first = float(array(group, "starting_time")) if rate > 0 else 0.0
    return first + np.arange(n) / (rate if rate > 0 else 1.0)


def _series(group: h5py.Group, person: str, video: str, name: str) -> Series:
    values = array(group, "data")
    if values.ndim != 2 or values.shape[1] != 2 or values.dtype.kind not in "iuf":
        raise InvalidInputError(
            f"{group.name}: expected (frames, 2) numbers, found shape {values.shape}"
        )
    score = array(group, "confidence") if "confidence" in group else np.full(len(values), np.nan)
    if score.shape != (len(values),):
        raise InvalidInputError(f"{group.name}: expected {len(values)} confidences")
    time = _time(group, len(values))
    stacked = np.column_stack([values, score]).astype(np.float64)
    return Series(f"{group.name}/data", person, video, name, time, stacked)


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


def frame_numbers(time: Floats, told: list[str]) -> tuple[Floats, NDArray[np.int64]]:
    """Every moment once, ascending, and its frame number; ``told`` gets what was assumed."""
    moments = np.unique(time)
    steps = np.diff(moments)
    # Stamps of one frame may differ in their last digits; they are told apart by a step's half.
    step = float(np.median(steps)) if len(steps) else 1.0
    frame = np.rint((moments - moments[0]) / step)
    off = np.abs((moments - moments[0]) / step - frame)
    if len(np.unique(frame)) < len(frame) or frame[-1] >= 2**53 or off.max() > 0.25:
        told.append("timestamps are not evenly spaced: frames were numbered in their order")
        frame = np.arange(len(moments), dtype=np.float64)
    return moments, frame.astype(np.int64)


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its series name the keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the file is no such HDF5, or has no 2-D poses.
    """
    raw = read_bytes(path)
    with opened(raw) as file:
        series = _all_series(file)
    told: list[str] = []
    moments, frame = frame_numbers(np.concatenate([s.time for s in series]), told)
    names = {name: i for i, name in enumerate(dict.fromkeys(s.keypoint for s in series))}
    people = {key: i for i, key in enumerate(dict.fromkeys((s.video, s.person) for s in series))}
    frames = [frame[np.searchsorted(moments, s.time)].tolist() for s in series]
    found = {
        (s.video, s.person, f) for s, numbers in zip(series, frames, strict=True) for f in numbers
    }
    ordered = sorted(found, key=lambda key: (people[key[:2]], key[2]))
    rows = {key: row for row, key in enumerate(ordered)}
    spots = [  # (row, keypoint, path, index in the series)
        (rows[s.video, s.person, f], names[s.keypoint], s.path, index)
        for s, numbers in zip(series, frames, strict=True)
        for index, f in enumerate(numbers)
    ]
    data = np.full((len(rows), len(names), 3), np.nan)
    place = {}
    values = np.concatenate([s.values for s in series])
    for (row, keypoint, inside, index), value in zip(spots, values, strict=True):
        if (row, keypoint) in place:
            raise InvalidInputError(f"{inside}: two values for one moment")
        place[row, keypoint] = (inside, index)
        data[row, keypoint] = value
    seen = Detections(
        [video for video, _, _ in rows],
        [person for _, person, _ in rows],
        np.array([number for _, _, number in rows], dtype=np.int64),
        data[..., :2],
        data[..., 2],
    )
    return to_tracks(list(names), seen, raw, place, told)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates; confidences and timestamps stay."""
    place = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    arrays: dict[str, NDArray[Any]] = {}
    with opened(poses.origin.raw) as file:
        for row, keypoint, axis in np.argwhere(changed).tolist():
            if (row, keypoint) not in place:
                continue  # a moment that the keypoint's series does not have
            inside, index = place[row, keypoint]
            if inside not in arrays:
                arrays[inside] = array(file, inside)
            if arrays[inside].dtype.kind != "f":
                raise InvalidInputError(
                    f"{inside} holds whole numbers: nothing between them has room"
                )
            arrays[inside][index, axis] = new[row, keypoint, axis]
    write_atomic(out, rewritten(poses.origin.raw, arrays))
